"""The first configuration is explained, and can be read as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.project.apps import FoundApp
from leakhunt.project.first import first_settings
from leakhunt.project.settings import Settings, find_settings
from leakhunt.workload.discover import Discovery, UploadRoute

FLASK = FoundApp("Flask", "gallery:app", "gallery.py")
PHOTOS = UploadRoute("POST", "/albums/1/photos", "photo")


def read(text: str, directory: Path) -> Settings:
    (directory / "leakhunt.toml").write_text(text)
    settings = find_settings(directory)
    assert settings is not None
    return settings


def test_app_limits_and_uploads_are_set(tmp_path: Path) -> None:
    settings = read(first_settings(FLASK, Discovery((PHOTOS,))), tmp_path)
    assert settings.target == "gallery:app"
    assert settings.budgets.smallest_growth is not None
    assert settings.workload is not None
    (step,) = settings.workload.steps
    assert (step.name, step.method, step.path, step.files[0].kind) == ("photos", "POST", "/albums/1/photos", "image")


@pytest.mark.parametrize("app", [None, FLASK, FoundApp("FastAPI", "main:app", "main.py")])
@pytest.mark.parametrize(
    "discovery",
    [
        Discovery(),
        Discovery((PHOTOS,), login="/accounts/login/", csrf=True),
        Discovery(problem='No module named "x"\n[budgets]\ngrowth = 1'),
        Discovery((UploadRoute("PUT", '/"odd"\\path', "fil\ne"),)),
    ],
)
def test_whatever_was_found_it_can_be_read(app: FoundApp | None, discovery: Discovery, tmp_path: Path) -> None:
    settings = read(first_settings(app, discovery), tmp_path)
    assert settings.workload is not None
    assert (settings.target is None) == (app is None or app.is_asgi)


def test_every_line_that_may_be_uncommented_is_right(tmp_path: Path) -> None:
    text = first_settings(FLASK, Discovery((PHOTOS,), login="/login/", csrf=True))
    keys = ("workers", "env", "peak", "amplification", "memory", "[workload.login]", "path", "form", "csrf")
    more = "\n".join(line[2:] if line[2:].startswith(keys) and line[0] == "#" else line for line in text.splitlines())
    settings = read(more, tmp_path)
    assert (settings.workers, settings.budgets.every.peak) == (2, 20_000_000)
    assert settings.workload is not None
    assert settings.workload.login is not None
