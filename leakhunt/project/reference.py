"""`leakhunt-reference.toml`: an earlier run, small, sorted and as text, so that a commit shows what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Final

from leakhunt.analysis.thresholds import SIGNALS
from leakhunt.errors import ConfigError
from leakhunt.model.reference import Reference, ReferenceRoute
from leakhunt.model.report import BackgroundReport, Growth, Interval, RouteReport, Verdict
from leakhunt.workload.bounds import MOST_REQUESTS, MOST_SEED
from leakhunt.workload.table import Table, read_document
from leakhunt.workload.toml import quoted

FILE: Final = "leakhunt-reference.toml"
SCHEMA: Final = 1
_HEAD: Final = "# What `leakhunt check` compares with; `leakhunt check --update-reference` writes it anew.\n"
_ANEW: Final = "leakhunt check --update-reference writes it anew"
_BASES: Final = ("live", "anonymous")
_VERDICTS: Final = tuple(verdict.value for verdict in Verdict)


def write_reference(path: Path, reference: Reference) -> None:
    """Write or replace the file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.write_text("\n".join(_lines(reference)) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", source=str(path)) from error


def read_reference(path: Path) -> Reference:
    """What a file says.

    Raises:
        ConfigError: it cannot be read, has a mistake, or was written by a leakhunt that knows more.
    """
    root = read_document(path).root()
    if root.raw("schema") != SCHEMA:
        raise root.error("schema" if "schema" in root else None, f"is no reference of schema {SCHEMA}", _ANEW)
    root.only("schema", "seed", "python", "allocator", "background", "routes")
    routes = root.table("routes")
    seed = root.integer("seed", least=0, most=MOST_SEED)
    if routes is None or seed is None:
        raise root.error(None, f"`{'seed' if seed is None else 'routes'}` is missing", _ANEW)
    tables = ((name, routes.table(name)) for name, _ in routes.items())
    return Reference(
        source=str(path),
        seed=seed,
        python=root.required("python", 'python = "CPython 3.12"'),
        allocator=root.required("allocator", 'allocator = "glibc"'),
        routes={name: _read_route(name, table) for name, table in tables if table is not None},
        background=_read_background(root.table("background")),
    )


# --- Writing. -------------------------------------------------------------------------------------------------------


def _lines(reference: Reference) -> Iterator[str]:
    yield _HEAD
    yield f"schema = {SCHEMA}"
    yield f"seed = {reference.seed}"
    yield f"python = {quoted(reference.python)}"
    yield f"allocator = {quoted(reference.allocator)}"
    background = reference.background
    if background is not None and background.bytes_per_second is not None:
        yield "\n[background]"
        yield f"verdict = {quoted(background.verdict.value)}"
        yield from _figure("grown", background.bytes_per_second, background.interval)
        yield from _optional("basis", background.basis)
    for name, route in sorted(reference.routes.items()):
        yield f"\n[routes.{quoted(name)}]"
        yield from _route(route.report)
        yield from _table(name, "growth", {each.signal: _triple(each) for each in route.report.growths})
        yield from _table(name, "doses", {step: _blocks(blocks) for step, blocks in route.doses.items()})
        yield from _table(name, "types", {kept: _number(count) for kept, count in route.types.items()})


def _route(report: RouteReport) -> Iterator[str]:
    yield f"verdict = {quoted(report.verdict.value)}"
    if report.signals:
        yield f"signals = [{', '.join(map(quoted, report.signals))}]"
    yield from _optional("answer", max(report.statuses, key=lambda status: report.statuses[status], default=None))
    yield from _figure("kept", report.bytes_per_request, report.bytes_per_request_interval)
    yield from _optional("basis", report.bytes_per_request_basis)
    yield from _figure("peak", report.peak_bytes_per_request, None)
    yield from _figure("amplification", report.amplification, report.amplification_interval)


def _table(route: str, name: str, values: Mapping[str, str]) -> Iterator[str]:
    if values:
        yield f"[routes.{quoted(route)}.{name}]"
        yield from (f"{quoted(key)} = {value}" for key, value in sorted(values.items()))


def _optional(key: str, text: str | None) -> Iterator[str]:
    if text is not None:
        yield f"{key} = {quoted(text)}"


def _figure(key: str, value: float | None, interval: Interval | None) -> Iterator[str]:
    """A figure alone, or with both ends of its interval."""
    if value is not None:
        numbers = (value, *(interval or ()))
        yield f"{key} = [{', '.join(map(_number, numbers))}]"


def _triple(growth: Growth) -> str:
    return f"[{', '.join(map(_number, (growth.per_request, *growth.interval)))}]"


def _blocks(blocks: Sequence[Sequence[int]]) -> str:
    return f"[{', '.join(str(list(block)) for block in blocks)}]"


def _number(value: float) -> str:
    """To four digits: further ones are noise, and would only make commits longer."""
    if not isfinite(value):
        return str(value)
    rounded = float(f"{value:.4g}") + 0.0  # no zero with a sign
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


# --- Reading. -------------------------------------------------------------------------------------------------------


def _read_route(name: str, table: Table) -> ReferenceRoute:
    table.only(
        *("verdict", "signals", "answer", "kept", "basis", "peak", "amplification"), *("growth", "doses", "types")
    )
    doses = table.table("doses")
    steps = {} if doses is None else {step: _read_blocks(doses, step) for step, _ in doses.items()}
    types = table.table("types")
    kept, interval = _read_figure(table, "kept")
    ratio, ends = _read_figure(table, "amplification")
    answer = table.text("answer")
    requests = sum(sum(block) for blocks in steps.values() for block in blocks)
    report = RouteReport(
        route=name,
        steps=tuple(steps),
        requests=requests,
        unexpected=0,
        statuses={} if answer is None else {answer: requests},
        verdict=_read_verdict(table),
        reasons=(),
        bytes_per_request=kept,
        bytes_per_request_interval=interval,
        bytes_per_request_basis=table.choice("basis", _BASES),
        live_bytes_per_request=None,
        growths=tuple(_read_growths(table.table("growth"))),
        peak_bytes_per_request=_read_figure(table, "peak")[0],
        amplification=ratio,
        amplification_interval=ends,
        minimum_detectable=None,
        median_duration=None,
        signals=table.names("signals"),
    )
    return ReferenceRoute(
        report, steps, {} if types is None else {kind: types.number(kind, 1.0) for kind, _ in types.items()}
    )


def _read_growths(table: Table | None) -> Iterator[Growth]:
    if table is None:
        return
    table.only(*SIGNALS)
    for signal in SIGNALS:
        if signal not in table:
            continue
        value, interval = _read_figure(table, signal)
        if value is None or interval is None:
            raise table.error(signal, "has no interval", f"write {signal} = [value, low, high]; {_ANEW}")
        yield Growth(signal, value, interval, None)


def _read_background(table: Table | None) -> BackgroundReport | None:
    if table is None:
        return None
    table.only("verdict", "grown", "basis")
    value, interval = _read_figure(table, "grown")
    return BackgroundReport(_read_verdict(table), (), 0.0, value, interval, table.choice("basis", _BASES))


def _read_verdict(table: Table) -> Verdict:
    found = table.choice("verdict", _VERDICTS)
    if found is None:
        raise table.error(None, "`verdict` is missing", _ANEW)
    return Verdict(found)


def _read_figure(table: Table, key: str) -> tuple[float | None, Interval | None]:
    value = table.raw(key)
    if value is None:
        return None, None
    good = isinstance(value, list) and len(value) in {1, 3} and all(map(_is_number, value))
    if not isinstance(value, list) or not good or not isfinite(value[0]):
        raise table.error(key, "must be a number, or a number and both ends of its interval, in a list", _ANEW)
    if len(value) == 1:
        return float(value[0]), None
    if not value[1] <= value[2]:
        raise table.error(key, "has an interval that ends before it begins", _ANEW)
    return float(value[0]), (float(value[1]), float(value[2]))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read_blocks(table: Table, step: str) -> tuple[tuple[int, ...], ...]:
    value = table.raw(step)
    if isinstance(value, list) and all(isinstance(block, list) and block for block in value):
        blocks = tuple(tuple(block) for block in value)
        if all(_is_dose(dose) for block in blocks for dose in block):
            return blocks
    raise table.error(step, "must be lists of requests per round, one for each block", _ANEW)


def _is_dose(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_REQUESTS
