"""Each seeded leak and each trap differs from all other cases; no app is imported for that."""

from __future__ import annotations

from collections import defaultdict

import pytest

from leakbench.case import Case, load_cases

CASES = (*load_cases(), *load_cases(held_out=True))
OURS = tuple(case for case in CASES if case.name.startswith(("seeded-", "trap-")))


def place(case: Case) -> tuple[object, ...]:
    """Where a case stands: holder, signal, trigger and server."""
    server = " ".join(case.command) or case.server
    return case.axes, server, case.workers, case.threads


def test_no_seeded_leak_or_trap_stands_where_another_case_does() -> None:
    names = defaultdict(list)
    for case in CASES:
        names[place(case)].append(case.name)
    doubled = [sorted(names[place(case)]) for case in OURS if len(names[place(case)]) > 1]
    assert not doubled


def test_there_are_seeded_leaks_and_traps_of_enough_kinds() -> None:
    assert sum(case.origin == "seeded" for case in OURS) >= 36
    assert sum(case.origin == "trap" for case in OURS) >= 14


@pytest.mark.parametrize("origin", ["seeded", "trap"])
def test_a_third_of_each_is_set_aside(origin: str) -> None:
    aside = [case.held_out for case in OURS if case.origin == origin]
    assert sum(aside) == len(aside) // 3


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.name)
def test_the_sides_are_one_app_under_two_settings(case: Case) -> None:
    leaky, fixed = case.sides
    assert leaky.requirements == fixed.requirements
    assert leaky.env != fixed.env


@pytest.mark.parametrize("case", [case for case in OURS if case.origin == "seeded"], ids=lambda case: case.name)
def test_a_seeded_leak_says_what_leaks_and_where(case: Case) -> None:
    leaky, fixed = case.sides
    assert "LEAK" in leaky.verdicts
    assert leaky.causes
    assert leaky.culprit.known
    assert fixed.verdicts == ("CLEAN",)


@pytest.mark.parametrize("case", [case for case in OURS if case.origin == "trap"], ids=lambda case: case.name)
def test_a_trap_is_no_leak_on_either_side(case: Case) -> None:
    assert not any("LEAK" in side.verdicts for side in case.sides)
