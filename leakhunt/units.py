"""Units: what `Bytes` and `Seconds` are, and how people read and write them."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Bytes: TypeAlias = int
Seconds: TypeAlias = float

_DECIMAL: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)\s*", re.IGNORECASE)
_STEPS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def parse_size(text: str) -> Bytes:
    """Bytes meant by `"300KB"`, `"1.5 MiB"`, `"2g"` or `"4096"`.

    KB, MB and GB are powers of 1000, KiB, MiB and GiB powers of 1024, as in SI and IEC 80000-13.

    Raises:
        ValueError: the text is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size; write for example 300KB, 2MB or 1.5GiB")
    number, prefix, binary, _ = match.groups()
    if binary and not prefix:
        raise ValueError(f"{text!r} is no size; write for example 300KB, 2MB or 1.5GiB")
    factors = _BINARY if binary else _DECIMAL
    return round(float(number) * factors[prefix.lower()])


def format_size(size: float, *, signed: bool = False) -> str:
    """A size to three digits (four from 1000 to 1023) and a binary unit: `41.2 KiB`, `350 MiB`, `12 B`."""
    magnitude = abs(size)
    sign = "-" if size < 0 else "+" if signed and size > 0 else ""
    for unit, factor in _STEPS:
        # From 1023.5 KiB on it would be written 1024 KiB, so it moves up one unit.
        if magnitude >= factor * 1023.5 / 1024:
            return f"{sign}{_three_digits(magnitude / factor)} {unit}"
    return f"{sign}{_three_digits(magnitude) if magnitude % 1 else f'{magnitude:.0f}'} B"


def format_duration(seconds: Seconds) -> str:
    """A duration as people say it: `850 ms`, `12.4 s`, `3 min 05 s`, `2 h 10 min`."""
    # Each bound lies where rounding would write 1000 ms or 60.0 s.
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _three_digits(value: float) -> str:
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f}"
