"""How long `leakhunt scan` takes for 100,000 lines, beside `ast.parse` alone on the same files: CPU time."""

from __future__ import annotations

import ast
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from leakhunt.scan.files import python_files
from leakhunt.scan.registry import RULES
from leakhunt.scan.scanning import scan

REPEATS = 3
LINES = 100_000
LIMIT = 5.0


def main() -> None:
    """Print a row of a Markdown table."""
    files = _files()
    texts = [path.read_text() for path in files]
    lines = sum(text.count("\n") + 1 for text in texts)
    parsing = _least(lambda: _parse(texts))
    scanning = _least(lambda: scan(files, RULES, below=Path.cwd()))
    per = LINES / lines
    print(f"| lines | `ast.parse` for {LINES:,} | `leakhunt scan` for {LINES:,} | ratio |")
    print("|---|---|---|---|")
    parsed, scanned = f"{parsing * per:.2f} s", f"{scanning * per:.2f} s (limit {LIMIT:.0f} s)"
    print(f"| {lines:,} | {parsed} | {scanned} | {scanning / parsing:.2f} |")


def _parse(texts: list[str]) -> None:
    for text in texts:
        ast.parse(text)  # one tree at a time, as the scan has them


def _files() -> list[Path]:
    """Modules of the standard library, which is everywhere, until there are 100,000 lines of them."""
    chosen: list[Path] = []
    lines = 0
    for path in python_files([Path(sysconfig.get_paths()["stdlib"])], ("lib2to3", "idlelib", "turtledemo")):
        if lines >= LINES:
            break
        try:
            lines += path.read_text().count("\n") + 1
        except UnicodeDecodeError:
            continue
        chosen.append(path)
    return chosen


def _least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main()
