from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from leakhunt.errors import TargetError, WorkloadError
from leakhunt.hunt.lines import WARM_UP, measure_lines
from leakhunt.model.lines import LineTable
from leakhunt.model.run import Round
from leakhunt.targets.base import Target
from leakhunt.targets.launch import LaunchedTarget, LaunchSpec
from leakhunt.targets.servers import server_command
from leakhunt.workload.flags import workload_from_flags
from leakhunt.workload.replay import Replayer

SITE = """
import os

KEPT = []

def keep(size):
    KEPT.append(bytearray(size))
    return len(KEPT)

def never(size):
    return size

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/die":
        os._exit(3)
    status = "404 Not Found" if path == "/nowhere" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [str(keep(2**20)).encode() if path == "/keep" else b"ok"]
"""


@dataclass
class Heard:
    """An observer that remembers."""

    phases: list[str] = field(default_factory=list)

    def phase(self, label: str) -> None:
        self.phases.append(label)

    def round(self, done: Round) -> None:
        raise AssertionError(done)

    def note(self, text: str) -> None:
        raise AssertionError(text)


@dataclass
class Bench:
    """Measures functions of the site."""

    directory: Path
    observer: Heard = field(default_factory=Heard)
    connected: Callable[[], None] = lambda: None
    """Called when the target has started."""
    targets: list[LaunchedTarget] = field(default_factory=list)

    def measure(self, *requests: str, functions: tuple[str, ...] = ("pages:keep",), times: int = 3) -> LineTable:
        workload = workload_from_flags(requests=requests)
        assert workload is not None
        target = self._target(functions)
        self.targets.append(target)

        def connect(started: Target) -> Replayer:
            self.connected()
            return Replayer(
                workload,
                started.address.base_url,
                unix=None,
                seed=1,
                concurrency=1,
                headers={},
                clock=time.monotonic,
            )

        return measure_lines(
            target=target,
            workload=workload,
            connect=connect,
            requests=times,
            observer=self.observer,
            clock=time.monotonic,
        )

    def _target(self, functions: tuple[str, ...]) -> LaunchedTarget:
        made = server_command(
            "pages:application", server="wsgiref", workers=1, threads=1, python=None, chdir=self.directory
        )
        spec = LaunchSpec(
            command=made.command,
            cwd=self.directory,
            env={},
            url=None,
            ready_path="/",
            ready_timeout=30,
            headers={},
            setup=(),
            companions=(),
            allow_hosts=(),
            workload_env={},
            python=sys.executable,
            functions=functions,
        )
        return LaunchedTarget(spec, clock=time.monotonic)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "pages.py").write_text(SITE)
    return Bench(tmp_path)


def test_the_warm_up_is_not_measured(bench: Bench) -> None:
    (keep,) = bench.measure("GET /keep", times=3).functions
    assert keep.calls == 3
    assert keep.kept / keep.calls == pytest.approx(2**20, rel=0.2)
    assert bench.observer.phases == [
        "starting the target",
        f"warm-up: {WARM_UP} requests of each step",
        "measuring: 3 requests of each step",
    ]


def test_functions_that_were_not_called_stand_beside_those_that_were(bench: Bench) -> None:
    table = bench.measure("GET /keep", functions=("pages:never", "pages:keep"))
    assert [function.name for function in table.functions] == ["pages:keep"]
    assert table.problems == ("pages:never: no request of this workload called it.",)


def test_a_step_that_goes_wrong_is_left_out_with_a_caveat(bench: Bench) -> None:
    table = bench.measure("GET /nowhere", "GET /keep")
    assert table.caveats == ("left out for the responses they got: GET /nowhere: 404 x2",)


def test_no_step_that_works_is_refused(bench: Bench) -> None:
    with pytest.raises(WorkloadError, match="GET /nowhere: 404 x2"):
        bench.measure("GET /nowhere")


def test_nothing_measured_is_refused(bench: Bench) -> None:
    with pytest.raises(TargetError, match=r"None of the functions was measured. pages:never: no request"):
        bench.measure("GET /keep", functions=("pages:never",))


def test_a_target_that_dies_is_said(bench: Bench) -> None:
    with pytest.raises(TargetError, match="stopped while it was measured: the target ended with exit code 3"):
        bench.measure("GET /die")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_target_is_stopped_whatever_happens(bench: Bench, error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    bench.connected = fail
    with pytest.raises(error):
        bench.measure("GET /keep")
    (target,) = bench.targets
    assert not target.launch_dir.exists()
    assert target.links() == {}
