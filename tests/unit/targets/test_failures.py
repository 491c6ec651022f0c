from __future__ import annotations

from pathlib import Path

from leakhunt.targets.failures import Shown, explain, how_ended
from leakhunt.targets.logs import Log


def test_values_of_the_environment_are_blotted_out(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "target")
    log.stderr.write_text("connecting with chalk-and-talk\n\nrefused\n")
    shown = Shown.without(["chalk-and-talk", "1"]).with_tail("it ended with 1", log)
    assert shown == "it ended with 1\n  | connecting with ***\n  | refused"


def test_only_the_last_lines_are_shown(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "target")
    log.stderr.write_text("\n".join(map(str, range(100))))
    assert Shown().with_tail("ended", log).splitlines()[1:] == [f"  | {n}" for n in range(88, 100)]


def test_stdout_is_shown_where_stderr_is_empty(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "a name/with slashes")
    log.stdout.write_text("only here")
    assert log.errors() == "only here"
    assert Log.of(tmp_path, "absent").text() == ""


def test_a_missing_dependency_is_not_taken_for_the_missing_app() -> None:
    found = explain("ModuleNotFoundError: No module named 'PIL'", app="shop.wsgi:application", cwd="/srv")
    assert found is not None
    assert found.sentence == "shop.wsgi raises on import: ModuleNotFoundError: No module named 'PIL'"


def test_a_command_of_the_users_own_is_not_interpreted() -> None:
    assert explain("ValueError: boom", app=None, cwd="/srv") is None


def test_a_command_whose_interpreter_lacks_a_module_gets_a_hint() -> None:
    found = explain("Traceback\nModuleNotFoundError: No module named 'django'", app=None, cwd="/srv")
    assert found is not None
    assert found.sentence == "the interpreter of the target finds no module django"
    assert found.hint == "Activate the environment that has django, or name its interpreter in the command."


def test_an_exit_status_is_said_in_words() -> None:
    assert how_ended(3) == "ended with exit code 3"
    assert how_ended(-15) == "was killed by SIGTERM"
