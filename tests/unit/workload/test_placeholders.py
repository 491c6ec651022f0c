from __future__ import annotations

from leakhunt.workload.placeholders import Placeholders

FILL = Placeholders(n=3, seed=7)


def test_fills_in_both_and_leaves_every_other_brace_alone() -> None:
    assert FILL.text('{"a": {n}, "b": "{seed}", "c": {x}, "d": {}}') == '{"a": 3, "b": "7", "c": {x}, "d": {}}'
    assert FILL.data(b"{n}\xff{seed}{x}") == b"3\xff7{x}"


def test_fills_in_values_at_every_depth_but_no_names() -> None:
    assert FILL.texts({"{n}": "{n}"}) == {"{n}": "3"}
    assert FILL.json({"{n}": ["{n}", {"a": "x{seed}"}], "b": 1.5, "c": None, "d": True}) == {
        "{n}": ["3", {"a": "x7"}],
        "b": 1.5,
        "c": None,
        "d": True,
    }
