from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from fakes import make_step
from leakhunt.errors import AgentError, TargetError
from leakhunt.hunt import peaks as module
from leakhunt.hunt.peaks import measure_peaks, peak_sizes
from leakhunt.model.run import Phase
from leakhunt.workload.scenario import FilePart, SizeRange, Step
from unit.hunt.bench import Bench

MIB = 2**20

SERVER = """
import sys
for line in sys.stdin:
    bytearray(int(line))
    print(flush=True)
"""


class Eater:
    """A process that takes so much memory, and gives it back, when it is told to."""

    def __init__(self) -> None:
        self._process = Popen([sys.executable, "-S", "-c", SERVER], stdin=PIPE, stdout=PIPE, text=True)
        self.eat(0)
        self.pid = self._process.pid

    def eat(self, size: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def eaters() -> Iterator[tuple[Eater, Eater]]:
    made = Eater(), Eater()
    yield made
    for eater in made:
        eater.close()


@pytest.fixture
def pair(tmp_path: Path, eaters: tuple[Eater, Eater]) -> Bench:
    """A bench whose workers are these."""
    return Bench(tmp_path, [eater.pid for eater in eaters])


def upload(*sizes: tuple[int, int]) -> Step:
    return Step("image", "POST", "/image/", files=tuple(FilePart("file", "image", SizeRange(*size)) for size in sizes))


# --- Sizes. ---------------------------------------------------------------------------------------------------------


def test_large_uploads_are_tried_at_three_sizes_up_to_their_largest() -> None:
    assert peak_sizes(upload((MIB, 80 * MIB))) == (20 * MIB, 50 * MIB, 80 * MIB)


def test_small_uploads_are_made_large() -> None:
    assert peak_sizes(upload((1000, 2000))) == (5 * MIB, 12.5 * MIB, 20 * MIB)


def test_several_files_count_together() -> None:
    assert peak_sizes(upload((MIB, 30 * MIB), (MIB, 50 * MIB))) == peak_sizes(upload((MIB, 80 * MIB)))


def test_a_step_without_files_has_its_own_size_only() -> None:
    assert peak_sizes(make_step("page")) == (None,)


# --- Measuring. -----------------------------------------------------------------------------------------------------


def test_the_worker_that_rose_most_is_the_one_that_served(pair: Bench, eaters: tuple[Eater, Eater]) -> None:
    def serve(_: int) -> None:
        eaters[0].eat(4 * MIB)
        eaters[1].eat(30 * MIB)

    pair.replayer.before = serve
    measure_peaks(pair.rounds, (make_step("page"),))
    assert {peak.worker for peak in pair.run.peaks} == {list(pair.target.agents)[1]}
    assert [peak.peak for peak in pair.run.peaks] == pytest.approx([30 * MIB] * 2, rel=0.1)


def test_the_mark_is_reset_before_each_request(pair: Bench, eaters: tuple[Eater, Eater]) -> None:
    sizes = iter([40 * MIB, 10 * MIB])
    pair.replayer.before = lambda _: eaters[0].eat(next(sizes))
    measure_peaks(pair.rounds, (make_step("page"),))
    assert [peak.peak for peak in pair.run.peaks] == pytest.approx([40 * MIB, 10 * MIB], rel=0.1)


def test_every_size_is_sent_twice_one_request_at_a_time(bench: Bench) -> None:
    measure_peaks(bench.rounds, (upload((MIB, 80 * MIB)), make_step("page")))
    assert [(peak.step, peak.uploaded) for peak in bench.run.peaks] == [
        *[("image", size * MIB) for size in (20, 20, 50, 50, 80, 80)],
        *[("page", 1000)] * 2,
    ]
    assert all(sum(done.doses.values()) == 1 and done.samples == () for done in bench.of(Phase.PEAK))


def test_free_memory_is_given_back_before_each_request(bench: Bench) -> None:
    measure_peaks(bench.rounds, (make_step("page"),))
    log = [entry.split()[0] for entry in bench.target.log]
    assert [word for word in log if word in {"trim", "load"}] == ["trim", "load"] * 2


def test_a_refused_upload_says_nothing(bench: Bench) -> None:
    bench.app.statuses = {"image": 413}
    measure_peaks(bench.rounds, (upload((MIB, 80 * MIB)), make_step("page")))
    assert {peak.step for peak in bench.run.peaks} == {"page"}


def test_after_the_brake_nothing_is_measured(bench: Bench) -> None:
    bench.replayer.stop()
    measure_peaks(bench.rounds, (make_step("page"),))
    assert bench.run.peaks == ()


def test_a_worker_that_ends_meanwhile_is_left_out(bench: Bench) -> None:
    (key,) = bench.target.agents
    bench.replayer.before = lambda _: bench.target.end(key)
    measure_peaks(bench.rounds, (make_step("page"),))
    assert bench.run.peaks == ()


def test_a_kernel_that_refuses_the_reset_is_a_caveat(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> None:
        raise TargetError(f"The kernel does not let leakhunt reset the memory peak of process {pid}.")

    monkeypatch.setattr(module, "reset_peak", refuse)
    measure_peaks(bench.rounds, (make_step("page"),))
    assert "does not let leakhunt reset" in bench.caveats["no-peaks"]
    assert bench.replayer.sent == []


def test_an_agent_that_cannot_trim_is_a_caveat(bench: Bench) -> None:
    (link,) = bench.target.agents.values()
    link.refuses = frozenset({"trim"})
    measure_peaks(bench.rounds, (make_step("page"),))
    assert bench.caveats["not-trimmed"].startswith("Peaks may be too low: ")
    assert len(bench.run.peaks) == 2


def test_a_worker_that_is_recycled_while_it_is_asked_is_no_caveat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (link,) = bench.target.agents.values()

    def end() -> None:
        bench.target.end(link.key)
        raise AgentError(f"process {link.hello.pid} has ended or its agent has left")

    monkeypatch.setattr(link, "trim", end)
    measure_peaks(bench.rounds, (make_step("page"),))
    assert bench.caveats == {}
