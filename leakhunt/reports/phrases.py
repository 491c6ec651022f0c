"""The words and figures that every format shares, so that all of them say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from leakhunt.model import split
from leakhunt.model.report import (
    Holding,
    Hotspot,
    Interval,
    Judgement,
    MemoryPart,
    MemoryReport,
    Report,
    RouteEvidence,
    RouteReport,
    Site,
    Suspect,
    Verdict,
)
from leakhunt.model.reproduction import Reproduction
from leakhunt.model.run import NATURAL, Cost
from leakhunt.units import format_duration, format_size

EVIDENCE: Final = (
    "What each route kept in the verdict rounds, with what other routes kept in the same rounds taken out; last the "
    "rounds of its last block, the fewest requests first. More requests that keep more, and each the same, are no "
    "accident. Where uploads differ in size, what they keep may."
)

ALREADY_THERE: Final = (
    "What the process had before leakhunt's first request, by the bytes that are met first below each holder on the "
    "shortest ways from modules and threads. That it was there does not make it a leak; what has come to it since may."
)

NOT_MEASURED: Final = "\N{EN DASH}"

MEMORY_PARTS: Final[Mapping[str, str]] = {
    split.OBJECTS: "Python objects",
    split.ARENA_FREE: "free inside Python's arenas",
    split.NATIVE: "native memory in use",
    split.MALLOC_FREE: "malloc's free lists",
    split.STACKS: "thread stacks",
    split.FILES: "file and shared mappings",
    split.MAPPED: "mapped, in no allocator",
    split.REST: "unexplained",
    split.SHARED: "shared since a fork",
    "rss": "RSS",
}

_TRIFLE: Final = 1000
"""What is smaller than this fraction of the RSS is left out where people read."""
_PEAKS: Final = 4
"""Routes whose peaks are worth a place on the first screen; the table has all of them."""

HEADLINES: Final[Mapping[Verdict, str]] = {
    Verdict.LEAK: "What requests leave behind adds up, and nothing stops it.",
    Verdict.CLEAN: "No leak: no request leaves as much behind as the budget allows.",
    Verdict.BOUNDED: "Memory grew and then stopped at a cap: a hazard by its size, not a leak.",
    Verdict.INCONCLUSIVE: "This run proves neither a leak nor its absence.",
    Verdict.SUSPECTED: "Memory rose while it was watched. That is no proof of a leak.",
    Verdict.NOT_SEEN: "No growth was seen while it was watched. That is no proof that there is no leak.",
}

GLOSSARY: Final[Mapping[str, str]] = {
    "Bytes per request": "Bytes that are still in use after a request is over and garbage is collected. "
    "They add up: 1 MiB per request is 1 GiB after a thousand requests.",
    "Interval": "The range that holds the true figure with 99 % confidence. One that reaches 0 proves no growth.",
    "Kept and transient": "Kept memory stays and is a leak. Transient memory is needed while a request runs and is "
    "given back: it sets how much memory a worker must have, not how long it will last.",
    "Amplification": "Peak bytes per uploaded byte. 0 means that uploads stream to disk, 1 that the whole file was in "
    "memory once, 3 that it was there three times.",
    "Line": "The innermost line of the application in the stack that allocated what stays.",
    "Holder": "The path from a module or a thread to what stays, written as Python would. [*] is any index or key. "
    "To stop the leak, this reference has to go.",
    "RSS and USS": "RSS is the memory the kernel gives a process. USS is the part that no other process shares. "
    "Both also move for reasons that are no leak, so they are drawn but not judged.",
    "Live bytes": "Bytes in use inside Python's and the C library's allocators. The verdict rests on them if it can.",
    "Explained": "The share of the growth that the suspects account for. The rest is native memory, fragmentation, or "
    "a suspect not found.",
    "Verdict": "LEAK and CLEAN are each proved with a stated error; BOUNDED has stopped at a cap that is named; "
    "INCONCLUSIVE is neither, and says why. SUSPECTED and NOT_SEEN prove nothing: they say what was seen.",
}


def growth_title(report: Report) -> str:
    """What the growth of the whole run is called."""
    return "Growth while it was watched" if report.plan.workload == NATURAL else "Growth in the verdict rounds"


def headline(report: Report) -> str:
    """What the verdict means, in one sentence."""
    leaks = any(route.verdict is Verdict.LEAK for route in report.routes)
    if report.judgement.verdict is Verdict.LEAK and not leaks:
        return "Memory grows with time, whatever is requested, and nothing stops it."
    return HEADLINES[report.judgement.verdict]


def plain(text: str) -> str:
    """Text that cannot act: control, bidirectional and other invisible characters become visible escapes."""
    spaced = text.replace("\t", " ")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in spaced)


def per_request(value: float | None, interval: Interval | None = None) -> str:
    """`+41.2 KiB ± 312 B`, or a dash."""
    if value is None:
        return NOT_MEASURED
    figure = format_size(value, signed=True)
    if interval is None:
        return figure
    low, high = interval
    return f"{figure} ± {format_size(max(high - value, value - low, 0.0))}"


def span(interval: Interval | None) -> str:
    """`+40.1 KiB to +42.3 KiB`; where both ends look the same, `+501 KiB ± 112 B`; or a dash."""
    if interval is None:
        return NOT_MEASURED
    low, high = (format_size(end, signed=True) for end in interval)
    return f"{low} ± {format_size((interval[1] - interval[0]) / 2)}" if low == high else f"{low} to {high}"


def size(value: float | None) -> str:
    """A size, or a dash."""
    return NOT_MEASURED if value is None else format_size(value)


def duration(value: float | None) -> str:
    """A duration, or a dash."""
    return NOT_MEASURED if value is None else format_duration(value)


def ratio(value: float | None) -> str:
    """`3.20x`, or a dash; a slope below zero is noise around zero."""
    return NOT_MEASURED if value is None else f"{max(value, 0.0):.2f}x"


def number(value: int | None) -> str:
    """A whole number, or a dash."""
    return NOT_MEASURED if value is None else str(value)


def count(value: float | None) -> str:
    """`+1.00`: objects or blocks per request, or a dash."""
    return NOT_MEASURED if value is None else f"{value:+.2f}"


def amount(signal: str, value: float) -> str:
    """Growth of a signal: a size where it is one, else a count."""
    return per_request(value) if signal in {"live", "anonymous"} else count(value)


def evidence(found: RouteEvidence) -> Iterator[tuple[str, str, str, str]]:
    """Block or round, requests, kept, per request: the lines of a route's table."""
    for name, rows in (("block", found.blocks), ("round", found.rounds)):
        for row in rows:
            figures = (amount(found.signal, row.kept), amount(found.signal, row.per_request))
            yield f"{name} {row.number}", str(row.requests), *figures


def line(at: Site | Hotspot) -> str:
    """`courseware/views.py:42`."""
    return f"{at.short or at.file}:{at.line}"


def place(suspect: Suspect) -> str:
    """`courseware/views.py:42 make_thumbnail`: the line, else the library, else that there is none."""
    if suspect.site is not None:
        return f"{line(suspect.site)} {suspect.site.function}"
    if suspect.library is not None:
        return f"{suspect.library.package} {suspect.library.function}"
    return "line unknown"


def holder(suspect: Suspect) -> str:
    """`held by courseware.views._THUMBNAILS['*']`, or that it is not known."""
    return "holder unknown" if suspect.path is None else f"held by {suspect.path}"


def grown(suspect: Suspect) -> str:
    """`+1.00 PIL.Image.Image`: count and type of what grows, or either, or its cause."""
    number = suspect.count_per_request if suspect.count_per_second is None else suspect.count_per_second
    parts = [count(number)] if number is not None else []
    return " ".join([*parts, suspect.type or suspect.cause])


def kept(suspect: Suspect) -> str:
    """`+41.2 KiB ± 489 B/request`, or per second; for what is counted rather than weighed, `+1.00/request`."""
    if suspect.bytes_per_second is not None:
        return f"{per_request(suspect.bytes_per_second)}/s"
    if suspect.count_per_second is not None:
        return f"{count(suspect.count_per_second)}/s"
    if suspect.bytes_per_request is None:
        return f"{count(suspect.count_per_request)}/request"
    return f"{per_request(suspect.bytes_per_request, suspect.bytes_per_request_interval)}/request"


def reproduced(found: Reproduction) -> str:
    """`+41.2 KiB/request, 9 runs in 3 min 05 s`, and whether there was time to try everything."""
    runs = f"{found.runs} {'run' if found.runs == 1 else 'runs'} in {format_duration(found.seconds)}"
    if not found.sent:
        return runs
    if found.bytes_per_request is not None:
        rate = f"{per_request(found.bytes_per_request)}/request"
    else:
        rate = f"{count(found.count_per_request)}/request"
    return f"{rate}, {runs}{'' if found.complete else ', when time was up: it may be smaller still'}"


def why_no_command(found: Reproduction) -> str:
    """Why there is none."""
    return f"no command: {found.null_reasons.get('command', NOT_MEASURED)}"


def kept_in_words(suspect: Suspect) -> str:
    """The same without the interval, where there is room: `+41.2 KiB per request`, `+1.00 per second`."""
    figure, _, unit = kept_briefly(suspect).rpartition("/")
    return f"{figure} per {'second' if unit == 's' else unit}"


def number_in_words(suspect: Suspect) -> str:
    """`, +1.00 per request`, or nothing where no objects were counted."""
    if suspect.count_per_second is not None:
        return f", {count(suspect.count_per_second)} per second"
    return "" if suspect.count_per_request is None else f", {count(suspect.count_per_request)} per request"


def kept_briefly(suspect: Suspect) -> str:
    """The same without the interval: `+41.2 KiB/request`."""
    return kept(replace(suspect, bytes_per_request_interval=None))


def dense(suspect: Suspect) -> tuple[str, str, str, str, str]:
    """Route, bytes per request, count, line and holder: all there is to say in one line."""
    return (suspect.route, kept(suspect), grown(suspect), place(suspect), holder(suspect))


def beside_suspects(report: Report) -> tuple[str, ...]:
    """The reasons of the verdict but for those that a leaking route's suspects tell better, figure by figure."""
    leak = report.judgement.verdict is Verdict.LEAK
    told = tuple(f"{suspect.route}: " for suspect in report.suspects) if leak else ()
    return tuple(reason for reason in report.judgement.reasons if not reason.startswith(told))


def explained(report: Report) -> str | None:
    """`Explained 41 MiB of 45 MiB of growth (91 %).`, or None where there is nothing to explain."""
    if not report.growth or report.growth < 0 or report.explained is None or not report.suspects:
        return None
    share = f" ({report.explained / report.growth:.0%})"
    rest = "; the rest is native memory or fragmentation" if report.explained < 0.9 * report.growth else ""
    return f"Explained {format_size(report.explained)} of {format_size(report.growth)} of growth{share}{rest}."


def transient(report: Report) -> str | None:
    """What requests only use for a while, apart from what they keep; None where no peak was measured."""
    peaks = [(route.peak_bytes_per_request, route) for route in report.routes if route.peak_bytes_per_request]
    highest = sorted(peaks, key=lambda one: -one[0])[:_PEAKS]
    told = "; ".join(f"{route.route} {format_size(peak)}{_of_upload(route)}" for peak, route in highest)
    return f"Transient, given back after the request: {told}." if told else None


def hazards(report: Report) -> Iterator[tuple[str, str]]:
    """What is no leak and a danger all the same, and what to do about it."""
    for hazard in report.hazards:
        yield f"{hazard.subject}: {hazard.text} ({hazard.cause}).", hazard.advice


def paid_once(report: Report) -> str | None:
    """Growth of the warm-up, which is no leak; None where it was not measured."""
    if report.warm_up_growth is None:
        return None
    return f"Paid once while warming up: {format_size(report.warm_up_growth, signed=True)}."


def first_holding(report: Report) -> str | None:
    """The largest holder that was there when leakhunt came, in one sentence; None where nobody looked."""
    if not report.already_there:
        return None
    largest = report.already_there[0]
    share = "" if largest.share is None else f", {largest.share:.0%} of live bytes"
    return f"Already there: {format_size(largest.size)} below {held_by(largest)}{share}."


def held_by(holding: Holding) -> str:
    """`shop.CACHE (dict of 5000)`; with the number of workers, if there are several."""
    entries = f" of {holding.entries}" if holding.entries else ""
    workers = f", in {holding.workers} workers" if holding.workers > 1 else ""
    return f"{holding.path} ({holding.type}{entries}{workers})"


def holding(held: Holding) -> tuple[str, str, str, str, str]:
    """Holder, what most of it is, bytes below it, share of the live bytes, growth since: the line of the table."""
    share = NOT_MEASURED if held.share is None else f"{held.share:.0%}"
    mostly = f"{held.heaviest_count} {held.heaviest_type}"
    return held_by(held), mostly, size(held.size), share, per_request(held.growth)


def holding_ages(report: Report) -> Iterator[str]:
    """How old the entries of these holders are, where that can be told."""
    for held in report.already_there:
        if held.dated is not None and held.newer is not None:
            yield (
                f"{held.path}: {held.newer} of {held.dated} entries are in the newer half of the heap, by their "
                "position in the collector's lists (approximate)."
            )


def sensitivity(judgement: Judgement) -> str | None:
    """How small a leak the run would have seen."""
    if judgement.minimum_detectable is None:
        return None
    return f"Smallest leak this run would have seen: {format_size(judgement.minimum_detectable)} per request."


def cost(spent: Cost | None) -> str:
    """What leakhunt itself cost, in one sentence."""
    if spent is None:
        return "What leakhunt itself cost was not measured."
    cpu = "not measured" if spent.cpu_fraction is None else f"{spent.cpu_fraction:.1%} of the target's"
    child = "" if spent.child_memory is None else f", {size(spent.child_memory)} in a copy while the heap was looked at"
    return (
        f"leakhunt itself cost: CPU {cpu}, memory {_or_unmeasured(size(spent.memory))} per worker{child}, "
        f"longest pause {_or_unmeasured(duration(spent.longest_pause))}."
    )


def memory(report: MemoryReport) -> Iterator[tuple[str, str, str, str]]:
    """Part, size at the baseline, at the end, growth: the lines of a worker's table, those of any size."""
    whole = MemoryPart("rss", report.rss_start, report.rss_end)
    for part in (*report.parts, whole):
        if part is whole or max(part.start or 0, part.end) * _TRIFLE >= report.rss_end:
            grown = None if part.start is None else part.end - part.start
            yield MEMORY_PARTS[part.part], size(part.start), size(part.end), per_request(grown)


def memory_notes(report: MemoryReport) -> Iterator[str]:
    """What a worker's table does not show."""
    if report.unshared and report.unshared * _TRIFLE >= report.rss_end:
        yield (
            f"{format_size(report.unshared)} that it shared since a fork are its own by now, for they were written to: "
            "USS and PSS have grown by that, and RSS has not."
        )
    if report.trimmable is not None:
        yield f"malloc gave {format_size(report.trimmable)} back when it was asked to (malloc_trim)."
    if not report.pymalloc:
        yield "Small Python objects do not come from pymalloc (PYTHONMALLOC, or an interpreter without it)."
    if report.allocator != "glibc":
        yield (
            f"Its malloc is {report.allocator}'s, whose blocks are not found in memory: "
            "these are divided by the sizes of Python's objects and by what it tells of itself."
        )


def why(route: RouteReport) -> str:
    """Why the verdict on a route is what it is."""
    return " ".join(route.reasons)


def statuses(route: RouteReport) -> str:
    """`200: 40, 500: 2`."""
    return ", ".join(f"{status}: {number}" for status, number in route.statuses.items()) or NOT_MEASURED


def because(suspect: Suspect) -> str:
    """Why it is a suspect, in one sentence."""
    return f"{'; '.join(reason.rstrip('.') for reason in suspect.reasons)}." if suspect.reasons else NOT_MEASURED


def _of_upload(route: RouteReport) -> str:
    return "" if route.amplification is None else f" ({max(route.amplification, 0.0):.2f} x upload)"


def _or_unmeasured(text: str) -> str:
    return "not measured" if text == NOT_MEASURED else text
