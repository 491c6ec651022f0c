"""Finds objects by their addresses, millions at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from leakhunt.model.heap import UNKNOWN, Column

_SLOT: Final = 4
"""Bits of an address within 16 bytes, in which no two objects begin."""
_PAGE: Final = 12
_REGION: Final = 32
_IN_PAGE: Final = (1 << _PAGE - _SLOT) - 1
_IN_REGION: Final = (1 << _REGION - _PAGE) - 1


class Places:
    """A table of three levels: regions of 4 GiB, pages of 4 KiB, places of 16 bytes. A quarter of the heap's size."""

    def __init__(self, addresses: Column) -> None:
        self._addresses = np.append(addresses, np.uint64(0))  # the last is there for what is not found
        self._regions = np.unique(addresses >> np.uint64(_REGION))
        self._pages = np.zeros((len(self._regions) + 1, _IN_REGION + 1), dtype=np.int32)
        region = np.searchsorted(self._regions, addresses >> np.uint64(_REGION))
        page = (addresses >> np.uint64(_PAGE)).astype(np.int64) & _IN_REGION
        self._pages[region, page] = 1
        used = np.flatnonzero(self._pages)
        self._pages.reshape(-1)[used] = np.arange(1, len(used) + 1, dtype=np.int32)
        self._slots = np.full((len(used) + 1, _IN_PAGE + 1), UNKNOWN, dtype=np.int32)
        slot = (addresses >> np.uint64(_SLOT)).astype(np.int64) & _IN_PAGE
        self._slots[self._pages[region, page], slot] = np.arange(len(addresses), dtype=np.int32)

    def find(self, addresses: Column) -> Column:
        """The number of the object at each address, as int32; `UNKNOWN` where there is none."""
        high = addresses >> np.uint64(_REGION)
        region = np.searchsorted(self._regions, high)
        page = (addresses >> np.uint64(_PAGE)).astype(np.int64) & _IN_REGION
        slot = (addresses >> np.uint64(_SLOT)).astype(np.int64) & _IN_PAGE
        found: Column = self._slots[self._pages[region, page], slot]
        return np.where((found >= 0) & (self._addresses[found] == addresses), found, np.int32(UNKNOWN))
