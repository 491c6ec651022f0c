"""Programs that end are told from those that serve."""

from __future__ import annotations

import pytest

from leakhunt.scan.programs import is_command


@pytest.mark.parametrize(
    "file", ["shop/management/commands/sync.py", "cli/main.py", "shop/cli.py", "manage.py", "setup.py"]
)
def test_programs_of_the_command_line_end(file: str) -> None:
    assert is_command(file)


@pytest.mark.parametrize("file", ["shop/views.py", "shop/commandsview.py", "examples/courseware/views.py", "client.py"])
def test_what_serves_does_not(file: str) -> None:
    assert not is_command(file)
