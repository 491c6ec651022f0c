"""The target's own program once it has been started: whether it still runs, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import TargetError
from leakhunt.model.run import Role, Worker
from leakhunt.targets import deaths
from leakhunt.targets.census import Census
from leakhunt.targets.companions import StartedCompanion
from leakhunt.targets.failures import Explanation, Shown, explain, explain_uncallable, how_ended
from leakhunt.targets.logs import Log
from leakhunt.targets.supervision import Supervision

_CRASH_LOOP: Final = 3
"""Workers that have to die one after the other, none living on, before the target counts as dead."""
_LOST: Final = "leakhunt's supervisor process was killed, and the target with it"


@dataclass(frozen=True, slots=True)
class Running:
    """The target's first process, and all that descends from it."""

    supervision: Supervision
    census: Census
    pid: int
    log: Log
    shown: Shown
    app: str | None
    """`MODULE:CALLABLE`, if leakhunt made the command for it."""
    cwd: Path
    companions: tuple[StartedCompanion, ...] = ()
    """What was started beside it."""

    def start_error(self) -> TargetError | None:
        """Why it will never answer; None while it still may."""
        if not self.supervision.alive():
            return TargetError(_LOST)
        if (error := self._companion_error()) is not None:
            return error
        status = self.supervision.exit_status(self.pid)
        if status is None:
            return self._crash_loop()
        if status == 0 and self._is_daemon():
            return None
        known = explain(self.log.errors(), app=self.app, cwd=str(self.cwd))
        return self.error(known or Explanation(f"the target {how_ended(status)} before it answered"))

    def require_companions(self) -> None:
        """Raise TargetError if a companion has died."""
        error = self._companion_error()
        if error is not None:
            raise error

    def _companion_error(self) -> TargetError | None:
        errors = (companion.start_error() for companion in self.companions)
        return next((error for error in errors if error is not None), None)

    def companion_deaths(self) -> tuple[str, ...]:
        """A sentence for each companion that is dead."""
        if not self.supervision.alive():
            return ()  # then everything is, which `failure` tells
        deaths = (companion.death() for companion in self.companions)
        return tuple(death for death in deaths if death is not None)

    def _crash_loop(self) -> TargetError | None:
        """Set if its server starts worker after worker, each of which dies, as its log tells."""
        crashes = {pid: death for pid, death in deaths.deaths_in(self.log.text()).items() if deaths.is_crash(death)}
        if len(crashes) < _CRASH_LOOP:
            return None
        living, one_lives_on = self.census.siblings_of(crashes.keys())
        if one_lives_on or len(crashes) < _CRASH_LOOP * living:
            return None
        *_, last = crashes.values()
        return self.error(
            Explanation(
                f"the target's workers keep dying before it answers; the last one was {last}",
                "Start it without leakhunt to see why; an app that calls sys.exit() when it is imported does this.",
            )
        )

    def _is_daemon(self) -> bool:
        """Whether the first process ended only to leave others running in the background."""
        self.census.poll()
        return bool(self.census.target_pids())

    def app_error(self) -> TargetError | None:
        """Why every answer will be an error; None if there may be better ones."""
        known = None if self.app is None else explain_uncallable(self.log.errors(), self.app)
        return None if known is None else self.error(known)

    def error(self, why: Explanation) -> TargetError:
        """A start that failed, with the last lines of the target's stderr."""
        return TargetError(self.shown.with_tail(self.shown.clean(why.sentence), self.log), why.hint)

    def dead(self) -> str | None:
        """One sentence if nothing of it serves any more, and nobody is left who would start it again."""
        if not self.supervision.alive():
            return _LOST
        status = self.supervision.exit_status(self.pid)
        if status is None:
            return None
        self.census.poll()  # the supervisor knows it sooner
        workers = self._workers()
        if any(worker.died is None for worker in workers):
            return None
        last = [worker.death for worker in workers[-_CRASH_LOOP:]]
        return f"the target was {deaths.OOM}" if deaths.OOM in last else f"the target {how_ended(status)}"

    def failure(self) -> str | None:
        """One sentence if it died after it had answered: as a whole, or worker after worker."""
        if (dead := self.dead()) is not None:
            return dead
        workers = self._workers()
        if any(worker.died is None for worker in workers):
            return None
        last = [worker.death for worker in workers[-_CRASH_LOOP:]]
        if len(last) == _CRASH_LOOP and deaths.RECYCLED not in last:
            return f"the target's workers keep dying; the last one was {last[-1]}"
        return None

    def _workers(self) -> list[Worker]:
        return [worker for worker in self.census.workers() if worker.role is Role.WORKER]
