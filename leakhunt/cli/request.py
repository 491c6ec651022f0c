"""From options to a target and a workload: what `profile` and `lines` have in common."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leakhunt.errors import UsageError
from leakhunt.model.budget import Budget
from leakhunt.model.run import Effort
from leakhunt.project.settings import Settings as ProjectSettings
from leakhunt.project.settings import find_settings
from leakhunt.runfile import RUNS
from leakhunt.targets.attached import AttachedTarget, AttachSpec
from leakhunt.targets.base import Target
from leakhunt.targets.companions import CompanionSpec
from leakhunt.targets.interpreters import find_interpreter
from leakhunt.targets.launch import LaunchedTarget, LaunchSpec
from leakhunt.targets.servers import server_command
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.discover import Discovery, discover_uploads, nothing_to_replay
from leakhunt.workload.flags import parse_headers, workload_from_flags
from leakhunt.workload.headers import merge_headers
from leakhunt.workload.hosts import check_host
from leakhunt.workload.load import load_workload
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.replay import Replayer
from leakhunt.workload.sanitize import shown_command
from leakhunt.workload.scenario import Companion, Workload

_APP_ONLY: Final = ("server", "workers", "threads", "python")
_LAUNCH_ONLY: Final = ("chdir", "env", *_APP_ONLY, "ready", "ready_timeout")
_ATTACH_ONLY: Final = ("app_name", "tree", "allow_gc")
_FLAGS: Final[Mapping[str, str]] = {"app_name": "--app"}
"""Of parameters that are not called like their flag."""
NOT_GIVEN: Final = (None, (), False)
BUDGET_TIME: Final[Seconds] = 120.0
_READY_TIMEOUT: Final[Seconds] = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a command line that say what to run and what to send, after the project's own settings."""

    app: str | None
    command: tuple[str, ...]
    attach: AttachSpec | None
    """The process to attach to; None where leakhunt starts the target."""
    chdir: Path
    env: Mapping[str, str]
    server: str
    workers: int
    threads: int
    python: str | None
    url: str | None
    ready: str
    ready_timeout: Seconds
    allow_host: tuple[str, ...]
    headers: Mapping[str, str]
    workload: Workload
    seed: int
    concurrency: int
    requests: int | None
    budget_time: Seconds
    memory_limit: Bytes | None
    budget: Budget | None
    """None where none was given."""
    effort: Effort
    runs: Path
    """Directory in which the run directory is named, if `output` does not say it."""
    output: Path | None
    project: ProjectSettings
    """What the project has written down, which all of these rest on."""

    @property
    def target_name(self) -> str:
        """The target as it was typed, but for what looks like a secret in it."""
        if self.attach is not None:
            return f"PID {self.attach.pid}"
        return self.app if self.app is not None else shlex.join(shown_command(self.command))


def read_request(options: Mapping[str, Any], *, start: Sequence[str] = ("leakhunt", "profile")) -> Request:
    """Check the options against each other, and fill the gaps from `[tool.leakhunt]`; flags win.

    Command lines that are suggested begin with `start`.

    Raises:
        UsageError: they do not say one target and one workload.
    """
    settings = chosen_settings(options["chdir"])
    app, command, pid = options["app"] or settings.target, options["command"], options.get("pid")
    if command or pid is not None:
        app = options["app"]
    if pid is not None:
        check_attach(app, command, options)
        return _attach_request(options, settings)
    _check_target(app, command, options, start)
    chdir = options["chdir"] or beside(settings, settings.chdir) or Path(settings.source).parent
    if not chdir.is_dir():
        raise UsageError(f"--chdir {chdir}: there is no such directory")
    python = options["python"] or settings.python
    env = {**settings.env, **_parse_env(options["env"])}
    workload = _workload(options, settings)
    if workload is None:
        raise _nothing_to_replay(app, options["chdir"], chdir, python, env, start)
    return _request(
        options, settings, workload, app=app, command=command, chdir=chdir.resolve(), env=env, python=python
    )


def _attach_request(options: Mapping[str, Any], settings: ProjectSettings) -> Request:
    workload = _workload(options, settings)
    if workload is None:
        raise UsageError(
            "--pid needs a workload here: this is measured by requests that leakhunt sends itself",
            'Say what to send with --workload FILE, --upload PATH or --request "METHOD PATH".',
        )
    attach = AttachSpec(
        pid=options["pid"],
        whole_tree=options["tree"],
        app=options["app_name"],
        url=options["url"] or settings.url,
        allow_hosts=_hosts(options["allow_host"]),
    )
    return _request(options, settings, workload, attach=attach)


def _request(
    options: Mapping[str, Any],
    settings: ProjectSettings,
    workload: Workload,
    *,
    app: str | None = None,
    command: tuple[str, ...] = (),
    attach: AttachSpec | None = None,
    chdir: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: str | None = None,
) -> Request:
    return Request(
        app=app,
        command=command,
        attach=attach,
        chdir=chdir or Path.cwd(),
        env=env or {},
        server=options["server"] or settings.server or "gunicorn",
        workers=options["workers"] or settings.workers or 1,
        threads=options["threads"] or settings.threads or 1,
        python=python,
        url=None if app is not None else options["url"] or settings.url,
        ready=_ready_path(first(options["ready"], settings.ready, "/")),
        ready_timeout=first(options["ready_timeout"], settings.ready_timeout, _READY_TIMEOUT),
        allow_host=_hosts(options["allow_host"]),
        headers=merge_headers(settings.headers, parse_headers(options["header"])),
        workload=workload,
        seed=first(options["seed"], settings.seed, random.SystemRandom().randrange(10**6)),
        concurrency=first(options["concurrency"], settings.concurrency, workload.concurrency, 1),
        requests=first(options["requests"], settings.requests, None),
        budget_time=first(options.get("budget_time"), settings.budget_time, BUDGET_TIME),
        memory_limit=first(options.get("memory_limit"), settings.memory_limit),
        budget=first(options.get("budget"), settings.budget),
        effort=_effort(options, settings),
        runs=beside(settings, settings.output) or RUNS,
        output=options.get("output"),
        project=settings,
    )


def make_target(request: Request, clock: Callable[[], Seconds], functions: tuple[str, ...] = ()) -> Target:
    """The target of a request, not started yet; it will measure `functions` line by line.

    Raises:
        TargetError: it is a process that cannot be attached to.
    """
    if request.attach is not None:
        return AttachedTarget(request.attach, clock=clock)
    if request.app is not None:
        served = server_command(
            request.app,
            server=request.server,
            workers=request.workers,
            threads=request.threads,
            python=request.python,
            chdir=request.chdir,
        )
        command, python = served.command, served.python.executable
        server, caveats = served.server, served.caveats
    else:
        command, python = (_program(request.command[0]), *request.command[1:]), sys.executable
        server, caveats = None, ()
    workload = request.workload
    return LaunchedTarget(
        LaunchSpec(
            command=command,
            cwd=request.chdir,
            env=request.env,
            url=request.url,
            ready_path=request.ready,
            ready_timeout=request.ready_timeout,
            headers=Placeholders(1, request.seed).texts(request.headers),  # as at the sign-in
            setup=workload.setup,
            companions=tuple(_companion(companion) for companion in workload.companions),
            allow_hosts=request.allow_host,
            workload_env=workload.env,
            python=python,
            app=request.app,
            server=server,
            caveats=caveats,
            functions=functions,
            hide_secrets=shown_command,
        ),
        clock=clock,
    )


def _program(name: str) -> str:
    """A program that is not on PATH but beside our own interpreter, as if its environment had been activated."""
    beside = Path(sys.executable).parent / name
    return str(beside) if shutil.which(name) is None and beside.is_file() else name


def connect(request: Request, target: Target, clock: Callable[[], Seconds]) -> Replayer:
    """A client for the started target.

    Raises:
        UsageError: it answers on a host that may not be loaded.
    """
    address = target.address
    check_host(address.base_url, request.allow_host)
    return Replayer(
        request.workload,
        address.base_url,
        unix=address.unix,
        seed=request.seed,
        concurrency=request.concurrency,
        headers=request.headers,
        clock=clock,
    )


def chosen_settings(chdir: Path | None) -> ProjectSettings:
    """Settings of the directory we stand in, else of the target's directory."""
    for directory in filter(None, (Path(), chdir)):
        found = find_settings(directory)
        if found is not None:
            return found
    return ProjectSettings(source="")


def beside(settings: ProjectSettings, path: str | None) -> Path | None:
    """A path as the settings mean it: relative to their file."""
    return None if path is None else Path(settings.source).parent / path


def check_attach(app: str | None, command: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Raise UsageError if a process that runs already is not the only target, or is to be started."""
    if app is not None or command:
        other = app if app is not None else "the command after `--`"
        raise UsageError(f"there are two targets, --pid {options['pid']} and {other}", "Leave one of them out.")
    refuse(_LAUNCH_ONLY, options, "a process that runs already", "Leave it out, or have leakhunt start the app.")


def refuse(names: Sequence[str], options: Mapping[str, Any], target: str, hint: str) -> None:
    """Raise UsageError if options are given that mean nothing for this kind of target."""
    given = [_FLAGS.get(name, f"--{name.replace('_', '-')}") for name in names if options.get(name) not in NOT_GIVEN]
    if given:
        raise UsageError(f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no effect on {target}", hint)


def _check_target(app: str | None, command: tuple[str, ...], options: Mapping[str, Any], start: Sequence[str]) -> None:
    refuse(_ATTACH_ONLY, options, "a target that leakhunt starts", "Leave it out, or attach with --pid.")
    if app is None and not command:
        raise UsageError(
            "there is no target",
            f"Write {shlex.join(start)} MODULE:CALLABLE, or {shlex.join(start)} -- COMMAND that serves your app.",
        )
    if app is not None and command:
        raise UsageError(f"there are two targets, {app} and the command after `--`", "Leave one of them out.")
    if app is not None and options["url"] is not None:
        raise UsageError(
            f"--url has no effect on {app}, which leakhunt serves on a free port of its own choice",
            "Leave --url out, or put the command that serves your app there after `--`.",
        )
    if command:
        hint = "leakhunt never edits your command: put the setting into the command itself."
        refuse(_APP_ONLY, options, "a command of your own", hint)


def _workload(options: Mapping[str, Any], settings: ProjectSettings) -> Workload | None:
    from_flags = workload_from_flags(options["upload"], options["file"], options["request"], options["body"])
    if options["workload"] is not None:
        if from_flags is not None:
            raise UsageError(
                "--workload and --upload or --request exclude each other", "Put the requests into the workload file."
            )
        return load_workload(options["workload"])
    return from_flags or settings.workload


def _nothing_to_replay(
    app: str | None,
    given_chdir: Path | None,
    chdir: Path,
    python: str | None,
    env: Mapping[str, str],
    start: Sequence[str],
) -> UsageError:
    """Names the ways to say what to replay, with a line for this very app if its URL map can be read."""
    launch = [*start, app or "MODULE:CALLABLE"]
    if given_chdir is not None:
        launch += ["--chdir", str(given_chdir)]
    if app is None:
        return nothing_to_replay(Discovery(), launch)
    program = find_interpreter(python).executable
    return nothing_to_replay(discover_uploads(app, python=program, cwd=chdir, env={**os.environ, **env}), launch)


def _effort(options: Mapping[str, Any], settings: ProjectSettings) -> Effort:
    quick, strict = options.get("quick"), options.get("strict")
    if quick and strict:
        raise UsageError("--quick and --strict exclude each other", "Leave both out for the usual proof.")
    return Effort.QUICK if quick else Effort.STRICT if strict else settings.effort or Effort.NORMAL


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not name.strip() or "/" in name:
            raise UsageError(f"--allow-host {name!r} is no name of a host", "write --allow-host staging.example.org")
    return names


def _ready_path(path: str) -> str:
    if not path.startswith("/") or not path.isprintable() or " " in path:
        raise UsageError(
            f"--ready {path!r} is no path: it starts with a slash and holds no blank", "write --ready /health"
        )
    return path


def _parse_env(values: tuple[str, ...]) -> dict[str, str]:
    env = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError("an --env is not of the form NAME=VALUE", "write --env DJANGO_DEBUG=0")
        env[name] = value
    return env


def _companion(companion: Companion) -> CompanionSpec:
    ready = companion.ready
    return CompanionSpec(companion.name, companion.command, ready.log, ready.command, ready.url)


def first(*values: Any) -> Any:
    """The first value that was given."""
    return next((value for value in values if value is not None), None)
