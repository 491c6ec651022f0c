"""`leakhunt lines` on the example sites: the lines and the sizes it names are the true ones."""

from __future__ import annotations

import re
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT
from leakhunt.cli.main import main
from leakhunt.units import parse_size

EXAMPLES = ROOT / "examples"
MIB = 2**20
VIDEO, DOCUMENT = 20 * MIB, 4 * MIB

UPLOADS = f"""
setup = [["{{python}}", "manage.py", "migrate", "--no-input"], ["{{python}}", "manage.py", "seed_courses"]]
env = {{ COURSEWARE_DATA = "{{launch_dir}}/data" }}

[login]
path = "/accounts/login/"
form = {{ username = "teacher", password = "chalk-and-talk" }}
csrf = "django"

[[step]]
name = "video"
method = "POST"
path = "/lessons/2/videos/"
form = {{ title = "Video {{n}}" }}
files = [{{ field = "file", kind = "video", size = {VIDEO} }}]
expect = [201]

[[step]]
name = "document"
method = "POST"
path = "/lessons/3/documents/"
form = {{ title = "Handout {{n}}" }}
files = [{{ field = "file", kind = "document", size = {DOCUMENT} }}]
expect = [201]
"""


@dataclass(frozen=True)
class Use:
    """What the output says of a function; sizes of one call, in bytes."""

    kept: int
    peak: int
    calls: int


def functions(output: str) -> dict[str, Use]:
    found = re.findall(r"^(\S+:\S+) +([+-]?[\d.]+ \w+) +([+-]?[\d.]+ \w+) +(\d+)$", output, re.MULTILINE)
    return {name: Use(signed(kept), signed(peak), int(calls)) for name, kept, peak, calls in found}


def rises(output: str) -> dict[str, tuple[float, int]]:
    """Bytes per call and how often it ran, by source line."""
    found = re.findall(r"^ +\d+ +([+-]?[\d.]+) +(\d+)  (.+)$", output, re.MULTILINE)
    return {source: (float(rise) * MIB, int(runs)) for rise, runs, source in found}


def signed(size: str) -> int:
    return -parse_size(size[1:]) if size.startswith("-") else parse_size(size.lstrip("+"))


def shop(*arguments: str) -> list[str]:
    app = ["shop:application", "--chdir", str(EXAMPLES / "bare_wsgi")]
    return ["lines", *app, "--workload", str(EXAMPLES / "bare_wsgi/shopping.toml"), *arguments]


def test_a_video_is_held_three_times_and_documents_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workload = tmp_path / "uploads.toml"
    workload.write_text(UPLOADS)
    app = ["courseware.wsgi:application", "--chdir", str(EXAMPLES / "courseware"), "--workload", str(workload)]
    leaky = "courseware.uploads.leaky"
    named = ["--function", f"{leaky}:upload_video", "--function", f"{leaky}:upload_document"]
    assert main(["lines", *app, *named, "--requests", "3"]) == 0
    output = capsys.readouterr().out

    measured = functions(output)
    assert list(measured) == [f"{leaky}:upload_document", f"{leaky}:upload_video"]
    video, document = measured[f"{leaky}:upload_video"], measured[f"{leaky}:upload_document"]
    assert (video.calls, document.calls) == (3, 3)
    assert video.peak == pytest.approx(3 * VIDEO, rel=0.1)
    assert video.kept < VIDEO / 10
    assert DOCUMENT * 0.8 < document.kept < DOCUMENT * 3

    of_line = rises(output)
    for source in ("scrubbed = bytearray(content)", "cleaned = bytes(scrubbed)"):
        rise, runs = of_line[f"    {source}"]
        assert rise == pytest.approx(VIDEO, rel=0.05)
        assert runs == 3
    assert max(map(len, output.splitlines())) <= 100


def test_functions_that_the_site_keeps_in_a_table_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    named = ["--function", "shop:search_leaky", "--function", "shop:order_leaky", "--function", "shop:order_clean"]
    assert main(shop(*named, "--requests", "100")) == 0
    output = capsys.readouterr().out
    measured = functions(output)
    assert measured["shop:search_leaky"].kept > 0
    assert {name: use.calls for name, use in measured.items()} == {"shop:search_leaky": 100, "shop:order_leaky": 100}
    assert rises(output)['    _ORDERS[number] = body.decode("latin-1")'][1] == 100
    assert "Not measured: shop:order_clean: no request of this workload called it." in output.splitlines()


def test_calls_of_all_workers_of_a_command_are_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    workload = str(EXAMPLES / "bare_wsgi/shopping.toml")
    what = ["--chdir", str(EXAMPLES / "bare_wsgi"), "--workload", workload, "--function", "shop:search_leaky"]
    server = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "shop:application"]
    assert main(["lines", *what, "--requests", "20", "--", *server]) == 0
    assert functions(capsys.readouterr().out)["shop:search_leaky"].calls == 20


def test_a_target_without_memory_profiler_is_refused_with_the_line_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    venv.create(tmp_path / "bare")
    assert main(shop("--function", "shop:search_leaky", "--python", str(tmp_path / "bare"))) == 3
    captured = capsys.readouterr()
    assert "memory_profiler cannot be imported in the target" in captured.err
    assert captured.err.endswith("python -m pip install memory-profiler\n")
    assert captured.out == ""


def test_a_name_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shop("--function", "shop:serach", "--requests", "1")) == 3
    assert "shop:serach: there is no function serach in shop." in capsys.readouterr().err
