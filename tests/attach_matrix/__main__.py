"""Run what has not been run yet, or publish what was."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from attach_matrix.cells import Cell, Row
from attach_matrix.rows import CACHE, known, row_of
from attach_matrix.servers import SERVERS
from attach_matrix.table import PAGE, PYTHONS, page, store, stored
from conftest import find_attachable


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="attach_matrix")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure the cells that have not been measured on these sources")
    run.add_argument("--only", nargs="*", default=(), metavar="WORD", help="cells whose name has all these words")
    commands.add_parser("publish", help="write results.json and docs/attach.md")
    given = parser.parse_args()
    return _run(given.only) if given.command == "run" else _publish()


def cells() -> Iterator[Cell]:
    """All cells for which there is an interpreter, the Pythons in turn."""
    attachable = find_attachable()
    for python in PYTHONS:
        for server in SERVERS:
            for busy in (False, True):
                if python in attachable:
                    yield Cell(server, python, busy)


def _run(words: Sequence[str]) -> int:
    failed = 0
    for cell in cells():
        if all(word in str(cell).split() for word in words):
            row = row_of(cell)
            failed += row.installable and not row.passed
            print(f"{cell}: {_told(row)}", flush=True)
    return 1 if failed else 0


def _told(row: Row) -> str:
    if not row.installable:
        return str(row.problem)
    word, problem = "passed" if row.passed else "FAILED", "" if row.problem is None else f"; {row.problem}"
    counts = f"{row.attached} attached, {row.marked}/{row.sent} marked, {row.late} late, {row.failed} failed"
    return f"{word}: {counts}{problem}"


def _publish() -> int:
    rows = known()
    if not rows:
        print(f"Nothing has been measured on these sources yet: {CACHE}", file=sys.stderr)
        return 1
    store(rows)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page(text, stored()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
