from __future__ import annotations

from leakhunt.hunt.clock import start_clock


def test_a_clock_starts_at_nought_and_never_goes_back() -> None:
    clock = start_clock()
    first, second = clock(), clock()
    assert 0 <= first <= second
    later = start_clock()
    assert later() <= clock()
