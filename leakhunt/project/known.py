"""`leakhunt-known.toml`: leaks that a team has accepted for now, with a reason, an owner and a last day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from leakhunt.errors import ConfigError
from leakhunt.model.gate import KnownLeak
from leakhunt.model.report import Suspect
from leakhunt.workload.table import Table, read_document
from leakhunt.workload.toml import quoted

FILE: Final = "leakhunt-known.toml"
_HEAD: Final = "# Leaks that `leakhunt check` accepts. Each has a reason; without `expires` it is accepted for ever.\n"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why leaks are accepted, by whom, and until when."""

    reason: str
    owner: str | None = None
    expires: date | None = None


def read_known(path: Path) -> tuple[KnownLeak, ...]:
    """The leaks in a file, none if there is no such file.

    Raises:
        ConfigError: it cannot be read or has a mistake, or names a leak twice.
    """
    if not path.exists():
        return ()
    root = read_document(path).root()
    root.only("leak")
    leaks: list[KnownLeak] = []
    for table in root.tables("leak"):
        leak = _read(table)
        if any(other.fingerprint == leak.fingerprint for other in leaks):
            raise table.error("fingerprint", f"{leak.fingerprint} is listed twice", "keep one of the two")
        leaks.append(leak)
    return tuple(leaks)


def _read(table: Table) -> KnownLeak:
    table.only("fingerprint", "what", "reason", "owner", "expires")
    fingerprint = table.required("fingerprint", 'fingerprint = "..." as the report prints it')
    return KnownLeak(
        fingerprint=fingerprint,
        what=table.named("what") or fingerprint,
        reason=table.required("reason", 'reason = "mended with the next release"'),
        owner=table.named("owner"),
        expires=_day(table),
    )


def _day(table: Table) -> date | None:
    value = table.raw("expires")
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise table.error("expires", "must be a day", "write expires = 2027-01-31, without quotes")


def accept(path: Path, suspects: Iterable[Suspect], acceptance: Acceptance) -> tuple[Suspect, ...]:
    """Add suspects that are not listed yet at the end of a file, which keeps all else that stands in it.

    Raises:
        ConfigError: the file has a mistake, or cannot be written.
    """
    listed = {leak.fingerprint for leak in read_known(path)}
    new = tuple({each.fingerprint: each for each in suspects if each.fingerprint not in listed}.values())
    if new:
        before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
        text = "\n".join([before.rstrip("\n"), *(_entry(suspect, acceptance) for suspect in new)])
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", source=str(path)) from error
    return new


def _entry(suspect: Suspect, acceptance: Acceptance) -> str:
    lines = [
        "\n[[leak]]",
        f"fingerprint = {quoted(suspect.fingerprint)}",
        f"what = {quoted(' '.join(_what(suspect)))}",
        f"reason = {quoted(acceptance.reason)}",
    ]
    if acceptance.owner:
        lines.append(f"owner = {quoted(acceptance.owner)}")
    if acceptance.expires:
        lines.append(f"expires = {acceptance.expires.isoformat()}")
    return "\n".join(lines) + "\n"


def _what(suspect: Suspect) -> Sequence[str]:
    place = None if suspect.site is None else f"{suspect.site.function} in {suspect.site.file.rpartition('/')[2]}"
    return [suspect.route, suspect.path or place or suspect.cause]
