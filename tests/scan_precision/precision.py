"""How often findings of `leakhunt scan` are true, by the labels in labels.tsv; and whether the rules still find them.

    python tests/scan_precision/precision.py                 the figures of docs/commands/scan.md
    python tests/scan_precision/precision.py DIRECTORY       also scans DIRECTORY/<project>, unpacked, and compares

A finding is labelled true if what it says holds in that code, in a process that serves: the reason says why.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.scan.registry import RULES
from leakhunt.scan.scanning import scan

LABELS: Final = Path(__file__).with_name("labels.tsv")


@dataclass(frozen=True)
class Label:
    """One finding, read by a person together with the code around it."""

    project: str
    version: str
    file: str
    line: str
    rule: str
    confidence: str
    fingerprint: str
    label: str
    reason: str


def read_labels(path: Path = LABELS) -> list[Label]:
    """All labels, in the order of the file."""
    with path.open(newline="") as file:
        return [Label(**row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def precision(labels: Iterable[Label]) -> tuple[int, int]:
    """How many are true, of how many."""
    counts = Counter(label.label for label in labels)
    return counts["true"], counts.total()


def table(labels: list[Label]) -> Iterator[str]:
    """Rows of a Markdown table: all, by confidence, by rule."""
    yield "| findings | true | of | |"
    yield "|---|---|---|---|"
    groups = {"all": labels}
    for confidence in ("high", "medium", "low"):
        groups[f"of {confidence} confidence"] = [label for label in labels if label.confidence == confidence]
    for rule in RULES:
        groups[rule.name] = [label for label in labels if label.rule == rule.name]
    for name, group in groups.items():
        if group:
            true, total = precision(group)
            yield f"| {name} | {true} | {total} | {true / total:.0%} |"


def compare(labels: list[Label], directory: Path) -> Iterator[str]:
    """What has changed since the labels were given."""
    for project in sorted({label.project for label in labels}):
        known = {label.fingerprint: label for label in labels if label.project == project}
        top = directory / project
        if not top.is_dir():
            yield f"{project}: not there"
            continue
        found = {finding.fingerprint: finding for finding in scan([top], RULES, below=top).findings}
        yield from (
            f"{project}: not found any more: {known[each].file}:{known[each].line}" for each in known.keys() - found
        )
        yield from (f"{project}: not labelled: {found[each].file}:{found[each].line}" for each in found.keys() - known)


if __name__ == "__main__":
    print("\n".join(table(read_labels())))
    if len(sys.argv) > 1:
        print("\n".join(compare(read_labels(), Path(sys.argv[1]).absolute())))
