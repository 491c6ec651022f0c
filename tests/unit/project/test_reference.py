"""The file that a later check compares with."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from leakhunt.analysis.reference import reference_of
from leakhunt.errors import ConfigError
from leakhunt.model.reference import Reference
from leakhunt.model.report import BackgroundReport, Report, Verdict
from leakhunt.project.reference import read_reference, write_reference
from unit.reports.comparison_samples import proven, run_of
from unit.reports.samples import BOUNDED, CLEAN, IMAGE, INCONCLUSIVE, LEAK, NASTY, VIDEO, hollow, nasty

FILE = "leakhunt-reference.toml"
GOOD = """schema = 1
seed = 7
python = "CPython 3.11"
allocator = "glibc"
[routes."GET /"]
verdict = "CLEAN"
kept = [0, 0, 12]
"""


def reference(report: Report = LEAK) -> Reference:
    return reference_of(run_of(report), proven(report), FILE)


def written(found: Reference, directory: Path) -> Reference:
    write_reference(directory / FILE, found)
    return read_reference(directory / FILE)


@pytest.mark.parametrize("report", [LEAK, CLEAN, BOUNDED, INCONCLUSIVE, hollow()])
def test_what_is_written_is_read_back(report: Report, tmp_path: Path) -> None:
    before, after = reference(report), written(reference(report), tmp_path)
    assert (after.seed, after.python, after.allocator) == (before.seed, before.python, before.allocator)
    assert (after.doses, after.routes.keys()) == (before.doses, before.routes.keys())
    for name, route in before.routes.items():
        one, other = route.report, after.routes[name].report
        assert (other.verdict, other.signals, other.bytes_per_request_basis) == (
            *(one.verdict, one.signals),
            one.bytes_per_request_basis,
        )
        assert other.bytes_per_request == (one.bytes_per_request and pytest.approx(one.bytes_per_request, rel=1e-3))
        assert {each.signal for each in other.growths} == {each.signal for each in one.growths}
        assert after.routes[name].types == route.types


def test_the_file_is_the_same_whatever_order_things_come_in_and_ever_after(tmp_path: Path) -> None:
    found = reference()
    write_reference(tmp_path / "one.toml", found)
    write_reference(tmp_path / "two.toml", replace(found, routes=dict(reversed(list(found.routes.items())))))
    write_reference(tmp_path / "three.toml", written(found, tmp_path))
    texts = {(tmp_path / f"{name}.toml").read_text() for name in ("one", "two", "three")}
    assert len(texts) == 1


def test_a_change_of_one_route_changes_its_lines_alone(tmp_path: Path) -> None:
    write_reference(tmp_path / "before.toml", reference())
    routes = (
        replace(LEAK.routes[0], bytes_per_request=5e6, bytes_per_request_interval=(4.9e6, 5.1e6)),
        *LEAK.routes[1:],
    )
    write_reference(tmp_path / "after.toml", reference(replace(LEAK, routes=routes)))
    before, after = ((tmp_path / f"{name}.toml").read_text().splitlines() for name in ("before", "after"))
    changed = [line for line in after if line not in before]
    assert changed == ["kept = [5000000, 4900000, 5100000]"]


def test_nothing_of_the_machine_stands_in_it(tmp_path: Path) -> None:
    write_reference(tmp_path / FILE, reference())
    text = (tmp_path / FILE).read_text()
    assert not [word for word in ("kernel", "3.11.7", str(tmp_path), "gunicorn", "duration", "cores") if word in text]


def test_what_grows_with_time_and_open_intervals_survive(tmp_path: Path) -> None:
    background = BackgroundReport(Verdict.LEAK, (), 30.0, 5_000.0, (4_900.0, inf), "live")
    found = written(replace(reference(), background=background), tmp_path).background
    assert found is not None
    assert (found.verdict, found.bytes_per_second, found.interval, found.basis) == (
        *(Verdict.LEAK, 5_000.0),
        *((4_900.0, inf), "live"),
    )


def test_whatever_routes_are_called_the_file_can_be_read(tmp_path: Path) -> None:
    assert written(reference(nasty()), tmp_path).routes.keys() == reference(nasty()).routes.keys()
    for name in NASTY:
        found = replace(reference(), routes={name: reference().routes[IMAGE]})
        assert written(found, tmp_path).routes.keys() == {name}


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (GOOD.replace("schema = 1", "schema = 9"), 1, "schema: is no reference of schema 1"),
        (GOOD.replace("schema = 1\n", ""), None, "is no reference of schema 1"),
        (GOOD.replace("seed = 7\n", ""), None, "`seed` is missing"),
        (GOOD.replace("seed = 7", "seed = -1"), 2, "seed"),
        (GOOD.partition("[")[0], None, "`routes` is missing"),
        (GOOD.replace('"CLEAN"', '"FINE"'), 6, "verdict: must be one of"),
        (GOOD.replace('verdict = "CLEAN"\n', ""), 5, "`verdict` is missing"),
        (GOOD.replace("[0, 0, 12]", '"12"'), 7, "must be a number, or a number and both ends"),
        (GOOD.replace("[0, 0, 12]", "[0, 12, 1]"), 7, "ends before it begins"),
        (GOOD.replace("[0, 0, 12]", "[nan, 0, 1]"), 7, "must be a number"),
        (GOOD + "doses = { step = [[2, 0]] }\n", 8, "must be lists of requests per round"),
        (GOOD + "growth = { live = [1] }\n", 8, "has no interval"),
        (GOOD + "keeps = 1\n", 8, "unknown key"),
        ("a = [", 1, "no valid TOML"),
    ],
)
def test_a_mistake_has_its_line_and_a_way_out(text: str, line: int | None, sentence: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_reference(tmp_path / FILE)
    assert sentence in caught.value.message
    assert line is None or caught.value.line == line


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_reference(tmp_path / "missing" / FILE, reference())


def test_the_types_that_a_route_keeps_stand_in_it(tmp_path: Path) -> None:
    assert written(reference(), tmp_path).routes[VIDEO].types == {"bytes": 1.0}
