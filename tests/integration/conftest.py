"""What most tests of whole commands begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.command_line import CommandLine, command_line


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line, in a directory of its own; afterwards nothing of it may be left."""
    (tmp_path / "runs").mkdir()
    with command_line(tmp_path / "runs") as runner:
        yield runner


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where the app lies."""
    (tmp_path / "site").mkdir()
    return tmp_path / "site"
