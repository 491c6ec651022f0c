from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import click
import pytest

from leakhunt.cli import main as module
from leakhunt.cli.main import COMMANDS, LazyCommand, leakhunt, main
from leakhunt.errors import TargetError, UsageError


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command("fail")
    def fail() -> None:
        raise error

    class Failing(LazyCommand):
        __slots__ = ()

        def load(self) -> click.Command:
            return fail

    monkeypatch.setattr(module, "COMMANDS", (Failing("fail", "Fail."),))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("Two targets.", "Name one."), 2),
        (TargetError("It died.", "Look at its log."), 3),
        (KeyboardInterrupt(), 130),
        (RuntimeError("boom"), 70),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, error)
    assert main(["fail"]) == code
    assert capsys.readouterr().out == ""


def test_an_error_is_one_sentence_and_a_hint_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, TargetError("It died.", "Look at its log."))
    main(["fail"])
    assert capsys.readouterr().err == "leakhunt: It died.\n  hint: Look at its log.\n"


def test_a_bug_of_ours_shows_its_traceback_and_says_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, RuntimeError("boom"))
    main(["fail"])
    assert "RuntimeError: boom" in (err := capsys.readouterr().err)
    assert "bug in leakhunt" in err


def test_a_broken_pipe_that_is_not_our_readers_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert main(["fail"]) == 70
    assert "BrokenPipeError" in capsys.readouterr().err


def test_an_unknown_command_or_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profil"]) == 2
    assert main(["report", "--colour"]) == 2
    assert "No such" in capsys.readouterr().err


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_the_summary_of_each_command_is_the_first_line_of_its_help(name: str) -> None:
    command = next(command for command in COMMANDS if command.name == name)
    assert (command.load().help or "").splitlines()[0] == command.summary


def test_help_lists_every_command_without_importing_one() -> None:
    code = (
        "import sys; from leakhunt.cli.main import main; main(['--help']);"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in"
        " {'matplotlib', 'rich', 'psutil', 'jinja2', 'objgraph'} or name.startswith('leakhunt.cli.')))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "['leakhunt.cli.main', 'leakhunt.cli.streams']"
    assert all(command.name in output for command in COMMANDS)


@pytest.mark.parametrize("command", [["profile"], ["profile", "--help"], ["lines"], ["report", "nowhere"]])
def test_no_command_starts_by_importing_matplotlib(command: list[str]) -> None:
    code = f"import sys; from leakhunt.cli.main import main; main({command}); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_python_m_runs_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "leakhunt", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("leakhunt, version ")


def test_the_group_is_called_leakhunt() -> None:
    assert leakhunt.name == "leakhunt"


def test_sigterm_ends_a_command_like_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("fail")
    def terminated() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    class Terminated(LazyCommand):
        __slots__ = ()

        def load(self) -> click.Command:
            return terminated

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(module, "COMMANDS", (Terminated("fail", "Fail."),))
    assert main(["fail"]) == 130
    assert signal.getsignal(signal.SIGTERM) is before
