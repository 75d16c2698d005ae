"""The settings that scripts/driver-tests runs Django's own tests with."""

from __future__ import annotations

import os
import unittest

from django.test.runner import DiscoverRunner  # type: ignore[import-untyped]
from driver_record import Recording


class Recorder(DiscoverRunner):  # type: ignore[misc]
    """Django's runner, which also writes what became of each test."""

    def get_resultclass(self) -> type[Recording]:
        return Recording

    def suite_result(self, suite: unittest.TestSuite, result: Recording, **options: object) -> int:
        """How many tests failed, as Django's runner counts them."""
        result.write(os.environ["DRIVER_TESTS_RESULTS"])
        failed: int = super().suite_result(suite, result, **options)
        return failed


TEST_RUNNER = "driver_settings.Recorder"

DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": f"django_{alias}",
        "USER": "postgres",
        "HOST": os.environ["DRIVER_TESTS_HOST"],
    }
    for alias in ("default", "other")
}

# As in the settings that come with the tests.
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
