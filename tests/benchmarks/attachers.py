"""leakhunt side by side with other tools that bring code into a running Python: success, targets lost, pause, time."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import find_interpreters
from side_by_side.targets import STATES
from side_by_side.tools import TOOLS, Gdb, MissingError, Tool, environment, find_gdbs, installed
from side_by_side.trial import Trial, leave_alone, try_tool

TIMES = 20
PYTHONS = ("3.11", "3.8", "3.13")
FEWER_STATES = ("idle", "busy", "gunicorn")
"""What is tried with the Pythons after the first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table."""

    version: str
    state: str
    tool: Tool | None
    """None to leave the target alone."""
    gdb: Gdb | None = None

    @property
    def name(self) -> str:
        """As the table has it."""
        if self.tool is None:
            return "nothing"
        return f"{self.tool.name}, gdb {self.gdb.version}" if self.gdb else self.tool.name


def main() -> None:
    """Print a Markdown table with one row per Python, state of the main thread and tool."""
    options = _options()
    gdbs = find_gdbs()
    if not gdbs:
        print("There is no gdb here, and none can be installed: the tools that need one are not tried.", flush=True)
    print("| Python | target | attached with | succeeded | targets lost | pause ms | end to end s | failed as |")
    print("|---|---|---|---|---|---|---|---|")
    versions: dict[str, None] = {}
    for cell in _cells(options, gdbs):
        print(f"| {cell.version} | {cell.state} | {cell.name} | {_row(cell, options.times, versions)} |", flush=True)
    print("\n" + ", ".join(versions))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--pythons", nargs="+", default=PYTHONS)
    parser.add_argument("--states", nargs="+", choices=STATES, default=STATES)
    parser.add_argument("--tools", nargs="+", choices=[each.name for each in TOOLS])
    return parser.parse_args()


def _cells(options: argparse.Namespace, gdbs: tuple[Gdb, ...]) -> Iterator[Cell]:
    for number, version in enumerate(options.pythons):
        for state in options.states:
            if number and state not in FEWER_STATES:
                continue
            yield Cell(version, state, None)
            for tool in TOOLS:
                if options.tools and tool.name not in options.tools:
                    continue
                if not tool.needs_gdb or not gdbs:
                    yield Cell(version, state, tool)
                    continue
                yield Cell(version, state, tool, gdbs[0])
                if not number and state == options.states[0]:  # the system's own gdb: enough to see what it does
                    yield from (Cell(version, state, tool, each) for each in gdbs[1:])


def _row(cell: Cell, times: int, versions: dict[str, None]) -> str:
    python = find_interpreters().get(cell.version)
    if python is None:
        return f"not tried: no Python {cell.version} | | | | "
    if cell.tool is not None and cell.tool.needs_gdb and cell.gdb is None:
        return "not tried: no gdb | | | | "
    packages = cell.tool.packages if cell.tool else ()
    try:
        made = environment(python, packages)
    except MissingError as error:
        return f"not supported: {error} | | | | "
    versions.update(dict.fromkeys(f"{installed(made, each)} on {cell.version}" for each in packages))
    if cell.tool is None:
        return _cells_of([leave_alone(made, cell.state, 1.0) for _ in range(times)])
    return _cells_of([try_tool(cell.tool, made, cell.state, cell.gdb) for _ in range(times)])


def _cells_of(trials: Sequence[Trial]) -> str:
    durations = [each.duration for each in trials if each.duration is not None]
    lost = Counter(each.lost for each in trials if each.lost)
    failures = sum(each.failures for each in trials)
    problems = Counter(each.problem for each in trials if each.problem)
    return " | ".join(
        (
            f"{len(durations)}/{len(trials)}",
            str(lost.total()) + (f": {_counted(lost)}" if lost else ""),
            _spread([each.pause * 1e3 for each in trials], "{:.0f}"),
            _spread(durations, "{:.2f}") if durations else "-",
            "; ".join([*([_counted(problems)] if problems else []), *([f"{failures} requests"] if failures else [])]),
        )
    )


def _spread(values: Sequence[float], form: str) -> str:
    return f"{form.format(median(values))} ({form.format(max(values))})"


def _counted(texts: Counter[str]) -> str:
    escaped = ((text.replace("|", "\\|")[:100], number) for text, number in texts.most_common(3))
    return ", ".join(f"{number} x {text}" for text, number in escaped)


if __name__ == "__main__":
    main()
