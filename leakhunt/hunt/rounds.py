"""One round: send its requests, let the target come to rest, collect garbage, sample every process, record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.hunt.quiet import wait_until_quiet
from leakhunt.hunt.recorder import Recorder
from leakhunt.hunt.samples import take_sample
from leakhunt.hunt.settings import Observer
from leakhunt.model.measurement import HeapUsage, RequestRecord, Sample
from leakhunt.model.run import Phase, Role, Round, Worker
from leakhunt.samplers.headroom import free_disk
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.temp_files import count_temp_files
from leakhunt.samplers.timeline import Timeline
from leakhunt.targets.answers import AgentStats
from leakhunt.targets.base import Target
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.replay import Replayer

_ENDING: Final[Seconds] = 2.0
"""How long a process may take to end once its agent has gone: the interpreter tidies up in between."""
_POLL: Final[Seconds] = 0.05


class Rounds:
    """Runs rounds against one target and records them."""

    def __init__(
        self,
        target: Target,
        replayer: Replayer,
        recorder: Recorder,
        timeline: Timeline,
        observer: Observer,
        *,
        clock: Callable[[], Seconds],
        started_at: float,
        sleep: Callable[[Seconds], None] = time.sleep,
        allow_gc: bool = True,
    ) -> None:
        self.allow_gc = allow_gc
        """Whether the target may be made to collect garbage and to give free memory back."""
        self.target = target
        self.replayer = replayer
        self.recorder = recorder
        self.longest_pause: Seconds | None = None
        self.child_memory: Bytes | None = None
        self._timeline = timeline
        self._observer = observer
        self._clock = clock
        self._sleep = sleep
        self._started_at = started_at
        self._next_index = 0

    def run(
        self,
        phase: Phase,
        doses: Mapping[str, int],
        *,
        block: int | None = None,
        alone: str | None = None,
        inputs: str | None = None,
        sizes: Mapping[str, Bytes] | None = None,
        collect: bool = False,
        rest: Seconds = 0.0,
    ) -> Round:
        """Send each step's dose, then sample; returns the recorded round.

        Without `inputs` the workload decides on them. `collect` has garbage collected even where the app does without.
        `rest` is how long nothing is requested before the samples are taken.
        """
        inputs = inputs or self.replayer.inputs
        started, index = self._clock(), self._next_index
        self._next_index += 1
        requests = self.replayer.run(doses, round=index, inputs=inputs, sizes=sizes) if doses else ()
        self._sleep(rest)
        workers = self._come_to_rest()
        with self._timeline.paused():
            samples = tuple(self._sample_all(workers, collect=collect))
        done = Round(
            index=index,
            phase=phase,
            started=started,
            ended=self._clock(),
            doses=dict(doses),
            block=block,
            alone=alone,
            inputs=inputs,
            samples=samples,
            temp_files=self._temp_files(workers),
            disk_free=free_disk(self.target.launch_dir),
        )
        self.recorder.round(done, requests, self._timeline.drain())
        self._observer.round(done)
        return done

    def send_one(self, phase: Phase, step: str, size: Bytes | None) -> tuple[RequestRecord, ...]:
        """Send one request of one step, at its own or the given upload size; recorded as a round without samples."""
        started, index = self._clock(), self._next_index
        self._next_index += 1
        sizes = None if size is None else {step: size}
        requests = self.replayer.run({step: 1}, round=index, sizes=sizes)
        self._come_to_rest()
        done = Round(index, phase, started, self._clock(), doses={step: 1}, alone=step, inputs=self.replayer.inputs)
        self.recorder.round(done, requests, self._timeline.drain())
        return requests

    def unwatched(self) -> AbstractContextManager[None]:
        """While a snapshot child lives no memory is sampled: it shares the target's pages."""
        return self._timeline.paused()

    def serving(self) -> Mapping[str, AgentLink]:
        """Links to the workers that serve requests, by worker key."""
        roles = {worker.key: worker.role for worker in self.target.workers()}
        return {key: link for key, link in self.target.links().items() if roles.get(key) is Role.WORKER}

    def has_ended(self, link: AgentLink) -> bool:
        """Whether the process of an agent that did not answer is no more: a worker that is recycled is no caveat."""
        deadline = time.monotonic() + _ENDING
        while True:
            self.target.refresh()
            if link.key not in {worker.key for worker in self._alive()}:
                return True
            if link.alive or time.monotonic() > deadline:
                return False
            time.sleep(_POLL)

    def learn_routes(self) -> None:
        """Ask the agents which route each step went to, and record it. Without an agent the masked path serves."""
        known: dict[str, str] = {}
        for link in self.target.links().values():
            stats = _stats(link)
            if stats is not None:
                known.update(stats.routes)
        keys = self.replayer.route_keys()
        for step in self.replayer.scattered():
            if self.target.links() and keys[step] not in known:
                self.recorder.caveat(
                    "scattered-route",
                    f"Each request of {step} counts as a route of its own; set {{n}} apart in its path: /item-{{n}}",
                )
        self.recorder.routes({step: known.get(key, key) for step, key in keys.items()})

    def _come_to_rest(self) -> tuple[Worker, ...]:
        self.target.refresh()
        alive = self._alive()
        quiet = wait_until_quiet(self.target.links(), (worker.pid for worker in alive))
        if not quiet:
            self.recorder.caveat(
                "requests-in-flight",
                "Requests were still in flight when a round was sampled; its figures include them.",
            )
        alive = self._alive()
        self.recorder.workers(self.target.workers())
        return alive

    def _alive(self) -> tuple[Worker, ...]:
        return tuple(worker for worker in self.target.workers() if worker.died is None)

    def _sample_all(self, workers: tuple[Worker, ...], *, collect: bool) -> list[Sample]:
        links = self.target.links()
        readings = {worker.key: self._ask(worker, links.get(worker.key), collect=collect) for worker in workers}
        # Only now, with every snapshot child gone, may the kernel's figures be read: a child shares pages.
        samples = []
        for worker in workers:
            stats, heap = readings[worker.key]
            try:
                samples.append(take_sample(worker, self._clock, stats, heap))
            except ProcessGone:
                continue
        return samples

    def _ask(
        self, worker: Worker, link: AgentLink | None, *, collect: bool
    ) -> tuple[AgentStats | None, HeapUsage | None]:
        """What the agent of a serving process says; other processes are only looked at from outside."""
        if link is None:
            return None, None
        stats = _stats(link)
        if worker.role is not Role.WORKER:
            return stats, None
        try:
            collecting = link.collect(forced=collect) if self.allow_gc else 0.0
            heap, pause = link.heap()
        except AgentError as error:
            if not self.has_ended(link):
                self.recorder.caveat("heap-unread", f"The heap of {worker.name} could not be read: {error.message}")
            return stats, None
        self.longest_pause = max(pause, collecting, self.longest_pause or 0.0)
        return stats, heap

    def _temp_files(self, workers: tuple[Worker, ...]) -> int | None:
        for link in self.target.links().values():
            stats = _stats(link)
            if stats is not None:
                pids = [worker.pid for worker in workers if worker.role is not Role.COMPANION]
                return count_temp_files(Path(stats.temp_dir), pids, born_after=self._started_at)
        return None


def _stats(link: AgentLink) -> AgentStats | None:
    try:
        return link.stats()
    except AgentError:
        return None
