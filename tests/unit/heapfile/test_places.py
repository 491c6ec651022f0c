"""Objects by address, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.heapfile.places import Places
from leakhunt.model.heap import UNKNOWN

SLOTS = st.integers(0, 2**10).map(lambda slot: slot * 16)
REGIONS = st.sampled_from([0x5500_0000_0000, 0x7F00_0000_0000, 0x7F00_FFFF_F000, 0x7FFF_0000_0008])
ADDRESSES = st.builds(lambda region, slot: region + slot, REGIONS, SLOTS)


@given(st.sets(ADDRESSES, max_size=60), st.lists(ADDRESSES, max_size=60))
@settings(max_examples=40, deadline=None)
def test_an_object_is_found_where_it_begins_and_nowhere_else(there: set[int], asked: list[int]) -> None:
    addresses = sorted(there, key=lambda address: address % 4099)
    expected = {address: number for number, address in enumerate(addresses)}
    questions = [*asked, *addresses, *(address + 8 for address in addresses[:5] if address + 8 not in expected)]
    found = Places(np.array(addresses, dtype=np.uint64)).find(np.array(questions, dtype=np.uint64))
    assert found.tolist() == [expected.get(address, UNKNOWN) for address in questions]
