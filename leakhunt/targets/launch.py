"""A target that leakhunt starts itself, with its companions, and stops as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.agent import bundle
from leakhunt.errors import TargetError, UsageError
from leakhunt.model.run import Caveat, Worker
from leakhunt.targets import ready
from leakhunt.targets.addresses import parse_url
from leakhunt.targets.base import Address, Target
from leakhunt.targets.census import Census
from leakhunt.targets.companions import Command, CompanionSpec, Surroundings, check_companions, set_up, start_companion
from leakhunt.targets.conditions import describe
from leakhunt.targets.failures import Shown
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.launch_dir import LaunchDir, Placeholders
from leakhunt.targets.roles import TARGET
from leakhunt.targets.running import Running
from leakhunt.targets.startup import Readiness, wait_for_agent, wait_until_ready
from leakhunt.targets.supervision import Supervision
from leakhunt.units import Seconds

if TYPE_CHECKING:
    from leakhunt.targets.link import AgentLink


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
    """Of the workload file; `env` wins."""
    python: str
    """What `{python}` stands for."""
    app: str | None = None
    """`MODULE:CALLABLE`, if leakhunt made the command for it."""
    server: str | None = None
    """Name of the server in `command`, if it is known."""
    caveats: tuple[Caveat, ...] = field(default=())
    """What the making of `command` gave rise to."""
    hide_secrets: Callable[[Sequence[str]], Sequence[str]] = tuple
    """A command of the workload without what looks secret in it."""
    functions: tuple[str, ...] = ()
    """Measured line by line in every process of the target: `module:function` or `module:Class.method`."""


class LaunchedTarget(Target):
    """One launch: `start` once, `stop` at the end whatever happened. `clock` gives seconds since the run began."""

    def __init__(self, spec: LaunchSpec, *, clock: Callable[[], Seconds]) -> None:
        self._spec = spec
        self._clock = clock
        self._dir = LaunchDir.make()
        self._open = ExitStack()
        self._open.callback(shutil.rmtree, self._dir.path, ignore_errors=True)
        self._shown = Shown.without((*spec.env.values(), *spec.workload_env.values()), spec.hide_secrets)
        self._caveats = spec.caveats
        self._running: Running | None = None
        self._address: Address | None = None
        self._stopped = False

    @property
    def address(self) -> Address:
        if self._address is None:
            raise TargetError("the target has not been started")
        return self._address

    @property
    def launch_dir(self) -> Path:
        return self._dir.path

    def start(self) -> None:
        try:
            readiness = self._readiness()
            self._running = self._start_programs()
            self._address = wait_until_ready(self._running, readiness)
            no_agent = wait_for_agent(self._running.census)
            self._running.require_companions()
        except BaseException:
            self.stop()
            raise
        self._caveats += () if no_agent is None else (no_agent,)

    def refresh(self) -> None:
        if self._running is not None:
            self._running.census.refresh()

    def workers(self) -> tuple[Worker, ...]:
        return () if self._running is None else self._running.census.workers()

    def links(self) -> Mapping[str, AgentLink]:
        return {} if self._running is None else self._running.census.links()

    def dead(self) -> str | None:
        return None if self._running is None else self._running.dead()

    def failure(self) -> str | None:
        return None if self._running is None else self._running.failure()

    def with_last_lines(self, sentence: str) -> str:
        return sentence if self._running is None else self._shown.with_tail(sentence, self._running.log)

    def caveats(self) -> tuple[Caveat, ...]:
        return (*self._caveats, *self._companion_deaths())

    def conditions(self) -> Mapping[str, str]:
        return describe(self._spec.server, self.links())

    def stop(self) -> None:
        self._caveats = self.caveats()
        self._stopped = True
        self._open.close()

    def _companion_deaths(self) -> tuple[Caveat, ...]:
        if self._stopped or self._running is None:
            return ()
        deaths = self._running.companion_deaths()
        if deaths:
            self._running.census.poll()  # so that their rows say so, too
        return tuple(
            Caveat("companion-died", f"{death[0].upper()}{death[1:]} during the run; the rest of it went without.")
            for death in deaths
        )

    def _readiness(self) -> Readiness:
        spec = self._spec
        if not spec.cwd.is_dir():
            raise UsageError(f"there is no directory {spec.cwd}", "Look at --chdir.")
        check_companions(spec.companions)
        address = None if spec.url is None else parse_url(spec.url, allow_hosts=spec.allow_hosts)
        if address is not None and ready.answers(address):
            raise TargetError(
                f"something already listens on {address}, so the target could not",
                "End that program, or choose another port.",
            )
        return Readiness(address, spec.ready_path, spec.ready_timeout, spec.headers, spec.allow_hosts)

    def _start_programs(self) -> Running:
        """Agent, supervisor, set-up commands, companions, target: in this order."""
        spec = self._spec
        bundle.write_boot(self._dir.boot, self._dir.socket, functions=spec.functions)
        supervision = Supervision(self._dir.path)
        hub = AgentHub(self._dir.socket)
        log = self._dir.log(TARGET)
        census = Census(supervision, links=hub.links, log=log.text, clock=self._clock)
        self._open.callback(census.kill_survivors)
        self._open.callback(supervision.close)
        self._open.enter_context(hub)
        self._open.callback(census.stop)
        fillers = Placeholders(self._dir.path, spec.python)
        env = {**os.environ, **fillers.fill_environment(spec.workload_env), **spec.env}
        around = Surroundings(supervision, spec.cwd, env, self._dir.log, self._shown)
        set_up(tuple(map(fillers.fill_command, spec.setup)), around)
        companions = []
        for companion in map(fillers.fill_companion, spec.companions):
            companions.append(start_companion(companion, around))
            census.register(companions[-1].pid, companion.name)
        census.start()
        pid = supervision.start(TARGET, spec.command, cwd=spec.cwd, env=self._dir.with_boot(env), log=log)
        return Running(supervision, census, pid, log, self._shown, spec.app, spec.cwd, tuple(companions))
