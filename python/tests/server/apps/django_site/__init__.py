"""A Django project in three files."""
