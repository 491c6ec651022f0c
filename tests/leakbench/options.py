"""Options that pick cases, for all commands of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from leakbench.case import SIDES, Case, load_cases
from leakhunt.errors import LeakhuntError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def choice(command: _Command) -> _Command:
    """Add the options `names`, `side` and `held_out`."""
    for option in (
        click.option("--side", type=click.Choice(SIDES), help="Only this side."),
        click.option("--held-out", is_flag=True, help="The cases that are set aside, instead of the others."),
        click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; repeatable."),
    ):
        command = option(command)
    return command


def chosen(names: tuple[str, ...], *, held_out: bool) -> tuple[Case, ...]:
    """The cases that were asked for.

    Raises:
        ClickException: there is none of a name, or one has a mistake.
    """
    try:
        return load_cases(names=names, held_out=held_out)
    except KeyError as error:
        raise click.ClickException(f"there is no case {error}") from error
    except LeakhuntError as error:
        raise click.ClickException(error.message) from error
