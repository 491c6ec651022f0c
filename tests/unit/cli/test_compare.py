from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builders import App, record
from leakhunt.cli.main import main
from unit.cli.test_report import write

ROUTE = "POST /image"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of an app that leaks, of the same app once it is mended, and of one that was hardly begun."""
    base = tmp_path_factory.mktemp("runs")
    leaky = App(routes=(ROUTE,), keeps={ROUTE: {"live": 40_000, "blocks": 3}})
    made = {
        "leaky": record(leaky),
        "fixed": record(App(routes=(ROUTE,)), seed=1),
        "short": record(leaky, rounds=0),
    }
    for name, run in made.items():
        write(run, base / name)
    return {name: base / name for name in made}


@pytest.mark.parametrize(
    ("before", "after", "code", "word"),
    [
        ("leaky", "fixed", 0, "FIXED"),
        ("fixed", "leaky", 1, "NEW LEAK"),
        ("leaky", "short", 4, "NOT COMPARABLE"),
    ],
)
def test_the_exit_code_says_whether_it_is_worse(
    before: str, after: str, code: int, word: str, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(runs[before]), str(runs[after])]) == code
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{word}  ")
    assert ROUTE in captured.out
    assert captured.err == ""


def test_runs_may_be_named_by_their_files(runs: dict[str, Path]) -> None:
    assert main(["compare", *(str(runs[name] / "run.sqlite") for name in ("leaky", "fixed"))]) == 0


def test_all_formats_are_written_at_once_beside_what_is_shown(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"found.{name}" for name in ("html", "markdown", "json", "text")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert main(["compare", str(runs["leaky"]), str(runs["fixed"]), *options]) == 0
    assert files["html"].read_text().lower().startswith("<!doctype html>")
    assert files["markdown"].read_text().startswith("# FIXED: ")
    assert json.loads(files["json"].read_text())["change"] == "fixed"
    assert files["text"].read_text() == capsys.readouterr().out


def test_a_dash_is_standard_output(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs["fixed"]), str(runs["leaky"]), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["regression"] is True


def test_standard_output_takes_one_format(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs["fixed"]), str(runs["leaky"]), "--json", "-", "--markdown", "-"]) == 2
    assert "standard output takes one format only" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["", "run.sqlite"])
def test_a_run_is_not_compared_with_itself(
    other: str, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(runs["leaky"]), str(runs["leaky"] / other)]) == 2
    assert "are the same run" in capsys.readouterr().err


def test_one_run_alone_is_a_usage_error(runs: dict[str, Path]) -> None:
    assert main(["compare", str(runs["leaky"])]) == 2


def test_a_missing_run_is_one_sentence(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(runs["leaky"]), str(tmp_path / "nowhere")]) == 3
    message, hint = capsys.readouterr().err.splitlines()
    assert message == f"leakhunt: There is no recorded run at {tmp_path / 'nowhere'}."
    assert hint.startswith("  hint: ")


def test_a_file_that_cannot_be_written_is_one_sentence(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "no" / "such.json"
    assert main(["compare", str(runs["leaky"]), str(runs["fixed"]), "--json", str(target)]) == 3
    message, hint = capsys.readouterr().err.splitlines()
    assert message.startswith(f"leakhunt: The comparison could not be written to {target}: ")
    assert hint == "  hint: Choose another place with --json."


def test_without_charts_it_does_without_matplotlib(runs: dict[str, Path]) -> None:
    code = (
        "import sys; from leakhunt.cli.main import main;"
        f"main(['compare', {str(runs['leaky'])!r}, {str(runs['short'])!r}]); print('\\n', 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
