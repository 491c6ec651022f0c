"""What is noted down of the operations that lead into extensions: one entry for each instruction."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

OWN = "<_leakhunt_agent"
_FRAMES = 20


class Entry:
    """One instruction of one code object, and what stayed after it, all times added up."""

    __slots__ = (
        "blocks",
        "callbacks",
        "callees",
        "count",
        "kind",
        "malloc",
        "mapped",
        "measured",
        "references",
        "stack",
    )

    def __init__(self, kind: str, stack: list[tuple[str, int, str]]) -> None:
        self.kind = kind
        self.stack = stack
        self.callees: dict[tuple[str, str], bool] = {}
        """(shared object, function) -> whether it was seen to be called."""
        self.callbacks: set[tuple[str, str]] = set()
        """(file, function) of Python that it called."""
        self.count = 0
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.count = self.measured = self.blocks = self.malloc = self.mapped = self.references = 0


def stack_of(frame: FrameType) -> list[tuple[str, int, str]]:
    """(file, line, function) of a frame and its callers, without ours."""
    found: list[tuple[str, int, str]] = []
    caller: Any = frame
    while caller is not None and len(found) < _FRAMES:
        code = caller.f_code
        if not code.co_filename.startswith(OWN):
            found.append((code.co_filename, caller.f_lineno or 0, code_name(code)))
        caller = caller.f_back
    return found


def code_name(code: CodeType) -> str:
    """Its qualified name, where the interpreter keeps it."""
    name: str = getattr(code, "co_qualname", code.co_name)
    return name


def row(entry: Entry) -> dict[str, Any]:
    """What the controller is told. Where something was seen to be called, what is only named does not count."""
    seen = any(entry.callees.values())
    callees = [(file, function, called) for (file, function), called in entry.callees.items() if called or not seen]
    return {
        "stack": entry.stack,
        "operation": entry.kind,
        "callees": callees,
        "callbacks": sorted(entry.callbacks),
        "count": entry.count,
        "blocks": entry.blocks,
        "malloc": entry.malloc,
        "mapped": entry.mapped,
        "references": entry.references,
    }
