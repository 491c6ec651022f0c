"""`leakhunt profile` under other allocators and interpreters: the same leak, cause and line, and no false alarm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from conftest import extra_python, find_interpreters, preload
from integration import keeping_app
from integration.command_line import CommandLine, Done, command_line

APP: Final = Path(keeping_app.__file__)
LINES: Final = {
    "objects": keeping_app.make_objects.__code__.co_firstlineno + 1,
    "native": keeping_app.take_memory.__code__.co_firstlineno + 1,
}
"""Where what is kept was made."""


@dataclass(frozen=True)
class Setting:
    """What the site runs on, and what can be read there."""

    name: str
    env: Mapping[str, str]
    python: str | None = None
    """A version that many machines have, or one that `make pythons` makes."""
    preloaded: str | None = None
    allocator: str = "glibc"
    pymalloc: bool = True
    live: bool = True
    """Whether live bytes can be read."""
    line: bool = True
    """Whether a call that keeps native memory can be told."""

    def arguments(self) -> list[str]:
        """Of `leakhunt profile`."""
        env = dict(self.env)
        if self.preloaded is not None:
            env |= preload(self.preloaded)
        found = [f"--env={name}={value}" for name, value in env.items()]
        if self.python is not None:
            python = find_interpreters().get(self.python) or extra_python(self.python)
            found += ["--python", str(python)]
        return found


SETTINGS: Final = (
    Setting("malloc", {"PYTHONMALLOC": "malloc"}, pymalloc=False),
    Setting("debug", {"PYTHONMALLOC": "debug"}),
    Setting("one arena", {"MALLOC_ARENA_MAX": "1"}),
    Setting("mimalloc of CPython", {"PYTHONMALLOC": "mimalloc"}, "3.13", pymalloc=False, live=False),
    Setting("jemalloc", {}, preloaded="jemalloc", allocator="jemalloc"),
    Setting("tcmalloc", {}, preloaded="tcmalloc", allocator="tcmalloc"),
    Setting("mimalloc", {}, preloaded="mimalloc", allocator="mimalloc", live=False, line=False),
    Setting("jemalloc for all", {"PYTHONMALLOC": "malloc"}, preloaded="jemalloc", allocator="jemalloc", pymalloc=False),
    Setting("3.14", {}, "3.14"),
    Setting("free-threaded", {}, "3.13t", pymalloc=False, live=False),
    Setting("musl", {}, "3.13-musl", allocator="musl", live=False, line=False),
)
each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=[setting.name for setting in SETTINGS])


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


def profile(leakhunt: CommandLine, setting: Setting, keep: str, *options: str) -> Done:
    done = leakhunt.profile(
        *(f"{APP.stem}:application", "--chdir", str(APP.parent), "--request", "GET /page?n={n}", "--seed", "7"),
        *("--no-peaks", "--budget-time", "8", "--env", f"KEEP={keep}", *setting.arguments(), *options),
    )
    done.has_no_traceback()
    return done


def check_conditions(done: Done, setting: Setting) -> None:
    """What the report says of the allocators, and that the parts of the memory are what they promise to be."""
    assert ("live-unread" in {caveat["code"] for caveat in done.report["caveats"]}) is not setting.live
    for memory in done.report["memory"]:
        assert (memory["allocator"], memory["pymalloc"]) == (setting.allocator, setting.pymalloc)
        for moment in ("start", "end"):
            sizes = {part["part"]: part[moment] for part in memory["parts"]}
            assert min(sizes.values()) >= 0, sizes
            assert sum(sizes.values()) == memory[f"rss_{moment}"]


def share(done: Done, *parts: str) -> float:
    """What these parts of the memory have grown by, of all that RSS has."""
    (memory,) = done.report["memory"]
    grown = sum(part["end"] - part["start"] for part in memory["parts"] if part["part"] in parts)
    return float(grown / (memory["rss_end"] - memory["rss_start"]))


def check_leak(leakhunt: CommandLine, setting: Setting, keep: str) -> None:
    done = profile(leakhunt, setting, keep)
    assert done.code == 1, done.out + done.err
    check_conditions(done, setting)
    (route,) = done.report["routes"]
    assert route["bytes_per_request_basis"] == "live" or not setting.live or setting.name == "malloc"
    assert 1800 < route["bytes_per_request"] < 5000
    suspect = done.report["suspects"][0]
    assert suspect["cause"] == {"objects": "python-objects", "native": "native"}[keep]
    if keep == "objects":
        assert suspect["path"].startswith(f"{APP.stem}.KEPT[*]")
        # With malloc for all, what lies between the objects is free and cannot be used.
        assert share(done, "objects") > 0.6
    else:
        assert share(done, "native" if setting.allocator not in {"mimalloc", "musl"} else "rest") > 0.8
    if keep == "objects" or setting.line:
        assert suspect["site"]["line"] == LINES[keep]


def check_clean(leakhunt: CommandLine, setting: Setting) -> None:
    done = profile(leakhunt, setting, "nothing", "--no-explain")
    assert done.code == 0, done.out + done.err
    check_conditions(done, setting)
    assert done.report["judgement"]["verdict"] == "CLEAN"


def test_what_malloc_has_in_use_is_judged_though_it_is_not_glibcs(leakhunt: CommandLine) -> None:
    """In short: the rest of the matrix is slow."""
    (setting,) = (setting for setting in SETTINGS if setting.name == "tcmalloc")
    done = profile(leakhunt, setting, "native", "--no-explain", "--quick", "--budget-time", "3")
    assert done.code == 1, done.out + done.err
    check_conditions(done, setting)
    (route,) = done.report["routes"]
    assert route["live_bytes_per_request"] == pytest.approx(2048, rel=0.1)


@pytest.mark.slow
@each_setting
@pytest.mark.parametrize("keep", ["objects", "native"])
def test_a_leak_is_found_with_its_cause(leakhunt: CommandLine, setting: Setting, keep: str) -> None:
    check_leak(leakhunt, setting, keep)


@pytest.mark.slow
@each_setting
def test_the_same_site_that_keeps_nothing_is_clean(leakhunt: CommandLine, setting: Setting) -> None:
    check_clean(leakhunt, setting)
