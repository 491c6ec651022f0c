"""What a look at source code finds. A finding is static: nothing of it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How bad it is if the finding is true."""

    HIGH = "high"
    """Memory grows until the process dies, or a single request can take all of it."""
    MEDIUM = "medium"
    """Memory or descriptors are kept that nobody needs, for as long as something else decides."""
    LOW = "low"
    """Memory goes later than it could."""


class Confidence(str, Enum):
    """How often findings of this kind are true; docs/reference/rules.md has what was counted."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class RuleNote:
    """What is said of a rule wherever its findings are shown."""

    name: str
    """`LH101`."""
    title: str
    """A short sentence without its full stop, which is also the heading in the docs after the name."""
    severity: Severity
    confidence: Confidence
    advice: str
    """What to do instead."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A line that has to do with a finding."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule objects to."""

    rule: str
    message: str
    file: str
    """With forward slashes; relative to the directory that leakhunt was run in wherever the file is below it."""
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    end_line: int
    function: str
    """Qualified name of what the line stands in; `<module>` outside of functions and classes."""
    source: str
    """The line itself, without its indentation."""
    severity: Severity
    confidence: Confidence
    fingerprint: str
    """Equal for the same finding after lines have shifted."""
    subject: str | None = None
    """The container or name that it is about, where it is about one."""
    related: tuple[Spot, ...] = ()
    evidence: str | None = None
    """What a recorded run measured there; None where it was not asked or has nothing."""


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A file that could not be looked at, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """All that a scan has to say."""

    findings: tuple[Finding, ...]
    """By file and line, or the best evidence first."""
    files: int
    lines: int
    suppressed: int
    """Findings that a comment in the code takes back."""
    problems: tuple[ScanProblem, ...]
    rules: tuple[RuleNote, ...]
    """Those that were looked for."""
