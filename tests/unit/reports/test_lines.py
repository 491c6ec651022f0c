from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.model.lines import FunctionUse, LineTable, LineUse
from leakhunt.reports.lines import WIDTH, render

MIB = 2**20


def use(
    name: str = "site.views:upload", *, calls: int = 10, kept: int = 35 * MIB, peak: int = 3500 * MIB
) -> FunctionUse:
    lines = (
        LineUse(12, "        body = request.read()", 3500 * MIB, calls),
        LineUse(13, "        if body:", 0, calls),
        LineUse(14, "\t\tKEPT.append(body[:100])", -3465 * MIB, 7),
    )
    return FunctionUse(name, "/srv/site/views.py", 11, calls, kept, peak, lines)


def test_each_function_shows_what_a_call_keeps_and_its_peak() -> None:
    assert render(LineTable((use(),), ())).splitlines()[:2] == [
        "function           kept per call  peak per call  calls",
        "site.views:upload      +3.50 MiB       +350 MiB     10",
    ]


def test_each_line_shows_its_share_of_a_call_in_mebibytes_and_its_source_outdented() -> None:
    assert render(LineTable((use(),), ())).splitlines()[3:] == [
        "site.views:upload  /srv/site/views.py:11",
        "line  MiB per call  runs  source",
        "  12      +350.000    10  body = request.read()",
        "  13             0    10  if body:",
        "  14      -346.500     7  KEPT.append(body[:100])",
    ]


def test_functions_stay_in_the_order_of_the_table() -> None:
    text = render(LineTable((use("a:big"), use("a:small", kept=0)), ()))
    assert [line.split()[0] for line in text.splitlines()[1:3]] == ["a:big", "a:small"]


def test_what_was_not_measured_and_what_to_know_are_sentences_at_the_end() -> None:
    table = LineTable((use(),), ("a:b: there is no function b in a.",), ("the load was stopped early",))
    assert render(table).splitlines()[-3:] == [
        "Not measured: a:b: there is no function b in a.",
        "",
        "Caveat: the load was stopped early.",
    ]


@pytest.mark.parametrize("width", [60, 80, WIDTH])
def test_no_line_of_a_table_is_wider_than_the_terminal(width: int) -> None:
    long = FunctionUse(
        name=f"{'package.' * 12}views:{'Long' * 12}.method",
        file=f"/{'directory/' * 20}views.py",
        first_line=99_990,
        calls=100_000,
        kept=-1000 * MIB * 100_000,
        peak=1000 * MIB * 100_000,
        lines=(LineUse(99_999, "x = " + "y" * 300, 9999 * MIB * 100_000, 9_999_999),),
    )
    lines = render(LineTable((long,), ()), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "Long.method" in lines[1]
    assert lines[-1].endswith("yyy\N{HORIZONTAL ELLIPSIS}")


def test_a_file_below_the_current_directory_is_shown_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function = FunctionUse("a:b", str(tmp_path / "site/a.py"), 1, 1, 0, 0, ())
    assert "a:b  site/a.py:1" in render(LineTable((function,), ())).splitlines()


def test_source_cannot_steer_the_terminal() -> None:
    function = FunctionUse("a:b", "/a.py", 1, 1, 0, 0, (LineUse(1, "x = '\x1b[31m'", 0, 1),))
    assert "x = '\\x1b[31m'" in render(LineTable((function,), ()))
