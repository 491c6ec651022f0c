"""Reads from report.json what a trial is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from leakbench.results import Accused, Answer

_MOST_SUSPECTS: Final = 5
_MOST_REASONS: Final = 3
_VERDICT_PHASE: Final = "dose"
_WORST_FIRST: Final = ("LEAK", "INCONCLUSIVE", "BOUNDED", "CLEAN")


def read_answer(report: Mapping[str, Any], *, case: Path, environment: Path) -> Answer:
    """What a report says, with the paths in it short: relative to the case or to the environment's packages."""
    route = _main_route(report)
    interval = route.get("bytes_per_request_interval")
    judgement = report["judgement"]
    return Answer(
        verdict=judgement["verdict"],
        reasons=tuple(judgement["reasons"][:_MOST_REASONS]),
        suspects=tuple(_accused(suspect, case, environment) for suspect in report["suspects"][:_MOST_SUSPECTS]),
        bytes_per_request=route.get("bytes_per_request"),
        interval=None if interval is None else (interval[0], interval[1]),
        basis=route.get("bytes_per_request_basis"),
        growths={each["signal"]: each["per_request"] for each in route.get("growths", [])},
        minimum_detectable=judgement["minimum_detectable"],
        rounds=sum(each["phase"] == _VERDICT_PHASE for each in report["rounds"]),
        requests=sum(each["requests"] for each in report["routes"]),
        seconds_to_verdict=max(_ends(report), default=None),
        server=report["conditions"].get("server", report["plan"]["server"]),
        python=report["conditions"].get("python", ""),
        unexplained=max((_rest(memory) for memory in report["memory"]), default=None),
        caveats=tuple(caveat["code"] for caveat in report["caveats"]),
    )


def _main_route(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The route that the benchmark compares with the truth: the worst, and of equals the one that keeps most."""

    def badness(route: Mapping[str, Any]) -> tuple[int, float]:
        return -_WORST_FIRST.index(route["verdict"]), route["bytes_per_request"] or 0.0

    return max((route for route in report["routes"] if route["verdict"] in _WORST_FIRST), key=badness, default={})


def _rest(memory: Mapping[str, Any]) -> float:
    """The share of a worker's RSS that no part accounts for."""
    rest = sum(part["end"] for part in memory["parts"] if part["part"] == "rest")
    return abs(float(rest)) / max(1.0, float(memory["rss_end"]))


def _ends(report: Mapping[str, Any]) -> Iterator[float]:
    return (each["ended"] for each in report["phases"] if each["phase"] == _VERDICT_PHASE and each["ended"] is not None)


def _accused(suspect: Mapping[str, Any], case: Path, environment: Path) -> Accused:
    site, library = suspect["site"], suspect["library"]
    return Accused(
        cause=suspect["cause"],
        type=suspect["type"],
        site=site and f"{_short(site['file'], case, environment)}:{site['line']}:{site['function']}",
        library=library and f"{_short(library['file'], case, environment)}:{library['function'] or ''}",
        package=library and f"{library['package']} {library['version'] or ''}".strip(),
        path=suspect["path"],
        cap=suspect["cap"],
        bytes_per_request=suspect["bytes_per_request"],
    )


def _short(file: str | None, case: Path, environment: Path) -> str:
    if file is None:
        return ""
    path = Path(file)
    for package in sorted(environment.glob("lib/python*/site-packages")):
        if path.is_relative_to(package):
            return str(path.relative_to(package))
    for directory in (case, environment):
        if path.is_relative_to(directory):
            return str(path.relative_to(directory))
    return file
