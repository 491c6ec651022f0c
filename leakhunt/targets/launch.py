"""A target that leakhunt starts itself, with its companions, and stops as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leakhunt.agent import bundle
from leakhunt.errors import TargetError, UsageError
from leakhunt.model.run import Caveat, Role, Worker
from leakhunt.targets import deaths, ports, ready
from leakhunt.targets.addresses import choose_address, parse_url
from leakhunt.targets.base import Address, Target
from leakhunt.targets.census import Census
from leakhunt.targets.companions import Command, CompanionSpec, Surroundings, set_up, start_companion
from leakhunt.targets.conditions import describe
from leakhunt.targets.failures import Shown, explain, how_ended
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.logs import Log
from leakhunt.targets.roles import TARGET
from leakhunt.targets.supervision import Supervision
from leakhunt.units import Seconds

if TYPE_CHECKING:
    from leakhunt.targets.hub import AgentLink

_PAUSE: Final[Seconds] = 0.1
_AGENT_TIMEOUT: Final[Seconds] = 5.0
_LONGEST_SOCKET_PATH: Final = 100
_CRASH_LOOP: Final = 3
"""Workers that have to die one after the other, none living on, before the target counts as dead."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to launch. `{launch_dir}` and `{python}` are filled in everywhere but in the target's own command."""

    command: Command
    cwd: Path
    env: Mapping[str, str]
    """Of `--env`: its values are shown nowhere."""
    url: str | None
    """Where the target answers; None to find the port it listens on."""
    ready_path: str
    """Any path but `/` must answer with a status below 500."""
    ready_timeout: Seconds
    headers: Mapping[str, str]
    setup: tuple[Command, ...]
    companions: tuple[CompanionSpec, ...]
    allow_hosts: tuple[str, ...]
    workload_env: Mapping[str, str]
    python: str
    """What `{python}` stands for."""
    app: str | None = None
    """`MODULE:CALLABLE`, if leakhunt made the command for it."""
    server: str | None = None
    """Name of the server in `command`, if it is known."""
    caveats: tuple[Caveat, ...] = field(default=())


class LaunchedTarget(Target):
    """One launch: `start` once, `stop` at the end whatever happened. `clock` gives seconds since the run began."""

    def __init__(self, spec: LaunchSpec, *, clock: Callable[[], Seconds]) -> None:
        self._spec = spec
        self._clock = clock
        self._launch_dir = make_launch_dir()
        self._address: Address | None = None
        self._caveats = list(spec.caveats)
        self._shown = Shown.without((*spec.env.values(), *spec.workload_env.values()))
        self._log = Log.of(self._launch_dir / "logs", TARGET)
        self._open = ExitStack()
        self._open.callback(shutil.rmtree, self._launch_dir, ignore_errors=True)
        self._supervision: Supervision | None = None
        self._census: Census | None = None
        self._pid: int | None = None
        self._stopping = False

    @property
    def address(self) -> Address:
        if self._address is None:
            raise TargetError("the target has not been started")
        return self._address

    @property
    def launch_dir(self) -> Path:
        return self._launch_dir

    def start(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def workers(self) -> tuple[Worker, ...]:
        return self._census.workers() if self._census is not None else ()

    def links(self) -> Mapping[str, AgentLink]:
        return self._census.links() if self._census is not None else {}

    def failure(self) -> str | None:
        if self._stopping or self._supervision is None or self._pid is None:
            return None
        if not self._supervision.alive():
            return "leakhunt's supervisor process was killed, and the target with it"
        workers = [worker for worker in self.workers() if worker.role is Role.WORKER]
        if any(worker.died is None for worker in workers):
            return None
        status = self._supervision.exit_status(self._pid)
        if status is not None:
            return f"the target {self._end(status, workers)}"
        last = [worker.death for worker in workers[-_CRASH_LOOP:]]
        if len(last) == _CRASH_LOOP and deaths.RECYCLED not in last:
            return f"the target's workers keep dying; the last one: {last[-1]}"
        return None

    def caveats(self) -> tuple[Caveat, ...]:
        return tuple(self._caveats)

    def conditions(self) -> Mapping[str, str]:
        return describe(self._spec.server, self.links())

    def stop(self) -> None:
        self._stopping = True
        self._open.close()

    def _start(self) -> None:
        if not self._spec.cwd.is_dir():
            raise UsageError(f"there is no directory {self._spec.cwd}", "Look at --chdir.")
        given = self._given_address()
        (self._launch_dir / "logs").mkdir()
        socket = self._launch_dir / "agent.sock"
        bundle.write_boot(self._launch_dir / "boot", socket)
        self._supervision = Supervision(self._launch_dir)
        self._open.callback(self._supervision.close)
        hub = self._open.enter_context(AgentHub(socket))
        self._census = Census(self._supervision, links=hub.links, log=self._log.text, clock=self._clock)
        self._open.callback(self._census.stop)
        self._start_programs(self._supervision, self._census)
        self._address = self._wait_until_ready(self._census, given)
        self._wait_for_agent(self._census)

    def _given_address(self) -> Address | None:
        if self._spec.url is None:
            return None
        address = parse_url(self._spec.url, allow_hosts=self._spec.allow_hosts)
        if ready.answers(address):
            raise TargetError(
                f"something already listens on {address}, so the target could not",
                "End that program, or choose another port.",
            )
        return address

    def _start_programs(self, supervision: Supervision, census: Census) -> None:
        env = {**os.environ, **self._filled_map(self._spec.workload_env), **self._spec.env}
        around = Surroundings(supervision, self._spec.cwd, env, self._launch_dir / "logs", self._shown)
        set_up(tuple(map(self._filled, self._spec.setup)), around)
        census.start()
        for companion in self._spec.companions:
            census.register(start_companion(self._filled_companion(companion), around), companion.name)
        self._pid = supervision.start(
            TARGET,
            self._spec.command,
            cwd=self._spec.cwd,
            env=with_boot(env, self._launch_dir / "boot"),
            log=self._log,
        )
        census.register(self._pid, TARGET)

    def _wait_until_ready(self, census: Census, given: Address | None) -> Address:
        deadline = time.monotonic() + self._spec.ready_timeout
        status: int | None = None
        while time.monotonic() < deadline:
            self._check_alive()
            address = given or self._listening(census)
            if address is not None:
                status = ready.ask(
                    address,
                    self._spec.ready_path,
                    headers=self._spec.headers,
                    timeout=max(_PAUSE, deadline - time.monotonic()),
                    keep_waiting=self._running,
                )
                if status is not None and (status < 500 or self._spec.ready_path == "/"):
                    return given or self._listening(census) or address
            time.sleep(_PAUSE)
        self._check_alive()
        raise self._not_ready(status)

    def _listening(self, census: Census) -> Address | None:
        found = ports.listeners(census.target_pids())
        return choose_address(found, allow_hosts=self._spec.allow_hosts)

    def _running(self) -> bool:
        assert self._supervision is not None and self._pid is not None
        return self._supervision.alive() and self._supervision.exit_status(self._pid) in {None, 0}

    def _check_alive(self) -> None:
        assert self._supervision is not None and self._pid is not None and self._census is not None
        status = self._supervision.exit_status(self._pid)
        # Exit code 0 with processes left is a server that made itself a daemon.
        if status is None or (status == 0 and self._census.target_pids()):
            return
        known = explain(self._log.errors(), app=self._spec.app, cwd=str(self._spec.cwd))
        sentence = known.sentence if known is not None else f"the target {how_ended(status)} before it answered"
        hint = known.hint if known is not None else None
        raise TargetError(self._shown.with_tail(self._shown.clean(sentence), self._log), hint)

    def _not_ready(self, status: int | None) -> TargetError:
        path = self._spec.ready_path
        answer = "gave no answer" if status is None else f"answered {status}"
        text = f"the target {answer} to GET {path} within {self._spec.ready_timeout:g} s"
        hint = "Give a path that it answers with --ready, more time with --ready-timeout, its address with --url."
        return TargetError(self._shown.with_tail(text, self._log), hint)

    def _wait_for_agent(self, census: Census) -> None:
        deadline = time.monotonic() + _AGENT_TIMEOUT
        while time.monotonic() < deadline:
            if census.any_hooked():
                return
            time.sleep(_PAUSE)
        if census.links():
            why = "leakhunt's agent runs in the target but found no WSGI app there, so no request is told from another"
        else:
            why = (
                "leakhunt's agent runs in no process of the target, so only what the kernel shows was measured; "
                "it needs Python 3.8 or later, started without -I or -E and with PYTHONPATH passed on"
            )
        self._caveats.append(Caveat("no-agent", why))

    def _end(self, status: int, workers: list[Worker]) -> str:
        if workers and workers[-1].death == deaths.OOM:
            return f"was {deaths.OOM}"
        return how_ended(status)

    def _filled_companion(self, spec: CompanionSpec) -> CompanionSpec:
        return CompanionSpec(
            name=spec.name,
            command=self._filled(spec.command),
            ready_log=spec.ready_log,
            ready_command=None if spec.ready_command is None else self._filled(spec.ready_command),
            ready_url=spec.ready_url,
        )

    def _filled(self, command: Command) -> Command:
        return tuple(map(self._filled_text, command))

    def _filled_map(self, values: Mapping[str, str]) -> dict[str, str]:
        return {name: self._filled_text(value) for name, value in values.items()}

    def _filled_text(self, text: str) -> str:
        return text.replace("{launch_dir}", str(self._launch_dir)).replace("{python}", self._spec.python)


def make_launch_dir() -> Path:
    """A new private directory, with a path short enough for the address of a Unix socket in it."""
    directory = tempfile.mkdtemp(prefix="leakhunt-")
    if len(os.fsencode(directory)) + len("/agent.sock") > _LONGEST_SOCKET_PATH:
        Path(directory).rmdir()
        directory = tempfile.mkdtemp(prefix="leakhunt-", dir="/tmp")
    return Path(directory)


def with_boot(env: Mapping[str, str], boot: Path) -> dict[str, str]:
    """The environment that starts the agent in every Python process which inherits it."""
    given = env.get("PYTHONPATH")
    return {**env, "PYTHONPATH": str(boot) if given is None else f"{boot}{os.pathsep}{given}"}
