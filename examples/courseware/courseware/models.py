import secrets

from django.conf import settings
from django.db import models


def scattered(_: "Upload", name: str) -> str:
    """Where a file goes in the media directory: `3/f/9/a/c/0/7/1/content.png`.

    Parts of paths come from a small set because `pathlib` interns each one, and CPython 3.12 never forgets those.
    """
    _, dot, suffix = name.rpartition(".")
    content = f"content.{suffix.lower()}" if dot else "content"
    return "/".join([*secrets.token_hex(4), content])


class Course(models.Model):
    title = models.CharField(max_length=200)


class Lesson(models.Model):
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="lessons")
    title = models.CharField(max_length=200)


class Upload(models.Model):
    """A file a teacher has put into a lesson, as it lies in the media directory."""

    class Kind(models.TextChoices):
        VIDEO = "video"
        IMAGE = "image"
        DOCUMENT = "document"

    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="uploads")
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=200)
    file = models.FileField(upload_to=scattered, max_length=200)
    size = models.PositiveBigIntegerField()
    preview = models.FileField(upload_to=scattered, max_length=200, blank=True)
    """Thumbnail of an image, first part of a video; empty until it has been made."""
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of the content; empty until it has been computed."""


class FileChunk(models.Model):
    """A stretch of a document, by which damage can be found and mended."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    data = models.BinaryField(default=b"")


class Progress(models.Model):
    """How far a learner has watched a lesson."""

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE)
    seconds = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["learner", "lesson"], name="one_progress_per_lesson")]
