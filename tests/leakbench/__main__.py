"""`python -m leakbench`: run the benchmark, score it, check its truth, write its part of the documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from leakbench import documentation, tables
from leakbench.case import SIDES, Case, load_cases
from leakbench.environments import CACHE, NoEnvironmentError, environment
from leakbench.lines import write_lines
from leakbench.results import Result, published, published_series, read_results
from leakbench.runner import TIMEOUT, Bench, Code
from leakbench.scoring import score
from leakbench.series import read_series
from leakbench.trial import plan
from leakbench.truth import measure
from leakhunt.errors import LeakhuntError

SEEDS: Final = 5
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _choice(command: _Command) -> _Command:
    """Options that pick cases."""
    for option in (
        click.option("--side", type=click.Choice(SIDES), help="Only this side."),
        click.option("--held-out", is_flag=True, help="The cases that are set aside, instead of the others."),
        click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; repeatable."),
    ):
        command = option(command)
    return command


@click.group()
def main() -> None:
    """leakhunt against leaks of which the truth is known."""


@main.command()
@_choice
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True, help="Runs of each side.")
@click.option("--timeout", type=float, default=TIMEOUT, show_default=True, help="Seconds until a run is stopped.")
def run(names: tuple[str, ...], side: str | None, held_out: bool, seeds: int, timeout: float) -> None:
    """Run what has no result yet, print the tables, and publish them if nothing was left out."""
    cases = _cases(names, held_out=held_out)
    results = Bench(timeout=timeout, say=click.echo).run_all(
        plan(cases, seeds=seeds, sides=(side,) if side else SIDES), Code.here()
    )
    click.echo(f"\n{_tables(cases, results)}")
    if not names and side is None and seeds >= SEEDS:
        _publish(cases, results, held_out=held_out)


@main.command()
@_choice
def make(names: tuple[str, ...], side: str | None, held_out: bool) -> None:
    """Make the virtual environments, without running anything."""
    failed = 0
    for trial in plan(_cases(names, held_out=held_out), seeds=1, sides=(side,) if side else SIDES):
        try:
            environment(trial.case, trial.side, say=click.echo)
        except NoEnvironmentError as error:
            failed += 1
            click.echo(f"{trial.label}: {error}", err=True)
    if failed:
        raise click.ClickException(f"{failed} sides have no environment")


@main.command()
@_choice
@click.option("--calls", type=click.IntRange(50), default=2000, show_default=True, help="Calls of the app.")
def truth(names: tuple[str, ...], side: str | None, held_out: bool, calls: int) -> None:
    """Measure inside the process, without leakhunt, what each call of an app leaves behind."""
    for trial in plan(_cases(names, held_out=held_out), seeds=1, sides=(side,) if side else SIDES):
        click.echo(measure(trial.case, trial.side, calls=calls).line())


@main.command("score")
@_choice
def score_(names: tuple[str, ...], side: str | None, held_out: bool) -> None:
    """Print the tables of the results that this code has, however few."""
    cases = _cases(names, held_out=held_out)
    results = read_results(Bench(CACHE).store(Code.here()))
    click.echo(_tables(cases, tuple(result for result in results if side in {None, result.side})))


@main.command()
def docs() -> None:
    """Write the table of cases into the documentation."""
    documentation.update("cases", documentation.case_tables())


def _cases(names: tuple[str, ...], *, held_out: bool) -> tuple[Case, ...]:
    try:
        return load_cases(names=names, held_out=held_out)
    except KeyError as error:
        raise click.ClickException(f"there is no case {error}") from error
    except LeakhuntError as error:
        raise click.ClickException(error.message) from error


def _tables(cases: tuple[Case, ...], results: tuple[Result, ...]) -> str:
    scored = score(cases, results)
    return f"{tables.summary(scored)}\n{tables.by_side(scored)}"


def _publish(cases: tuple[Case, ...], results: tuple[Result, ...], *, held_out: bool) -> None:
    part = "held-out" if held_out else "results"
    write_lines(published(held_out=held_out), results)
    digests = {result.key: result.trial for result in results}
    every = read_series(Bench().series_store(Code.here())).values()
    write_lines(published_series(held_out=held_out), (one for one in every if digests.get(one.key) == one.trial))
    first = results[0]
    measured = f"{len(results)} runs of leakhunt {first.leakhunt} at commit `{first.commit}`."
    documentation.update(part, f"{measured}\n\n{_tables(cases, results)}")


if __name__ == "__main__":
    main()
