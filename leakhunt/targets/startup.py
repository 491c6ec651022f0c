"""From the start of the target's program to a target that answers and carries the agent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.model.run import Caveat
from leakhunt.targets import ports, ready
from leakhunt.targets.addresses import choose_address
from leakhunt.targets.base import Address
from leakhunt.targets.census import Census
from leakhunt.targets.failures import Explanation
from leakhunt.targets.running import Running
from leakhunt.units import Seconds

AGENT_TIMEOUT: Final[Seconds] = 5.0
_PAUSE: Final[Seconds] = 0.1


@dataclass(frozen=True, slots=True)
class Readiness:
    """When a target counts as ready."""

    address: Address | None
    """Of `--url`; None to find the port that the target listens on."""
    path: str
    """Any path but `/` must answer with a status below 500."""
    timeout: Seconds
    headers: Mapping[str, str]
    allow_hosts: tuple[str, ...]


def wait_until_ready(running: Running, readiness: Readiness) -> Address:
    """Where the target answers, once it does.

    Raises:
        TargetError: it ended, gave no good answer in time, or listens on more than one socket.
    """
    deadline = time.monotonic() + readiness.timeout
    status: int | None = None
    while (left := deadline - time.monotonic()) > 0:
        error = running.start_error()
        if error is not None:
            raise error
        address = _address(running.census, readiness)
        if address is not None:
            status = _ask(running, readiness, address, left)
            if status is not None and status >= 500 and (error := running.app_error()) is not None:
                raise error
            if status is not None and (status < 500 or readiness.path == "/"):
                # Asked again: by now a second port may be open, and then leakhunt must not choose.
                return _address(running.census, readiness) or address
        time.sleep(_PAUSE)
    answer = "gave no answer" if status is None else f"answered {status}"
    raise running.start_error() or running.error(
        Explanation(
            f"the target {answer} to GET {readiness.path} within {readiness.timeout:g} s",
            "Give a path that it answers with --ready, more time with --ready-timeout, or its address with --url.",
        )
    )


def wait_for_agent(census: Census) -> Caveat | None:
    """Wait a few seconds until the agents of all workers have found the WSGI app; a caveat if none has."""
    deadline = time.monotonic() + AGENT_TIMEOUT
    while not census.complete() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        census.refresh()
    return None if census.any_hooked() else Caveat("no-agent", _why_not(census))


def _address(census: Census, readiness: Readiness) -> Address | None:
    if readiness.address is not None:
        return readiness.address
    return choose_address(ports.listeners(census.target_pids()), allow_hosts=readiness.allow_hosts)


def _ask(running: Running, readiness: Readiness, address: Address, timeout: Seconds) -> int | None:
    return ready.ask(
        address,
        readiness.path,
        headers=readiness.headers,
        timeout=timeout,
        keep_waiting=lambda: running.start_error() is None,
    )


def _why_not(census: Census) -> str:
    if census.links():
        return (
            "leakhunt's agent runs in the target but found no WSGI app there, so it cannot tell routes from each other"
        )
    return (
        "leakhunt's agent runs in no process of the target, so only what the kernel shows was measured; "
        "it needs Python 3.8 or later, started without -I or -E and with PYTHONPATH passed on"
    )
