"""As little as Django starts with."""

SECRET_KEY = "tests only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_site.urls"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django_site.urls.marked"]
INSTALLED_APPS: list[str] = []
DEBUG = False
LOGGING_CONFIG = None
