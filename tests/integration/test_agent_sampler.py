"""The native sampler, brought into real processes by their agents."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import find_attachable
from leakhunt.agent.bundle import write_boot
from leakhunt.errors import AgentError
from leakhunt.targets import native
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.link import AgentLink
from live_target import live_target
from sampler_build import built_for

QUICK = {"3.8", "3.12"}
PROGRAM = """
import sys
import tracemalloc
KEPT = []
print("ready", flush=True)
for line in sys.stdin:
    if "leak" in line:
        KEPT.append([bytes(1024) for _ in range(1024)])
    else:
        tracemalloc.start()
    print("done", flush=True)
"""

each_python = pytest.mark.parametrize(
    "python",
    [
        pytest.param(path, id=version, marks=() if version in QUICK else pytest.mark.slow)
        for version, path in find_attachable().items()
        if any(Path(path.parent.parent, "include").glob(f"python{version}*/Python.h"))
    ],
)


@pytest.fixture
def built(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampler for the target's Python is there, as if it had been installed."""
    monkeypatch.setattr(native, "BUILT", built_for(python))


def mapped(pid: int) -> set[str]:
    return set(re.findall("/memfd:leakhunt-[0-9a-f]+-[0-9]+.*", Path(f"/proc/{pid}/maps").read_text()))


def bytes_by_line(link: AgentLink) -> Mapping[int, float]:
    """Estimated bytes that live, by the innermost line of the program."""
    reading: Any = link.samples()["reading"]
    found: dict[int, float] = {}
    for _, size, chance, stack, *_ in reading["samples"]:
        frames = [reading["frames"][each] for each in reading["stacks"][stack][0]]
        line = next((line for file, line, _ in frames if file.endswith("leaky.py")), 0)
        found[line] = found.get(line, 0) + size / chance
    return found


@contextmanager
def launched(python: Path, directory: Path) -> Iterator[tuple[AgentLink, Callable[[str], None]]]:
    """The agent of a program that was started with it, and what tells the program to leak a megabyte, or to trace."""
    (directory / "leaky.py").write_text(PROGRAM)
    write_boot(directory / "boot", directory / "agent.sock")
    with (
        AgentHub(directory / "agent.sock") as hub,
        subprocess.Popen(
            [str(python), "-W", "error", "leaky.py"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(directory / "boot")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        commands, answers = process.stdin, process.stdout
        assert commands is not None
        assert answers is not None
        assert answers.readline() == b"ready\n"

        def tell(command: str) -> None:
            os.write(commands.fileno(), f"{command}\n".encode())
            assert answers.readline() == b"done\n"

        deadline = time.monotonic() + 20
        while not hub.links():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield hub.links()[-1], tell
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == b""


@each_python
@pytest.mark.usefixtures("built")
def test_in_a_launched_program_it_names_the_line_that_leaks_and_how_much(python: Path, launch_dir: Path) -> None:
    with launched(python, launch_dir) as (link, tell):
        link.sample(16_384)
        for _ in range(8):
            tell("leak")
        found = bytes_by_line(link)
        line = max(found, key=lambda each: found[each])
        assert PROGRAM.splitlines()[line - 1].strip().startswith("KEPT.append")
        exact = 8 * 1024 * 1057
        # Small blocks that are in the sample or not: within five standard deviations of a Poisson number of them.
        assert found[line] == pytest.approx(exact, rel=5 / (exact / 16_384) ** 0.5)
        top = link.snapshot(1, types=False, sites=True, paths=False).sites[0]  # read in a copy, like traces
        assert (top.stack[0].line, top.stack[0].file.rpartition("/")[2]) == (line, "leaky.py")
        assert top.size == pytest.approx(found[line], rel=0.01)
        assert link.stop_sampling() == {"obj": "removed", "mem": "removed"}
        with pytest.raises(AgentError, match="has not been started"):
            link.samples()
        tell("leak")
        link.sample(16_384)
        assert link.detach() == ()
        tell("leak")


@pytest.mark.parametrize("python", [Path(sys.executable)])
@pytest.mark.usefixtures("built")
def test_what_another_tool_has_hooked_since_has_to_stay_and_is_named(python: Path, launch_dir: Path) -> None:
    with launched(python, launch_dir) as (link, tell):
        link.sample(16_384)
        tell("trace")
        assert link.detach() == ("PYMEM_DOMAIN_OBJ", "PYMEM_DOMAIN_MEM")
        tell("leak")


@each_python
@pytest.mark.usefixtures("built")
def test_in_a_process_that_runs_it_leaves_no_more_than_its_code(python: Path, hub: AgentHub, place: Path) -> None:
    with live_target(python, "busy", directory=place) as target:
        fds, threads = target.fds(), target.threads()
        left = []
        for _ in range(2):
            link = attach(target.pid, hub, timeout=60).link
            link.sample(1000)
            assert link.samples()["stats"]["sampling"]
            assert link.detach() == ()
            assert target.settles(fds, threads)
            left.append(mapped(target.pid))
        before, after, problems = target.end()
    assert problems == []
    assert after == before
    assert left[0] == left[1]
    assert len(left[0]) == 1


def test_a_python_for_which_it_was_not_compiled_goes_without(
    hub: AgentHub, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "BUILT", tmp_path)
    with live_target(sys.executable, "accept", directory=place) as target:
        link = attach(target.pid, hub, timeout=60).link
        with pytest.raises(AgentError, match="no native sampler for a Python whose extensions end in"):
            link.sample(1000)
        assert not mapped(target.pid)
        assert link.detach() == ()
        target.end()
