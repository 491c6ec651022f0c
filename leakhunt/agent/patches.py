"""Attributes the agent has replaced, so that each can be put back."""

from __future__ import annotations

from leakhunt.agent.journal import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Patches:
    """What was replaced where, in order."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace `owner.name` by `wrapper(original)`; an owner without that attribute is left alone."""
        original = vars(owner).get(name)
        if original is None or any(owner is each and name == known for each, known, _, _ in self._done):
            return
        ours = wrapper(original)
        ours.__wrapped__ = original  # for inspect.signature, as functools.wraps does
        for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(ours, attribute, getattr(original, attribute, None))
        setattr(owner, name, ours)
        self._done.append((owner, name, original, ours))

    def undo(self) -> list[str]:
        """Put everything back; the names of what someone wrapped after us, where ours stays as a pass-through."""
        left = []
        while self._done:
            owner, name, original, ours = self._done.pop()
            try:
                if vars(owner).get(name) is ours:
                    setattr(owner, name, original)
                else:
                    left.append(f"{getattr(owner, '__name__', owner)}.{name}")
            except Exception:
                note("undo")
        return left


PATCHES = Patches()
