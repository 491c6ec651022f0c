"""A target that runs already: agents are brought into its workers, and it is left as it was found."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leakhunt.errors import AgentError, AttachError, TargetError
from leakhunt.model.run import Caveat, Worker
from leakhunt.targets import ports, ready, tree
from leakhunt.targets.addresses import choose_address, parse_url
from leakhunt.targets.base import Address, Target
from leakhunt.targets.census import Census
from leakhunt.targets.guests import Guest, Guests
from leakhunt.targets.roles import TARGET
from leakhunt.targets.scope import Scope, serving, survey
from leakhunt.targets.tree import Process
from leakhunt.units import Seconds

if TYPE_CHECKING:
    from leakhunt.targets.link import AgentLink

_PERIOD: Final[Seconds] = 0.25
_INFANCY: Final[Seconds] = 0.2
"""A process younger than this may be about to become another program, or a copy that an agent has just made."""
_CHILDHOOD: Final[Seconds] = 10.0
"""A process that does not serve by that age never will."""
_TRIES: Final = 3
"""How often a worker that was born during the run is tried to be attached to."""


@dataclass(frozen=True, slots=True)
class AttachSpec:
    """What is attached to, and where it answers."""

    pid: int
    whole_tree: bool = False
    """Whether a worker stands for all workers of its server."""
    app: str | None = None
    """`MODULE:CALLABLE`, where the app is not found by its server."""
    url: str | None = None
    """Where it answers; None to find the port it listens on."""
    allow_hosts: tuple[str, ...] = ()
    loaded: bool = True
    """Whether requests will be sent to it; else nobody has to know where it answers."""


@dataclass(frozen=True, slots=True)
class _Root:
    """The process below which the census looks; how its children end only itself is told."""

    pid: int

    def exit_status(self, pid: int) -> int | None:  # noqa: ARG002  # as the census asks
        return None


class AttachedTarget(Target):
    """One visit: `start` once, `stop` at the end whatever happened. `clock` gives seconds since the run began.

    `scope` and `address` are known from the beginning: making one raises TargetError if it cannot be attached to.
    """

    def __init__(self, spec: AttachSpec, *, clock: Callable[[], Seconds]) -> None:
        self.scope = survey(spec.pid, whole_tree=spec.whole_tree)
        self._address = _find_address(spec, self.scope) if spec.loaded else None
        self._open = ExitStack()
        self._guests = self._open.enter_context(Guests(spec.app))
        self._census = Census(
            _Root(self.scope.root.pid), links=self._guests.links, log=str, clock=clock, processes=self.scope.family
        )
        self._census.register(self.scope.root.pid, TARGET)
        self._attached: set[str] = set()
        self._failed: dict[str, int] = {}
        """Attempts, by key of the process."""
        self._settled: set[str] = set()
        """Keys of processes that need no further look."""
        self._caveats: dict[str, Caveat] = {}
        self._conditions: dict[str, str] = {}
        self._uncounted: dict[str, str] = {}
        """Why requests are not counted, by key of the process."""
        self._one_at_a_time = threading.Lock()
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="leakhunt-newcomers", daemon=True)

    @property
    def address(self) -> Address:
        if self._address is None:
            raise TargetError(f"it is not known where PID {self.scope.root.pid} answers", "Say so with --url.")
        return self._address

    @property
    def announcement(self) -> str:
        """What is about to be attached to, and where requests will go."""
        sent = "Nothing is sent to it." if self._address is None else f"Requests go to {self._address}."
        return f"{self.scope.sentence} {sent}"

    @property
    def launch_dir(self) -> Path:
        return Path(tempfile.gettempdir())  # nothing is launched, so there is none to be removed

    def start(self) -> None:
        try:
            if self._address is not None:
                self._require_answer(self._address)
            self._open.callback(self._leave)
            self._open.callback(self._census.stop)
            for worker in self.scope.workers:
                self._attach(worker)
            self._census.start()
            self._census.refresh()
            self._say_what_is_not_seen()
            self._watcher.start()
        except BaseException:
            self.stop()
            raise

    def refresh(self) -> None:
        self._attach_newcomers()
        self._census.refresh()

    def workers(self) -> tuple[Worker, ...]:
        return self._census.workers()

    def links(self) -> Mapping[str, AgentLink]:
        return self._census.links()

    def dead(self) -> str | None:
        return None if self.scope.family() else f"PID {self.scope.root.pid} has ended"

    def failure(self) -> str | None:
        return self.dead()

    def with_last_lines(self, sentence: str) -> str:
        return sentence  # what it writes goes where it always went

    def caveats(self) -> tuple[Caveat, ...]:
        reasons = dict.fromkeys(self._uncounted.values())
        uncounted = (Caveat("no-agent", f"Routes cannot be told from each other: {reason}.") for reason in reasons)
        return (*self._caveats.values(), *uncounted)

    def conditions(self) -> Mapping[str, str]:
        return {
            "attached to": ", ".join(f"PID {worker.pid}" for worker in self.scope.workers),
            **({} if self._address is None else {"address": str(self._address)}),
            "stopped for, at the longest": f"{self._guests.stopped * 1e3:.1f} ms",
            **self._conditions,
        }

    def stop(self) -> None:
        """Have every agent undo what it did and leave; the app goes on."""
        self._leaving.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._open.close()

    def _require_answer(self, address: Address) -> None:
        if not ready.answers(address):
            raise TargetError(f"nothing answers on {address}", "Say where the app answers with --url.")

    def _attach(self, process: Process) -> None:
        guest = self._guests.bring(process)
        self._attached.add(process.key)
        self._settled.add(process.key)
        for doubt in guest.doubts:
            self._caveat("hardly-tried", f"PID {process.pid} was attached to all the same: {doubt}")
        hello = guest.link.hello
        told = {"python": hello.python, "implementation": hello.implementation, "executable": hello.executable}
        self._conditions |= told | ({} if hello.server is None else {"server": hello.server})
        self._note_counting(guest)

    def _note_counting(self, guest: Guest) -> None:
        """Whether its requests are counted, and by which server."""
        self._uncounted.pop(guest.process.key, None)
        if guest.uncounted is not None:
            self._uncounted[guest.process.key] = guest.uncounted
        if guest.server is not None:
            self._conditions |= {"server": guest.server}

    def _look_for_apps_again(self) -> None:
        """Where none was found: a worker that was just forked may have it by now."""
        for key, guest in self._guests.present().items():
            if key in self._uncounted:
                self._guests.try_again(guest)
                self._note_counting(guest)

    def _attach_newcomers(self) -> None:
        """Attach to workers that were born since: servers recycle them, and reloaders start others."""
        with self._one_at_a_time:
            for process in () if self.scope.alone or self._leaving.is_set() else self._newcomers():
                try:
                    self._attach(process)
                except (AttachError, AgentError) as error:
                    self._note_failure(process, error)

    def _newcomers(self) -> tuple[Process, ...]:
        family = self.scope.family()
        aged = {each.key: tree.age(each) for each in family if each.key not in self._settled and not each.ended}
        if not any(age >= _INFANCY for age in aged.values()):
            return ()
        found = [each for each in serving(family, self._attached) if aged.get(each.key, 0.0) >= _INFANCY]
        self._settled |= {key for key, age in aged.items() if age > _CHILDHOOD} - {each.key for each in found}
        return tuple(found)

    def _note_failure(self, process: Process, error: TargetError) -> None:
        current = tree.read_process(process.pid)
        if current is None or current.ended or current.key != process.key:
            return  # recycled already
        self._failed[process.key] = self._failed.get(process.key, 0) + 1
        if self._failed[process.key] >= _TRIES:
            self._settled.add(process.key)
            self._caveat("not-attached", f"A worker that was born during the run was not measured: {error.message}.")

    def _watch(self) -> None:
        while not self._leaving.wait(_PERIOD):
            self._attach_newcomers()
            self._look_for_apps_again()

    def _say_what_is_not_seen(self) -> None:
        if self.scope.siblings:
            self._caveat(
                "siblings",
                f"PID {self.scope.root.pid} shares its sockets with {len(self.scope.siblings)} others, which got a "
                "part of the requests and were not measured.",
            )

    def _caveat(self, code: str, text: str) -> None:
        self._caveats.setdefault(f"{code}\n{text}", Caveat(code, text))

    def _leave(self) -> None:
        for sentence in self._guests.leave():
            self._caveat("left-behind", sentence)


def _find_address(spec: AttachSpec, scope: Scope) -> Address:
    if spec.url is not None:
        return parse_url(spec.url, allow_hosts=spec.allow_hosts)
    if not _in_our_network(spec.pid):
        raise TargetError(
            f"PID {spec.pid} has a network of its own (a container's), so its ports are not those of this machine",
            "Say where the app answers from here with --url.",
        )
    found = ports.listeners(worker.pid for worker in scope.workers)
    if not any(each.port for each in found):
        # Apache hands requests to mod_wsgi's daemons through a Unix socket, in a protocol of its own.
        found = ports.listeners(each.pid for each in scope.family()) or found
    address = choose_address(found, allow_hosts=spec.allow_hosts)
    if address is None:
        raise TargetError(
            f"PID {spec.pid} listens on no socket, so leakhunt cannot send it anything",
            "Say where the app answers with --url, or look on at what it does by itself: --duration 10m",
        )
    return address


def _in_our_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:  # gone; whoever asks it next will say so
        return True
