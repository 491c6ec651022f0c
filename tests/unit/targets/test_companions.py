from __future__ import annotations

import http.server
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.targets import companions
from leakhunt.targets.companions import CompanionSpec, Surroundings, check_companions, set_up, start_companion
from leakhunt.targets.failures import Shown
from unit.targets.stage import stage


@pytest.fixture
def around(launch_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    monkeypatch.setattr(companions, "_PAUSE", 0.01)
    with stage(launch_dir) as made:
        yield made.around


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers, one after the other; its URL, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[len(asked)])
            self.end_headers()
            asked.append(self.path)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class calls it
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_set_up_commands_run_one_after_the_other_where_the_target_will(around: Surroundings) -> None:
    here = replace(around, env={**around.env, "NAME": "größe"})
    set_up((shell('echo "$NAME" > made'), shell("cat made made > twice")), here)
    assert (around.cwd / "twice").read_text() == "größe\ngröße\n"


def test_after_a_set_up_command_that_fails_no_other_is_run(around: Surroundings) -> None:
    with pytest.raises(TargetError) as caught:
        set_up((shell("echo no database >&2; exit 3"), shell("touch second")), around)
    assert caught.value.message == (
        "the set-up command `sh -c echo no database >&2; exit 3` ended with exit code 3\n  | no database"
    )
    assert not (around.cwd / "second").exists()


def test_a_set_up_command_that_was_killed_says_so(around: Surroundings) -> None:
    with pytest.raises(TargetError, match="was killed by SIGTERM"):
        set_up((shell("kill -TERM $$"),), around)


def test_a_set_up_command_that_does_not_end_is_given_up(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "SETUP_TIMEOUT", 0.05)
    with pytest.raises(TargetError, match="had not ended after 0 s"):
        set_up((("sleep", "60"),), around)


def test_a_set_up_command_that_does_not_exist_is_named(around: Surroundings) -> None:
    with pytest.raises(TargetError, match="there is no program nosuchprogram"):
        set_up((("nosuchprogram",),), around)


def test_a_companion_that_says_nothing_of_being_ready_is_ready_at_once(around: Surroundings) -> None:
    companion = start_companion(CompanionSpec("broker", ("sleep", "60")), around)
    assert running(companion.pid)
    assert companion.death() is None


@pytest.mark.parametrize("stream", [1, 2])
def test_a_companion_is_ready_once_it_has_written_so(around: Surroundings, stream: int) -> None:
    script = f"echo starting; echo now ready, größe >&{stream}; sleep 60"
    start_companion(CompanionSpec("celery worker", shell(script), ready_log="ready, größe"), around)
    assert "now ready" in around.log("celery worker").text()


def test_a_companion_is_ready_once_a_command_says_so(around: Surroundings) -> None:
    second_time = shell("test -e asked || { touch asked; exit 1; }; touch up")
    start_companion(CompanionSpec("broker", ("sleep", "60"), ready_command=second_time), around)
    assert (around.cwd / "up").exists()


def test_a_companion_is_ready_once_it_answers_without_an_error_of_its_own(around: Surroundings) -> None:
    with answering(500, 503, 404) as (url, asked):
        start_companion(CompanionSpec("api", ("sleep", "60"), ready_url=f"{url}/health?full=1"), around)
    assert asked == ["/health?full=1"] * 3


def test_a_url_without_a_path_is_asked_for_its_root(around: Surroundings) -> None:
    with answering(200) as (url, asked):
        start_companion(CompanionSpec("api", ("sleep", "60"), ready_url=url), around)
    assert asked == ["/"]


def test_a_companion_that_ends_is_not_waited_for(around: Surroundings) -> None:
    companion = CompanionSpec("broker", shell("echo no socket >&2; exit 4"), ready_log="up")
    with pytest.raises(TargetError) as caught:
        start_companion(companion, around)
    assert caught.value.message == "the companion broker ended with exit code 4\n  | no socket"


@pytest.mark.parametrize(
    "check", [{}, {"ready_log": "no"}, {"ready_command": ("sleep", "0.3")}], ids=["none", "log", "command"]
)
@pytest.mark.parametrize("status", [0, 4])
def test_a_companion_that_ends_at_once_is_not_taken_for_ready(
    around: Surroundings, check: dict[str, Any], status: int
) -> None:
    companion = CompanionSpec("broker", shell(f"echo no socket >&2; exit {status}"), **check)
    with pytest.raises(TargetError) as caught:
        start_companion(companion, around)
    assert caught.value.message == f"the companion broker ended with exit code {status}\n  | no socket"


def test_a_companion_that_leaves_a_daemon_behind_lives_on(around: Surroundings) -> None:
    command = shell("setsid sleep 60 >/dev/null 2>&1 & exit 0")
    started = start_companion(CompanionSpec("broker", command), around)
    assert around.supervision.wait(started.pid, 10) == 0
    assert started.death() is None


def test_a_companion_that_is_never_ready_is_given_up_with_a_hint(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companions, "READY_TIMEOUT", 0.05)
    with pytest.raises(TargetError, match="was not ready after") as caught:
        start_companion(CompanionSpec("broker", ("sleep", "60"), ready_command=("false",)), around)
    assert "`ready` of this companion" in str(caught.value.hint)


def test_a_ready_command_that_hangs_is_a_no(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "READY_TIMEOUT", 0.05)
    with pytest.raises(TargetError, match="was not ready after"):
        start_companion(CompanionSpec("broker", ("sleep", "60"), ready_command=("sleep", "60")), around)


def test_a_ready_command_that_does_not_exist_is_named(around: Surroundings) -> None:
    companion = CompanionSpec("broker", ("sleep", "60"), ready_command=("nosuchcheck", "--now"))
    with pytest.raises(TargetError, match="the ready check `nosuchcheck --now` does not run: No such file"):
        start_companion(companion, around)


def test_values_of_the_environment_are_in_no_error(around: Surroundings) -> None:
    env = {**os.environ, "SECRET": "chalk-and-talk"}
    secretive = replace(around, env=env, shown=Shown.without(["chalk-and-talk"]))
    with pytest.raises(TargetError, match=r"\| password is \*\*\*$"):
        set_up((shell('echo "password is $SECRET" >&2; exit 1'),), secretive)


def test_what_looks_secret_in_a_command_is_in_no_error(around: Surroundings) -> None:
    hiding = replace(around, shown=Shown.without(["chalk-and-talk"], lambda words: [*words[:-1], "hidden"]))
    with pytest.raises(TargetError, match=r"^the set-up command `false \*\*\* hidden` ended"):
        set_up((("false", "chalk-and-talk", "s3cret"),), hiding)
    companion = CompanionSpec("broker", ("sleep", "60"), ready_command=("nosuchcheck", "chalk-and-talk", "s3cret"))
    with pytest.raises(TargetError, match=r"^the ready check `nosuchcheck \*\*\* hidden` does not run"):
        start_companion(companion, hiding)


def test_a_companion_that_listens_on_a_unix_socket_is_ready_once_it_answers(around: Surroundings) -> None:
    path = around.cwd / "own.sock"
    script = (
        "import socket, sys; server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()\n"
        "connection, _ = server.accept(); print(connection.recv(9).decode(), flush=True)\n"
        "connection.sendall(b'HTTP/1.1 204 Fine\\r\\n\\r\\n'); import time; time.sleep(60)"
    )
    command = (sys.executable, "-I", "-c", script, str(path))
    companion = CompanionSpec("api", command, ready_url=f"unix:{path}")
    check_companions([companion])
    start_companion(companion, around)
    assert around.log("api").text() == "GET / HTT\n"


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:1/up", "http://example.org/up", "http://me:s3cret@127.0.0.1:1/", "http://127.0.0.1:x/", "up"],
)
def test_a_url_that_cannot_be_asked_is_a_mistake_in_the_workload(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_companions([CompanionSpec("api", ("sleep", "60"), ready_url=url)])
    assert caught.value.message == "`ready.url` of the companion api is no plain HTTP on this machine"
    assert "--" not in str(caught.value.hint)


@pytest.mark.parametrize("names", [("broker", "broker"), ("target",), ("setup-1",)])
def test_every_companion_has_a_name_of_its_own(names: tuple[str, ...]) -> None:
    check_companions([CompanionSpec(name, ("sleep", "60")) for name in ("broker", "celery")])
    with pytest.raises(UsageError, match=rf"the name {names[-1]} of a companion is taken"):
        check_companions([CompanionSpec(name, ("sleep", "60")) for name in names])
