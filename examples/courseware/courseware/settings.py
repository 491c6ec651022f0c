"""Settings. The environment decides four things:

COURSEWARE_VARIANT     `leaky` (default) or `fixed`: which of `courseware.uploads` serves the uploads
COURSEWARE_DATA        directory of database, media and broker; default: `var` beside manage.py
COURSEWARE_BROKER      Celery's broker; default `filesystem://`, inside COURSEWARE_DATA; or `redis://...`
COURSEWARE_SECRET_KEY  to be set wherever strangers can reach the site
"""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("COURSEWARE_DATA") or PROJECT / "var").absolute()

VARIANT = os.environ.get("COURSEWARE_VARIANT") or "leaky"
if VARIANT not in ("leaky", "fixed"):
    raise ValueError(f"COURSEWARE_VARIANT is {VARIANT!r}; it may be 'leaky' or 'fixed'")

SECRET_KEY = os.environ.get("COURSEWARE_SECRET_KEY") or "an example site that only this machine can reach"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "courseware",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "courseware.urls"
WSGI_APPLICATION = "courseware.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    },
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/courses/1/"
TIME_ZONE = "UTC"
USE_TZ = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "db.sqlite3",
        # The web process and the Celery worker write at the same time.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
        },
    },
}

MEDIA_ROOT = DATA / "media"
# On the disk of the media, so that storing an upload is a rename and not a copy.
FILE_UPLOAD_TEMP_DIR = DATA / "incoming"

BROKER_DIRECTORY = DATA / "broker"
CELERY_BROKER_URL = os.environ.get("COURSEWARE_BROKER") or "filesystem://"
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIRECTORY / "queue"),
        "data_folder_out": str(BROKER_DIRECTORY / "queue"),
        "control_folder": str(BROKER_DIRECTORY / "control"),
        "polling_interval": 0.1,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
# Remote control broadcasts through the broker; nobody here asks the worker anything.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

DATA_DIRECTORIES = [MEDIA_ROOT, FILE_UPLOAD_TEMP_DIR, BROKER_DIRECTORY / "queue", BROKER_DIRECTORY / "control"]

# With DEBUG off Django would mail tracebacks to ADMINS and print nothing.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}
