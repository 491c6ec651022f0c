from django.apps import AppConfig
from django.conf import settings


class CoursewareConfig(AppConfig):
    name = "courseware"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for directory in settings.DATA_DIRECTORIES:
            directory.mkdir(parents=True, exist_ok=True)
