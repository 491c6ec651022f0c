"""Programs that run beside the target: set-up commands before it, companions such as a Celery worker during it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from leakhunt.errors import TargetError, UsageError
from leakhunt.targets import ready, tree
from leakhunt.targets.addresses import parse_url
from leakhunt.targets.base import Address
from leakhunt.targets.failures import Shown, how_ended
from leakhunt.targets.logs import Log
from leakhunt.targets.roles import TARGET
from leakhunt.targets.supervision import Supervision
from leakhunt.units import Seconds

Command: TypeAlias = tuple[str, ...]

SETUP_TIMEOUT: Final[Seconds] = 120.0
READY_TIMEOUT: Final[Seconds] = 30.0
AT_ONCE: Final[Seconds] = 0.3
"""How long a companion that seems to be ready is watched for an end at once: a mistake in its command, say."""
_SETUP: Final = "setup-{}"
_SETUP_NAME: Final = re.compile(r"setup-\d+")
_PAUSE: Final[Seconds] = 0.1


@dataclass(frozen=True, slots=True)
class CompanionSpec:
    """One companion, and how to know that it is ready; at once if nothing says how."""

    name: str
    command: Command
    ready_log: str | None = None
    """Text that it writes to stdout or stderr."""
    ready_command: Command | None = None
    """Exits 0 once it is ready."""
    ready_url: str | None = None
    """Answers HTTP with a status below 500."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every program of a launch shares."""

    supervision: Supervision
    cwd: Path
    env: Mapping[str, str]
    log: Callable[[str], Log]
    """Where the program of that name writes."""
    shown: Shown


def check_companions(companions: Iterable[CompanionSpec]) -> None:
    """Look for mistakes that need not be started to be seen.

    Raises:
        UsageError: a name that is taken, or a URL that cannot be asked.
    """
    taken = {TARGET}
    for companion in companions:
        if companion.name in taken or _SETUP_NAME.fullmatch(companion.name):
            raise UsageError(
                f"the name {companion.name} of a companion is taken",
                "Give every companion in the workload file a name of its own.",
            )
        taken.add(companion.name)
        if companion.ready_url is not None:
            _ready_address(companion.name, companion.ready_url)


def set_up(commands: tuple[Command, ...], around: Surroundings) -> None:
    """Run the set-up commands one after the other.

    Raises:
        TargetError: one cannot be started, fails, or takes longer than `SETUP_TIMEOUT`.
    """
    for number, command in enumerate(commands, 1):
        name = _SETUP.format(number)
        log = around.log(name)
        pid = around.supervision.start(name, command, cwd=around.cwd, env=around.env, log=log)
        status = around.supervision.wait(pid, SETUP_TIMEOUT)
        if status == 0:
            continue
        end = f"had not ended after {SETUP_TIMEOUT:.0f} s" if status is None else how_ended(status)
        raise TargetError(around.shown.with_tail(f"the set-up command `{around.shown.command(command)}` {end}", log))


@dataclass(frozen=True, slots=True)
class StartedCompanion:
    """A companion that has been started."""

    name: str
    pid: int
    log: Log
    around: Surroundings
    others: frozenset[str]
    """Keys of the processes of the launch that were there before it."""

    def death(self, within: Seconds = 0.0) -> str | None:
        """One sentence if it ends before so many seconds are over; a daemon that it leaves behind lives on as it."""
        status = self.around.supervision.wait(self.pid, within)
        if status is None or (status == 0 and self._left_a_daemon()):
            return None
        return f"the companion {self.name} {how_ended(status)}"

    def start_error(self, within: Seconds = 0.0) -> TargetError | None:
        """Its death as an error, with the last lines of its stderr; None while it lives."""
        death = self.death(within)
        return None if death is None else TargetError(self.around.shown.with_tail(death, self.log))

    def _left_a_daemon(self) -> bool:
        supervisor = self.around.supervision.pid
        return any(
            process.parent == supervisor
            and process.pid != self.pid
            and process.key not in self.others
            and not process.ended
            for process in tree.descendants(supervisor)
        )


def start_companion(companion: CompanionSpec, around: Surroundings) -> StartedCompanion:
    """Start a companion and wait until it is ready.

    Raises:
        TargetError: it cannot be started, ends, or is not ready after `READY_TIMEOUT`.
    """
    log = around.log(companion.name)
    supervision = around.supervision
    others = frozenset(process.key for process in tree.descendants(supervision.pid))
    pid = supervision.start(companion.name, companion.command, cwd=around.cwd, env=around.env, log=log)
    started = StartedCompanion(companion.name, pid, log, around, others)
    is_ready = _check(companion, around, log)
    if is_ready is None:
        if (error := started.start_error(AT_ONCE)) is not None:
            raise error
        return started
    deadline = time.monotonic() + READY_TIMEOUT
    while not is_ready():
        if (error := started.start_error(_PAUSE)) is not None:
            raise error
        if time.monotonic() > deadline:
            text = f"the companion {companion.name} was not ready after {READY_TIMEOUT:.0f} s"
            raise TargetError(
                around.shown.with_tail(text, log), "Look at `ready` of this companion in the workload file."
            )
    if (error := started.start_error(AT_ONCE)) is not None:
        raise error
    return started


def _check(companion: CompanionSpec, around: Surroundings, log: Log) -> Callable[[], bool] | None:
    if companion.ready_log is not None:
        text = companion.ready_log
        return lambda: text in log.text()
    if companion.ready_command is not None:
        command = companion.ready_command
        return lambda: _succeeds(command, around)
    if companion.ready_url is not None:
        address, path = _ready_address(companion.name, companion.ready_url)
        return lambda: _responds(address, path)
    return None


def _succeeds(command: Command, around: Surroundings) -> bool:
    try:
        ended = subprocess.run(
            command,
            check=False,
            cwd=around.cwd,
            env=around.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=READY_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError as error:
        shown = around.shown.command(command)
        raise TargetError(f"the ready check `{shown}` does not run: {error.strerror}") from error
    return ended.returncode == 0


def _responds(address: Address, path: str) -> bool:
    status = ready.ask(address, path, headers={}, timeout=5.0, keep_waiting=lambda: True)
    return status is not None and status < 500


def _ready_address(name: str, url: str) -> tuple[Address, str]:
    """`http://127.0.0.1:1/a/b` as the address and `/a/b`; a socket of the form `unix:PATH` is asked for `/`."""
    base, path = (url, "/") if url.startswith("unix:") else _split(url)
    try:
        return parse_url(base), path
    except UsageError:  # it speaks of --url, and its text may repeat a password
        raise UsageError(
            f"`ready.url` of the companion {name} is no plain HTTP on this machine",
            'Write { url = "http://127.0.0.1:PORT/path" } or { url = "unix:/path/to.sock" }, or ask by a command.',
        ) from None


def _split(url: str) -> tuple[str, str]:
    """`http://host:1/a/b` as `http://host:1` and `/a/b`."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", f"/{path}"
