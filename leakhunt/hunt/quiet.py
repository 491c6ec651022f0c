"""Waiting for the target to come to rest, so that what is measured is kept and not merely in use."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.samplers.activity import cpu_of
from leakhunt.targets.link import AgentLink
from leakhunt.units import Seconds

_POLL: Final = 0.03
_IDLE: Final = 0.011
"""CPU seconds per poll: one tick of the kernel's clock is 0.01."""
_MAX_WAIT: Final = 10.0
_MAX_BACKGROUND: Final = 2.0
"""How long work that goes on after the last response is waited for; a busy timer thread never ends."""


def wait_until_quiet(links: Mapping[str, AgentLink], pids: Iterable[int]) -> bool:
    """Wait until no request is in flight and the processes have stopped using the processor.

    Returns False if requests were still in flight after 10 s; background work is waited for 2 s at most.
    """
    deadline = time.monotonic() + _MAX_WAIT
    while any(_in_flight(link) for link in links.values()):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    _wait_idle(tuple(pids), _MAX_BACKGROUND)
    return True


def _wait_idle(pids: tuple[int, ...], patience: Seconds) -> None:
    deadline = time.monotonic() + patience
    before = cpu_of(pids)
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        after = cpu_of(pids)
        if after - before < _IDLE:
            return
        before = after


def _in_flight(link: AgentLink) -> bool:
    try:
        return link.stats().in_flight > 0
    except AgentError:  # it died meanwhile: nothing of it is in flight any more
        return False
