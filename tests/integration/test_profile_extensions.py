"""`leakhunt profile` on an app whose growth comes out of C extensions, where no line allocates and nothing holds it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from integration.command_line import CommandLine, Done, command_line

APP: Final = """\
import ctypes
from ctypes import c_size_t, c_void_p, py_object, pythonapi

from PIL import Image, ImageFilter

allocate = ctypes.CDLL(None).malloc
allocate.argtypes, allocate.restype = [c_size_t], c_void_p
never_let_go = pythonapi.Py_IncRef
never_let_go.argtypes, never_let_go.restype = [py_object], None
blank = Image.new("L", (60, 60))


def by_malloc():
    blank.filter(ImageFilter.BLUR)
    allocate(5000)


def by_reference():
    blank.filter(ImageFilter.BLUR)
    picture = Image.new("RGB", (40, 40))
    never_let_go(picture.im)


WAYS = {"/malloc": by_malloc, "/reference": by_reference}


def application(environ, start_response):
    WAYS[environ["PATH_INFO"]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


def profile(leakhunt: CommandLine, way: str) -> Done:
    (leakhunt.output / "pictures.py").write_text(APP)
    options = ("--chdir", str(leakhunt.output), "--seed", "7", "--no-peaks", "--budget-time", "30")
    return leakhunt.profile("pictures:application", *options, "--request", f"GET {way}?n={{n}}")


def suspect(done: Done) -> Any:
    assert done.code == 1, done.err
    return done.report["suspects"][0]


def line_of(source: str) -> int:
    return next(number for number, line in enumerate(APP.splitlines(), 1) if source in line)


def test_malloc_that_is_never_freed_is_put_down_to_the_line_and_the_shared_object(leakhunt: CommandLine) -> None:
    found = suspect(profile(leakhunt, "/malloc"))
    assert found["cause"] == "native"
    assert 4900 <= found["bytes_per_request"] <= 5200
    assert (found["site"]["function"], found["site"]["line"]) == ("by_malloc", line_of("allocate(5000)"))
    assert found["library"]["package"] == "python"
    assert Path(found["library"]["shared_object"]).name.startswith("_ctypes.")


def test_memory_of_a_package_is_put_down_to_its_shared_object_and_version(leakhunt: CommandLine) -> None:
    found = suspect(profile(leakhunt, "/reference"))
    assert (found["site"]["function"], found["site"]["line"]) == ("by_reference", line_of('Image.new("RGB"'))
    library = found["library"]
    assert library["package"].lower() == "pillow"
    assert library["version"] == version("pillow")
    assert library["file"].startswith("PIL/_imaging.")
    assert library["shared_object"].endswith(library["file"])
    assert Path(library["shared_object"]).is_file()
    assert found["origin"] == "library"
