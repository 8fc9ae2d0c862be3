"""Django settings; values that differ by installation come from `portal.env`.

This is the only settings file. `portal.checks` finds settings that contradict each
other.
"""

from typing import Any

from csp.constants import NONE, SELF

from portal import env, service_urls
from portal.jobs import schedule

BASE = env.BASE
VAR = env.var_folder()
DEBUG = env.truth("DEBUG")
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS")
PORTAL_ADDRESS = env.url("PORTAL_ADDRESS", service_urls.public_address)
PLAIN_HOSTS = env.names("PLAIN_HOSTS")
METRICS_TOKEN = env.text("METRICS_TOKEN")

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "usage.apps.UsageConfig",
    "billing.apps.BillingConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "ninja",  # only so that its docs page is served from here
]

MIDDLEWARE = [
    "portal.http.any_host.AnyHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Before everything that reads a body.
    "portal.http.middleware.PermissionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# An address is what is routed: no header says that a part of it was cut off.
FORCE_SCRIPT_NAME = ""

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
                "portal.http.context_processors.page_context",
            ],
        },
    },
]


# Database ------------------------------------------------------------------------
# `default` signs in as the application, which has no right on any tenant's table
# until `portal.db.unit_of_work.acting_for` has taken a role and a tenant. `owner` owns
# the tables; only migrations, the test runner and back-ups use it.


def _database(variable: str, **options: Any) -> dict[str, Any]:
    url = env.url(variable, service_urls.database)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.name,
        "USER": url.user,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
        "OPTIONS": {**url.options, **options},
    }


DATABASE_POOL = env.whole("DATABASE_POOL")
# A thread that finds no free connection waits this long, then answers 503.
_pool = {"min_size": 0, "max_size": DATABASE_POOL, "timeout": 10}
DATABASES = {"default": _database("DATABASE_URL", pool=_pool)}
if env.text("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL")
# Hands out only connections that answer: PostgreSQL may have been restarted.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# Accounts ------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.backend.PasswordBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_HASHERS = [
    "portal.accounts.passwords.NormalisingScryptHasher",
    # Hashes of earlier versions; each is replaced when its person signs in.
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "portal.accounts.passwords.ListedPasswordValidator"},
    {"NAME": "portal.accounts.passwords.NamesValidator"},
]
# Whether billing staff need a second factor before they reach anything.
STAFF_SECOND_FACTOR = env.truth("STAFF_SECOND_FACTOR")
MFA_ADAPTER = "portal.second_factor.adapter.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
# The pages of `portal.second_factor` show codes once; longer ones than the library's.
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_COUNT = 10
MFA_RECOVERY_CODE_DIGITS = 12
MFA_REAUTHENTICATION_REQUIRED = False
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# As for sign-ins by password: people of one company share an IP address.
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
# `portal.http.middleware` decides alone who has to sign in again.
ACCOUNT_REAUTHENTICATION_REQUIRED = False
MASTER_KEY = env.key("MASTER_KEY", size=32)

# People are invited, and sign in with their email address; `portal.accounts.adapter`
# does the rest.
ACCOUNT_ADAPTER = "portal.accounts.adapter.Accounts"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.SignInForm",
    "reset_password": "portal.accounts.forms.NewPasswordRequestForm",
}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Whoever added the person has vouched for the address.
ACCOUNT_EMAIL_VERIFICATION = "none"
# Neither a response nor a mail reveals whether an address has an account.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
# A link for a new password, or for the first one: valid over a weekend, and once.
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600

# Wrong passwords are counted by `portal.accounts.sign_in_limits`. These limit how often
# the forms are sent.
ACCOUNT_RATE_LIMITS = {
    # Against floods only: people of one company share an IP address, and all sign in at
    # once on the 3rd.
    "login": "300/m/ip",
    # Each is a mail in somebody's inbox.
    "reset_password": "20/h/ip,5/h/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "10/h/user",
}

# `portal.accounts.sessions` limits the sessions of people; this is how long one lasts
# in which nobody has signed in yet. The cookie ends with the browser.
SESSION_ENGINE = "portal.accounts.sessions"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
ACCOUNT_SESSION_REMEMBER = False

# Counts sign-in attempts for all processes, and depends on no service that may be away.
# The roles of a unit of work have no right to it. Beyond the limit, expired counts are
# removed first.
CACHES = {
    "default": {
        "BACKEND": "portal.db.json_cache.JsonCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}


# Files ---------------------------------------------------------------------------
USAGE_STORE = env.choice("USAGE_STORE", ("folder", "s3"))
# While files move, a file that is not in USAGE_STORE is read from the fallback.
USAGE_STORE_FALLBACK = env.choice("USAGE_STORE_FALLBACK", ("folder", "s3", ""))
USAGE_STORE_BUCKET = env.text("USAGE_STORE_BUCKET")
USAGE_STORE_PREFIX = env.text("USAGE_STORE_PREFIX")
_stores: dict[str, dict[str, Any]] = {
    "folder": {
        "BACKEND": "usage.storage.folder.DurableFolder",
        "OPTIONS": {"location": str(VAR / "usage")},
    },
    "s3": {
        "BACKEND": "usage.storage.bucket.BucketStore",
        "OPTIONS": {
            "bucket_name": USAGE_STORE_BUCKET,
            "location": USAGE_STORE_PREFIX,
        },
    },
}
_store = _stores[USAGE_STORE]
if USAGE_STORE_FALLBACK:
    _both = {"current": _store, "fallback": _stores[USAGE_STORE_FALLBACK]}
    _store = {"BACKEND": "usage.storage.moving.MovingStore", "OPTIONS": _both}
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "usage": _store,
    "staticfiles": {"BACKEND": "portal.staticfiles.HashedFiles"},
}
MAX_FILE_BYTES = env.whole("MAX_FILE_BYTES")
# Unaccepted files of a tenant, and their bytes. 0 is no limit.
WAITING_FILES_LIMIT = env.whole("WAITING_FILES_LIMIT")
WAITING_BYTES_LIMIT = env.whole("WAITING_BYTES_LIMIT")
# Requests with API tokens (portal.accounts.request_limits); 0 is no limit.
TOKEN_REQUESTS_PER_SECOND = env.whole("TOKEN_REQUESTS_PER_SECOND")
NETWORK_REQUESTS_PER_SECOND = env.whole("NETWORK_REQUESTS_PER_SECOND")
JUDGED_AT_ONCE = env.whole("SETTLING_AT_ONCE")
BODY_TIMEOUT = env.whole("BODY_TIMEOUT")

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no page of another site needs them

# Where people get help: the address of a link, or empty.
SUPPORT_CONTACT = env.contact("SUPPORT_CONTACT")

FORWARDING = env.truth("FORWARDING")
S3: dict[str, str] = {
    "bucket": env.text("S3_BUCKET"),
    "region": env.text("S3_REGION"),
    "prefix": env.text("S3_PREFIX"),
    "endpoint_url": env.url("S3_ENDPOINT_URL", service_urls.endpoint),
    "access_key_id": env.text("S3_ACCESS_KEY_ID"),
    "secret_access_key": env.text("S3_SECRET_ACCESS_KEY"),
    "server_side_encryption": env.text("S3_SERVER_SIDE_ENCRYPTION"),
    "kms_key_id": env.text("S3_KMS_KEY_ID"),
    "object_lock_mode": env.text("S3_OBJECT_LOCK_MODE"),
}
S3_OBJECT_LOCK_DAYS = env.whole("S3_OBJECT_LOCK_DAYS")
KEEP_BYTES_DAYS = env.whole("KEEP_BYTES_DAYS")
INBOX_BUCKET = env.text("S3_INBOX_BUCKET")
INBOX_PREFIX = env.text("S3_INBOX_PREFIX")
INBOX_AFTER = env.text("INBOX_AFTER")
# What the access check tries to reach.
ACCESS_BUCKET_NAMES = env.names("ACCESS_BUCKET_NAMES")
ACCESS_SERVICE_NAMES = env.names("ACCESS_SERVICE_NAMES")
ACCESS_REGION = env.text("ACCESS_REGION")
ACCESS_PORT = env.whole("ACCESS_PORT")
ACCESS_ISSUER = env.text("ACCESS_ISSUER")
ACCESS_AUTHORITIES = env.text("ACCESS_AUTHORITIES")


# Background jobs -------------------------------------------------------------------
# A task only wakes a worker: the jobs are rows of the database. So there are no
# results, no countdowns, and a message that is lost costs a minute.

BROKER_URL = env.url("BROKER_URL", service_urls.broker)
CELERY = {
    "broker_url": BROKER_URL,
    "broker_connection_retry_on_startup": True,
    "accept_content": ["json"],  # never pickles, which run code
    "task_serializer": "json",
    "result_serializer": "json",
    "broker_transport_options": {"socket_timeout": 2, "socket_connect_timeout": 2},
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_publish_retry": False,
    "task_routes": schedule.ROUTES,
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "timezone": "UTC",
    "beat_schedule": schedule.BEAT,
}


# Mail ----------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.sender("EMAIL_FROM")
if env.text("EMAIL_URL"):
    _mail = env.url("EMAIL_URL", service_urls.mail)
    EMAIL_BACKEND = "portal.mail.smtp_backend.SmtpBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starts_tls, _mail.is_tls
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
EMAIL_FILE_PATH = VAR / "mail"
# Replaces the file mail-stamp where several machines share a database.
MAIL_STAMP = env.text("MAIL_STAMP")


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
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Browsers accept such a name only with Secure, for this host alone: another host of the
# same domain cannot set one.
_cookie = "__Host-" if _https else ""
SESSION_COOKIE_NAME = f"{_cookie}sessionid"
CSRF_COOKIE_NAME = f"{_cookie}csrftoken"  # exchange.mjs reads it
KNOWN_BROWSER_COOKIE_NAME = f"{_cookie}known_browser"
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [
    r"^(healthz|readyz|metrics)$",  # machines call, without TLS
    r"^(api|calendar)/",  # refused instead (`portal.http.middleware`)
]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # the vendor's other hosts are not ours to bind
    "security.W021",  # and neither is the browsers' preload list
]
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [PORTAL_ADDRESS]
CSRF_FAILURE_VIEW = "portal.pages.home.csrf_failure"
TRUSTED_PROXY = env.truth("TRUSTED_PROXY")
if TRUSTED_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # The last entry of X-Forwarded-For counts: the one that this proxy has added.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
PROXY_STAMPS = env.truth("PROXY_STAMPS")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],  # as default-src; some checkers want it named
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Bodies other than usage files are small; usage files are read as a stream.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Files of one plain form: a year of a server, or a month of a dozen. Django writes them
# to disk, so that their number costs no memory.
DATA_UPLOAD_MAX_NUMBER_FILES = 400
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

_to_console = {"handlers": ["console"], "propagate": False}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "portal.http.log_formatter.RedactingFormatter",
            "format": "%(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.log_level()},
    "loggers": {
        "django": {"level": "INFO"},
        # These have handlers of their own, which know nothing of secrets.
        "django.server": _to_console,
        "gunicorn.error": _to_console,
        "celery.task": _to_console,
        # Anybody can send a wrong host name, as often as they like.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # It gets an error page of its own; anybody can send it too.
        "django.security.TooManyFilesSent": {"level": "CRITICAL"},
        # Also with a trace, and in a query too.
        "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
        # That a view makes a body for HEAD, which monitors send: it is left out.
        "gunicorn.http.wsgi": {"level": "ERROR"},
    },
}
