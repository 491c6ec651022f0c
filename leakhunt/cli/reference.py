"""The earlier run that `leakhunt check` compares with: which one, whether it fits, and writing it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from leakhunt.analysis.compare import Judged
from leakhunt.analysis.reference import reference_of
from leakhunt.analysis.verdict import COMPLETE
from leakhunt.errors import ConfigError, UsageError
from leakhunt.model.reference import Compared, Reference
from leakhunt.model.report import Report
from leakhunt.model.run import Run
from leakhunt.project.reference import FILE, read_reference, write_reference
from leakhunt.project.settings import Settings as ProjectSettings
from leakhunt.runfile import read_run
from leakhunt.workload.scenario import Workload

_SEED: Final = 1
"""Where none is given: the same doses in every build."""
_SQLITE: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """Where the reference is, and what it says."""

    file: Path
    found: Reference | None
    update: bool

    def seed(self, wanted: int | None) -> int:
        """The seed to draw the doses by: that of the reference.

        Raises:
            UsageError: another one is wanted.
        """
        if self.found is None:
            return _SEED if wanted is None else wanted
        if wanted not in {None, self.found.seed}:
            raise UsageError(
                f"{self.file} was made with seed {self.found.seed}, and this check is to use seed {wanted}",
                "Leave the seed out, or make the reference anew with --update-reference.",
            )
        return self.found.seed

    def check_workload(self, workload: Workload) -> None:
        """Refuse a reference that has nothing in common with the workload.

        Raises:
            ConfigError: none of its steps is sent.
        """
        if self.found is not None and self.found.doses.keys().isdisjoint(step.name for step in workload.dosed):
            raise ConfigError(
                "has no step of this workload",
                source=str(self.file),
                hint="It was made of another workload; --update-reference makes one of this.",
            )

    def compared(self, run: Run, report: Report) -> Compared | None:
        """The run beside its reference, which it may become itself; None where there is none.

        Raises:
            ConfigError: the file cannot be written.
        """
        now = reference_of(run, report, str(self.file))
        if not self.update:
            return None if self.found is None else Compared(self.found, now)
        if report.outcome != COMPLETE:
            click.echo(f"{self.file} was not written: the run did not go to its end.", err=True)
            return None
        write_reference(self.file, now)
        click.echo(f"{self.file} written: {len(now.routes)} routes.", err=True)
        return Compared(now, now)


def choose_reference(options: Mapping[str, Any], project: ProjectSettings) -> ReferenceChoice:
    """The one that is named by option or settings, else the file beside the settings where there is one.

    Raises:
        UsageError: it is not there, or is to be written where a run is.
        ConfigError: it has a mistake.
        RunFileError: it is a run that cannot be read.
    """
    update: bool = options["update_reference"]
    named: Path | None = options["reference"] or (project.beside(project.reference) if project.reference else None)
    file = named or project.beside(FILE)
    if _is_run(file):
        if update:
            raise UsageError(
                f"{file} is a recorded run, and --update-reference writes a file of its own",
                f"Name that file: --reference {FILE} --update-reference.",
            )
        judged = Judged.by_its_budget(read_run(file))
        return ReferenceChoice(file, reference_of(judged.run, judged.report, str(file)), update)
    if update:
        return ReferenceChoice(file, None, update)
    if named is not None and not file.exists():
        raise UsageError(f"there is no reference {file}", "Write it with --update-reference, or check the path.")
    return ReferenceChoice(file, read_reference(file) if file.exists() else None, update)


def _is_run(path: Path) -> bool:
    """Whether it is a run directory, or the file in one."""
    if path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE
