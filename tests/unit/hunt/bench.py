"""A whole hunt on a bench: fake target and client, but a real recorder, run file and processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

from fakes import FakeApp, FakeClock, FakeObserver, FakeReplayer, FakeTarget, make_step
from leakhunt.hunt.brake import Brake
from leakhunt.hunt.experiment import Experiment
from leakhunt.hunt.recorder import Recorder
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.settings import Settings
from leakhunt.model.run import Phase, Plan, Round, Run
from leakhunt.runfile import RunWriter
from leakhunt.samplers.timeline import Timeline

HEAD: Any = {
    "name": "shop",
    "started_at": "2026-01-02T03:04:05Z",
    "leakhunt": "0.1.0",
    "plan": Plan("shop.wsgi:application", "command line", "gunicorn", 7, 1),
}


@contextmanager
def idle_processes(count: int) -> Iterator[tuple[int, ...]]:
    """Pids of processes that do nothing."""
    processes = [Popen(["sleep", "1000"]) for _ in range(count)]
    try:
        yield tuple(process.pid for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Bench:
    """Everything that a hunt needs; a test changes what it is about."""

    def __init__(self, directory: Path, pids: Sequence[int], steps: Sequence[str] = ("image", "page")) -> None:
        self.directory = directory / "run"
        launch_dir = directory / "launch"
        launch_dir.mkdir()
        self.app = FakeApp()
        self.clock = FakeClock()
        self.observer = FakeObserver()
        self.target = FakeTarget(self.app, pids, launch_dir)
        self.replayer = FakeReplayer(self.target, self.clock, steps)
        self.steps = tuple(make_step(step) for step in steps)
        self.recorder = Recorder(RunWriter(self.directory, **HEAD), **HEAD)
        self.brake = Brake(self.replayer.stop, (), limit=10**12)
        self.timeline = Timeline(self._live, self.clock, self.brake.check, interval=0.001)
        self.rounds = Rounds(
            self.target,
            self.replayer,
            self.recorder,
            self.timeline,
            self.observer,
            clock=self.clock,
            started_at=0.0,
            sleep=self._sleep,
        )

    def experiment(self, *, explain: bool = False, peaks: bool = False, **settings: Any) -> str:
        """Run all phases; the outcome."""
        chosen = Settings(seed=7, explain=explain, peaks=peaks, **settings)
        return Experiment(self.rounds, chosen, self.brake, self.observer, self.clock).run(self.steps)

    @property
    def run(self) -> Run:
        """What has been recorded."""
        return self.recorder.run()

    @property
    def caveats(self) -> dict[str, str]:
        """Texts by code."""
        return {caveat.code: caveat.text for caveat in self.run.caveats}

    def of(self, phase: Phase) -> list[Round]:
        """The recorded rounds of a phase."""
        return [done for done in self.run.rounds if done.phase is phase]

    def blocks(self) -> dict[int, list[Round]]:
        """The verdict rounds by block."""
        blocks: dict[int, list[Round]] = {}
        for done in self.of(Phase.DOSE):
            assert done.block is not None
            blocks.setdefault(done.block, []).append(done)
        return blocks

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for link in self.target.agents.values():
            link.live += round(self.app.per_second * seconds)

    def _live(self) -> dict[str, int]:
        return {worker.key: worker.pid for worker in self.target.workers() if worker.died is None}
