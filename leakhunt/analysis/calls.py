"""Which operation of which line leads into the extension that keeps memory: the watched calls, set against a growth.

What is found is evidence: memory is read around an operation, so that what it keeps for good and what it keeps until
the request ends look alike. Three things tell them apart: that it keeps about as much as the route does, that it leaves
as many references behind as objects are never freed, and that the objects are its own or made in a callback of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from linecache import getline
from math import log
from operator import attrgetter
from typing import Final

from leakhunt.analysis.frames import function_of, innermost_application, is_application, relative_file, short_file
from leakhunt.analysis.join import Lead
from leakhunt.model.calls import Callee, Operation
from leakhunt.model.report import Library, Site
from leakhunt.model.run import Run
from leakhunt.model.snapshot import Frame
from leakhunt.units import format_size

_C_HELD: Final = "<held outside Python>"
_CYCLES: Final = "<cycles not yet collected>"
_SHARE: Final = 0.25
"""Share of a growth that an operation has to keep to be named for it."""
_CONSTRUCTORS: Final = ("__init__", "__new__")
"""Refer to what they are given, and keep what they fill, as long as what they make lives."""
_MATCH: Final = 0.5
"""Ratio of counts from which they are taken for the same."""


@dataclass(frozen=True, slots=True)
class WatchedOperation:
    """One operation of a route, per request."""

    stack: tuple[Frame, ...]
    kind: str
    callees: tuple[Callee, ...]
    callbacks: tuple[tuple[str, str], ...]
    blocks: float
    malloc: float
    mapped: float
    references: float


@dataclass(frozen=True, slots=True)
class Blame:
    """A line that calls into an extension, and why it is named."""

    operation: WatchedOperation
    reason: str
    proven: bool = True
    """More speaks for it than that no other extension is called there."""

    @property
    def callee(self) -> Callee:
        """The function of the extension."""
        return self.operation.callees[0]

    @property
    def stack(self) -> tuple[Frame, ...]:
        """The line that calls it first."""
        return self.operation.stack

    def library(self, conditions: Mapping[str, str]) -> Library:
        """The shared object as what the memory is put down to."""
        callee = self.callee
        package = callee.package or relative_file(callee.file).split("/", 1)[0].split(".", 1)[0]
        version = callee.version
        if _is_standard(callee.file):
            package, version = "python", conditions.get("python")
        return Library(package, version, relative_file(callee.file), callee.function, callee.file)

    def site(self, conditions: Mapping[str, str]) -> Site | None:
        """The line of the application that leads there."""
        frame = innermost_application(self.stack)
        if frame is None:
            return None
        source = getline(frame.file, frame.line).strip() or None
        return Site(frame.file, frame.line, function_of(frame, self.stack), source, short_file(frame.file, conditions))


def watched_operations(run: Run, route: str) -> tuple[WatchedOperation, ...]:
    """The operations that were seen while the steps of a route ran alone, all workers together."""
    steps = {round_.index: run.routes.get(round_.alone or "", round_.alone) for round_ in run.rounds}
    tables = [table for table in run.calls if steps.get(table.round) == route]
    requests = sum(table.requests for table in tables)
    found: dict[tuple[object, ...], list[Operation]] = defaultdict(list)
    for table in tables:
        for each in table.operations:
            found[each.stack[:1], each.kind, each.callees].append(each)
    return tuple(_per_request(same, requests) for same in found.values() if requests and same[0].callees)


def is_held(lead: Lead) -> bool:
    """Whether something in Python is known to hold what has grown."""
    return lead.path is not None and lead.path.hops[0].edge != _C_HELD


def waits_for_collector(lead: Lead) -> bool:
    """Whether nothing but other such objects refers to what has grown."""
    return lead.path is not None and lead.path.hops[0].edge == _CYCLES


def blame_for_memory(operations: Sequence[WatchedOperation], cause: str, missing: float) -> Blame | None:
    """The operation that keeps about as much memory outside Python's allocators as a route does."""
    # A malloc that does not tell what is in use shows only by the pages that it takes.
    field = "malloc" if cause == "native" and any(each.malloc for each in operations) else "mapped"
    keep = attrgetter(field)
    candidates = [each for each in operations if keep(each) >= _SHARE * missing > 0]
    if not candidates:
        return None
    # What an extension is called back in has kept it, too: of two that fit alike the inner one. The standard library
    # comes last among them: it hands on what others have made.
    best = min(
        candidates,
        key=lambda each: (
            round(abs(log(keep(each) / missing)), 1),
            _is_standard(each.callees[0].file),
            -len(each.stack),
        ),
    )
    noun = "malloc in use" if field == "malloc" else "mapped memory"
    return Blame(best, f"{_calls_into(best)}; {format_size(keep(best))} more of {noun} per request after it")


def blame_for_objects(operations: Sequence[WatchedOperation], lead: Lead) -> Blame | None:
    """The operation that has most to do with objects that nothing in Python is known to hold."""
    scored = [(_score(each, lead), each) for each in operations if not _is_standard(each.callees[0].file)]
    related = [(score, each) for score, each in scored if score is not None]
    if not related:
        return None
    score, best = max(related, key=lambda pair: (pair[0].total, len(pair[1].stack)))
    alone = len({each.callees[0].file for _, each in related}) == 1
    if not (score.proven or alone):
        return None
    return Blame(best, f"{_calls_into(best)}{score.reason if score.proven else ''}", score.proven)


@dataclass(frozen=True, slots=True)
class _Score:
    total: float
    proven: bool
    reason: str


def _score(operation: WatchedOperation, lead: Lead) -> _Score | None:
    """None where an operation has nothing to do with a lead."""
    counts = [lead.site.count_per_request] if lead.site else []
    counts += [lead.path.count_per_request, lead.path.objects_per_request] if lead.path else []
    blocks = max((_match(operation.blocks, count) for count in counts), default=0.0)
    constructor, references = operation.callees[0].function.endswith(_CONSTRUCTORS), 0.0
    if not constructor:
        references = max((_match(operation.references, count) for count in counts), default=0.0)
    stack = lead.site.stack if lead.site else ()
    callback = any(_is_in(frame, *place) for place in operation.callbacks for frame in stack)
    own = lead.path is not None and any(_is_from(hop.type, operation.callees[0].file) for hop in lead.path.hops)
    line = operation.stack[0]
    near = any(_is_in(frame, line.file, line.function) for frame in stack)
    # Blocks may be freed later, references to what is there already speak more clearly.
    match = max(blocks, 2 * references)
    if not (near or callback or own) and any(map(is_application, stack)):
        return None
    reason = ""
    if references >= _MATCH and references >= blocks:
        reason = f"; {operation.references:.3g} more references per request to what it is given after it"
    elif blocks >= _MATCH:
        reason = f"; {operation.blocks:.3g} more blocks per request after it"
    elif callback:
        reason = "; it calls back what allocates the objects"
    elif own:
        reason = "; objects of its types are left behind"
    kept = (match + 0.5 * callback) * (0.5 if constructor else 1.0)
    total = kept + 0.5 * own + 0.25 * near + 0.1 * operation.callees[0].called
    return _Score(total, max(blocks, references) >= _MATCH or callback or own, reason)


def _is_in(frame: Frame, file: str, function: str) -> bool:
    """Whether a traced line is in a function. Of a line with a comprehension the tracer knows only that one's name."""
    name = frame.function.rpartition(".")[2]
    return frame.file == file and (name == function.rpartition(".")[2] or name.startswith("<"))


def _match(value: float, count: float) -> float:
    """From 0 to 1: how near two counts are."""
    return min(value, count) / max(value, count) if value > 0 and count > 0 else 0.0


def _is_from(type_: str, file: str) -> bool:
    """Whether a type says that it is defined in the module that this shared object is."""
    module = type_.rpartition(".")[0]
    return "." in type_ and f"/{module.replace('.', '/')}." in file


def _is_standard(file: str) -> bool:
    return "/lib-dynload/" in file


def _calls_into(operation: WatchedOperation) -> str:
    line, callee = operation.stack[0], operation.callees[0]
    package = f" of {callee.package} {callee.version}" if callee.package else ""
    place = f"{line.file.rpartition('/')[2]}:{line.line}"
    return f"{place} calls into {relative_file(callee.file)}{package}: {callee.function}"


def _per_request(same: Sequence[Operation], requests: int) -> WatchedOperation:
    first = same[0]
    return WatchedOperation(
        first.stack,
        first.kind,
        first.callees,
        tuple(sorted({callback for each in same for callback in each.callbacks})),
        sum(each.blocks for each in same) / requests,
        sum(each.malloc for each in same) / requests,
        sum(each.mapped for each in same) / requests,
        sum(each.references for each in same) / requests,
    )
