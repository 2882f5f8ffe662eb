"""Settings of the ready-to-run site. Everything may be set by environment variables, nothing has to be.

`docs/settings.md` lists the variables. What is not a variable here (TLS in front, mail, other databases) belongs into a
settings module of your own that begins with `from poolsite.settings import *`.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import django
import environ
from django.core.exceptions import ImproperlyConfigured

from pool.logs import logging_settings
from poolsite.secret_key import stored_secret_key
from poolsite.security import CSP_MIDDLEWARE, HAS_OWN_CSP, POLICY

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or stored_secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# Apps --------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular_sidecar",
    "knox",
    *([] if django.VERSION >= (6, 0) else ["django_tasks"]),
    *(["django_q"] if importlib.util.find_spec("django_q") else []),
    "pool",
    "dashboard",
    *env.list("POOLSITE_APPS", default=[]),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    CSP_MIDDLEWARE,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "poolsite.urls"
ASGI_APPLICATION = "poolsite.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]

# Schedules ---------------------------------------------------------------------

# The default cluster is the pool: it fires the schedules that name no other, and no qcluster of this site does. The
# two times only keep django-q2 from warning of its own defaults.
Q_CLUSTER: dict[str, Any] = {"name": "pool", "label": "Schedules", "scheduler": False, "timeout": 60, "retry": 120}

# The pool ----------------------------------------------------------------------

TASKS = {"default": {"BACKEND": "pool.backend.PoolBackend"}}
POOL: dict[str, Any] = {}
KNOX_TOKEN_MODEL = "pool.ApiToken"
# knox's migrations would make the table of its own model, which the line above replaces. Django does not know that
# table, and on PostgreSQL it then refuses to empty the database in tests.
MIGRATION_MODULES = {"knox": None}

# Database ----------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SQLITE: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": VAR_DIR / "pool.sqlite3"}
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
}

DATABASES = {"default": env.db("DATABASE_URL") if os.environ.get("DATABASE_URL") else SQLITE}

if DATABASES["default"].get("ENGINE") not in (SQLITE["ENGINE"], "django.db.backends.postgresql"):
    raise ImproperlyConfigured(
        "DATABASE_URL must be as sqlite:////folder/file or postgresql://user:password@host/name."
    )
if DATABASES["default"]["ENGINE"] == SQLITE["ENGINE"]:
    Path(DATABASES["default"]["NAME"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS | DATABASES["default"].get("OPTIONS", {})
else:
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)

# Channels ----------------------------------------------------------------------

CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

if REDIS_URL := env.str("REDIS_URL", default=""):
    if not importlib.util.find_spec("channels_redis"):
        raise ImproperlyConfigured("REDIS_URL is set: install the extra [redis], or unset it to do without Redis.")
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }

# People and browsers -----------------------------------------------------------

LOGIN_URL = "admin:login"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "sesame.backends.ModelBackend"]
SESAME_MAX_AGE = 3600
LOGIN_REDIRECT_URL = "/dashboard/"
CSRF_FAILURE_VIEW = "dashboard.pages.errors.forged"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "poolsite.formats"
USE_TZ = True

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

if HAS_OWN_CSP:
    SECURE_CSP = POLICY
else:
    CONTENT_SECURITY_POLICY = {"DIRECTIVES": POLICY}

# Logs --------------------------------------------------------------------------

LOGGING = logging_settings(DEBUG, os.environ)
