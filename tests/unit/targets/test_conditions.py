from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import pytest

from leakhunt.agent import wire
from leakhunt.agent.process import hello
from leakhunt.targets.conditions import describe
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.link import AgentLink

Greet: TypeAlias = Callable[..., dict[str, AgentLink]]
OWN = {"python": platform.python_version(), "implementation": "cpython", "executable": sys.executable}


@pytest.fixture
def greet(launch_dir: Path) -> Iterator[Greet]:
    """The links of a hub to which one agent has said hello, as this process would but for what is given."""
    path = launch_dir / "agent.sock"
    with ExitStack() as opened, AgentHub(path) as hub:

        def say_hello(**given: object) -> dict[str, AgentLink]:
            connection = opened.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(os.fspath(path))
            wire.send(connection, {**hello(), **given})
            deadline = time.monotonic() + 10
            while not hub.links():
                assert time.monotonic() < deadline
                time.sleep(0.005)
            return {link.key: link for link in hub.links()}

        yield say_hello


def test_without_an_agent_only_a_chosen_server_is_known() -> None:
    assert describe(None, {}) == {}
    assert describe("gunicorn", {}) == {"server": "gunicorn"}


def test_the_agent_says_what_it_runs_on(greet: Greet) -> None:
    assert describe(None, greet(server=None)) == OWN


def test_the_interpreter_says_which_version_of_the_server_it_has(greet: Greet) -> None:
    assert describe(None, greet(server="gunicorn")) == {**OWN, "server": f"gunicorn {version('gunicorn')}"}


def test_the_server_that_leakhunt_chose_goes_before_the_one_that_the_agent_takes_it_for(greet: Greet) -> None:
    assert describe("waitress", greet(server="gunicorn"))["server"] == f"waitress {version('waitress')}"


def test_a_server_of_the_standard_library_has_no_version_of_its_own(greet: Greet) -> None:
    assert describe("wsgiref", greet())["server"] == "wsgiref"


@pytest.mark.parametrize("program", ["uwsgi", "python-that-is-gone"])
def test_an_executable_that_is_no_working_python_tells_no_version(greet: Greet, tmp_path: Path, program: str) -> None:
    started = tmp_path / "started"
    executable = tmp_path / program
    if program == "uwsgi":
        executable.write_text(f"#!/bin/sh\ntouch {started}\n")
        executable.chmod(0o755)
    found = describe(None, greet(server="uwsgi", executable=str(executable)))
    assert (found["server"], found["executable"]) == ("uwsgi", str(executable))
    assert not started.exists()
