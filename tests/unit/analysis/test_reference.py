"""A run as a reference, and what makes a later one less comparable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.reference import kept_types, reference_of, unlike
from leakhunt.model.reference import Reference
from leakhunt.model.report import Report
from leakhunt.model.run import Phase
from unit.reports.comparison_samples import proven, run_of
from unit.reports.samples import CLEAN, COURSE, IMAGE, LEAK

LEAKY = App(routes=("GET /a", "POST /b"), keeps={"POST /b": {"live": 20_000}})


def reference(report: Report = LEAK) -> Reference:
    return reference_of(run_of(report), proven(report), "earlier")


def test_the_doses_of_every_block_are_kept_in_the_order_they_were_sent() -> None:
    run = record(LEAKY, blocks=2)
    found = reference_of(run, analyse(run), "here")
    for step in run.routes:
        sent = [each.doses[step] for each in run.rounds if each.phase is Phase.DOSE]
        assert [dose for block in found.doses[step] for dose in block] == sent
        assert len(found.doses[step]) == 2
    assert found.seed == run.plan.seed


def test_types_are_those_that_a_leaking_route_keeps() -> None:
    found = reference()
    assert found.routes[IMAGE].types == {"PIL.Image.Image": 1.0}
    assert found.routes[COURSE].types == {}
    assert reference(CLEAN).routes[IMAGE].types == {}


def test_a_type_counts_with_all_its_holders_and_not_where_nothing_is_known_of_it() -> None:
    (suspect,) = [each for each in LEAK.suspects if each.route == IMAGE]
    vague = replace(suspect, confidence="weak", type="dict")
    assert kept_types([suspect, suspect, vague], IMAGE) == {"PIL.Image.Image": 2.0}


def test_a_patch_version_and_another_machine_make_no_difference() -> None:
    conditions = {**LEAK.conditions, "python": "CPython 3.11.99", "kernel": "Linux 7.0", "cores": "64"}
    slower = replace(LEAK, conditions=conditions, duration=LEAK.duration * 9)
    assert list(unlike(reference(), reference(slower))) == []


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"python": "CPython 3.12"}, "other-python", "Python: 3.11 in the reference, CPython 3.12 now"),
        ({"allocator": "jemalloc"}, "other-allocator", "in the reference, jemalloc now"),
        ({"seed": 8}, "other-seed", "seed: 7 in the reference, 8 now"),
    ],
)
def test_what_makes_them_less_comparable_is_said(change: dict[str, object], code: str, text: str) -> None:
    now = replace(reference(), **change)  # type: ignore[arg-type]  # names of fields
    (caveat,) = unlike(reference(), now)
    assert caveat.code == code
    assert text in caveat.text


def test_doses_may_come_in_any_order_and_be_fewer_but_not_others() -> None:
    def with_doses(*blocks: tuple[int, ...]) -> Reference:
        route = replace(reference().routes[IMAGE], doses={"image": blocks})
        return replace(reference(), routes={IMAGE: route})

    earlier = with_doses((2, 3, 5), (7, 11, 13))
    assert list(unlike(earlier, with_doses((5, 2, 3)))) == []
    (caveat,) = unlike(earlier, with_doses((5, 2, 3), (7, 11, 17)))
    assert caveat.code == "other-doses"
    assert "image" in caveat.text
