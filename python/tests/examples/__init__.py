"""The larger examples, as a user has them: a copy of the folder, and ``puff serve`` in it."""
