from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.targets import startup
from leakhunt.targets.base import Address
from leakhunt.targets.startup import Readiness, wait_for_agent, wait_until_ready
from unit.targets.stage import SERVE, Stage, stage

WSGI = """
from wsgiref.simple_server import make_server

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]

make_server("127.0.0.1", 0, application).serve_forever()
"""


@pytest.fixture
def play(launch_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(startup, "_PAUSE", 0.01)
    with stage(launch_dir) as made:
        yield made


def readiness(
    path: str = "/", *, timeout: float = 20, address: Address | None = None, headers: Mapping[str, str] | None = None
) -> Readiness:
    return Readiness(address, path, timeout, headers or {}, ())


def port(play: Stage) -> int:
    play.until(lambda: play.log.stdout.exists() and play.log.stdout.read_text().endswith("\n"))
    return int(play.log.stdout.read_text())


def test_a_target_is_found_at_the_port_it_listens_on_and_any_answer_to_the_root_will_do(play: Stage) -> None:
    found = wait_until_ready(play.run(SERVE), readiness())
    assert found == Address("http", "127.0.0.1", port(play))


def test_any_other_path_has_to_be_answered_without_an_error_of_the_server(play: Stage) -> None:
    running = play.run(SERVE)
    assert wait_until_ready(running, readiness("/fine")).port == port(play)
    assert wait_until_ready(running, readiness("/absent")).port == port(play)
    with pytest.raises(TargetError, match=r"^the target answered 500 to GET /broken within 0\.3 s") as caught:
        wait_until_ready(running, readiness("/broken", timeout=0.3))
    assert "--ready-timeout" in str(caught.value.hint)


def test_an_address_that_is_given_is_asked_and_no_other(play: Stage) -> None:
    running = play.run(SERVE)
    right = Address("http", "localhost", port(play))
    assert wait_until_ready(running, readiness(address=right)) == right
    wrong = Address("http", "localhost", None, unix=str(play.directory.path / "absent.sock"))
    with pytest.raises(TargetError, match="gave no answer to GET / within"):
        wait_until_ready(running, readiness(address=wrong, timeout=0.1))


def test_the_headers_of_the_user_are_sent_along(play: Stage) -> None:
    running = play.run(SERVE)
    assert wait_until_ready(running, readiness("/seen", headers={"X-Seen": "yes"})).port == port(play)


def test_a_target_that_ends_is_not_waited_for(play: Stage) -> None:
    with pytest.raises(TargetError, match=r"(?s)ended with exit code 1 before it answered.*\| no licence"):
        wait_until_ready(play.run("raise SystemExit('no licence')"), readiness())


def test_a_target_without_an_agent_has_a_caveat(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "AGENT_TIMEOUT", 0.02)
    wait_until_ready(play.run(SERVE), readiness())
    caveat = wait_for_agent(play.census)
    assert caveat is not None
    assert caveat.code == "no-agent"
    assert "runs in no process of the target" in caveat.text


def test_an_agent_that_found_the_app_is_no_caveat(play: Stage) -> None:
    wait_until_ready(play.run(WSGI, agent=True), readiness())
    assert wait_for_agent(play.census) is None
    assert play.census.any_hooked()
