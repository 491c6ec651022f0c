"""Memory that extensions keep, as `leakhunt profile` names it: real growth outside Python, no double anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL._imaging
import pytest

from integration.command_line import CommandLine, command_line

APP = """
import ctypes

from PIL import Image

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p


def reserve():
    libc.malloc(3000)


def thumbnail():
    image = Image.new("L", (64, 64))
    # As an extension does that forgets to give a reference back.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(image.im))


def application(environ, start_response):
    {"/malloc": reserve, "/picture": thumbnail}.get(environ["PATH_INFO"], int)()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


def suspect(leakhunt: CommandLine, tmp_path: Path, path: str) -> Any:
    """The first suspect of a run of one route."""
    (tmp_path / "native_app.py").write_text(APP)
    done = leakhunt.profile(
        *("native_app:application", "--chdir", str(tmp_path), "--request", f"GET {path}?i={{n}}"),
        *("--no-peaks", "--seed", "7", "--budget-time", "20"),
    )
    done.has_no_traceback()
    assert done.report["judgement"]["verdict"] == "LEAK", done.out + done.err
    return done.report["suspects"][0]


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(APP.splitlines(), 1) if text in line)


def test_a_line_that_calls_malloc_through_ctypes_is_named(leakhunt: CommandLine, tmp_path: Path) -> None:
    found = suspect(leakhunt, tmp_path, "/malloc")
    assert (found["cause"], found["origin"]) == ("native", "library")
    assert (found["site"]["function"], found["site"]["line"]) == ("reserve", line_of("libc.malloc(3000)"))
    assert found["library"]["package"] == "python"
    assert found["library"]["shared_object"].rpartition("/")[2].startswith("_ctypes.")
    assert found["bytes_per_request"] == pytest.approx(3000, rel=0.1)


def test_the_shared_object_behind_a_line_that_calls_a_library_is_named(leakhunt: CommandLine, tmp_path: Path) -> None:
    found = suspect(leakhunt, tmp_path, "/picture")
    assert (found["site"]["function"], found["site"]["line"]) == ("thumbnail", line_of("Image.new("))
    assert found["library"]["package"] == "pillow"
    assert found["library"]["shared_object"] == PIL._imaging.__file__
    assert found["library"]["file"] == f"PIL/{Path(PIL._imaging.__file__).name}"
    assert any("calls into PIL/_imaging" in reason for reason in found["reasons"])
