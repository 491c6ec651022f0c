"""Loading the Celery app here binds tasks to it in the web process too, so that `delay` knows the broker."""

from courseware.celery import app as celery_app

__all__ = ["celery_app"]
