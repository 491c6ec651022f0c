"""`leakhunt profile` on the Django upload site: the true lines and holders of its leaks, and nothing in its cure."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from conftest import ROOT, find_interpreters
from integration.command_line import EXAMPLES, CommandLine, Done, command_line

COURSEWARE: Final = EXAMPLES / "courseware"
UPLOADS: Final = ("--chdir", str(COURSEWARE), "--workload", str(COURSEWARE / "uploads.toml"), "--seed", "7")
APP: Final = "courseware.wsgi:application"
LEAKS: Final[Mapping[str, tuple[str, str, int, str]]] = {
    "POST /lessons/<int:pk>/videos/": (
        "video_queue.py",
        "preview = job.content[:PREVIEW]",
        262_177,
        "courseware.uploads.leaky._VIDEOS.finished[*].preview",
    ),
    "POST /lessons/<int:pk>/images/": (
        "leaky.py",
        "_THUMBNAILS[file.name] = Thumbnail(upload.pk, picture.resize(THUMBNAIL))",
        307_200,
        "courseware.uploads.leaky._THUMBNAILS['*'].image",
    ),
    "POST /lessons/<int:pk>/documents/": (
        "leaky.py",
        "data = content[start : start + CHUNK]",
        510_000,
        "courseware.uploads.leaky._CHUNKS[*].data",
    ),
}
"""Of each leaking route: file and source of the true line, bytes kept per request, and holder."""


@pytest.fixture
def leakhunt(tmp_path: Path) -> Iterator[CommandLine]:
    with command_line(tmp_path) as runner:
        yield runner


def check_leaks(done: Done) -> None:
    """The three leaks of the README, each by line, holder and size, and no route that does not leak."""
    done.has_no_traceback()
    assert done.code == 1, done.err + done.out
    report = done.report
    routes = {route["route"]: route for route in report["routes"]}
    assert {name for name, route in routes.items() if route["verdict"] == "LEAK"} == LEAKS.keys()
    for route, (file, source, size, holder) in LEAKS.items():
        found = next(found for found in report["suspects"] if found["route"] == route)
        assert Path(found["site"]["file"]).name == file
        assert found["site"]["source"] == source
        assert found["site"]["line"] == line_of(file, source)
        assert found["path"] == holder
        assert found["bytes_per_request"] == pytest.approx(size, rel=0.25)
        assert routes[route]["bytes_per_request"] == pytest.approx(size, rel=0.25)


def line_of(file: str, source: str) -> int:
    lines = (COURSEWARE / "courseware" / "uploads" / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == source)


def test_the_readme_names_the_lines_that_are_checked_here() -> None:
    readme = (COURSEWARE / "README.md").read_text()
    for file, source, _, holder in LEAKS.values():
        assert re.search(rf"{re.escape(file)}:{line_of(file, source)}`", readme)
        assert f"`{holder}`" in readme


def test_the_leaky_site(leakhunt: CommandLine) -> None:
    done = leakhunt.profile(APP, *UPLOADS, "--budget-time", "20", "--no-peaks", timeout=300)
    check_leaks(done)
    assert {"master", "worker", "companion"} <= {worker["role"] for worker in done.report["workers"]}
    image = next(found for found in done.report["suspects"] if found["route"].endswith("/images/"))
    assert image["cause"] == "native"
    assert image["library"]["package"].lower() == "pillow"
    assert "password" not in done.out
    check_ranking(leakhunt, done)


def check_ranking(leakhunt: CommandLine, done: Done) -> None:
    """What the run measured comes first in a scan, with its figure, and nothing else is told to have been measured."""
    scanned = leakhunt.here("scan", str(COURSEWARE), "--run", str(done.run), "--json", "-")
    findings = json.loads(scanned.out)["findings"]
    measured = [found["evidence"] is not None for found in findings]
    assert measured == sorted(measured, reverse=True)
    told = {(Path(found["file"]).name, found["subject"]): found["evidence"] for found in findings[:3]}
    assert told.keys() == {("leaky.py", "_THUMBNAILS"), ("leaky.py", "_CHUNKS"), ("video_queue.py", "finished")}
    for (_, subject), evidence in told.items():
        (suspect,) = [each for each in done.report["suspects"] if subject in (each["path"] or "")]
        assert f"on {suspect['route']}" in evidence
        assert f"{suspect['bytes_per_request']:+,.0f} bytes per request" in evidence


@pytest.mark.slow
@pytest.mark.serial
def test_the_leaky_site_as_the_documentation_runs_it(leakhunt: CommandLine) -> None:
    done = leakhunt.profile(APP, *UPLOADS, timeout=400)
    check_leaks(done)
    routes = {route["route"]: route for route in done.report["routes"]}
    assert routes["POST /lessons/<int:pk>/videos/"]["amplification"] == pytest.approx(3, abs=0.5)


@pytest.mark.slow
@pytest.mark.serial
def test_the_fixed_site(leakhunt: CommandLine) -> None:
    done = leakhunt.profile(APP, *UPLOADS, "--env", "COURSEWARE_VARIANT=fixed", timeout=400)
    assert done.code == 0, done.err + done.out
    assert done.report["judgement"]["verdict"] in {"CLEAN", "BOUNDED"}
    for route in done.report["routes"]:
        if route["route"].startswith("POST /lessons") and "progress" not in route["route"]:
            # An upper limit counts as well: the peak of what streams to disk is mere noise.
            assert amplification(route) < 0.1


def amplification(route: Mapping[str, Any]) -> float:
    return float(route["amplification"])


@pytest.mark.slow
@pytest.mark.serial
def test_several_workers_that_are_recycled(leakhunt: CommandLine) -> None:
    server = (sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "3", "--max-requests", "40")
    done = leakhunt.profile(*UPLOADS, "--no-peaks", "--", *server, "courseware.wsgi", timeout=400)
    check_leaks(done)
    assert [worker for worker in done.report["workers"] if worker["death"] == "recycled"]


@pytest.mark.slow
@pytest.mark.parametrize("version", [version for version in find_interpreters() if version not in {"3.8", "3.9"}])
def test_the_leaky_site_under_every_python_that_its_framework_runs_on(
    leakhunt: CommandLine, version: str, tmp_path: Path
) -> None:
    """In an environment of its own, without leakhunt and without a server."""
    environment = tmp_path / "venv"
    subprocess.run([find_interpreters()[version], "-m", "venv", str(environment)], check=True)
    requirements = ROOT / "examples" / "courseware" / "requirements.txt"
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    done = leakhunt.profile(APP, *UPLOADS, "--no-peaks", "--python", str(environment), timeout=400)
    check_leaks(done)
    assert done.report["conditions"]["python"].startswith(version)
