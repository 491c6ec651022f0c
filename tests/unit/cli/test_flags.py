from __future__ import annotations

import shlex
import subprocess

import pytest

from leakhunt.cli.flags import given_flags
from leakhunt.cli.profile import command


def flags(*args: str, without: tuple[str, ...] = ()) -> str:
    return given_flags(command.make_context("profile", ["shop:app", *args]), without=without)


def test_flags_that_were_not_typed_are_not_repeated() -> None:
    assert flags() == ""


def test_flags_come_back_as_they_were_typed() -> None:
    typed = "--chdir examples/shop --server waitress --workers 2 --workload shop.toml --seed 7 --no-peaks --show-values"
    assert flags(*typed.split()) == typed


def test_flags_may_be_left_out() -> None:
    assert flags("--seed", "7", "--requests", "20", "--no-peaks", without=("requests", "peaks")) == "--seed 7"


def test_words_with_blanks_are_quoted() -> None:
    assert shlex.split(flags("--chdir", "my site")) == ["--chdir", "my site"]


def test_every_use_of_a_flag_is_repeated() -> None:
    typed = ["--request", "GET /", "--request", "POST /search?i={n}", "--upload", "/images", "--file", "f=image:1KB"]
    assert sorted(shlex.split(flags(*typed))) == sorted(typed)


SECRETS = {
    "env": ("--env", "TOKEN=open-sesame"),
    "header": ("--header", "X-Api-Key: open-sesame"),
    "query": ("--request", 'GET /find"$`?i={n}&2nd=open-sesame'),
    "upload": ("--upload", "/images?key=open-sesame"),
    "body": ("--request", "POST /", "--body", "open-sesame"),
    "user": ("--url", "http://me:open-sesame@127.0.0.1:8000"),
}
VARIABLES = dict.fromkeys(("TOKEN", "X_API_KEY", "_2ND", "KEY", "BODY"), "open-sesame")
URL = "http://me:open-sesame@127.0.0.1:8000"


@pytest.mark.parametrize("typed", SECRETS.values(), ids=SECRETS)
def test_what_may_be_secret_becomes_a_variable_that_a_shell_fills_in(typed: tuple[str, ...]) -> None:
    text = flags(*typed)
    assert "open-sesame" not in text
    environment = {**VARIABLES, "URL": URL}
    shell = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True, env=environment
    )
    assert sorted(shell.stdout.splitlines()) == sorted(typed)


def test_a_body_from_a_file_and_a_plain_address_are_no_secrets() -> None:
    text = flags("--request", "POST /", "--body", "@order.json", "--url", "http://127.0.0.1:8000")
    assert text == "--url http://127.0.0.1:8000 --request 'POST /' --body @order.json"


def test_a_variable_with_an_odd_name_is_hidden() -> None:
    assert flags("--env", "A-B=open-sesame") == "--env 'A-B=***'"


def test_numbers_and_sizes_are_written_so_that_they_are_read_as_the_same() -> None:
    text = flags("--ready-timeout", "45", "--memory-limit", "2GiB")
    again = command.make_context("profile", ["shop:app", *shlex.split(text)]).params
    assert (again["ready_timeout"], again["memory_limit"]) == (45.0, 2 * 2**30)
