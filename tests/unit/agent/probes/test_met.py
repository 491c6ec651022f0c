from __future__ import annotations

from leakhunt.agent.probes.met import Met


def test_every_object_is_met_once() -> None:
    things = [object() for _ in range(10_000)]
    met = Met()
    assert [met.add(thing) for thing in things] == [True] * 10_000
    assert [met.add(thing) for thing in things] == [False] * 10_000
    assert all(map(met.has, things))


def test_what_was_not_met_is_told_from_its_neighbours() -> None:
    things = [object() for _ in range(10_000)]
    met = Met()
    for thing in things[::2]:
        met.add(thing)
    assert [met.has(thing) for thing in things] == [True, False] * 5_000
