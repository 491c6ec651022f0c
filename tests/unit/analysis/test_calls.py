from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import App, record
from leakhunt.analysis.calls import (
    Blame,
    WatchedOperation,
    blame_for_memory,
    blame_for_objects,
    is_held,
    watched_operations,
)
from leakhunt.analysis.join import Lead
from leakhunt.analysis.paths import GrowingPath, Hop
from leakhunt.analysis.sites import GrowingSite
from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.run import Phase, Round
from leakhunt.model.snapshot import Frame

SITE = "/venv/lib/python3.12/site-packages"
PACK = f"{SITE}/pack/_pack.cpython-312-x86_64-linux-gnu.so"
OTHER = f"{SITE}/other.abi3.so"
STANDARD = "/usr/lib/python3.12/lib-dynload/_ctypes.cpython-312-x86_64-linux-gnu.so"
VIEW = Frame("/srv/app/shop/views.py", 7, "export")
MAKES = Frame("/srv/app/shop/views.py", 5, "export")


def operation(file: str = PACK, function: str = "dumps", *, line: Frame = VIEW, **seen: Any) -> WatchedOperation:
    amounts: dict[str, Any] = {
        "blocks": 0.0,
        "malloc": 0.0,
        "mapped": 0.0,
        "references": 0.0,
        "callbacks": (),
        "kind": "call",
    }
    callee = Callee(file, function, called=True, package="pack-py", version="1.2.3")
    return WatchedOperation(stack=(line,), callees=(callee,), **(amounts | seen))


def lead(count: float = 100.0, *, line: Frame = MAKES, path: GrowingPath | None = None) -> Lead:
    site = GrowingSite("GET /x", "x", line, True, (((line,), 3000.0),), 3000.0, count, None)
    return Lead(path, site, 3000.0, count)


def path(*hops: tuple[str, str], count: float = 1.0) -> GrowingPath:
    chain = tuple(Hop(edge, kind, count) for edge, kind in hops)
    return GrowingPath("GET /x", "x", chain, len(chain) - 1, count, count, 3000.0, None, 3)


def named(blame: Blame | None) -> str | None:
    return None if blame is None else blame.callee.function


# --- Memory outside Python's allocators. ------------------------------------------------------------------------------


def test_where_malloc_tells_nothing_the_pages_that_an_operation_takes_speak_against_it() -> None:
    found = blame_for_memory([operation(mapped=2048.0)], "native", 2000.0)
    assert named(found) == "dumps"
    assert blame_for_memory([operation(mapped=2048.0), operation(malloc=9.0)], "native", 2000.0) is None


def test_the_operation_that_keeps_as_much_as_the_route_is_named() -> None:
    operations = [operation(function="decode", malloc=1_000_000), operation(function="size", malloc=1_700)]
    assert named(blame_for_memory(operations, "native", 1_600)) == "size"


def test_mapped_memory_is_looked_for_where_memory_was_mapped() -> None:
    operations = [operation(function="size", malloc=8_000), operation(function="switch", mapped=32_768)]
    assert named(blame_for_memory(operations, "mapped-by-interpreter-or-extension", 8_192)) == "switch"


def test_an_operation_that_keeps_little_is_not_named() -> None:
    assert blame_for_memory([operation(malloc=300)], "native", 1_600) is None
    assert blame_for_memory([], "native", 1_600) is None


def test_the_standard_library_is_named_only_where_nothing_else_fits_as_well() -> None:
    standard = operation(STANDARD, "CFuncPtr.__call__", malloc=1_600)
    assert named(blame_for_memory([standard], "native", 1_600)) == "CFuncPtr.__call__"
    assert named(blame_for_memory([standard, operation(malloc=1_640)], "native", 1_600)) == "dumps"


def test_a_result_that_lives_until_the_request_ends_does_not_hide_the_standard_library() -> None:
    standard = operation(STANDARD, "CFuncPtr.__call__", malloc=1_600)
    assert named(blame_for_memory([standard, operation(malloc=1_000)], "native", 1_600)) == "CFuncPtr.__call__"


def test_of_an_operation_and_its_callback_the_inner_one_is_named() -> None:
    inner = replace(operation(function="inner", malloc=1_600), stack=(MAKES, VIEW))
    assert named(blame_for_memory([operation(function="outer", malloc=1_600), inner], "native", 1_600)) == "inner"


def test_what_is_said_names_line_file_package_and_amount() -> None:
    blame = blame_for_memory([operation(malloc=2048)], "native", 2048)
    assert blame is not None
    assert blame.reason == (
        "views.py:7 calls into pack/_pack.cpython-312-x86_64-linux-gnu.so of pack-py 1.2.3: dumps; "
        "2.00 KiB more of malloc in use per request after it"
    )
    library, site = blame.library({}), blame.site({})
    assert (library.package, library.version, library.function) == ("pack-py", "1.2.3", "dumps")
    assert (library.file, library.shared_object) == ("pack/_pack.cpython-312-x86_64-linux-gnu.so", PACK)
    assert site is not None
    assert (site.file, site.line, site.function) == (VIEW.file, 7, "export")


def test_of_the_standard_library_the_version_is_the_interpreters() -> None:
    blame = Blame(operation(STANDARD), "")
    assert (blame.library({"python": "3.12.1"}).package, blame.library({"python": "3.12.1"}).version) == (
        "python",
        "3.12.1",
    )


# --- Objects that nothing in Python holds. ----------------------------------------------------------------------------


def test_references_that_stay_name_the_call_that_took_them() -> None:
    operations = [operation(OTHER, "first", blocks=2.0), operation(references=100.0)]
    blame = blame_for_objects(operations, lead(100.0))
    assert named(blame) == "dumps"
    assert blame is not None
    assert blame.reason.endswith("100 more references per request to what it is given after it")


def test_blocks_that_stay_name_the_call_that_made_them() -> None:
    operations = [operation(OTHER, "first", references=3.0), operation(function="decode", blocks=103.0)]
    assert named(blame_for_objects(operations, lead(100.0))) == "decode"


def test_a_constructor_refers_to_what_it_is_given_for_good_reason() -> None:
    operations = [operation(OTHER, "Reader.__init__", references=1.0), operation(function="decode", references=1.0)]
    assert named(blame_for_objects(operations, lead(1.0))) == "decode"


def test_a_constructor_keeps_what_it_fills_for_good_reason() -> None:
    operations = [operation(function="Pairs.__init__", blocks=100.0), operation(OTHER, "walk", blocks=95.0)]
    assert named(blame_for_objects(operations, lead(100.0))) == "walk"
    assert named(blame_for_objects(operations[:1], lead(100.0))) == "Pairs.__init__"


def test_a_callback_in_which_the_objects_were_made_tells() -> None:
    made = Frame("/srv/app/shop/uploads.py", 11, "Upload.read")
    reads = operation(function="Reader.read", callbacks=((made.file, "read"),))
    operations = [operation(OTHER, "first"), reads]
    assert named(blame_for_objects(operations, lead(1.0, line=made))) == "Reader.read"


def test_objects_of_its_own_types_tell() -> None:
    leak = Lead(path(("<held outside Python>", "object"), (".<object>", "pack._pack.Row")), None, 900.0, 1.0)
    assert named(blame_for_objects([operation(OTHER, "first"), operation()], leak)) == "dumps"


def test_the_only_extension_that_is_called_there_is_named_without_proof() -> None:
    blame = blame_for_objects([operation()], lead(100.0))
    assert blame is not None
    assert "more" not in blame.reason


def test_of_several_without_proof_none_is_named() -> None:
    assert blame_for_objects([operation(), operation(OTHER, "first")], lead(100.0)) is None


def test_what_is_called_elsewhere_is_not_named() -> None:
    elsewhere = Frame("/srv/app/shop/models.py", 3, "load")
    assert blame_for_objects([operation(line=elsewhere, blocks=100.0)], lead(100.0)) is None


def test_the_standard_library_is_never_named_for_objects() -> None:
    assert blame_for_objects([operation(STANDARD, blocks=100.0)], lead(100.0)) is None


def test_what_python_holds_is_held() -> None:
    assert is_held(Lead(path(("shop.views", "module"), ("._SEEN", "list")), None, 1.0, 1.0))
    assert not is_held(Lead(path(("<held outside Python>", "object"), (".<object>", "list")), None, 1.0, 1.0))
    assert not is_held(lead())


# --- From the run. ----------------------------------------------------------------------------------------------------


def test_operations_of_all_workers_are_added_up_per_request_of_their_route() -> None:
    seen = Operation((VIEW,), "call", (Callee(PACK, "dumps", called=True),), (), 10, 30, 1000, 0, 5)
    run = record(App())
    step, route = next(iter(run.routes.items()))
    run = replace(
        run,
        rounds=(
            *run.rounds,
            Round(990, Phase.CALLS, 0.0, 1.0, alone=step),
            Round(991, Phase.CALLS, 1.0, 2.0, alone="?"),
        ),
        calls=(
            CallTable("1@1", 990, 10, (seen,)),
            CallTable("2@1", 990, 10, (seen,)),
            CallTable("1@1", 991, 5, (seen,)),
        ),
    )
    (found,) = watched_operations(run, route)
    assert (found.blocks, found.malloc, found.references) == (3.0, 100.0, 0.5)


def test_nothing_watched_is_nothing_found() -> None:
    assert watched_operations(record(App()), "GET /x") == ()
