from __future__ import annotations

from dataclasses import replace

from leakhunt.analysis.hazards import find_hazards
from leakhunt.model.report import MemoryReport
from unit.reports.samples import LEAKING_ROUTES, MEMORY

MIB = 2**20


def memory(name: str, *, unshared: int | None = None, trimmable: int | None = None) -> MemoryReport:
    return replace(MEMORY[0], name=name, unshared=unshared, trimmable=trimmable)


def test_what_one_request_needs_for_a_moment_is_a_hazard_from_a_size_on_the_largest_first() -> None:
    routes = [
        replace(LEAKING_ROUTES[0], route=name, peak_bytes_per_request=peak, amplification=times)
        for name, peak, times in (
            ("GET /a", 33.0 * MIB, None),
            ("POST /b", 90.0 * MIB, 3.0),
            ("GET /c", 31.0 * MIB, None),
        )
    ]
    first, second = find_hazards(routes, ())
    assert (first.cause, first.subject, first.size) == ("transient-peak", "POST /b", 90 * MIB)
    assert first.text == "one request needs 90.0 MiB for a moment, 3.00 times its upload"
    assert "Stream" in first.advice
    assert second.text == "one request needs 33.0 MiB for a moment"


def test_what_workers_no_longer_share_is_one_hazard_for_all_of_them() -> None:
    (found,) = find_hazards(
        (), [memory("w1", unshared=3 * MIB), memory("w2", unshared=5 * MIB), memory("w3", unshared=9)]
    )
    assert (found.cause, found.subject, found.size) == ("copy-on-write", "w2", 8 * MIB)
    assert "gc.freeze()" in found.advice


def test_what_malloc_kept_is_one_too() -> None:
    (found,) = find_hazards((), [memory("w1", trimmable=7 * MIB), memory("w2")])
    assert (found.cause, found.size) == ("allocator-retention", 7 * MIB)
    assert "MALLOC_ARENA_MAX" in found.advice


def test_a_healthy_app_has_none() -> None:
    assert find_hazards((), [memory("w1", unshared=1000, trimmable=1000)]) == ()
