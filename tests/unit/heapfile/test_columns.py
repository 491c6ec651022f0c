"""Columns of numbers, packed and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.errors import RunFileError
from leakhunt.heapfile.columns import pack, skip, unpack

SMALL = st.lists(st.integers(0, 2**63 - 1), max_size=50)
ADDRESSES = st.lists(st.integers(0, 2**64 - 1), max_size=50)


@given(SMALL, ADDRESSES)
@settings(max_examples=200, deadline=None)
def test_what_was_packed_comes_back_one_column_after_the_other(numbers: list[int], addresses: list[int]) -> None:
    packed = pack(np.array(numbers, dtype=np.uint64))
    data = packed + pack(np.array(addresses, dtype=np.uint64), differences=True)
    first, offset = unpack(data, 0)
    assert (first.tolist(), offset, skip(data, 0)) == (numbers, len(packed), len(packed))
    second, offset = unpack(data, offset)
    assert (second.astype(np.uint64).tolist(), offset) == (addresses, len(data))


def test_addresses_that_lie_beside_each_other_take_hardly_any_room() -> None:
    addresses = np.arange(100_000, dtype=np.uint64) * np.uint64(64) + np.uint64(0x7F1234567890)
    assert len(pack(addresses, differences=True)) < 4_000


@given(st.binary(max_size=60), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused(noise: bytes, cut: int) -> None:
    packed = pack(np.arange(1000, dtype=np.int64))
    with pytest.raises(RunFileError):
        unpack(packed[: min(cut, len(packed) - 1)], 0)
    try:
        unpack(noise, 0)
    except RunFileError:
        return


def test_a_column_that_inflates_to_more_than_it_says_is_refused() -> None:
    packed = bytearray(pack(np.arange(1000, dtype=np.int64)))
    packed[2] -= 1  # says that it has fewer values
    with pytest.raises(RunFileError, match="length"):
        unpack(bytes(packed), 0)
