"""One hunt from start to stop: start the target, log in, run the experiment, stop everything, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from leakhunt.hunt.brake import Brake
from leakhunt.hunt.cost import measure_cost
from leakhunt.hunt.experiment import Experiment
from leakhunt.hunt.live import say_what_was_spared, say_who_else_came, used_memory, used_time
from leakhunt.hunt.packages import package_versions
from leakhunt.hunt.recorder import Recorder
from leakhunt.hunt.rounds import Rounds
from leakhunt.hunt.settings import Observer, Settings
from leakhunt.model.run import Role, Run
from leakhunt.samplers.timeline import Timeline
from leakhunt.targets.base import Target
from leakhunt.units import Seconds
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Workload

INTERRUPTED: Final = "interrupted"


def hunt(
    *,
    target: Target,
    workload: Workload,
    connect: Callable[[Target], Replayer],
    settings: Settings,
    recorder: Recorder,
    observer: Observer,
    directory: Path,
    clock: Callable[[], Seconds],
) -> Run:
    """Run the whole experiment and return what was recorded; the target is stopped and the run finished on return.

    `connect` makes the client once the target's address is known. An interrupt ends the run early with the outcome
    `interrupted`. A target or workload that cannot be used at all raises, after the run has been finished with the
    reason as its outcome.
    """
    outcome = INTERRUPTED
    started_at = time.time()
    session: Rounds | None = None
    before: Mapping[int, Seconds] = {}
    if not settings.allow_gc:
        say_what_was_spared(recorder)
    try:
        target.start()
        before = used_time(target) if settings.live else {}
        recorder.conditions(target.conditions())
        replayer = connect(target)
        replayer.prepare()
        used = used_memory(target) if settings.live else 0
        brake = Brake(replayer.stop, (target.launch_dir, directory), settings.memory_limit, target.dead, used)
        timeline = Timeline(lambda: _live(target), clock, brake.check)
        session = Rounds(
            *(target, replayer, recorder, timeline, observer),
            clock=clock,
            started_at=started_at,
            allow_gc=settings.allow_gc,
        )
        timeline.start()
        try:
            outcome = Experiment(session, settings, brake, observer, clock).run(workload.dosed)
        finally:
            timeline.stop()
    except KeyboardInterrupt:
        observer.note("Interrupted; the report is made from what was recorded.")
    except Exception as error:
        # The target's own lines below the sentence may hold anything; they are for the terminal only.
        outcome = f"stopped by an error: {str(error).partition(chr(10))[0]}"
        raise
    finally:
        cost = measure_cost(session, before) if session is not None else None
        target.stop()
        for caveat in target.caveats():
            recorder.caveat(caveat.code, caveat.text)
        recorder.workers(target.workers())
        if settings.live:
            say_who_else_came(recorder)
        recorder.conditions(package_versions(recorder.run()))
        recorder.finish(outcome, cost)
    return recorder.run()


def _live(target: Target) -> dict[str, int]:
    """The target's own live processes; companions are drawn, too, as rows of their own."""
    return {
        worker.key: worker.pid for worker in target.workers() if worker.died is None and worker.role is not Role.OTHER
    }
