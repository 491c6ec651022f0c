"""False alarms of `leakhunt check` on apps that leak nothing, and how long a check takes, while another core is busy.

    python tests/benchmarks/clean_checks.py [--shop N] [--courseware N]

Checks of the clean bare-WSGI example and of the clean courseware, each with a seed of its own, until so many of each
are recorded. What is recorded stands in `.cache/clean-checks`, a file for each state of the code, so that a long run
can be made in parts; the table is printed of all that is there. The published one is of `--shop 200 --courseware 20`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

sys.path[:0] = [str(Path(__file__).parent.parent)]

from leakbench.trial import code_digest  # noqa: E402  # lies beside this directory

ROOT: Final = Path(__file__).parents[2]
LEAKHUNT: Final = str(Path(sys.executable).with_name("leakhunt"))
CACHE: Final = ROOT / ".cache" / "clean-checks"
WORDS: Final = {0: "passed", 1: "false alarm", 4: "undecided"}
"""By exit code; any other is told as it is."""
SHOP_SETTINGS: Final = 'target = "shop:application"\nworkload = "shopping.toml"\n'


@dataclass(frozen=True)
class App:
    """A copy of an example, in which nothing leaks."""

    name: str
    title: str
    source: Path
    variant: str
    """As for `--env`."""
    settings: str | None = None
    """Of its leakhunt.toml, where it has no settings of its own."""


APPS: Final = (
    App("shop", "bare WSGI, clean", ROOT / "examples" / "bare_wsgi", "SHOP_VARIANT=clean", SHOP_SETTINGS),
    App("courseware", "courseware, fixed", ROOT / "examples" / "courseware", "COURSEWARE_VARIANT=fixed"),
)


@dataclass(frozen=True)
class Result:
    """One check."""

    app: str
    seed: int
    code: int
    seconds: float
    headline: str


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shop", type=int, default=3, metavar="N")
    parser.add_argument("--courseware", type=int, default=1, metavar="N")
    wanted = vars(parser.parse_args())
    file = CACHE / f"{code_digest()}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with busy_core():
        for app in APPS:
            done = {result.seed for result in recorded(file) if result.app == app.name}
            for seed in sorted(set(range(1, wanted[app.name] + 1)) - done):
                result = check(app, seed)
                with file.open("a", encoding="utf-8") as results:
                    results.write(json.dumps(asdict(result)) + "\n")
                print(f"{app.name} {seed}: exit {result.code} in {result.seconds:.0f} s", file=sys.stderr, flush=True)
    print_table(recorded(file))


def recorded(file: Path) -> list[Result]:
    """What was measured of this code so far."""
    if not file.exists():
        return []
    return [Result(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


@contextmanager
def busy_core() -> Iterator[None]:
    """The last core has no rest; where there is one only, it is shared."""
    core = max(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: sum(range(10_000))"
    with subprocess.Popen([sys.executable, "-c", program]) as spinner:
        try:
            yield
        finally:
            spinner.kill()


def check(app: App, seed: int) -> Result:
    """One check of a fresh copy, by the wall clock from the command to its exit."""
    with tempfile.TemporaryDirectory(prefix="lh-check-") as directory:
        project = Path(directory) / app.source.name
        shutil.copytree(app.source, project, ignore=shutil.ignore_patterns("__pycache__"))
        if app.settings is not None:
            (project / "leakhunt.toml").write_text(app.settings, encoding="utf-8")
        command = [LEAKHUNT, "check", "--no-ci", "--env", app.variant, "--seed", str(seed)]
        started = time.monotonic()
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    told = (done.stdout or done.stderr).splitlines() or [""]
    return Result(app.name, seed, done.returncode, round(seconds, 1), told[0])


def print_table(results: Sequence[Result]) -> None:
    """A row for each app; then what every check that did not pass said."""
    print("| app | checks | passed | undecided | false alarms | seconds, median | middle half | range |")
    print("|---|---|---|---|---|---|---|---|")
    for app in APPS:
        mine = [result for result in results if result.app == app.name]
        if mine:
            print(row(app, mine))
    for result in results:
        if result.code != 0:
            word = WORDS.get(result.code, f"exit {result.code}")
            print(f"\n{result.app}, seed {result.seed}: {word}: {result.headline}")


def row(app: App, results: Sequence[Result]) -> str:
    """Counts, and the spread of the times."""
    codes = Counter(WORDS.get(result.code, "other") for result in results)
    seconds = sorted(result.seconds for result in results)
    low, _, high = quantiles(seconds, n=4) if len(seconds) > 1 else (seconds * 3)
    counts = " | ".join(str(codes[word]) for word in ("passed", "undecided", "false alarm"))
    return (
        f"| {app.title} | {len(results)} | {counts} | {median(seconds):.0f} | {low:.0f} to {high:.0f} "
        f"| {seconds[0]:.0f} to {seconds[-1]:.0f} |"
    )


if __name__ == "__main__":
    main()
