"""What a request is made of, part by part, so that parts can be left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from leakhunt.units import format_size
from leakhunt.workload.sanitize import shown_path
from leakhunt.workload.scenario import Step, Workload

Kind: TypeAlias = Literal["header", "query", "field", "file", "JSON key", "body"]

_NEED_A_BODY: Final = ("malformed", "truncated")
"""Faults of a request that has one."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a request could do without."""

    step: str
    kind: Kind
    name: str
    """Of the field, header or key; empty for a body that is sent as it is."""
    place: int
    """Among those of its kind: two files may have the same field."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


def parts_of(step: Step) -> Iterator[Part]:
    """All parts of one kind of request, in the order in which they are sent."""
    kinds: tuple[tuple[Kind, Collection[str]], ...] = (
        ("query", _query(step)),
        ("header", tuple(step.headers)),
        ("field", tuple(step.form)),
        ("file", tuple(part.field for part in step.files)),
        ("JSON key", tuple(step.json) if isinstance(step.json, Mapping) else ()),
        ("body", () if step.body is None else ("",)),
    )
    for kind, names in kinds:
        for place, name in enumerate(names):
            yield Part(step.name, kind, name, place)


def with_parts(workload: Workload, kept: Collection[Part]) -> Workload:
    """The workload with no other parts in its repeated steps than these."""
    steps = (step if step.once else _with(step, frozenset(kept)) for step in workload.steps)
    return replace(workload, steps=tuple(steps))


def described(step: Step) -> str:
    """What a request is, in a line without values: `POST /photos with field caption, file photo (image, 64 KiB)`."""
    sent = [_told(step, part) for part in parts_of(step) if part.kind not in ("query", "header")]
    how = [f"{step.fault} on purpose"] if step.fault else []
    what = f"{step.method} {shown_path(step.path)}"
    return ", ".join((f"{what} with {sent[0]}", *sent[1:], *how) if sent else (what, *how))


def is_sound(workload: Workload) -> bool:
    """Whether it can be replayed: there is a step to repeat, and a request that is to be broken has what can break."""
    broken = (step for step in workload.steps if step.fault in _NEED_A_BODY)
    return bool(workload.dosed) and all(step.has_body for step in broken)


def _told(step: Step, part: Part) -> str:
    if part.kind != "file":
        return str(part)
    file = step.files[part.place]
    return f"{part} ({file.kind}, {format_size(file.size.high)})"


def _with(step: Step, kept: frozenset[Part]) -> Step:
    mine = {(part.kind, part.place) for part in kept if part.step == step.name}
    base, mark, _ = step.path.partition("?")
    query = [pair for place, pair in enumerate(_pairs(step)) if ("query", place) in mine]
    return replace(
        step,
        path=f"{base}{mark}{'&'.join(query)}".rstrip("?") if mark else step.path,
        headers=_some(step.headers, "header", mine),
        form=_some(step.form, "field", mine),
        files=tuple(part for place, part in enumerate(step.files) if ("file", place) in mine),
        json=_some(step.json, "JSON key", mine) if isinstance(step.json, Mapping) else step.json,
        body=step.body if ("body", 0) in mine else None,
    )


def _some(table: Mapping[str, Any], kind: Kind, mine: Collection[tuple[Kind, int]]) -> dict[str, Any]:
    return {name: value for place, (name, value) in enumerate(table.items()) if (kind, place) in mine}


def _query(step: Step) -> tuple[str, ...]:
    return tuple(pair.partition("=")[0] for pair in _pairs(step))


def _pairs(step: Step) -> list[str]:
    query = step.path.partition("?")[2]
    return query.split("&") if query else []
