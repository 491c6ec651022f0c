"""GitLab's Code Quality report: one entry for each suspect at its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from leakhunt.model.gate import Check, Gate, Outcome
from leakhunt.model.report import Suspect
from leakhunt.reports.gate import sentence
from leakhunt.reports.located import located


def render(gate: Gate, root: Path) -> str:
    """The whole file; files are named as seen from `root`."""
    entries = {str(entry["fingerprint"]): entry for entry in _entries(gate, root)}
    return json.dumps(list(entries.values()), indent=1, ensure_ascii=False) + "\n"


def _entries(gate: Gate, root: Path) -> Iterator[dict[str, object]]:
    for check in gate.of(Outcome.FAILED):
        for suspect in check.suspects:
            place = located(suspect, root)
            if place is not None:
                yield {
                    "description": sentence(check),
                    "check_name": f"leakhunt-{check.limit}",
                    "fingerprint": _print(check, suspect),
                    "severity": "critical" if suspect is check.suspects[0] else "major",
                    "location": {"path": place.file, "lines": {"begin": place.line}},
                }


def _print(check: Check, suspect: Suspect) -> str:
    """Stable while the bug is the same: neither number nor line is part of it."""
    return hashlib.sha256(f"{check.route}\0{check.limit}\0{suspect.fingerprint}".encode()).hexdigest()[:40]
