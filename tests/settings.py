"""Settings of the tests: the site's own, with a folder of its own that goes when the run ends.

Processes that tests start inherit the folder through the environment, and with it the same settings.
"""

import atexit
import os
import shutil
import tempfile


def make_test_dir() -> str:
    path, owner = tempfile.mkdtemp(prefix="pool-"), os.getpid()
    atexit.register(remove, path, owner)
    return path


def remove(path: str, owner: int) -> None:
    """Only the process that made it: forked children leave it alone."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


TEST_DIR = os.environ.get("POOL_TEST_DIR") or os.environ.setdefault("POOL_TEST_DIR", make_test_dir())

os.environ.setdefault("SECRET_KEY", "only for tests")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{TEST_DIR}/pool.sqlite3")
os.environ.setdefault("POOL_RUN_DIR", f"{TEST_DIR}/run")

from poolsite.settings import *  # noqa: E402, F403  The site reads the environment when it is imported.
from poolsite.settings import DATABASES, INSTALLED_APPS, SQLITE  # noqa: E402  For the reader and the linter.

INSTALLED_APPS = [*INSTALLED_APPS, *({"tests"} - set(INSTALLED_APPS))]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == SQLITE["ENGINE"]:
    DATABASES["default"]["TEST"] = {"NAME": f"{TEST_DIR}/test.sqlite3"}
