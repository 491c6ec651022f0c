"""Whose code a stack frame is: the application's, a library's or the interpreter's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Final

from leakhunt.model.report import Library
from leakhunt.model.snapshot import Frame

_INSTALLED: Final = re.compile(r".*/(?:site|dist)-packages/(.+)")
_STANDARD: Final = re.compile(r".*/lib(?:64)?/(?:python|pypy)\d+\.\d+/(.+)")
_SCRIPT: Final = re.compile(r".*/bin/[^/.]+")
"""What an installer has made to start a server: its main module is no code of the application."""
_COMPREHENSION: Final = re.compile(r"(?:(?:^|\.)<locals>)?(?:^|\.)<(?:genexpr|listcomp|setcomp|dictcomp)>.*$")
_OWN_SERVER: Final = "/leakhunt/targets/stdlib_server.py"
"""Serves apps where there is nothing better; leakhunt may run from a checkout."""
_DISTRIBUTIONS: Final[Mapping[str, str]] = {
    "PIL": "Pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "google": "protobuf",
    "jwt": "PyJWT",
    "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Packages that are imported by another name than the one they are installed by."""


def is_application(frame: Frame) -> bool:
    """Whether the file belongs to the target's own code: not installed, the interpreter's, generated or ours."""
    return (
        not frame.file.startswith("<")
        and not frame.file.endswith(_OWN_SERVER)
        and not _INSTALLED.match(frame.file)
        and not _STANDARD.match(frame.file)
        and not _SCRIPT.fullmatch(frame.file)
    )


def innermost_application(stack: Sequence[Frame]) -> Frame | None:
    """The frame of the application nearest to the allocation."""
    return next(filter(is_application, stack), None)


def function_of(frame: Frame, stack: Sequence[Frame]) -> str:
    """The function that a person would name: a comprehension or a generator expression is part of the one around it.

    Before Python 3.11 a frame does not tell what it is part of; then the caller in the same file does.
    """
    name = _COMPREHENSION.sub("", frame.function)
    if name:
        return name
    outer = stack[stack.index(frame) + 1 :] if frame in stack else ()
    around = (_COMPREHENSION.sub("", each.function) for each in outer if each.file == frame.file)
    return next(filter(None, around), frame.function)


def relative_file(file: str) -> str:
    """The file without what differs between machines.

    Installed and standard files below their library directory; others, whose project directory is not
    known here, by their last two parts.
    """
    for pattern in (_INSTALLED, _STANDARD):
        match = pattern.match(file)
        if match:
            return match[1]
    return "/".join(file.rsplit("/", 2)[-2:])


def short_file(file: str, conditions: Mapping[str, str]) -> str | None:
    """The file as a person would name it: from the directory leakhunt was run in, or below its library directory."""
    base = conditions.get("directory", "").rstrip("/") + "/"
    if not is_application(Frame(file, 0, "")):
        return relative_file(file)
    return file.removeprefix(base) if base != "/" and file.startswith(base) else None


def library_of(stack: Sequence[Frame], conditions: Mapping[str, str]) -> Library | None:
    """The innermost library frame, if the allocation happened in a library that the application called.

    What the standard library allocates is put down to the package that called it, where one stands between.
    """
    inside = tuple(takewhile(lambda frame: not is_application(frame), stack))
    if not inside:
        return None
    frame = next((frame for frame in inside if _INSTALLED.match(frame.file)), inside[0])
    installed = _INSTALLED.match(frame.file)
    if installed is None:
        return Library("python", conditions.get("python"), relative_file(frame.file), frame.function)
    name = installed[1].split("/", 1)[0].removesuffix(".py")
    package = _DISTRIBUTIONS.get(name, name)
    return Library(package, _version(package, conditions), installed[1], frame.function)


def _version(package: str, conditions: Mapping[str, str]) -> str | None:
    wanted = _normal(package)
    return next(
        (
            value
            for key, value in conditions.items()
            if key.startswith("package:") and _normal(key.removeprefix("package:")) == wanted
        ),
        None,
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
