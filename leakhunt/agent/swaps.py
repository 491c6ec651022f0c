"""Attributes of live objects that hold a wrapper of ours for now, so that each can be given its own value back."""

from __future__ import annotations

from leakhunt.agent.journal import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    Copies = Callable[[], Iterable["tuple[Any, str]"]]


class Swap:
    """One value, the wrapper that stands for it, and where that stands."""

    def __init__(self, owner: Any, name: str, ours: Any, copies: Copies | None) -> None:
        self.owner = _reference(owner)
        self.name = name
        self.original = getattr(owner, name)
        self.ours = ours
        self.inherited = name not in getattr(owner, "__dict__", {name: None})
        """The object had no such attribute of its own, but its class has."""
        self._copies = copies

    def copies(self) -> list[tuple[Any, str]]:
        """Other objects that took the value from the first one, each with the name of its attribute."""
        return [] if self._copies is None else list(self._copies())


class Swaps:
    """What was replaced where, in order."""

    def __init__(self) -> None:
        self._done: list[Swap] = []

    def put(self, owner: Any, name: str, ours: Any, copies: Copies | None = None) -> None:
        """Put `ours` in place of `owner.name`, and in place of the same value in its `copies`.

        `copies` is asked again when this is undone: by then others may have taken our wrapper.
        """
        swap = Swap(owner, name, ours, copies)
        setattr(owner, name, ours)
        self._done.append(swap)
        for other, attribute in swap.copies():
            if getattr(other, attribute, None) is swap.original:
                setattr(other, attribute, ours)

    def any(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._done)

    def undo(self, *, copies: bool = True) -> list[str]:
        """Give every object its own value back, and those that took it from there too, unless not to.

        Returns the names of what someone has wrapped after us, where ours stays and passes everything through.
        """
        left = []
        while self._done:
            swap = self._done.pop()
            retire = getattr(type(swap.ours), "retire", None)
            try:
                if retire is not None:
                    retire(swap.ours)
                left += _give_back(swap, swap.copies() if copies else [])
            except Exception:
                note("give back")
        return left


def _give_back(swap: Swap, copies: list[tuple[Any, str]]) -> list[str]:
    owner = swap.owner()
    left = []
    if owner is not None:
        if getattr(owner, swap.name, None) is not swap.ours:
            left.append(f"{type(owner).__module__}.{type(owner).__qualname__}.{swap.name}")
        elif swap.inherited:
            delattr(owner, swap.name)
        else:
            setattr(owner, swap.name, swap.original)
    for other, attribute in copies:
        if getattr(other, attribute, None) is swap.ours:
            setattr(other, attribute, swap.original)
    return left


def _reference(owner: Any) -> Callable[[], Any]:
    """A weak one, where the object allows that: it is not for us to keep a server alive."""
    import weakref  # not at the top: processes that never serve need not load it

    try:
        reference: Callable[[], Any] = weakref.ref(owner)
    except TypeError:
        return lambda: owner
    return reference


SWAPS = Swaps()
