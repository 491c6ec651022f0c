from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.model.lines import LineUse
from leakhunt.samplers.lines import Entry, merge_tables

SOURCE = "def upload(request):\n    body = request.read()\n    KEPT.append(body)\n"


@pytest.fixture
def views(tmp_path: Path) -> str:
    path = tmp_path / "views.py"
    path.write_text(SOURCE)
    return str(path)


def measured(file: str, *, calls: int = 2, kept: int = 20, name: str = "shop.views:upload") -> Entry:
    lines = [[2, 30, calls], [3, kept - 30, calls]]
    return {"name": name, "file": file, "first_line": 1, "calls": calls, "kept": kept, "peak": 30, "lines": lines}


def unmeasured(problem: str, missing: str | None = None) -> Entry:
    return {"name": "shop.views:upload", "problem": problem, "missing": missing}


def test_calls_of_all_workers_are_added_up(views: str) -> None:
    (upload,) = merge_tables([[measured(views)], [measured(views, calls=1, kept=10)]]).functions
    assert (upload.name, upload.calls, upload.kept, upload.peak) == ("shop.views:upload", 3, 30, 60)
    assert upload.lines == (
        LineUse(2, "    body = request.read()", 60, 3),
        LineUse(3, "    KEPT.append(body)", -30, 3),
    )


def test_a_file_that_cannot_be_read_leaves_the_lines_without_text() -> None:
    (upload,) = merge_tables([[measured("/nowhere/views.py")]]).functions
    assert [line.source for line in upload.lines] == ["", ""]


def test_functions_that_keep_most_come_first(views: str) -> None:
    entries = [measured(views, kept=10, name="a:small"), measured(views, kept=90, name="a:big")]
    assert [function.name for function in merge_tables([entries]).functions] == ["a:big", "a:small"]


def test_a_master_that_never_imports_the_app_is_no_problem(views: str) -> None:
    table = merge_tables([[unmeasured("the target has not imported shop.views")], [measured(views)]])
    assert (len(table.functions), table.problems) == (1, ())


def test_a_function_found_nowhere_is_a_problem() -> None:
    table = merge_tables([[unmeasured("there is no function upload in shop.views")]] * 2)
    assert (table.functions, table.problems) == ((), ("shop.views:upload: there is no function upload in shop.views.",))


def test_the_process_that_imported_the_module_says_what_is_wrong() -> None:
    found = {**unmeasured("there is no function upload in shop.views"), "imported": True}
    table = merge_tables([[unmeasured("the target has not imported shop.views")], [found]])
    assert table.problems == ("shop.views:upload: there is no function upload in shop.views.",)


def test_a_function_never_called_is_a_problem(views: str) -> None:
    table = merge_tables([[measured(views, calls=0, kept=0)]])
    assert table.functions == ()
    assert table.problems == ("shop.views:upload: no request of this workload called it.",)


def test_a_target_without_memory_profiler_is_refused_with_the_line_to_install_it() -> None:
    entry = unmeasured("memory_profiler cannot be imported in the target: No module", "memory_profiler")
    with pytest.raises(TargetError, match="memory_profiler cannot be imported") as refusal:
        merge_tables([[entry]])
    assert refusal.value.exit_code == 3
    assert refusal.value.hint is not None
    assert refusal.value.hint.endswith("python -m pip install memory-profiler")
