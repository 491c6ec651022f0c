"""Which objects were met, in little memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    _Pages = Dict[int, bytearray]
else:
    _Pages = dict

PAGE = 18
"""Bits of an address within one page."""
IN_PAGE = (1 << PAGE - 4) - 1


class Met(_Pages):
    """One byte for every 16 bytes of address space, in pages that are made as they are needed.

    No two objects begin in the same 16 bytes. A set of a million addresses takes 100 MB; this takes a sixteenth of
    the heap and is no slower. Loops over the whole heap do by themselves what `add` does.
    """

    def __missing__(self, number: int) -> bytearray:
        page = self[number] = bytearray(IN_PAGE + 1)
        return page

    def has(self, thing: Any) -> bool:
        """Whether it was met."""
        return self[id(thing) >> PAGE][id(thing) >> 4 & IN_PAGE] != 0

    def add(self, thing: Any) -> bool:
        """Meet it; whether this is the first time."""
        page, position = self[id(thing) >> PAGE], id(thing) >> 4 & IN_PAGE
        new = page[position] == 0
        page[position] = 1
        return new
