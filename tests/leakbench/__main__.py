"""`python -m leakbench`: run the benchmark, score it, check its truth, write its part of the documentation."""

from __future__ import annotations

from typing import Final

import click

from leakbench import documentation, tables
from leakbench.case import SIDES, Case, load_cases
from leakbench.environments import CACHE, NoEnvironmentError, environment
from leakbench.lines import write_lines
from leakbench.options import choice, chosen
from leakbench.results import Result, published, published_series, read_results
from leakbench.runner import TIMEOUT, Bench, Code
from leakbench.scoring import score
from leakbench.series import read_series
from leakbench.trial import plan
from leakbench.truth import measure

SEEDS: Final = 2
"""Runs of each side that leaks."""
HARMLESS_SEEDS: Final = 3
"""Of the others, of which there are 106: no false alarm in 298 runs bounds their share by 1 %."""


@click.group()
def main() -> None:
    """leakhunt against leaks of which the truth is known."""


@main.command()
@choice
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True, help="Runs of each side that leaks.")
@click.option(
    "--harmless-seeds", type=click.IntRange(1), default=HARMLESS_SEEDS, show_default=True, help="Of the other sides."
)  # fmt: skip
@click.option("--timeout", type=float, default=TIMEOUT, show_default=True, help="Seconds until a run is stopped.")
@click.option("--publish", is_flag=True, help="Publish the tables of fewer seeds, too.")
def run(
    names: tuple[str, ...],
    side: str | None,
    held_out: bool,
    seeds: int,
    harmless_seeds: int,
    timeout: float,
    publish: bool,
) -> None:
    """Run what has no result yet, print the tables, and publish them if nothing was left out."""
    cases = chosen(names, held_out=held_out)
    trials = plan(cases, seeds=seeds, sides=(side,) if side else SIDES, harmless_seeds=harmless_seeds)
    results = Bench(timeout=timeout, say=click.echo).run_all(trials, Code.here())
    click.echo(f"\n{_tables(cases, results)}")
    enough = seeds >= SEEDS and harmless_seeds >= HARMLESS_SEEDS
    if not names and side is None and (publish or enough):
        _publish(results, held_out=held_out)


@main.command()
@choice
def make(names: tuple[str, ...], side: str | None, held_out: bool) -> None:
    """Make the virtual environments, without running anything."""
    failed = 0
    for trial in plan(chosen(names, held_out=held_out), seeds=1, sides=(side,) if side else SIDES):
        try:
            environment(trial.case, trial.side, say=click.echo)
        except NoEnvironmentError as error:
            failed += 1
            click.echo(f"{trial.label}: {error}", err=True)
    if failed:
        raise click.ClickException(f"{failed} sides have no environment")


@main.command()
@choice
@click.option("--calls", type=click.IntRange(50), default=2000, show_default=True, help="Calls of the app.")
def truth(names: tuple[str, ...], side: str | None, held_out: bool, calls: int) -> None:
    """Measure inside the process, without leakhunt, what each call of an app leaves behind."""
    for trial in plan(chosen(names, held_out=held_out), seeds=1, sides=(side,) if side else SIDES):
        click.echo(measure(trial.case, trial.side, calls=calls).line())


@main.command("score")
@choice
def score_(names: tuple[str, ...], side: str | None, held_out: bool) -> None:
    """Print the tables of the results that this code has, however few."""
    cases = chosen(names, held_out=held_out)
    results = read_results(Bench(CACHE).store(Code.here()))
    click.echo(_tables(cases, tuple(result for result in results if side in {None, result.side})))


@main.command()
def docs() -> None:
    """Write the tables of cases and of what is published into the documentation."""
    documentation.update("cases", documentation.case_tables())
    _update_results()


def _tables(cases: tuple[Case, ...], results: tuple[Result, ...]) -> str:
    scored = score(cases, results)
    return f"{tables.summary(scored)}\n{tables.by_side(scored)}"


def _publish(results: tuple[Result, ...], *, held_out: bool) -> None:
    write_lines(published(held_out=held_out), results)
    digests = {result.key: result.trial for result in results}
    every = read_series(Bench().series_store(Code.here())).values()
    write_lines(published_series(held_out=held_out), (one for one in every if digests.get(one.key) == one.trial))
    _update_results()


def _update_results() -> None:
    cases, results = {}, {}
    for held_out, part in ((False, "results"), (True, "held-out")):
        cases[part] = load_cases(held_out=held_out)
        results[part] = read_results(published(held_out=held_out))
        documentation.update(part, f"{_measured(results[part])}\n\n{_tables(cases[part], results[part])}")
    together = (*results["results"], *results["held-out"])
    scored = score((*cases["results"], *cases["held-out"]), together)
    documentation.update("together", f"{_measured(together)}\n\n{tables.summary(scored)}")


def _measured(results: tuple[Result, ...]) -> str:
    commits = ", ".join(f"`{commit}`" for commit in sorted({result.commit for result in results}))
    return f"{len(results)} runs of leakhunt {results[0].leakhunt} at commit {commits}."


if __name__ == "__main__":
    main()
