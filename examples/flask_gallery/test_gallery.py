"""The gallery's memory as a test: `pytest` fails with line and holder, `GALLERY_VARIANT=clean pytest` passes."""

import io

from gallery import app

PHOTO = bytes(range(256)) * 40


def test_photos_are_forgotten(leakhunt):
    photo = (io.BytesIO(PHOTO), "beach.jpg")
    answer = leakhunt.flask(app, max_growth="1KiB", max_peak="5MB").post("/albums/7/photos", data={"photo": photo})
    assert answer.status_code == 201
