"""What all tests share: the rules of the house, and what they need from the machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from leakhunt.targets.hub import AgentHub

ROOT = Path(__file__).parent.parent
"""The checkout."""

TESTED_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions that a target may run on."""

NEWER_PYTHONS = ("3.14", "3.15")
"""Versions that can be attached to; `make newer-pythons` fetches them."""


# --- Under CI a skipped test is a failure: what CI could run must not go unseen. ------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("CI") == "true":
        # The representation of a skip is (file, line, reason).
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"Under CI nothing is skipped. {reason}"


# --- A test marked `serial` runs while no other test does, on whichever xdist worker. -------------------------------


class _Node(Protocol):
    workerinput: dict[str, str]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    node.workerinput["locks"] = _lock_directory()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(_lock_directory())


@lru_cache(maxsize=1)
def _lock_directory() -> str:
    return tempfile.mkdtemp(prefix="leakhunt-tests-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    workerinput: dict[str, str] | None = getattr(item.config, "workerinput", None)
    if workerinput is None:
        return (yield)
    with _turn(Path(workerinput["locks"]), alone=item.get_closest_marker("serial") is not None):
        return (yield)


@contextmanager
def _turn(locks: Path, *, alone: bool) -> Iterator[None]:
    """Share the machine with other tests, or have it alone.

    Who waits to be alone holds the door meanwhile, so that others cannot keep it waiting for ever.
    """
    with (locks / "room").open("w") as room:
        with (locks / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


# --- A test stops what it starts. -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _stops_its_processes() -> Iterator[None]:
    before = _children()
    yield
    deadline = time.monotonic() + 2
    while left := _children() - before:
        if time.monotonic() > deadline:
            pytest.fail("Left behind: " + ", ".join(sorted(map(_describe, left))), pytrace=False)
        time.sleep(0.02)


def _children() -> set[psutil.Process]:
    return {child for child in psutil.Process().children(recursive=True) if _counts(child)}


def _counts(child: psutil.Process) -> bool:
    try:
        if child.status() == psutil.STATUS_ZOMBIE:
            return False
        # The standard library's own, started once per interpreter and ended with it.
        return "multiprocessing.resource_tracker" not in " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({' '.join(process.cmdline())})"
    except psutil.NoSuchProcess:
        return str(process.pid)


# --- What tests need from the machine. ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser to open reports in."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    pytest.skip("There is no Chromium here; `make ci-deps` installs it.")


PRELOADS = {"jemalloc": "libjemalloc.so", "mimalloc": "libmimalloc.so", "tcmalloc": "libtcmalloc_minimal.so"}
"""Allocator that takes the place of the C library's -> how its file's name begins."""


def preload(allocator: str) -> dict[str, str]:
    """The environment in which a program gets this malloc; skips the test where the machine does not have it."""
    for directory in ("/usr/lib", "/usr/lib64", "/usr/local/lib"):
        found = sorted(
            path
            for pattern in (f"{PRELOADS[allocator]}*", f"*/{PRELOADS[allocator]}*")
            for path in Path(directory).glob(pattern)
        )
        if found:
            return {"LD_PRELOAD": str(found[0])}
    pytest.skip(f"There is no {PRELOADS[allocator]} here; `make ci-deps` installs it.")


@pytest.fixture(scope="session")
def interpreters() -> dict[str, Path]:
    """Every CPython found that a target may run on, by version (`3.8`), oldest first."""
    return find_interpreters()


@lru_cache(maxsize=1)
def find_interpreters() -> dict[str, Path]:
    """As the fixture, for tests with one case per interpreter."""
    found = ((version, _find_interpreter(version)) for version in TESTED_PYTHONS)
    return {version: python for version, python in found if python is not None}


@lru_cache(maxsize=1)
def find_attachable() -> dict[str, Path]:
    """Every CPython found that can be attached to, by version."""
    newer = {version: _find_interpreter(version) for version in NEWER_PYTHONS}
    return find_interpreters() | {version: python for version, python in newer.items() if python is not None}


def _find_interpreter(version: str) -> Path | None:
    pyenv = next(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), None)
    if pyenv is not None:
        return pyenv
    fetched = ROOT / f".cache/pythons/usr/bin/python{version}"
    if fetched.exists():
        return fetched
    on_path = shutil.which(f"python{version}")
    return Path(on_path) if on_path and _answers(on_path) else None


def extra_python(name: str) -> Path:
    """One of those that `make pythons` makes (`3.14`, `3.13t`, `3.13-musl`); skips the test where there is none."""
    python = ROOT / ".cache" / "pythons" / name / "bin" / f"python{name.removesuffix('-musl')}"
    if not python.exists():
        pytest.skip(f"There is no Python {name} here; `make pythons` makes it.")
    return python


def _answers(python: str) -> bool:
    # A pyenv shim is on PATH even where its version is not enabled.
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def launch_dir(tmp_path: Path) -> Path:
    """A private directory such as every launch gets; short enough for a Unix socket."""
    directory = tmp_path / "launch"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[AgentHub]:
    """Where agents of live processes are taken over."""
    with AgentHub(tmp_path / "s") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a live target runs."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"
