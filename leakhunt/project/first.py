"""The first configuration of a project, each line explained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from leakhunt.project.apps import FoundApp
from leakhunt.workload.discover import Discovery, UploadRoute, kind_for

_HEAD = """\
# What `leakhunt check` and `leakhunt profile` do here when they are given no options; flags win.
# Every key: docs/reference/settings.md of leakhunt. Paths are relative to this file.
"""
_BUDGETS = """
# What is accepted. A route that keeps more than `growth` with every request fails `leakhunt check`.
[budgets]
growth = "64B/request"
# peak = "20MB"            # bytes that one request may take for a while
# amplification = 2.0      # of these, bytes for each uploaded byte: 0 for a view that streams
# memory = "500MB"         # RSS of any worker at its highest
# new-types = 0            # kinds of objects kept with every request that were not in the reference run

# An app that leaks already: `leakhunt check --update-reference` writes down what it keeps today. Beside that file a
# route fails where it keeps more than it did.

# Limits of a single route, named as reports name it:
# [budgets."POST /upload"]
# growth = "1KB/request"
"""


def first_settings(app: FoundApp | None, discovery: Discovery) -> str:
    """The text of a leakhunt.toml, which can be read as it is."""
    return "".join((_HEAD, *_target(app), _BUDGETS, *_workload(discovery)))


def _target(app: FoundApp | None) -> Iterator[str]:
    yield "\n"
    if app is None:
        yield "# No app was found. Name it, or give the command that serves it: leakhunt check -- COMMAND\n"
        yield '# target = "package.module:application"\n'
    elif app.is_asgi:
        module = app.target
        yield f"# {app.framework} in {app.file}. An ASGI app needs a server of its own, so give the command:\n"
        yield f"# leakhunt check -- uvicorn {module} --port 8000\n"
    else:
        yield f"# {app.framework} in {app.file}; leakhunt serves it with gunicorn.\n"
        yield f"target = {json.dumps(app.target)}\n"
        yield "# workers = 2             # as in production, where it matters\n"
        yield '# env = { DEBUG = "0" }    # of the app\n'


def _workload(discovery: Discovery) -> Iterator[str]:
    yield "\n# What is sent. Names and contents differ from request to request; {n} is its number.\n"
    if discovery.login is not None or discovery.csrf:
        yield from _login(discovery)
    if discovery.problem:
        yield f"# The app's routes could not be looked up: {_one_line(discovery.problem)}.\n"
    if discovery.routes:
        yield from (_upload(route) for route in discovery.routes)
        return
    yield "# No route that takes uploads was found. This asks for the first page; add what your users do.\n"
    yield '[[workload.step]]\nname = "first page"\nmethod = "GET"\npath = "/?n={n}"\n'


def _login(discovery: Discovery) -> Iterator[str]:
    yield "# The app has a sign-in. Fill in a user of a test database, and take the marks away:\n"
    yield "# [workload.login]\n"
    yield f"# path = {json.dumps(discovery.login or '/login/')}\n"
    yield '# form = { username = "tester", password = "..." }\n'
    if discovery.csrf:
        yield '# csrf = "django"\n'
    yield "\n"


def _upload(route: UploadRoute) -> str:
    kind, _, size = kind_for(route).partition(":")
    name = _name(route.path)
    return (
        f"[[workload.step]]\nname = {json.dumps(name)}\nmethod = {json.dumps(route.method)}\n"
        f"path = {json.dumps(route.path)}\n"
        f"files = [{{ field = {json.dumps(route.field)}, kind = {json.dumps(kind)}, size = {json.dumps(size)} }}]\n\n"
    )


def _name(path: str) -> str:
    """The last word of a path: `images` of `/lessons/1/images/`; the whole path where it has none."""
    words: Sequence[str] = [word for word in path.split("?", maxsplit=1)[0].split("/") if word and not word.isdigit()]
    return words[-1] if words else path


def _one_line(text: str) -> str:
    return " ".join(text.split())
