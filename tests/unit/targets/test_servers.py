from __future__ import annotations

import sys
from pathlib import Path

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.targets.interpreters import find_interpreter
from leakhunt.targets.servers import ServerCommand, server_command


def made(
    app: str = "shop.wsgi:application", *, server: str = "gunicorn", workers: int = 1, threads: int = 1
) -> ServerCommand:
    return server_command(app, server=server, workers=workers, threads=threads, python=None, chdir=Path("/srv"))


def test_gunicorn_runs_in_leakhunts_own_interpreter_by_default() -> None:
    command = made(workers=3, threads=2).command
    assert command[:3] == (sys.executable, "-m", "gunicorn")
    assert command[-1] == "shop.wsgi:application"
    assert command[command.index("--workers") + 1] == "3"
    assert command[command.index("--threads") + 1] == "2"


@pytest.mark.parametrize("app", ["shop", "shop:", ":app", "shop.application", "shop:a:b", "shop/wsgi:app", "a:b(1)"])
def test_a_malformed_app_is_a_usage_error(app: str) -> None:
    with pytest.raises(UsageError, match="MODULE:CALLABLE"):
        made(app)


@pytest.mark.parametrize(
    ("server", "workers"),
    [("apache", 1), ("waitress", 2), ("wsgiref", 2), ("gunicorn", 0)],
)
def test_what_a_server_cannot_do_is_a_usage_error(server: str, workers: int) -> None:
    with pytest.raises(UsageError):
        made(server=server, workers=workers)


def test_a_virtual_environment_stands_for_its_interpreter() -> None:
    assert find_interpreter(sys.prefix).executable == str(Path(sys.prefix) / "bin" / "python")


def test_what_is_no_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no interpreter nosuchpython"):
        find_interpreter("nosuchpython")
    with pytest.raises(UsageError, match="without bin/python"):
        find_interpreter(str(tmp_path))
    with pytest.raises(TargetError, match="does not work as a Python 3 interpreter"):
        find_interpreter("/bin/false")
