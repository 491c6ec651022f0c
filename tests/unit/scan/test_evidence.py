"""Findings that a run speaks for come first."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.model.finding import Confidence, Finding, Severity, Spot
from leakhunt.model.report import Site, Suspect
from leakhunt.model.snapshot import Frame
from leakhunt.scan.evidence import rank

FOUND = Finding(
    rule="LH103",
    message="It grows.",
    file="shop/views.py",
    line=10,
    column=1,
    end_line=11,
    function="View.post",
    source="SEEN[key] = value",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    fingerprint="f",
    subject="SEEN",
    related=(Spot("shop/views.py", 8, "made"),),
)
SUSPECT = Suspect(
    route="POST /orders",
    bytes_per_request=2048.0,
    count_per_request=1.0,
    type="dict",
    cause="python-objects",
    site=Site("/srv/app/shop/views.py", 11, "post"),
    library=None,
    stack=(Frame("/srv/app/shop/views.py", 11, "post"),),
    path="shop.views.SEEN['*']",
    path_nodes=(),
    fingerprint="s",
    origin="application",
    confidence="certain",
    reasons=(),
)
ELSEWHERE = replace(SUSPECT, path=None, site=Site("/srv/app/shop/other.py", 1, "f"), stack=())


def order(findings: list[Finding], suspect: Suspect) -> list[int]:
    return [finding.line for finding in rank(findings, [suspect])]


def test_the_line_itself_comes_before_the_function_and_that_before_the_rest() -> None:
    other = replace(FOUND, line=90, end_line=90, function="get", related=(), subject=None)
    same = replace(FOUND, line=20, end_line=20, related=(), subject=None)
    assert order([other, same, FOUND], SUSPECT) == [10, 20, 90]


def test_the_evidence_is_what_was_measured_and_where() -> None:
    (best,) = rank([FOUND], [SUSPECT])
    assert best.evidence == "+2,048 bytes per request on POST /orders, on this line"


def test_the_container_that_holds_what_leaks_is_evidence() -> None:
    (best,) = rank([FOUND], [replace(ELSEWHERE, path="shop.views.SEEN['*'].image")])
    assert best.evidence is not None
    assert "held by shop.views.SEEN" in best.evidence


def test_what_nothing_speaks_for_stays_as_it_was() -> None:
    assert rank([FOUND], [ELSEWHERE]) == (FOUND,)
    assert rank([FOUND], []) == (FOUND,)


def test_files_of_the_same_name_elsewhere_are_others() -> None:
    far = replace(SUSPECT, path=None, site=Site("/srv/app/cart/views.py", 11, "post"), stack=())
    assert rank([FOUND], [far]) == (FOUND,)
