"""What happens to the agent when the target forks."""

from __future__ import annotations

import gc
import os

from leakhunt.agent.journal import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    class Forkable(Protocol):
        """What the hooks call."""

        def before_fork(self) -> None: ...
        def after_fork_in_parent(self) -> None: ...
        def after_fork_in_child(self) -> None: ...


_agent: Forkable | None = None
_registered: tuple[Callable[[], None], ...] = ()


def install(agent: Forkable) -> None:
    """From now on tell this agent. The hooks themselves can never be unregistered, so they only look for an agent."""
    global _agent, _registered  # noqa: PLW0603  # one agent per process
    _agent = agent
    if not _registered:
        _registered = (
            lambda: _tell(lambda each: each.before_fork()),
            lambda: _tell(lambda each: each.after_fork_in_parent()),
            lambda: _tell(lambda each: each.after_fork_in_child()),
        )
        before, in_parent, in_child = _registered
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def remove() -> None:
    """The hooks find nobody to tell."""
    global _agent  # noqa: PLW0603  # one agent per process
    _agent = None


def unregister() -> bool:
    """Take the hooks out of the interpreter's lists; False where they cannot be found.

    Nothing in Python leads to these lists but the garbage collector, which knows every list. It does not look at what
    the app has frozen (`gc.freeze`).
    """
    global _registered  # one agent per process
    hooks, _registered = _registered, ()
    found = 0
    for each in gc.get_referrers(*hooks) if hooks else ():
        for hook in hooks:
            if type(each) is list and hook in each:
                each.remove(hook)
                found += 1
    return found == len(hooks)


def unnoticed(fork: Callable[[], int]) -> int:
    """Fork for our own ends: the agent is not told, and the child has none."""
    agent = _agent
    remove()
    pid = fork()
    if pid and agent is not None:
        install(agent)
    return pid


def _tell(event: Callable[[Forkable], None]) -> None:
    if _agent is None:
        return
    try:
        event(_agent)
    except Exception:
        note("fork")
