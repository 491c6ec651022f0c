"""What agents add to a watch: requests per second, and the types that grow. Nothing is brought in before `start`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from leakhunt.analysis.type_growth import Look, grown_types
from leakhunt.errors import AgentError, LeakhuntError, TargetError
from leakhunt.model.run import Role
from leakhunt.model.snapshot import Snapshot
from leakhunt.model.view import GuestView, Inside, ProcessView, TreeView
from leakhunt.targets import tree
from leakhunt.targets.guests import Guest, Guests
from leakhunt.units import Seconds

EVERY: Final[Seconds] = 30.0
"""From one look into the heaps to the next."""
SHARE: Final = 0.01
"""Of a core that looks into one process may take: where a look takes long, they are further apart."""
SHOWN: Final = 10
"""Types that are told."""
_TRIES: Final = 3
"""How often a process is tried to be attached to."""
_PARTING: Final[Seconds] = 5.0
_LONGEST_PAUSE: Final[Seconds] = 0.05
"""No longer than an attach stops a thread. A worker that stands still for longer is not looked into by itself."""

Keep = Callable[[Snapshot], str]
"""Writes a snapshot down; says where."""


@dataclass(slots=True)
class _Known:
    """What is known of one process, as long as it lives."""

    process: ProcessView
    failed: int = 0
    refused: TargetError | None = None
    """Why it is not attached to."""
    unseen: str | None = None
    """Why its heap was not looked at."""
    pause: Seconds = 0.0
    requests: int | None = None
    per_second: float | None = None
    asked: Seconds = 0.0
    pauses: int = 0
    """Latest looks, one after the other, for which it stood still too long."""
    resting: Seconds = 0.0
    """Until when it is not looked into by itself."""
    first: Look | None = None
    last: Look | None = None

    def count(self, served: int, now: Seconds) -> None:
        """Its agent has told how many requests it has seen until now."""
        if self.requests is not None and now > self.asked:
            self.per_second = max(0, served - self.requests) / (now - self.asked)
        self.requests, self.asked = served, now

    def look(self, look: Look, pause: Seconds) -> None:
        """Its heap was looked at."""
        self.first, self.last, self.pause = self.first or look, look, max(pause, self.pause)
        self.pauses = self.pauses + 1 if pause > _LONGEST_PAUSE else 0
        self.unseen = None
        if self.is_spared:
            self.unseen = f"looking into its heap had it stand still for {pause * 1e3:.0f} ms, so it is left alone now"

    @property
    def is_spared(self) -> bool:
        """Whether it is looked into only when somebody asks for it; once may be the fault of a busy machine."""
        return self.pauses > 1

    def view(self, guest: Guest | None) -> GuestView:
        """The same for a reading."""
        if guest is None:
            return GuestView(False, self.refused.message if self.refused else None)
        uncounted = guest.uncounted and f"its requests are not counted: {guest.uncounted}"
        problems = "; ".join(filter(None, (uncounted, self.unseen)))
        return GuestView(True, problems or None, self.requests, self.per_second)


class Insight:
    """Attaches to the workers of a watched tree, and to those that come later; all are left at `close`.

    Agents are asked in threads of their own, so that a process which does not answer keeps no reading waiting. Heaps
    are looked at one after the other. `app` is `MODULE:CALLABLE`, where no server tells which it is.
    """

    def __init__(self, *, interval: Seconds, clock: Callable[[], Seconds], app: str | None = None) -> None:
        self.started = False
        self._interval = interval
        self._clock = clock
        self._guests = Guests(app)
        self._every: Seconds | None = None
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._attaching = threading.Lock()
        self._admitted = threading.Event()
        """All that were there at the start were tried."""
        self._seen = threading.Event()
        """Their heaps were looked at."""
        self._wake = threading.Event()
        """A snapshot was ordered, or we leave."""
        self._leaving = threading.Event()
        self._threads: list[threading.Thread] = []
        self._orders: list[Keep] = []
        self._looks = self._kept = 0
        self._looked: Seconds | None = None
        self._event = ""

    def start(self, view: TreeView, *, every: Seconds | None) -> None:
        """Begin to attach to the workers of this reading; look into them every so many seconds, or only when asked."""
        self._every, self._event = every, announcement(view)
        self._guests.__enter__()
        self.started = True
        self._meet(view)
        self._threads = [
            threading.Thread(target=self._attend, name="leakhunt-newcomers", daemon=True),
            threading.Thread(target=self._look_on, name="leakhunt-looks", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def require_guests(self) -> None:
        """Wait until all were tried; raises TargetError if there was none to attach to, or it worked with none."""
        self._admitted.wait()
        if not self._guests.present():
            with self._lock:
                refused = [each.refused for each in self._known.values() if each.refused is not None]
            raise refused[0] if refused else TargetError("no process of it serves, so there is none to attach to")

    def wait_for_types(self) -> None:
        """Wait until all heaps were looked at once."""
        self._seen.wait()

    def order(self, keep: Keep) -> None:
        """Have a snapshot of each worker taken, paths included, and written down by `keep`."""
        with self._lock:
            for known in self._known.values():
                known.failed = 0  # what was in the way may have gone
        self._orders.append(keep)
        self._wake.set()

    def see(self, view: TreeView) -> TreeView:
        """The reading with what the agents tell; processes that are new in it are attached to from now on."""
        if not self.started:
            return view
        self._meet(view)
        present = self._guests.present()
        with self._lock:
            known = dict(self._known)
        guests = {key: each.view(present.get(key)) for key, each in known.items()}
        inside = Inside(
            guests=guests,
            types=grown_types([(each.first, each.last) for each in known.values() if each.first and each.last], SHOWN),
            looks=self._looks,
            looked=self._looked,
            stopped=self._guests.stopped,
            pause=max((each.pause for each in known.values()), default=0.0),
            event=self._event,
        )
        return replace(view, inside=inside, notes=(*view.notes, *_notes(known, guests)))

    def close(self) -> tuple[str, ...]:
        """Have all agents undo what they did and leave; what had to stay, one sentence each.

        An attach that has begun is not given up.
        """
        self._leaving.set()
        self._wake.set()
        with self._attaching:
            left = self._guests.leave() if self.started else ()
        for thread in self._threads:
            thread.join(_PARTING)  # a look ends with its agent
        if self.started:
            self._guests.__exit__(None, None, None)
        return left

    def _meet(self, view: TreeView) -> None:
        living = {process.key: process for process in view.processes}
        present = self._guests.present()
        copies = {child for guest in present.values() for child in guest.link.children}
        # A copy for a look that has not said yet what it is may pass for a worker on a busy machine.
        chosen = {process.key for process in workers_of(view) if process.pid not in copies}
        with self._lock:
            # One that serves stays one that does, whatever it forks, and a reading may miss one that lives.
            kept = {key: each for key, each in self._known.items() if key in living or key in present}
            self._known = kept | {key: _Known(living[key]) for key in chosen - kept.keys()}
            for key in kept.keys() & living.keys():
                kept[key].process = living[key]

    def _attend(self) -> None:
        """Attach to newcomers, again and again."""
        while not self._leaving.is_set():
            with self._lock:
                known = dict(self._known)
            for key in known.keys() - self._guests.present().keys():
                if known[key].failed < _TRIES:
                    self._admit(known[key])
            if not self._admitted.is_set() and not self._orders:
                self._event = ""
            self._admitted.set()
            self._leaving.wait(self._interval)

    def _admit(self, known: _Known) -> None:
        process = tree.read_process(known.process.pid)
        if process is None or process.ended or process.key != known.process.key:
            return  # recycled already
        with self._attaching:
            if self._leaving.is_set():
                return
            try:
                guest = self._guests.bring(process)
            except (TargetError, AgentError) as error:
                known.failed, known.refused = known.failed + 1, error
                return
            except OSError as error:  # it ends just now
                known.failed, known.refused = known.failed + 1, TargetError(f"PID {process.pid}: {error}")
                return
        known.requests = known.per_second = known.refused = None
        threading.Thread(target=self._ask, args=(known, guest), name="leakhunt-stats", daemon=True).start()

    def _ask(self, known: _Known, guest: Guest) -> None:
        """Ask one agent for its counts, again and again."""
        with suppress(AgentError):  # it has left; if its process lives, it is attached to once more
            while guest.link.alive:
                stats = guest.link.stats()
                if stats.hooked:
                    known.count(sum(stats.served.values()), self._clock())
                if self._leaving.wait(self._interval):
                    return
                self._guests.try_again(guest)

    def _look_on(self) -> None:
        """Look into the heaps when it is time, or somebody has asked for it."""
        self._admitted.wait()
        if self._every is None:
            self._wake.wait()
        while not self._leaving.is_set():
            began = self._clock()
            self._wake.clear()
            keep = self._orders.pop(0) if self._orders else None
            self._look_at_all(keep)
            self._seen.set()
            if not self._orders:
                self._wake.wait(None if self._every is None else max(0.0, began + self._every - self._clock()))

    def _look_at_all(self, keep: Keep | None) -> None:
        present = list(self._guests.present().items())
        self._kept += keep is not None
        places = []
        for number, (key, guest) in enumerate(present, 1):
            with self._lock:
                known = self._known.get(key)
            if known is None or self._leaving.is_set():
                continue
            if keep is None and (known.is_spared or self._clock() < known.resting):
                continue
            if keep is not None:
                which = f"{number} of {len(present)}"
                self._event = f"Snapshot {self._kept}: looking into PID {known.process.pid} ({which})."
            try:
                snapshot = self._look_at(known, guest, paths=keep is not None)
                places += [keep(snapshot)] if keep is not None else []
            except LeakhuntError as error:
                known.unseen = f"its heap was not looked at: {error.message}"
        self._looks += 1
        self._looked = self._clock()
        if keep is not None:
            self._event = _told(self._kept, places, len(present))

    def _look_at(self, known: _Known, guest: Guest, *, paths: bool) -> Snapshot:
        now = self._clock()
        snapshot = guest.link.snapshot(max(self._kept - 1, 0), types=True, sites=False, paths=paths, sizes=True)
        if not snapshot.types:
            raise AgentError("; ".join(snapshot.problems))
        known.look(Look.of(now, snapshot.types), snapshot.pause)
        known.resting = now + guest.link.child_cpu / SHARE
        return snapshot


def workers_of(view: TreeView) -> tuple[ProcessView, ...]:
    """The processes of a reading that are attached to: all that serve, or the one that was named if it is alone."""
    workers = tuple(process for process in view.processes if process.role is Role.WORKER)
    if workers or any(process.role is Role.MASTER for process in view.processes):
        return workers
    return tuple(process for process in view.processes if process.pid == view.pid)


def announcement(view: TreeView) -> str:
    """What attaching to the workers of this reading means, in one sentence."""
    pids = [str(process.pid) for process in workers_of(view)]
    whose = f" of {view.name} (PID {view.pid})" if pids != [str(view.pid)] else ""
    return f"Attaching to PID {', '.join(pids)}{whose}: a thread stands still for some milliseconds; undone at the end."


def _notes(known: Mapping[str, _Known], guests: Mapping[str, GuestView]) -> tuple[str, ...]:
    """One sentence for each thing that does not work, with the processes it does not work in."""
    whose: dict[str, list[str]] = {}
    for key, guest in guests.items():
        if guest.problem is not None:
            pid = str(known[key].process.pid)
            # Most messages name the process, and would be as many sentences as there are workers.
            problem = guest.problem.replace(f"PID {pid} ", "it ").replace(f"process {pid} ", "it ")
            whose.setdefault(problem if guest.attached else f"not attached, for {problem}", []).append(pid)
    return tuple(f"PID {', '.join(pids)}: {problem}." for problem, pids in whose.items())


def _told(number: int, places: list[str], wanted: int) -> str:
    if not places:
        return f"Snapshot {number} could not be taken of any worker."
    if len(places) < wanted:
        missing = f"{wanted - len(places)} of {wanted} workers"
        return f"Snapshot {number} is in {places[-1]}; {missing} could not be looked into."
    return f"Snapshot {number} of {wanted} worker{'s' if wanted > 1 else ''} is in {places[-1]}."
