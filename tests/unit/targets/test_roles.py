from __future__ import annotations

import pytest

from leakhunt.model.run import Role
from leakhunt.targets.roles import TARGET, Facts, assign_names, assign_roles, program_name

GUNICORN = ("python", "-m", "gunicorn", "app")


def life(key: str, parent: str | None = None, **known: bool) -> Facts:
    facts = {"hooked": False, "served": False, "listens": False, **known}
    return Facts(key, parent, TARGET, GUNICORN, **facts)


def test_a_hooked_process_works_and_its_parent_supervises() -> None:
    lives = [life("master"), life("one", "master", hooked=True), life("two", "master", hooked=True)]
    roles = assign_roles(lives)
    assert roles == {"master": Role.MASTER, "one": Role.WORKER, "two": Role.WORKER}
    assert list(assign_names(lives, roles).values()) == ["gunicorn master", "gunicorn worker 1", "gunicorn worker 2"]


def test_a_hooked_parent_that_serves_is_a_worker_too() -> None:
    lives = [life("parent", hooked=True, served=True), life("child", "parent", hooked=True)]
    assert set(assign_roles(lives).values()) == {Role.WORKER}
    idle = [life("parent", hooked=True), life("child", "parent", hooked=True)]
    assert assign_roles(idle)["parent"] is Role.MASTER


def test_a_helper_of_a_worker_is_something_else() -> None:
    helper = Facts("ffmpeg", "one", TARGET, ("/usr/bin/ffmpeg", "-i"), hooked=False, served=False, listens=False)
    lives = [life("master"), life("one", "master", hooked=True), helper]
    roles = assign_roles(lives)
    assert roles["ffmpeg"] is Role.OTHER
    assert assign_names(lives, roles)["ffmpeg"] == "ffmpeg"


def test_without_agents_the_listening_leaves_work() -> None:
    lives = [life("master", listens=True), life("one", "master", listens=True), life("logger", "master")]
    assert assign_roles(lives) == {"master": Role.MASTER, "one": Role.WORKER, "logger": Role.OTHER}


def test_companions_keep_their_name() -> None:
    celery = [Facts(key, None, "celery", ("python",), False, False, False) for key in ("a", "b")]
    roles = assign_roles(celery)
    assert set(roles.values()) == {Role.COMPANION}
    assert list(assign_names(celery, roles).values()) == ["celery", "celery 2"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python -m gunicorn -w 3 app", "gunicorn"),
        ("/venv/bin/python3.11 /venv/bin/waitress-serve app", "waitress"),
        ("python -X dev -u manage.py --traceback runserver 8000", "runserver"),
        ("python3 -c pass", "python3"),
        ("/usr/bin/uwsgi --http :80", "uwsgi"),
        ("python /x/stdlib_server.py --bind", "wsgiref"),
        ("", "process"),
    ],
)
def test_a_command_line_is_called_by_what_it_runs(command: str, name: str) -> None:
    assert program_name(command.split()) == name


def test_a_server_that_renamed_itself_is_recognised() -> None:
    assert program_name(["gunicorn: worker [app]"]) == "gunicorn"
