from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from builders import App, Kept, explain, record
from leakhunt.analysis.analyse import analyse
from leakhunt.analysis.leads import wants_calls
from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.report import Suspect
from leakhunt.model.run import Phase, Round, Run
from leakhunt.model.snapshot import Frame

EXPORT: Final = "GET /export"
MADE: Final = Frame("/srv/app/shop/views.py", 5, "export")
CALLED: Final = Frame("/srv/app/shop/views.py", 6, "export")
FILE: Final = "/venv/lib/python3.12/site-packages/pack/_pack.cpython-312-x86_64-linux-gnu.so"
OTHER: Final = "/venv/lib/python3.12/site-packages/other.abi3.so"
REQUESTS: Final = 10


def call(file: str = FILE, function: str = "dumps", line: Frame = CALLED, **kept: int) -> Operation:
    amounts: dict[str, Any] = {"blocks": 0, "malloc": 0, "mapped": 0, "references": 0} | {
        name: each * REQUESTS for name, each in kept.items()
    }
    callee = Callee(file, function, called=True, package="pack-py", version="1.2.3")
    return Operation((line,), "call", (callee,), (), count=REQUESTS, **amounts)


def watched(keeps: dict[str, float], kept: Sequence[Kept], *calls: Operation) -> Run:
    """A run whose last explain round has seen these calls."""
    run = explain(record(App(routes=(EXPORT,), keeps={EXPORT: keeps})), EXPORT, kept)
    last = Round(len(run.rounds), Phase.CALLS, 0.0, 1.0, alone=EXPORT)
    table = CallTable(run.workers[0].key, last.index, REQUESTS, calls)
    return replace(run, rounds=(*run.rounds, last), calls=(table,))


def first(run: Run) -> Suspect:
    return analyse(run).suspects[0]


def lost() -> Kept:
    """Objects that one line makes and nothing in Python holds."""
    return Kept((), per_request=100, stack=[MADE], allocated=3200)


def test_references_that_stay_move_the_blame_to_the_line_that_calls_the_extension() -> None:
    found = first(watched({"live": 3200, "blocks": 100}, [lost()], call(references=100)))
    assert (found.cause, found.origin) == ("python-objects", "library")
    assert found.site is not None
    assert found.library is not None
    assert (found.site.line, found.stack) == (6, (CALLED,))
    assert (found.library.package, found.library.version, found.library.function) == ("pack-py", "1.2.3", "dumps")
    assert found.library.shared_object == FILE
    assert found.reasons[0] == "what is left behind was made by views.py:5"


def test_an_extension_that_is_only_called_nearby_is_named_but_the_line_stays() -> None:
    found = first(watched({"live": 3200, "blocks": 100}, [lost()], call()))
    assert found.site is not None
    assert found.library is not None
    assert (found.site.line, found.library.shared_object) == (5, FILE)


def test_of_several_extensions_without_evidence_none_is_named() -> None:
    found = first(watched({"live": 3200, "blocks": 100}, [lost()], call(), call(OTHER)))
    assert found.site is not None
    assert (found.site.line, found.library) == (5, None)


def test_what_something_in_python_holds_is_not_put_down_to_an_extension() -> None:
    hops = (("shop.views", "module"), ("._SEEN", "list"), ("[*]", "shop.views.Order"))
    held = Kept(hops, size=3200, stack=[MADE], allocated=3200)
    found = first(watched({"live": 3200, "blocks": 100}, [held], call(references=100)))
    assert found.path == "shop.views._SEEN[*]"
    assert (found.library, found.origin) == (None, "application")


def test_native_memory_is_put_down_to_the_call_that_keeps_as_much() -> None:
    found = first(watched({"live": 5000}, [], call(malloc=5000), call(OTHER, "decode", malloc=1_000_000)))
    assert found.cause == "native"
    assert found.site is not None
    assert found.library is not None
    assert (found.site.line, found.library.function) == (6, "dumps")
    assert found.bytes_per_request == pytest.approx(5000, rel=0.02)


def test_native_memory_that_no_call_keeps_has_no_line() -> None:
    found = first(watched({"live": 5000}, [], call(malloc=100)))
    assert (found.cause, found.site, found.library) == ("native", None, None)


def test_further_rounds_are_wanted_only_where_nothing_holds_what_grows() -> None:
    assert wants_calls(watched({"live": 3200, "blocks": 100}, [lost()]), EXPORT)
    hops = (("shop.views", "module"), ("._SEEN", "list"), ("[*]", "shop.views.Order"))
    assert not wants_calls(watched({"live": 3200}, [Kept(hops, size=3200, stack=[MADE], allocated=3200)]), EXPORT)
