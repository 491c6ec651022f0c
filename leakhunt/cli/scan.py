"""`leakhunt scan`: static rules for code that leaks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from leakhunt.errors import UsageError
from leakhunt.model.finding import ScanResult
from leakhunt.project.settings import ScanSettings, find_settings
from leakhunt.reports.findings import render_json, render_sarif, render_text
from leakhunt.scan.base import Rule
from leakhunt.scan.registry import RULES
from leakhunt.scan.scanning import scan
from leakhunt.workload.table import nearest

_EXIT_FINDINGS: Final = 1


@click.command("scan")
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--select", multiple=True, metavar="LH101,...", help="Look for these rules only.")
@click.option("--ignore", multiple=True, metavar="LH101,...", help="Leave these rules out.")
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Skip files and directories of this name; repeatable."
)
@click.option("--run", type=click.Path(path_type=Path), metavar="RUN", help="Put first what a recorded run measured.")
@click.option("--json", "json_file", metavar="FILE", help="Write JSON to this file; - for standard output.")
@click.option("--sarif", "sarif_file", metavar="FILE", help="Write SARIF 2.1.0 to this file; - for standard output.")
def command(
    paths: tuple[Path, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    run: Path | None,
    json_file: str | None,
    sarif_file: str | None,
) -> int:
    """Look through source code for what leaks memory.

    PATH is a file or a directory; the current directory otherwise. Nothing is run or imported. The exit code is 1 if
    anything was found.
    """
    if json_file == "-" and sarif_file == "-":
        raise UsageError("Standard output cannot be both JSON and SARIF.", "Give one of them a file.")
    settings = _settings()
    rules = _chosen(_split(select) or settings.select, _split(ignore) or settings.ignore)
    result = scan(paths or (Path(),), rules, exclude=(*settings.exclude, *exclude), below=Path.cwd())
    if run is not None:
        result = _ranked(result, run)
    _write(json_file, result, render_json)
    _write(sarif_file, result, render_sarif)
    if "-" not in {json_file, sarif_file}:
        sys.stdout.write(render_text(result))
    return _EXIT_FINDINGS if result.findings else 0


def _settings() -> ScanSettings:
    settings = find_settings(Path.cwd())
    return ScanSettings() if settings is None else settings.scan


def _split(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip().upper() for name in names for part in name.split(",") if part.strip())


def _chosen(select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    known = [rule.name for rule in RULES]
    for name in (*select, *ignore):
        if name.upper() not in known:
            raise UsageError(
                f"There is no rule {name}.", nearest(name, known) or f"They are {known[0]} to {known[-1]}."
            )
    wanted = {name.upper() for name in select} or set(known)
    rules = tuple(rule for rule in RULES if rule.name in wanted - {name.upper() for name in ignore})
    if not rules:
        raise UsageError("All rules that are selected are ignored.", "Select another one, or ignore fewer.")
    return rules


def _ranked(result: ScanResult, run: Path) -> ScanResult:
    from leakhunt.analysis.analyse import analyse
    from leakhunt.runfile import read_run
    from leakhunt.scan.evidence import rank

    return replace(result, findings=rank(result.findings, analyse(read_run(run)).suspects))


def _write(file: str | None, result: ScanResult, render: Callable[[ScanResult], str]) -> None:
    if file is None:
        return
    text = render(result)
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.", "Choose another place.") from error
