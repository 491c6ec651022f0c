from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.model.run import Role
from leakhunt.targets.companions import CompanionSpec
from leakhunt.targets.launch import LaunchedTarget, LaunchSpec
from leakhunt.targets.servers import server_command

SITE = """
import os, sys, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/die":
        os.kill(os.getpid(), 9)
    if path == "/env":
        body = repr((sorted(os.environ.items()), sys.path))
    else:
        body = environ.get("HTTP_X_SEEN", "") + str(os.getpid())
    start_response("500 Broken" if path == "/broken" else "200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]

text = "no callable"
"""
SLOW_IN_ONE_WORKER = """
import time
from pathlib import Path

from pages import application

try:
    Path(__file__).with_suffix(".first").touch(exist_ok=False)
except FileExistsError:
    time.sleep(1.5)
"""

Launch = Callable[[LaunchSpec], LaunchedTarget]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "pages.py").write_text(SITE)
    (directory / "broken.py").write_text("raise ValueError('boom')")
    return directory


@pytest.fixture
def launch() -> Iterator[Launch]:
    targets: list[LaunchedTarget] = []

    def start(spec: LaunchSpec) -> LaunchedTarget:
        began = time.monotonic()
        targets.append(LaunchedTarget(spec, clock=lambda: time.monotonic() - began))
        targets[-1].start()
        return targets[-1]

    yield start
    for target in targets:
        target.stop()
        assert not target.launch_dir.exists()


def command(site: Path, *arguments: str) -> LaunchSpec:
    return LaunchSpec(
        command=arguments,
        cwd=site,
        env={},
        url=None,
        ready_path="/",
        ready_timeout=30,
        headers={},
        setup=(),
        companions=(),
        allow_hosts=(),
        workload_env={},
        python=sys.executable,
    )


def app(site: Path, name: str, *, server: str = "gunicorn", workers: int = 1, python: str | None = None) -> LaunchSpec:
    made = server_command(name, server=server, workers=workers, threads=1, python=python, chdir=site)
    return replace(command(site, *made.command), app=name, server=made.server, caveats=made.caveats)


def gunicorn(site: Path, *options: str) -> LaunchSpec:
    return command(site, sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *options, "pages:application")


def get(target: LaunchedTarget, path: str) -> str:
    with urllib.request.urlopen(target.address.base_url + path, timeout=10) as answer:
        text: bytes = answer.read()
        return text.decode()


def wait_for(condition: Callable[[], bool], timeout: float = 10) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("server", ["gunicorn", "waitress", "wsgiref"])
def test_an_app_is_served_found_and_hooked(site: Path, launch: Launch, server: str) -> None:
    target = launch(app(site, "pages:application", server=server))
    (worker,) = (worker for worker in target.workers() if worker.role is Role.WORKER)
    assert get(target, "/") == str(worker.pid)
    assert worker.name == f"{server} worker 1"
    assert worker.python == sys.version.split()[0]
    assert worker.key in target.links()
    assert target.caveats() == ()
    assert target.failure() is None
    assert target.conditions()["server"].split()[0] == server
    assert target.conditions()["python"] == worker.python


def test_an_interpreter_without_a_server_serves_with_the_standard_library(
    site: Path, launch: Launch, interpreters: dict[str, Path]
) -> None:
    version, python = next(iter(interpreters.items()))
    target = launch(app(site, "pages:application", python=str(python)))
    (caveat,) = target.caveats()
    assert caveat.code == "stdlib-server"
    assert target.conditions()["python"].startswith(version)


def test_workers_that_are_still_importing_the_app_are_waited_for(site: Path, launch: Launch) -> None:
    (site / "uneven.py").write_text(SLOW_IN_ONE_WORKER)
    target = launch(app(site, "uneven:application", workers=2))
    workers = [worker for worker in target.workers() if worker.role is Role.WORKER]
    assert len(workers) == 2
    assert {worker.key for worker in workers} <= target.links().keys()


def test_a_worker_born_a_moment_ago_is_known_after_a_look(site: Path, launch: Launch) -> None:
    target = launch(app(site, "pages:application", workers=2))
    old = {worker.pid for worker in target.workers() if worker.role is Role.WORKER}
    os.kill(min(old), signal.SIGKILL)
    # The server makes another one; as soon as that answers it has to be among those that are measured.
    assert wait_for(lambda: int(get(target, "/")) not in old)
    target.refresh()
    assert len([worker for worker in target.workers() if worker.role is Role.WORKER and worker.died is None]) == 2
    assert not {link.hello.pid for link in target.links().values()} & {min(old)}


def test_the_master_and_its_workers_are_told_apart(site: Path, launch: Launch) -> None:
    target = launch(app(site, "pages:application", workers=3))
    assert [worker.name for worker in target.workers()] == [
        "gunicorn master",
        "gunicorn worker 1",
        "gunicorn worker 2",
        "gunicorn worker 3",
    ]


def test_recycled_workers_are_lives_of_their_own(site: Path, launch: Launch) -> None:
    target = launch(gunicorn(site, "--max-requests", "5"))
    for _ in range(12):
        get(target, "/")
        time.sleep(0.05)
    assert wait_for(lambda: len([w for w in target.workers() if w.death == "recycled"]) >= 2)
    workers = [worker for worker in target.workers() if worker.role is Role.WORKER]
    assert [worker.name for worker in workers] == [f"gunicorn worker {n}" for n in range(1, len(workers) + 1)]
    assert target.failure() is None


def test_a_killed_worker_is_reported_with_its_signal(site: Path, launch: Launch) -> None:
    target = launch(gunicorn(site))
    with pytest.raises(http.client.RemoteDisconnected):
        get(target, "/die")
    assert wait_for(lambda: any(w.death and w.death.startswith("killed by SIGKILL") for w in target.workers()))


def test_a_target_that_dies_is_a_failure_in_one_sentence(site: Path, launch: Launch) -> None:
    target = launch(app(site, "pages:application", server="waitress"))
    (worker,) = target.workers()
    os.kill(worker.pid, signal.SIGKILL)
    assert wait_for(lambda: target.failure() is not None)
    assert "the target was killed by SIGKILL" in str(target.failure())


@pytest.mark.parametrize("server", ["gunicorn", "waitress", "wsgiref"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nosuch.wsgi:app", "there is no module nosuch in "),
        ("pages:nosuch", "the module pages has no nosuch"),
        ("pages:text", "pages:text is not callable"),
        ("broken:app", "broken raises on import: ValueError: boom"),
    ],
)
def test_an_app_that_cannot_be_served_is_explained_at_once(
    site: Path, launch: Launch, name: str, sentence: str, server: str
) -> None:
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        launch(app(site, name, server=server))
    assert caught.value.message.startswith(sentence)
    assert "\n  | " in caught.value.message
    # Far from the 30 s that a target has to become ready.
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_that_die_one_after_the_other_before_there_is_an_answer(
    site: Path, launch: Launch, workers: int
) -> None:
    (site / "exits.py").write_text("import sys\nprint('no licence', file=sys.stderr, flush=True)\nsys.exit(5)\n")
    with pytest.raises(
        TargetError, match=r"(?s)keep dying before it answers; the last one was exit code 5.*no licence"
    ):
        launch(app(site, "exits:application", workers=workers))


def test_the_app_sees_the_environment_of_a_bare_start(site: Path, launch: Launch) -> None:
    spec = replace(app(site, "pages:application", server="wsgiref"), env={"MINE": "1", "PYTHONPATH": "/nowhere"})
    seen = get(launch(spec), "/env")
    port = free_port()
    bare_command = [*spec.command[:2], "--bind", f"127.0.0.1:{port}", "pages:application"]
    with subprocess.Popen(bare_command, cwd=site, env={**os.environ, **spec.env}) as bare:
        assert wait_for(lambda: listens(port))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/env", timeout=10) as answer:
            expected = answer.read().decode()
        bare.terminate()
    assert seen == expected


def test_setup_companions_and_placeholders(site: Path, launch: Launch) -> None:
    data = "import os, pathlib; pathlib.Path(os.environ['DATA']).mkdir()"
    beside = "import sys, time; print('now ready', sys.argv[1], flush=True); time.sleep(60)"
    spec = replace(
        gunicorn(site),
        setup=(("{python}", "-c", data),),
        workload_env={"DATA": "{launch_dir}/data"},
        companions=(CompanionSpec("beside", ("{python}", "-c", beside, "{launch_dir}"), ready_log="now ready"),),
    )
    target = launch(spec)
    assert (target.launch_dir / "data").is_dir()
    (companion,) = (worker for worker in target.workers() if worker.role is Role.COMPANION)
    assert companion.name == "beside"
    assert companion.key not in target.links()
    assert f"PYTHONPATH={target.launch_dir}" not in Path(f"/proc/{companion.pid}/environ").read_text()


def test_a_setup_command_that_fails_is_shown_with_its_last_lines(site: Path, launch: Launch) -> None:
    spec = replace(gunicorn(site), setup=((sys.executable, "-c", "raise SystemExit('no database here')"),))
    with pytest.raises(TargetError, match=r"(?s)set-up command .* ended with exit code 1.*\| no database here"):
        launch(spec)


def test_a_companion_that_ends_is_shown_with_its_last_lines(site: Path, launch: Launch) -> None:
    companion = CompanionSpec("broker", (sys.executable, "-c", "raise SystemExit('no socket')"), ready_log="up")
    with pytest.raises(TargetError, match=r"(?s)companion broker ended with exit code 1.*\| no socket"):
        launch(replace(gunicorn(site), companions=(companion,)))


def test_a_companion_that_ends_while_the_target_starts_is_an_error(site: Path, launch: Launch) -> None:
    # A file that the app makes when it is imported, which is after the companion was taken for ready.
    (site / "late.py").write_text("open('imported', 'w').close()\nfrom pages import application\n")
    script = "while ! test -e imported; do sleep 0.05; done; echo no socket >&2; exit 7"
    with pytest.raises(TargetError, match=r"(?s)^the companion broker ended with exit code 7\n.*\| no socket"):
        launch(replace(app(site, "late:application"), companions=(CompanionSpec("broker", ("sh", "-c", script)),)))


def test_a_companion_that_ends_during_the_run_is_a_caveat_and_its_row_says_how(site: Path, launch: Launch) -> None:
    script = "while ! test -e over; do sleep 0.05; done; exit 7"
    companions = (CompanionSpec("broker", ("sh", "-c", script)), CompanionSpec("cache", ("sleep", "60")))
    target = launch(replace(gunicorn(site), companions=companions))
    assert target.caveats() == ()
    (site / "over").touch()
    assert wait_for(lambda: target.caveats() != ())
    target.stop()
    (caveat,) = target.caveats()
    assert (caveat.code, caveat.text) == (
        "companion-died",
        "The companion broker ended with exit code 7 during the run; the rest of it went without.",
    )
    deaths = {worker.name: worker.death for worker in target.workers() if worker.name in {"broker", "cache"}}
    assert deaths == {"broker": "exit code 7", "cache": None}


def test_values_of_env_are_in_no_error(site: Path, launch: Launch) -> None:
    failing = "import os; raise SystemExit('password is ' + os.environ['SECRET'])"
    with pytest.raises(TargetError) as caught:
        launch(replace(command(site, sys.executable, "-c", failing), env={"SECRET": "chalk-and-talk"}))
    assert "password is ***" in caught.value.message


def test_a_port_in_use_is_named_by_its_sentence(site: Path, launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        bound = command(site, sys.executable, "-m", "waitress", f"--listen={address}", "pages:application")
        with pytest.raises(TargetError, match="port of the target is already in use"):
            launch(bound)
        with pytest.raises(TargetError, match=f"something already listens on http://{address}"):
            launch(replace(bound, url=f"http://{address}"))


def test_a_unix_socket_is_loaded_if_url_names_it(site: Path, launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "site.sock"
    bound = command(site, sys.executable, "-m", "gunicorn", "--bind", f"unix:{path}", "pages:application")
    with pytest.raises(TargetError, match=f"only on Unix sockets: unix:{path}") as caught:
        launch(bound)
    assert f"--url unix:{path}" in str(caught.value.hint)
    assert launch(replace(bound, url=f"unix:{path}")).address.unix == str(path)


def test_of_several_ports_the_user_names_one(site: Path, launch: Launch) -> None:
    port = free_port()
    bound = gunicorn(site, "--bind", f"127.0.0.1:{port}")
    with pytest.raises(TargetError, match="several ports") as caught:
        launch(bound)
    assert "--url http://127.0.0.1:" in str(caught.value.hint)
    assert launch(replace(bound, url=f"http://127.0.0.1:{port}")).address.port == port


def test_a_path_of_ready_must_be_answered_well(site: Path, launch: Launch) -> None:
    with pytest.raises(TargetError, match="answered 500 to GET /broken within 1 s"):
        launch(replace(gunicorn(site), ready_path="/broken", ready_timeout=1))
    assert launch(replace(gunicorn(site), ready_path="/fine")).failure() is None


def test_a_target_that_never_listens_is_given_up(site: Path, launch: Launch) -> None:
    waiting = command(
        site,
        sys.executable,
        "-c",
        "import sys, time; print('still waiting', file=sys.stderr, flush=True); time.sleep(60)",
    )
    with pytest.raises(TargetError, match=r"(?s)gave no answer to GET / within 1 s.*\| still waiting"):
        launch(replace(waiting, ready_timeout=1))


def test_a_program_that_does_not_exist_is_named(site: Path, launch: Launch) -> None:
    with pytest.raises(TargetError, match="there is no program nosuchprogram"):
        launch(command(site, "nosuchprogram"))
    with pytest.raises(TargetError, match=f"there is no program bin/nosuch in {re.escape(str(site))}"):
        launch(command(site, "bin/nosuch"))
    with pytest.raises(UsageError, match="there is no directory"):
        launch(command(site / "nosuch", "true"))


def test_a_target_without_python_is_measured_from_outside_with_a_caveat(
    site: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakhunt.targets.startup.AGENT_TIMEOUT", 0.5)
    isolated = command(site, sys.executable, "-I", "-m", "http.server", "--bind", "127.0.0.1", "0")
    target = launch(isolated)
    assert [caveat.code for caveat in target.caveats()] == ["no-agent"]
    assert [worker.role for worker in target.workers()] == [Role.WORKER]


@pytest.mark.parametrize("what", ["gunicorn", "pipeline"])
def test_kill_9_of_leakhunt_ends_everything_within_5_seconds(site: Path, tmp_path: Path, what: str) -> None:
    if what == "gunicorn":
        arguments = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "-w", "3", "pages:application"]
    else:
        server = f"{sys.executable} -m gunicorn --bind 127.0.0.1:0 pages:application"
        arguments = ["sh", "-c", f"trap '' TERM; {server} 2>&1 | (trap '' TERM; cat)"]
    script = tmp_path / "leakhunt_like.py"
    script.write_text(LEAKHUNT_LIKE)
    with subprocess.Popen(
        [sys.executable, str(script), str(site), *arguments], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        launch_dir = Path(parent.stdout.readline().strip())
        tree = psutil.Process(parent.pid).children(recursive=True)
        assert len(tree) >= 4
        parent.kill()
    _, left = psutil.wait_procs(tree, timeout=5)
    # What has ended and waits for its new parent, the system's first process, to notice has ended.
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
    assert not launch_dir.exists()


def test_a_killed_supervisor_is_a_failure_and_leaves_nothing_behind(site: Path, launch: Launch) -> None:
    target = launch(gunicorn(site))
    pids = [worker.pid for worker in target.workers()]
    os.kill(psutil.Process(pids[0]).ppid(), signal.SIGKILL)
    assert wait_for(lambda: target.failure() is not None)
    target.stop()
    assert wait_for(lambda: not any(map(psutil.pid_exists, pids)))


def test_signals_to_the_terminals_process_group_do_not_reach_the_target(site: Path, launch: Launch) -> None:
    target = launch(gunicorn(site))
    groups = {os.getpgid(worker.pid) for worker in target.workers()}
    assert os.getpgid(0) not in groups


LEAKHUNT_LIKE = """
import sys, time
from pathlib import Path
from leakhunt.targets.launch import LaunchedTarget, LaunchSpec

target = LaunchedTarget(
    LaunchSpec(command=tuple(sys.argv[2:]), cwd=Path(sys.argv[1]), env={}, url=None, ready_path="/", ready_timeout=30,
               headers={}, setup=(), companions=(), allow_hosts=(), workload_env={}, python=sys.executable),
    clock=time.monotonic,
)
target.start()
print(target.launch_dir, flush=True)
time.sleep(60)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
