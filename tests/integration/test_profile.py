"""`leakhunt profile` on the small example sites, as a user runs it."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from conftest import find_interpreters
from integration.command_line import EXAMPLES, CommandLine, Done, command_line
from leakhunt.model.run import Phase
from leakhunt.runfile import read_run

SHOP: Final = EXAMPLES / "bare_wsgi"
GALLERY: Final = EXAMPLES / "flask_gallery"
IN_SHOP: Final = ("--chdir", str(SHOP))
IN_GALLERY: Final = ("--chdir", str(GALLERY), "--workload", str(GALLERY / "photos.toml"))
SEARCH: Final = (*IN_SHOP, "--seed", "7", "--no-peaks", "--request", "GET /search?q={n}")
"""One leaking route alone: its line and holder are named soonest."""

SECRETS: Final = {
    "value of --env": "open-sesame-env",
    "value of the workload's env": "open-sesame-workload",
    "password of a form": "open-sesame-password",
    "cookie": "open-sesame-cookie",
    "authorization": "open-sesame-authorization",
    "header of the command line": "open-sesame-header",
    "user-info of a URL": "open-sesame-userinfo",
    "value of a query": "open-sesame-query",
}
SECRET_WORKLOAD: Final = f"""
env = {{ BROKER = "{SECRETS["value of the workload's env"]}" }}
setup = [["{{python}}", "-c", "pass", "redis://broker:{SECRETS["user-info of a URL"]}@127.0.0.1/1"]]

[[step]]
method = "GET"
path = "/search?q={SECRETS["value of a query"]}-{{n}}"
headers = {{ Cookie = "session={SECRETS["cookie"]}", Authorization = "Bearer {SECRETS["authorization"]}" }}

[[step]]
method = "POST"
path = "/orders"
form = {{ name = "{{n}}", password = "{SECRETS["password of a form"]}", remark = "{"behind the house " * 30}" }}
expect = [201]
"""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


@pytest.fixture(scope="module")
def leaky_shop(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One whole run, of which many tests look at one side each; made once, though several workers of xdist ask."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "leaky-shop"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "done.json").exists():
            done = asdict(profile_the_leaky_shop(directory))
            (directory / "done.json").write_text(json.dumps(done | {"run": str(done["run"])}))
    told = json.loads((directory / "done.json").read_text())
    return Done(**told | {"run": Path(told["run"])})


def profile_the_leaky_shop(directory: Path) -> Done:
    workload = directory / "shop.toml"
    workload.write_text(SECRET_WORKLOAD)
    with command_line(directory) as runner:
        return runner.profile(
            *("shop:application", *IN_SHOP, "--workload", str(workload), "--seed", "7", "--budget-time", "20"),
            *("--env", f"SHOP_TOKEN={SECRETS['value of --env']}"),
            *("--header", f"X-Forwarded-User: {SECRETS['header of the command line']}"),
        )


def suspect(done: Done, route: str) -> Any:
    """The weightiest suspect of a route."""
    return next(found for found in done.report["suspects"] if found["route"] == route)


def check_search_leaks(done: Done) -> None:
    """The true line and holder of `GET /search`, as the README of the example names them."""
    done.has_no_traceback()
    assert done.code == 1, done.err + done.out
    assert done.report["judgement"]["verdict"] == "LEAK"
    found = suspect(done, "GET /search")
    assert Path(found["site"]["file"]) == SHOP / "shop.py"
    # Python 3.8 to 3.11 run a comprehension as a function of its own, whose name they write differently.
    assert (found["site"]["line"], found["origin"]) == (35, "application")
    assert found["path"].startswith("shop.Stock.listeners[*]")
    check_size_of_search(done)


def check_size_of_search(done: Done) -> None:
    (route,) = [route for route in done.report["routes"] if route["route"] == "GET /search"]
    assert 5_000 < route["bytes_per_request"] < 9_000


# --- A leaky site. --------------------------------------------------------------------------------------------------


def test_the_leaking_route_its_line_and_its_holder_are_named(leaky_shop: Done) -> None:
    check_search_leaks(leaky_shop)
    order = suspect(leaky_shop, "POST /orders")
    assert (order["site"]["line"], order["site"]["function"]) == (58, "order_leaky")
    assert order["path"] == "shop._ORDERS['*']"
    assert order["type"] == "str"


def test_the_report_has_the_documented_keys(leaky_shop: Done) -> None:
    report = leaky_shop.report
    schema = json.loads(resources.files("leakhunt.reports").joinpath("templates/report.schema.json").read_text("utf-8"))
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert {"schema", "judgement", "routes", "suspects", "workers", "caveats", "cost"} <= report.keys()
    assert {"verdict", "reasons", "provisional"} <= report["judgement"].keys()
    assert {
        *("route", "requests", "bytes_per_request", "bytes_per_request_interval", "bytes_per_request_basis"),
        *("live_bytes_per_request", "peak_bytes_per_request", "amplification"),
    } <= report["routes"][0].keys()
    assert {
        *("route", "bytes_per_request", "type", "cause", "site", "library"),
        *("stack", "path", "path_nodes", "fingerprint", "origin"),
    } <= report["suspects"][0].keys()
    assert {"cpu_fraction", "memory_bytes", "longest_pause_s"} <= report["cost"].keys()


def test_what_was_not_measured_is_null_with_a_reason(leaky_shop: Done) -> None:
    def check(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                check(item)
        if isinstance(value, dict):
            for key, item in value.items():
                assert item is not None or key in plan or isinstance(value.get(f"{key}_reason"), str), key
                check(item)

    plan = leaky_shop.report["plan"]
    check(leaky_shop.report)


def test_the_peak_of_a_request_is_measured_unless_it_drowns_in_noise(leaky_shop: Done) -> None:
    for route in leaky_shop.report["routes"]:
        assert (route["peak_bytes_per_request"] is None) == ("peak_bytes_per_request_reason" in route)
    assert read_run(leaky_shop.run).peaks


def test_the_first_screen_answers(leaky_shop: Done) -> None:
    lines = leaky_shop.out.splitlines()
    screen = "\n".join(lines[:24])
    assert lines[0].startswith("LEAK")
    for fact in ("GET /search", "shop.py:35", "held by shop.Stock.listeners[*]", "shop.py:58", "shop._ORDERS['*']"):
        assert fact in screen
    assert "Explained " in leaky_shop.out
    assert f"Report: {leaky_shop.run / 'report.html'}" in leaky_shop.out


@pytest.mark.parametrize("columns", [80, 120])
def test_the_last_screen_of_a_terminal_answers(leaky_shop: Done, leakhunt: CommandLine, columns: int) -> None:
    screen = "\n".join(leakhunt.on_a_terminal("report", str(leaky_shop.run), columns=columns)[-24:])
    for fact in ("LEAK", "GET /search", "shop.py:35", "shop.Stock.listeners[*]", "shop.py:58", "shop._ORDERS['*']"):
        assert fact in screen
    for start in ("Explained ", "Next: ", "Report: "):
        assert f"\n{start}" in screen


def test_the_command_suggested_next_works(leaky_shop: Done, leakhunt: CommandLine) -> None:
    (line,) = [line for line in leaky_shop.out.splitlines() if line.startswith("Next: ")]
    _, command, *arguments = shlex.split(line)
    assert command == "leakhunt"
    assert "SHOP_TOKEN=$SHOP_TOKEN" in arguments
    done = leakhunt(*arguments, "--requests", "2")
    assert done.code == 0, done.err
    assert "shop:search_leaky" in done.out
    assert "shop:order_leaky" in done.out


def test_the_run_directory_is_private_and_complete(leaky_shop: Done) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    files = {path.name: mode(path) for path in leaky_shop.run.iterdir()}
    assert mode(leaky_shop.run) == 0o700
    assert set(files.values()) == {0o600}
    assert {"run.sqlite", "report.html", "report.md", "report.json", "growth.png", "growth.svg"} <= files.keys()
    assert (leaky_shop.run / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (leaky_shop.run / "growth.svg").read_text()


def test_an_old_run_is_rendered_again_in_every_format(leaky_shop: Done, leakhunt: CommandLine) -> None:
    again = leakhunt.here("report", str(leaky_shop.run), "--format", "json")
    assert json.loads(again.out) == leaky_shop.report
    for form, words in (("html", "</html>"), ("md", "GET /search"), ("text", "GET /search")):
        done = leakhunt.here("report", str(leaky_shop.run), "--format", form)
        assert done.code == 0
        assert words in done.out
    saved = leakhunt.output / "again.md"
    assert leakhunt.here("report", str(leaky_shop.run), "--format", "md", "--output", str(saved)).code == 0
    assert saved.read_text() == (leaky_shop.run / "report.md").read_text()


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_stay_out(leaky_shop: Done, kind: str) -> None:
    secret = SECRETS[kind].encode()
    assert secret not in leaky_shop.out.encode()
    assert secret not in leaky_shop.err.encode()
    for path in leaky_shop.run.iterdir():
        assert secret not in path.read_bytes(), path.name
    with closing(sqlite3.connect(leaky_shop.run / "run.sqlite")) as database:
        bodies = [zlib.decompress(body) for (body,) in database.execute("SELECT body FROM snapshots")]
    assert bodies
    assert not [body for body in bodies if secret in body]


# --- Clean sites, and another leaky one. ----------------------------------------------------------------------------


def test_the_clean_shop_is_clean(leakhunt: CommandLine) -> None:
    workload = ("--workload", str(SHOP / "shopping.toml"))
    done = leakhunt.profile(
        *("shop:application", *IN_SHOP, *workload, "--env", "SHOP_VARIANT=clean", "--seed", "7"),
        *("--budget-time", "20", "--no-peaks"),
    )
    assert done.code == 0, done.out
    assert done.report["judgement"]["verdict"] == "CLEAN"
    assert done.report["suspects"] == []
    assert {route["verdict"] for route in done.report["routes"]} == {"CLEAN"}


def test_the_leaky_gallery(leakhunt: CommandLine) -> None:
    done = leakhunt.profile("gallery:app", *IN_GALLERY, "--seed", "7", "--budget-time", "20", "--no-peaks")
    assert done.code == 1, done.out
    found = suspect(done, "POST /albums/<int:number>/photos")
    assert (Path(found["site"]["file"]).name, found["site"]["line"]) == ("gallery.py", 58)
    assert found["path"].startswith("gallery.LeakyPhoto._mean")
    assert found["path"].endswith(".sample")
    assert 16_000 < found["bytes_per_request"] < 18_000
    assert "GET /" not in {found["route"] for found in done.report["suspects"]}


def test_the_clean_gallery(leakhunt: CommandLine) -> None:
    """Its framework remembers the patterns of the last 512 uploads, which is no leak."""
    done = leakhunt.profile(
        *("gallery:app", *IN_GALLERY, "--env", "GALLERY_VARIANT=clean"),
        *("--seed", "7", "--budget-time", "20", "--no-peaks", "--no-explain"),
    )
    assert done.code == 0, done.out
    assert done.report["judgement"]["verdict"] in {"CLEAN", "BOUNDED"}


# --- Servers and interpreters. --------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["waitress", "wsgiref"])
def test_other_servers(leakhunt: CommandLine, server: str) -> None:
    done = leakhunt.profile("shop:application", *SEARCH, "--server", server, "--budget-time", "20", "--no-explain")
    assert done.code == 1, done.err + done.out
    assert done.report["conditions"]["server"].startswith(server)
    check_size_of_search(done)


@pytest.mark.parametrize("version", [version for version in find_interpreters() if version in {"3.8", "3.9"}])
def test_interpreters_older_than_leakhunt_itself(leakhunt: CommandLine, version: str) -> None:
    python = str(find_interpreters()[version])
    done = leakhunt.profile("shop:application", *SEARCH, "--python", python, "--budget-time", "20")
    check_search_leaks(done)
    assert done.report["conditions"]["python"].startswith(version)
    assert "stdlib-server" in {caveat["code"] for caveat in done.report["caveats"]}


def test_a_command_of_the_users_own_with_workers_that_are_recycled(leakhunt: CommandLine) -> None:
    server = (sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "-w", "2", "--max-requests", "300")
    done = leakhunt.profile(*SEARCH, "--budget-time", "20", "--", *server, "shop:application")
    check_search_leaks(done)
    assert [worker for worker in done.report["workers"] if worker["death"] == "recycled"]


# --- Options. -------------------------------------------------------------------------------------------------------


def test_the_same_seed_sends_the_same_requests_and_not_more_than_allowed(leakhunt: CommandLine) -> None:
    def sent(run: str, seed: str) -> list[tuple[Any, ...]]:
        done = leakhunt.profile(
            *("shop:application", *IN_SHOP, "--workload", str(SHOP / "shopping.toml"), "--seed", seed),
            *("--requests", "300", "--budget-time", "30", "--no-peaks", "--no-explain"),
            run=run,
        )
        done.has_no_traceback()
        recorded = read_run(done.run)
        assert not [one for one in recorded.rounds if one.phase in {Phase.EXPLAIN, Phase.PEAK}]
        assert all(found["site"] is None and found["site_reason"] for found in done.report["suspects"])
        assert all(route["peak_bytes_per_request"] is None for route in done.report["routes"])
        rounds = [one for one in recorded.rounds if one.phase is Phase.DOSE]
        assert 0 < sum(sum(one.doses.values()) for one in rounds) <= 300
        indexes = {one.index for one in rounds}
        return [
            *(tuple(sorted(one.doses.items())) for one in rounds),
            *((each.step, each.sent) for each in recorded.requests if each.round in indexes),
        ]

    first = sent("first", "7")
    assert sent("second", "7") == first
    assert sent("third", "8") != first


def test_too_few_requests_for_a_verdict_are_said_to_be_too_few(leakhunt: CommandLine) -> None:
    done = leakhunt.profile("shop:application", *SEARCH, "--requests", "20", "--no-explain")
    assert done.code == 4
    assert done.report["judgement"]["verdict"] == "INCONCLUSIVE"
    assert "--requests is too low" in done.err


def test_runs_go_to_a_directory_of_their_own_unless_told_otherwise(leakhunt: CommandLine, tmp_path: Path) -> None:
    settings = f'[tool.leakhunt]\ntarget = "shop:application"\nchdir = "{SHOP}"\nworkload = "shop.toml"\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "shop.toml").write_text('[[step]]\npath = "/"\n')
    done = leakhunt("profile", "--budget-time", "1", "--no-peaks", "--no-explain", cwd=tmp_path)
    done.has_no_traceback()
    assert done.code in {0, 4}, done.err
    (run,) = (tmp_path / "leakhunt-runs").iterdir()
    assert run.name.endswith("Z-shop")
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert (run / "report.html").exists()


# --- Interruptions. -------------------------------------------------------------------------------------------------


def wait_for_verdict_rounds(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("verdict rounds, block 2" in line for line in process.stderr)


def check_readable(leakhunt: CommandLine, outcome: str | None) -> None:
    done = leakhunt.here("report", str(leakhunt.output / "run"), "--format", "json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["outcome"] == outcome
    assert sum(route["requests"] for route in report["routes"]) > 20


def test_ctrl_c_ends_everything_with_a_report(leakhunt: CommandLine) -> None:
    with leakhunt.started("shop:application", *SEARCH, "--workers", "2") as process:
        wait_for_verdict_rounds(process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert "GET /search" in out
    assert (leakhunt.output / "run" / "report.html").exists()
    leakhunt.check_nothing_left(within=0)
    check_readable(leakhunt, "interrupted")


def test_kill_9_of_leakhunt_loses_nothing_that_was_recorded_and_leaves_nothing(leakhunt: CommandLine) -> None:
    with leakhunt.started("shop:application", *SEARCH, "--workers", "2") as process:
        wait_for_verdict_rounds(process)
        assert len(leakhunt.processes()) >= 4
        process.kill()
    leakhunt.check_nothing_left(within=5)
    check_readable(leakhunt, None)
