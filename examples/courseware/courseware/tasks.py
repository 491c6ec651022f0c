"""Work for the Celery worker. A task gets a primary key, reads the file in chunks and returns nothing."""

import hashlib
from io import BytesIO

from celery import shared_task
from django.core.files.base import ContentFile
from PIL import Image

from courseware.models import Upload

CHUNK = 1024 * 1024
PREVIEW = 256 * 1024
THUMBNAIL = (320, 240)


@shared_task
def make_thumbnail(pk: int) -> None:
    """Store a JPEG of at most 320 x 240 beside the image."""
    upload = Upload.objects.get(pk=pk)
    encoded = BytesIO()
    with upload.file.open("rb") as stored, Image.open(stored) as picture:
        picture.draft("RGB", THUMBNAIL)
        picture.thumbnail(THUMBNAIL)
        picture.convert("RGB").save(encoded, "JPEG")
    upload.preview.save(f"{pk}.jpg", ContentFile(encoded.getvalue()), save=False)
    upload.save(update_fields=["preview"])


@shared_task
def process_video(pk: int) -> None:
    """Compute the digest, and store the start of the video as what a player loads first."""
    upload = Upload.objects.get(pk=pk)
    digest = hashlib.sha256()
    with upload.file.open("rb") as stored:
        start = stored.read(PREVIEW)
        stored.seek(0)
        while chunk := stored.read(CHUNK):
            digest.update(chunk)
    upload.digest = digest.hexdigest()
    upload.preview.save(f"{pk}.mp4", ContentFile(start), save=False)
    upload.save(update_fields=["digest", "preview"])
