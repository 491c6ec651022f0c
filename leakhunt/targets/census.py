"""Every process life below the supervisor: who was born, who died and how, who serves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from leakhunt.errors import AgentError
from leakhunt.model.run import Role, Worker
from leakhunt.targets import deaths, ports, tree
from leakhunt.targets.oom import OomWatch
from leakhunt.targets.roles import TARGET, Facts, assign_names, assign_roles
from leakhunt.targets.tree import Process
from leakhunt.units import Seconds

if TYPE_CHECKING:
    from leakhunt.targets.link import AgentLink

PERIOD: Final[Seconds] = 0.25
_SETTLING: Final[Seconds] = 2.0
"""How long a process may still become another program by exec, or rename itself."""
_BETWEEN_BIRTHS: Final[Seconds] = 0.4
"""How long a server may take from one worker to the next: gunicorn waits up to 0.1 s on purpose."""
_YOUNG: Final[Seconds] = 1.0
"""How long the agent of a process may take to connect."""
_SETUP: Final = "setup"
"""Program of what the set-up commands left running, such as a broker."""


class Root(Protocol):
    """The process below which the census looks."""

    @property
    def pid(self) -> int: ...

    def exit_status(self, pid: int) -> int | None:
        """As in `Popen.returncode`, of a child that has ended; None where that is not known."""
        ...


@dataclass(slots=True)
class Life:
    """One process life as far as it is known."""

    process: Process
    parent: str | None
    program: str
    born: Seconds
    command: tuple[str, ...] = ()
    first_seen: Seconds = 0.0
    last_seen: Seconds = 0.0
    snapshot_child: bool = False
    link: AgentLink | None = None
    python: str | None = None
    """Version, from its agent."""
    hooked: bool = False
    served: bool = False
    asked: Seconds = 0.0
    """When its agent was last asked whether it is hooked."""
    listens: bool = False
    died: Seconds | None = None
    death: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it is a process of the target's own: not the agent's, and not over before it could be looked at."""
        return not self.snapshot_child and (self.watched > 0 or self.python is not None)

    @property
    def watched(self) -> Seconds:
        """For how long it has been seen alive."""
        return self.last_seen - self.first_seen

    def facts(self) -> Facts:
        return Facts(self.process.key, self.parent, self.program, self.command, self.hooked, self.served, self.listens)


class Census:
    """Polls the tree below a supervisor, in a thread of its own between `start` and `stop`.

    `processes` are others to look at instead of that tree.
    """

    def __init__(
        self,
        supervision: Root,
        *,
        links: Callable[[], tuple[AgentLink, ...]],
        log: Callable[[], str],
        clock: Callable[[], Seconds],
        processes: Callable[[], Iterable[Process]] | None = None,
    ) -> None:
        self._supervision = supervision
        self._processes = processes or (lambda: tree.descendants(supervision.pid))
        self._links = links
        self._log = log
        self._clock = clock
        self._oom = OomWatch()
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self._programs: dict[int, str] = {}
        self._newcomers = _SETUP
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leakhunt-census", daemon=True)

    def register(self, pid: int, program: str) -> None:
        """Say that `pid`, and whatever descends from it, belongs to a companion. To be called before `start`."""
        with self._lock:
            self._programs[pid] = program

    def start(self) -> None:
        """Begin to poll; call it when everything but the target itself has been started."""
        self.poll()
        self._newcomers = TARGET
        self._thread.start()

    def stop(self) -> None:
        """End the thread; may be called again, or without `start`."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def kill_survivors(self) -> None:
        """Kill what a supervisor that was itself killed has left running."""
        for life in self._lives.values():
            current = tree.read_process(life.process.pid)
            if current is not None and current.key == life.process.key and not current.ended:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(current.pid, signal.SIGKILL)

    def workers(self) -> tuple[Worker, ...]:
        """Every life that counts, in order of birth."""
        self._ask_idle_masters()
        if not self.any_hooked():
            self._look_for_listeners()
        with self._lock:
            lives = self._counted()
        facts = [life.facts() for life in lives]
        roles = assign_roles(facts)
        names = assign_names(facts, roles)
        return tuple(_worker(life, roles[life.process.key], names[life.process.key]) for life in lives)

    def links(self) -> Mapping[str, AgentLink]:
        """Agents of the live workers and masters, by key."""
        agents = {link.key: link for link in self._links() if link.alive}
        with self._lock:
            roles = assign_roles([life.facts() for life in self._counted()])
        return {key: agents[key] for key, role in roles.items() if role in {Role.WORKER, Role.MASTER} and key in agents}

    def any_hooked(self) -> bool:
        """Whether an agent has ever said that it wrapped a WSGI callable."""
        with self._lock:
            return any(life.hooked for life in self._lives.values())

    def target_pids(self) -> tuple[int, ...]:
        """Live processes of the target, companions not included."""
        with self._lock:
            return tuple(
                life.process.pid for life in self._lives.values() if life.died is None and life.program == TARGET
            )

    def complete(self) -> bool:
        """Whether the server has started all its workers, and every one that has an agent has found the app."""
        with self._lock:
            now = self._clock()
            masters = {life.parent for life in self._lives.values() if life.hooked}
            workers = [life for life in self._lives.values() if life.parent in masters and life.died is None]
        newest = max((life.born for life in workers), default=now)
        return now - newest > _BETWEEN_BIRTHS and not any(_may_hook(life, now) for life in workers)

    def siblings_of(self, pids: Collection[int]) -> tuple[int, bool]:
        """How many processes live that have the parents of these dead ones, and whether one has outlived them all."""
        with self._lock:
            now = self._clock()
            dead = [life for life in self._lives.values() if life.process.pid in pids and life.died is not None]
            parents = {life.parent for life in dead}
            living = [life for life in self._lives.values() if life.died is None and life.parent in parents]
        longest = max((life.died - life.born for life in dead if life.died is not None), default=0.0)
        return len(living), any(now - life.born > longest + _YOUNG for life in living)

    def refresh(self) -> None:
        """Look at the tree and ask every agent again: who was born and who has died is known then."""
        self.poll()
        with self._lock:
            unhooked = [life for life in self._lives.values() if life.link is not None and not life.hooked]
        for life in unhooked:
            _ask(life)

    def poll(self) -> None:
        """Look at the tree once."""
        now = self._clock()
        seen = {process.key: process for process in self._processes()}
        agents = {link.key: link for link in self._links()}
        made = {(link.hello.pid, child) for link in agents.values() for child in link.children}
        with self._lock:
            for process in seen.values():
                self._see(process, now)
            for key, life in self._lives.items():
                _meet(life, agents.get(key))
                life.snapshot_child = life.snapshot_child or (life.process.parent, life.process.pid) in made
                self._look_for_death(life, seen.get(key), now)
            unhooked = [life for life in self._lives.values() if _worth_asking(life, now)]
            for life in unhooked:
                life.asked = now
        for life in unhooked:
            _ask(life)

    def _run(self) -> None:
        while not self._ending.wait(PERIOD):
            self.poll()

    def _counted(self) -> list[Life]:
        return sorted((life for life in self._lives.values() if life.counts), key=lambda life: life.process.started)

    def _see(self, process: Process, now: Seconds) -> None:
        life = self._lives.get(process.key)
        if life is None:
            if process.ended:
                return
            parent = self._alive(process.parent)
            life = Life(
                process=process,
                parent=parent.process.key if parent is not None else None,
                program=self._program(process, parent),
                born=now - tree.age(process),
                first_seen=now,
            )
            self._lives[process.key] = life
        life.last_seen = now
        if life.watched <= _SETTLING:
            life.command = tree.command_line(process.pid) or life.command
            life.snapshot_child = life.snapshot_child or tree.is_snapshot_child(process, life.command)

    def _alive(self, pid: int) -> Life | None:
        return next((life for life in self._lives.values() if life.process.pid == pid and life.died is None), None)

    def _program(self, process: Process, parent: Life | None) -> str:
        if process.pid in self._programs:
            return self._programs[process.pid]
        if parent is not None:
            return parent.program
        return self._programs.get(process.session, self._newcomers)

    def _look_for_death(self, life: Life, seen: Process | None, now: Seconds) -> None:
        if life.died is None:
            # The kernel's list of children may miss one while its neighbours end, so the process itself is asked.
            current = seen or tree.read_process(life.process.pid)
            if current is not None and current.key == life.process.key and not current.ended:
                return
            life.died = now
            _part(life)
            if current is not None and current.key == life.process.key and current.exit_status is not None:
                life.death = self._verdict(deaths.death_by_status(current.exit_status))
        if now - life.died <= _SETTLING:
            # A server may write about the death of its worker only after it is gone.
            life.death = self._death(life) or life.death

    def _death(self, life: Life) -> str | None:
        told = deaths.deaths_in(self._log()).get(life.process.pid)
        if told is not None:
            return self._verdict(told)
        status = self._supervision.exit_status(life.process.pid)
        return None if status is None else self._verdict(deaths.death_by_status(status))

    def _verdict(self, death: str) -> str:
        return deaths.OOM if "SIGKILL" in death and self._oom.happened() else death

    def _ask_idle_masters(self) -> None:
        """A hooked parent of hooked workers is a master only as long as it serves nothing itself."""
        with self._lock:
            parents = {life.parent for life in self._lives.values() if life.hooked}
            masters = [life for key, life in self._lives.items() if key in parents and life.hooked and not life.served]
        for life in masters:
            _ask(life)

    def _look_for_listeners(self) -> None:
        """Without an agent, whoever holds a listening socket is taken for a server process."""
        holders = frozenset().union(*ports.listeners(self.target_pids()).values())
        with self._lock:
            for life in self._lives.values():
                life.listens = life.listens or (life.died is None and life.process.pid in holders)


def _worker(life: Life, role: Role, name: str) -> Worker:
    return Worker(
        key=life.process.key,
        pid=life.process.pid,
        parent=life.process.parent,
        role=role,
        name=name,
        born=life.born,
        died=life.died,
        death=None if life.died is None else life.death or deaths.UNKNOWN,
        python=life.python,
    )


def _meet(life: Life, link: AgentLink | None) -> None:
    if link is not None and life.died is None:
        life.link, life.python = link, link.hello.python


def _part(life: Life) -> None:
    if life.link is not None:
        life.link.close()
        life.link = None


def _worth_asking(life: Life, now: Seconds) -> bool:
    """Often while the process is young, every two seconds later."""
    due = life.watched <= _SETTLING or now - life.asked >= _SETTLING
    return life.link is not None and life.died is None and not life.hooked and due


def _may_hook(life: Life, now: Seconds) -> bool:
    """Whether its agent has not found the app yet, or may not have connected yet."""
    if life.hooked or life.snapshot_child:
        return False
    return life.link is not None or now - life.born < _YOUNG


def _ask(life: Life) -> None:
    link = life.link  # another thread may take it away meanwhile
    if link is None or not link.alive:
        return
    try:
        stats = link.stats()
    except AgentError:
        # It ends, or is too busy to answer; the next poll asks again.
        return
    life.hooked = life.hooked or stats.hooked
    life.served = life.served or any(stats.served.values())
