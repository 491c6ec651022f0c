"""Comments that take a finding back: `# leakhunt: ignore[LH101]`, or `# leakhunt: ignore` for all rules."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from typing import Final

_COMMENT: Final = re.compile(r"#\s*leakhunt:\s*ignore\b(?:\s*\[([^\]]*)\])?", re.IGNORECASE)
ALL: Final = frozenset(("*",))


def suppressions(lines: Sequence[str]) -> Mapping[int, frozenset[str]]:
    """The rules that each line (from 1) takes back; `ALL` where it names none."""
    if not any("leakhunt:" in line for line in lines):
        return {}
    found = {}
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        match = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if match:
            names = frozenset(name.strip().upper() for name in (match[1] or "").split(",") if name.strip())
            found[token.start[0]] = names or ALL
    return found


def is_suppressed(rule: str, first: int, last: int, comments: Mapping[int, frozenset[str]]) -> bool:
    """Whether a comment on one of the lines `first` to `last` takes back a finding of `rule`."""
    return any(
        names is ALL or rule in names for line in range(first, last + 1) if (names := comments.get(line)) is not None
    )
