"""The one settings file. What differs between installations comes from `portal.env`.

Mistakes that only two settings together can make are found by `portal.checks`.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF

from portal import env

BASE = env.BASE
VAR = env.var_folder()

DEBUG = env.truth("DEBUG")
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS")
PORTAL_ADDRESS = env.text("PORTAL_ADDRESS").rstrip("/")

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "usage.apps.UsageConfig",
    "billing.apps.BillingConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "ninja",  # only so that its docs page is served from here
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.doors.DoorMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
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


# Database ------------------------------------------------------------------------
# `default` signs in as the application, which has no right on any tenant's table
# until `portal.access.acting_for` has said for whom it acts. `owner` owns the
# tables; only migrations, the test runner and back-ups use it.


def _database(url: str, **options: Any) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


DATABASE_POOL = env.whole("DATABASE_POOL")
DATABASES = {
    "default": _database(
        env.text("DATABASE_URL"),
        # A thread that finds no free connection waits this long, then answers 503.
        pool={"min_size": 0, "max_size": DATABASE_POOL, "timeout": 10},
    ),
}
if env.text("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database(env.text("DATABASE_OWNER_URL"))
for _name, _settings in DATABASES.items():
    if _name == "default":
        # Hands out only connections that answer: PostgreSQL may have been restarted.
        _settings["CONN_HEALTH_CHECKS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# People --------------------------------------------------------------------------

AUTH_USER_MODEL = "portal.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
MASTER_KEY = env.key("MASTER_KEY", size=32)


# Files ---------------------------------------------------------------------------

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "usage": {
        "BACKEND": "usage.store.DurableFolder",
        "OPTIONS": {"location": str(VAR / "usage")},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
MAX_FILE_BYTES = env.whole("MAX_FILE_BYTES")
SETTLING_AT_ONCE = env.whole("SETTLING_AT_ONCE")
BODY_TIMEOUT = env.whole("BODY_TIMEOUT")

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"

FORWARDING = env.truth("FORWARDING")
S3: dict[str, str] = {
    "bucket": env.text("S3_BUCKET"),
    "region": env.text("S3_REGION"),
    "prefix": env.text("S3_PREFIX"),
    "endpoint_url": env.text("S3_ENDPOINT_URL"),
    "access_key_id": env.text("S3_ACCESS_KEY_ID"),
    "secret_access_key": env.text("S3_SECRET_ACCESS_KEY"),
}


# Work in the background -----------------------------------------------------------
# A task is a doorbell: what is to be done stands in rows. So there are no results,
# no countdowns, and a message that is lost costs a minute.

BROKER_URL = env.text("BROKER_URL")
CELERY = {
    "broker_url": BROKER_URL,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"socket_timeout": 2, "socket_connect_timeout": 2},
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_publish_retry": False,
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "timezone": "UTC",
    "beat_schedule": {
        "forward": {"task": "usage.forward", "schedule": 60},
        "settle": {"task": "usage.settle", "schedule": 60},
        "open-periods": {"task": "billing.open_periods", "schedule": 900},
    },
}


# Mail ----------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("EMAIL_FROM")
_mail = urlsplit(env.text("EMAIL_URL"))
if _mail.scheme:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname or ""
    EMAIL_PORT = _mail.port or 25
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "portal.mail.FolderBackend"
EMAIL_FILE_PATH = VAR / "mail"


# Time, language, billing ----------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE / "portal" / "locale"]
LATE_FROM = env.whole("LATE_FROM")


# Security ------------------------------------------------------------------------

_https = PORTAL_ADDRESS.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by the machine itself, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # the vendor's other hosts are not ours to bind
    "security.W021",  # and neither is the browsers' preload list
]
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PORTAL_ADDRESS]
if env.truth("TRUSTED_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Bodies other than usage files are small; usage files are read as a stream.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL")},
    "loggers": {
        "django": {"level": "INFO"},
        # Anybody can send a wrong host name, as often as they like.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
