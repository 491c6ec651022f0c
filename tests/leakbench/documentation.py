"""Writes tables into docs/accuracy.md, between marks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from leakbench.case import CASES, load_cases
from leakbench.tables import of_cases

PAGE: Final = Path(__file__).parents[2] / "docs" / "accuracy.md"


def with_part(page: str, part: str, text: str) -> str:
    """The page with what stands between the marks of a part replaced.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- leakbench: {part} -->\n", f"<!-- /leakbench: {part} -->"
    found = re.search(re.escape(begin) + r".*?" + re.escape(end), page, flags=re.DOTALL)
    if found is None:
        raise ValueError(f"there are no marks for {part!r}")
    return page[: found.start()] + f"{begin}\n{text.rstrip()}\n\n{end}" + page[found.end() :]


def case_tables(directory: Path = CASES) -> str:
    """The cases by their origin."""
    cases = (*load_cases(directory), *load_cases(directory, held_out=True))
    titles = {
        "release": "Bugs of released packages",
        "application": "Mistakes of applications",
        "trap": "Traps: they look like leaks for a while",
        "seeded": "Seeded leaks, each with its cure",
    }
    parts = [
        f"### {title}\n\n{of_cases(case for case in cases if case.origin == origin)}"
        for origin, title in titles.items()
        if any(case.origin == origin for case in cases)
    ]
    return "\n".join(parts)


def update(part: str, text: str, page: Path = PAGE) -> None:
    """Replace a part of the page on disk."""
    page.write_text(with_part(page.read_text(encoding="utf-8"), part, text), encoding="utf-8")
