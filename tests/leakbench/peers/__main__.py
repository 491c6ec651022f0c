"""`python -m leakbench.peers`: run other tools on the benchmark's trials, and write how they compare."""

from __future__ import annotations

from typing import Final

import click

from leakbench import documentation
from leakbench.case import SIDES
from leakbench.options import choice, chosen
from leakbench.peers.comparison import published_report, report
from leakbench.peers.outcome import publish
from leakbench.peers.own import all_own
from leakbench.peers.registry import INTRUSIVE, module_name
from leakbench.peers.run import TIMEOUT
from leakbench.peers.runner import Comparison
from leakbench.runner import Bench, Code
from leakbench.trial import plan

PART: Final = "peers"


@click.group()
def main() -> None:
    """Other tools against the same leaks."""


@main.command()
@choice
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs of each side.")
@click.option(
    "--peer", "peers", multiple=True, type=click.Choice([module_name(peer) for peer in INTRUSIVE]),
    help="Only this tool; repeatable.",
)  # fmt: skip
@click.option("--timeout", type=float, default=TIMEOUT, show_default=True, help="Seconds until a run is stopped.")
def run(
    names: tuple[str, ...], side: str | None, held_out: bool, seeds: int, peers: tuple[str, ...], timeout: float
) -> None:
    """Run what has no outcome yet, print the table, and publish it if nothing was left out."""
    cases = chosen(names, held_out=held_out)
    wanted = [peer for peer in INTRUSIVE if not peers or module_name(peer) in peers]
    own = all_own(Code.here(), Bench())
    trials = plan(cases, seeds=seeds, sides=(side,) if side else SIDES)
    outcomes = Comparison(timeout=timeout, say=click.echo).run_all(trials, wanted, own)
    click.echo(f"\n{report(cases, own, {outcome.key: outcome for outcome in outcomes}, wanted)}")
    if not names and side is None and not peers:
        publish(outcomes, {case.name for case in cases})
        documentation.update(PART, published_report())


@main.command()
def docs() -> None:
    """Write the table of what is published into the documentation."""
    documentation.update(PART, published_report())


if __name__ == "__main__":
    main()
