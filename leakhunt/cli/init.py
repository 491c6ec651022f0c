"""`leakhunt init`: a first configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from leakhunt.cli.options import PathType
from leakhunt.errors import RunFileError, UsageError
from leakhunt.project.apps import FoundApp, find_apps
from leakhunt.project.first import first_settings
from leakhunt.project.settings import find_settings
from leakhunt.targets.interpreters import find_interpreter
from leakhunt.workload.discover import Discovery, discover_uploads

FILE: Final = "leakhunt.toml"
_ENVIRONMENTS: Final = (".venv", "venv", "env")


@click.command("init")
@click.argument("directory", type=PathType(), default=".")
@click.option("--app", "target", metavar="MODULE:CALLABLE", help="The app, if there are several or none is found.")
@click.option("--python", metavar="PATH", help="Interpreter or virtual environment that has the app's packages.")
@click.option("--print", "only_print", is_flag=True, help="Print it and write nothing.")
def command(directory: Path, target: str | None, python: str | None, *, only_print: bool) -> int:
    """Write a first configuration by looking at a project.

    Finds the app (Django, Flask, FastAPI, Starlette) and the routes that take uploads, and writes leakhunt.toml with a
    word on every line. The app is imported once, in a process of its own, to read its URL map.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory", "Give the directory of the project.")
    settings = find_settings(directory)
    if settings is not None and not only_print:
        raise UsageError(f"{settings.source} has settings already", "Edit them, or look with --print.")
    apps = find_apps(directory)
    app = _chosen(apps, target)
    text = first_settings(app, _discovered(app, directory, python))
    if only_print:
        click.echo(text, nl=False)
        return 0
    _write(directory / FILE, text)
    _tell(directory / FILE, app, apps)
    return 0


def _chosen(apps: tuple[FoundApp, ...], target: str | None) -> FoundApp | None:
    if target is None:
        return apps[0] if apps else None
    return next((app for app in apps if app.target == target), FoundApp("The app", target, "--app"))


def _discovered(app: FoundApp | None, directory: Path, python: str | None) -> Discovery:
    if app is None or app.is_asgi:
        return Discovery()
    place = next((directory / name for name in _ENVIRONMENTS if (directory / name / "pyvenv.cfg").is_file()), None)
    program = find_interpreter(python or (None if place is None else str(place.resolve()))).executable
    return discover_uploads(app.target, python=program, cwd=directory, env=os.environ)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFileError(f"{file} cannot be written: {error.strerror}.", "Print it instead, with --print.") from error


def _tell(file: Path, app: FoundApp | None, apps: tuple[FoundApp, ...]) -> None:
    click.echo(f"{file} written{'' if app is None else f' for {app.target}'}.")
    others = [each.target for each in apps if app is None or each.target != app.target]
    if others:
        click.echo(f"There are other apps: {', '.join(others[:5])}; choose with --app.", err=True)
    click.echo("Look at it, then run: leakhunt check")
