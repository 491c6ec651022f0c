"""The Celery app: `celery -A courseware worker`."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "courseware.settings")

TRANSPORT_ALIASES["filesystem"] = "courseware.broker:Transport"

app = Celery("courseware")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
