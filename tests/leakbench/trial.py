"""One trial: a side of a case under `leakhunt profile`, with one seed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakbench.case import Case, Side
from leakbench.environments import requirements
from leakhunt.targets.servers import SERVERS

Key = tuple[str, str, int]
"""Name of the case, name of the side, seed."""

_PACKAGE: Final = Path(__file__).parents[2] / "leakhunt"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is run."""

    case: Case
    side: Side
    seed: int

    @property
    def key(self) -> Key:
        """What tells it from all other trials."""
        return self.case.name, self.side.name, self.seed

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.case.name} {self.side.name} #{self.seed}"

    @property
    def digest(self) -> str:
        """Changes with all that may change what happens, as the app, its packages and its load; not with the truth."""
        command = self.command(Path("python"), Path("output"))[1:]  # whose leakhunt it is says the digest of the code
        # Where the checkout lies is not part of it.
        command = tuple(part.replace(str(self.case.directory), self.case.name) for part in command)
        what = [self.case.python, *requirements(self.case, self.side), *command]
        files = (path for path in self.case.directory.rglob("*") if path.name != "case.toml")
        return _digest(what, files, self.case.directory)

    def command(self, python: Path, output: Path) -> tuple[str, ...]:
        """The command line, with the interpreter that runs the app and the directory that the run goes into."""
        return (
            *(sys.executable, "-m", "leakhunt", "profile"),
            *(() if self.case.command else ("app:application", "--python", str(python), *self._server())),
            *("--chdir", str(self.case.directory)),
            *self._load(),
            *(part for name, value in self.side.env.items() for part in ("--env", f"{name}={value}")),
            *("--seed", str(self.seed), "--output", str(output)),
            *(("--", *self._own_command(python)) if self.case.command else ()),
        )

    def _server(self) -> Iterator[str]:
        if self.case.server in SERVERS:
            yield from ("--server", str(self.case.server))
        for option, count in (("--workers", self.case.workers), ("--threads", self.case.threads)):
            if count > 1:
                yield from (option, str(count))

    def _load(self) -> Iterator[str]:
        if self.case.workload is not None:
            yield from ("--workload", str(self.case.directory / self.case.workload))
        for request in self.case.requests:
            yield from ("--request", request)
        if self.case.concurrency > 1:
            yield from ("--concurrency", str(self.case.concurrency))

    def _own_command(self, python: Path) -> Iterator[str]:
        for word in self.case.command:
            yield word.replace("{python}", str(python)).replace("{bin}", str(python.parent))


def plan(
    cases: Iterable[Case], *, seeds: int, sides: Iterable[str], harmless_seeds: int | None = None
) -> tuple[Trial, ...]:
    """All trials; every case has its turn with one seed before the next, so that a part of them tells of all cases.

    Sides in which nothing grows without end may have `harmless_seeds` instead: to bound a rare mistake takes more runs.
    """
    harmless = seeds if harmless_seeds is None else harmless_seeds
    both = [(case, case.side(side)) for case in cases for side in sides]
    return tuple(
        Trial(case, side, seed)
        for seed in range(1, max(seeds, harmless) + 1)
        for case, side in both
        if seed <= (harmless if side.harmless else seeds)
    )


def code_digest(package: Path = _PACKAGE) -> str:
    """Changes with leakhunt's own code: what a result was measured with."""
    return _digest((), package.rglob("*"), package)


def _digest(texts: Iterable[str], files: Iterable[Path], base: Path) -> str:
    digest = hashlib.sha256("\0".join(texts).encode())
    for path in sorted(files):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"\0{path.relative_to(base)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
