"""What to say when nobody has said what to replay: the three ways to say it, and one line to paste."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.units import Seconds
from leakhunt.workload import url_map_probe

DEFAULT_TIMEOUT: Final[Seconds] = 15.0
_KINDS: Final = (
    ("video", "video:20MB"),
    ("document", "document:1MB"),
    ("pdf", "document:1MB"),
    ("image", "image:1MB"),
    ("photo", "image:1MB"),
    ("avatar", "image:1MB"),
)
_ANY_KIND: Final = "random:1MB"
_WAYS: Final = (
    "say what to replay: --workload FILE.toml, or --upload PATH --file FIELD=KIND:SIZE (--request for anything else), "
    "or [tool.leakhunt] in pyproject.toml or leakhunt.toml"
)
_SUGGESTED: Final = 3
"""Upload routes in the line to paste."""


@dataclass(frozen=True, slots=True)
class UploadRoute:
    """A route that seems to take uploads."""

    method: str
    path: str
    """With sample values in place of variables."""
    field: str
    """Form field that the view reads, or `file` if that could not be told."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the URL map of an app gave away."""

    routes: tuple[UploadRoute, ...] = ()
    problem: str | None = None
    """Why it could not be read."""
    login: str | None = None
    """Path of a page to sign in at."""
    csrf: bool = False
    """Whether CSRF tokens are checked."""


def discover_uploads(
    app: str, *, python: str, cwd: Path, env: Mapping[str, str], timeout: Seconds = DEFAULT_TIMEOUT
) -> Discovery:
    """The upload routes of `MODULE:CALLABLE`, imported by the interpreter `python` in a process of its own.

    Never raises for what the app does: an app that cannot be imported is a `Discovery` with a problem.
    """
    source = Path(url_map_probe.__file__).read_text(encoding="utf-8")
    try:
        output = _output([python, "-B", "-c", source, app], cwd, env, timeout)
    except subprocess.TimeoutExpired:
        return Discovery(problem=f"{app} took longer than {timeout:g} s to import")
    except OSError as error:
        return Discovery(problem=f"{python} cannot be run: {error.strerror}")
    return _read(output)


def suggestion(routes: Iterable[UploadRoute], launch: Sequence[str]) -> str:
    """A command to paste: `launch` (`leakhunt profile pkg.wsgi:application --chdir DIR`) with flags for `routes`."""
    words = [*launch]
    for route in routes:
        upload = route.path if route.method == "POST" else f"{route.method} {route.path}"
        words += ["--upload", upload, "--file", f"{route.field}={kind_for(route)}"]
    return shlex.join(words)


def nothing_to_replay(discovery: Discovery, launch: Sequence[str]) -> UsageError:
    """The error for a command without a workload, with the line to paste if routes were found."""
    hint = _WAYS + _guards(discovery)
    if discovery.routes:
        hint += f"; for example\n  {suggestion(_most_telling(discovery.routes), launch)}"
    elif discovery.problem:
        hint += f" (no upload route could be looked up: {discovery.problem})"
    return UsageError("there is nothing to replay", hint)


def _guards(discovery: Discovery) -> str:
    """What stands before the routes and cannot be passed with flags alone."""
    guards = [f"a sign-in at {discovery.login}"] if discovery.login is not None else []
    guards += ["a check of CSRF tokens"] if discovery.csrf else []
    if not guards:
        return ""
    return f"; this app has {' and '.join(guards)}, for which a workload file is needed (docs/reference/workload.md)"


def _output(command: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: Seconds) -> bytes:
    """What `command` prints, with everything that it has started gone afterwards."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.communicate(timeout=timeout)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _read(output: bytes) -> Discovery:
    lines = output.decode(errors="replace").splitlines()
    try:
        answer = json.loads(lines[-1])
        if "error" in answer:
            return Discovery(problem=str(answer["error"]))
        return Discovery(
            tuple(UploadRoute(item["method"], item["path"], item["field"]) for item in answer["routes"]),
            login=answer["login"],
            csrf=answer["csrf"],
        )
    except (IndexError, ValueError, KeyError, TypeError):
        return Discovery(problem="its import ended the interpreter")


def kind_for(route: UploadRoute) -> str:
    """What to upload there, and how much, as after `--file FIELD=`: guessed from the words of path and field."""
    # What the path ends in says most: /lessons/1/images/ takes images, whatever its field is called.
    text = f"{route.path} {route.field}".lower()
    found = [(text.rfind(word), kind) for word, kind in _KINDS if word in text]
    return max(found)[1] if found else _ANY_KIND


def _most_telling(routes: Iterable[UploadRoute]) -> Sequence[UploadRoute]:
    """A few, the cheapest whose kind is known first: images, documents, videos, anything else."""
    order = ("image:1MB", "document:1MB", "video:20MB", _ANY_KIND)
    return sorted(routes, key=lambda route: order.index(kind_for(route)))[:_SUGGESTED]
