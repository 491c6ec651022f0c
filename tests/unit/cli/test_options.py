from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import pytest

from leakhunt.cli.options import AfterDashes, SecondsType, SizeType, launch_options, requests_option, workload_options


@click.command("measure", cls=AfterDashes)
@launch_options
@workload_options
@requests_option("How many.", default=10)
@click.option("--limit", type=SizeType())
def measure(**options: Any) -> None:
    """A command with all shared options."""


def parse(*args: str) -> dict[str, Any]:
    return measure.make_context("measure", list(args)).params


@pytest.mark.parametrize(
    ("args", "app", "command"),
    [
        (["shop:app"], "shop:app", ()),
        (["--", "gunicorn", "shop"], None, ("gunicorn", "shop")),
        (["shop:app", "--", "gunicorn", "shop"], "shop:app", ("gunicorn", "shop")),
        (["--workers", "2", "--", "serve", "--workers", "3", "--", "x"], None, ("serve", "--workers", "3", "--", "x")),
        (["--"], None, ()),
        ([], None, ()),
    ],
)
def test_what_follows_the_first_dashes_is_left_as_it_is(
    args: Sequence[str], app: str | None, command: tuple[str, ...]
) -> None:
    params = parse(*args)
    assert (params["app"], params["command"]) == (app, command)


def test_what_the_user_has_not_said_is_left_open_for_the_settings() -> None:
    params = parse()
    for name in (
        "server",
        "workers",
        "threads",
        "python",
        "seed",
        "concurrency",
        "chdir",
        "url",
        "ready",
        "ready_timeout",
    ):
        assert params[name] is None
    assert params["requests"] == 10


def test_options_that_may_be_repeated_keep_their_order() -> None:
    params = parse("--upload", "/b/", "--upload", "/a/", "--env", "B=1", "--env", "A=2")
    assert params["upload"] == ("/b/", "/a/")
    assert params["env"] == ("B=1", "A=2")


def test_sizes_are_read_as_people_write_them() -> None:
    assert parse("--limit", "1.5GiB")["limit"] == 3 * 2**29


def test_what_is_no_size_is_refused_with_an_example() -> None:
    with pytest.raises(click.BadParameter, match=r"'lots' is no size; write for example 300KB, 2MB or 1\.5GiB"):
        parse("--limit", "lots")


def test_a_size_may_have_a_lower_bound_and_never_exceeds_what_machines_have() -> None:
    kind = SizeType(least=2**20)
    assert kind.convert("1MiB", None, None) == 2**20
    with pytest.raises(click.BadParameter, match=r"1MB is less than any target takes; give at least 1\.00 MiB"):
        kind.convert("1MB", None, None)
    for text in ("99999999999TB", "9" * 400):
        with pytest.raises(click.BadParameter, match=r"[9B] is more than any machine has"):
            kind.convert(text, None, None)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e308", "0", "-1", "60.1"])
def test_seconds_are_a_number_in_a_range(text: str) -> None:
    kind = SecondsType(most=60)
    assert kind.convert("1.5", None, None) == 1.5
    with pytest.raises(click.BadParameter, match=r"is not in the range from 1 to 60 seconds"):
        kind.convert(text, None, None)


def test_what_is_no_number_is_no_duration() -> None:
    with pytest.raises(click.BadParameter, match="'soon' is no number of seconds"):
        SecondsType(most=60).convert("soon", None, None)


@pytest.mark.parametrize("option", ["--chdir", "--workload"])
def test_an_empty_path_is_not_taken_for_this_directory(option: str) -> None:
    with pytest.raises(click.BadParameter, match="must not be empty"):
        parse(option, "")
    assert str(parse(option, ".")[option.strip("-")]) == "."


def test_help_shows_the_options_in_the_order_in_which_they_are_needed() -> None:
    text = measure.get_help(click.Context(measure))
    places = [text.index(option) for option in ("--chdir", "--server", "--url", "--workload", "--seed", "--requests")]
    assert places == sorted(places)
