from __future__ import annotations

from collections.abc import Iterator

import pytest

from leakhunt import errors
from leakhunt.errors import ConfigError, LeakhuntError, UsageError


def tree(root: type[LeakhuntError]) -> Iterator[type[LeakhuntError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_an_error_is_its_sentence_and_a_hint() -> None:
    error = LeakhuntError("The server did not start.", "Look at its log.")
    assert str(error) == error.message == "The server did not start."
    assert error.hint == "Look at its log."


def test_a_hint_is_not_obligatory() -> None:
    assert LeakhuntError("The server did not start.").hint is None


@pytest.mark.parametrize("error", list(tree(LeakhuntError)))
def test_usage_leads_to_2_and_everything_else_to_3(error: type[LeakhuntError]) -> None:
    assert error.exit_code == (2 if issubclass(error, UsageError) else 3)


@pytest.mark.parametrize("error", list(tree(LeakhuntError)))
def test_every_error_lives_in_one_module_and_says_when_it_is_raised(error: type[LeakhuntError]) -> None:
    assert error.__module__ == errors.__name__
    assert error.__doc__


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        (7, "step[2].weight", "uploads.toml:7: step[2].weight: must be at least 1"),
        (7, None, "uploads.toml:7: must be at least 1"),
        (None, "step[2].weight", "uploads.toml: step[2].weight: must be at least 1"),
        (None, None, "uploads.toml: must be at least 1"),
    ],
)
def test_a_mistake_in_a_file_names_the_place(line: int | None, key: str | None, message: str) -> None:
    error = ConfigError("must be at least 1", source="uploads.toml", line=line, key=key, hint="Leave it out.")
    assert error.message == message
    assert (error.source, error.line, error.key, error.hint) == ("uploads.toml", line, key, "Leave it out.")
