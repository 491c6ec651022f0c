"""Looks for upload routes in the URL map of an app. Runs under the target's own Python, in a process of its own.

Input: `MODULE:CALLABLE` as the only argument, the current directory as import path. Output: the last line of stdout is
JSON, `{"routes": [{"method", "path", "field"}], "login": path or null, "csrf": bool}` or `{"error": "..."}`. Standard
library only, Python 3.8 syntax.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Route = dict[str, Any]

_NAMES = re.compile(r"upload|file|image|photo|video|document|attachment|import", re.IGNORECASE)
_SOURCE = re.compile(r"\bFILES\b|request\.files\b|\bFileField\b|\bImageField\b|request_files")
_FIELD = re.compile(r"(?:FILES|request\.files)(?:\.get)?[\[(]\s*[\"']([^\"']+)[\"']")
_LOGIN = re.compile(r"log-?_?in\b|sign-?_?in\b", re.IGNORECASE)
_CONVERTER = re.compile(r"<(?:(?P<kind>[^<>:]+):)?[^<>]+>")
_GROUP = re.compile(r"\(\?P<[^>]+>(?:[^()]|\([^()]*\))*\)|\((?:[^()]|\([^()]*\))*\)")
_SAMPLES = {"uuid": "00000000-0000-0000-0000-000000000001", "slug": "a", "path": "a", "string": "a", "str": "a"}


def main(app: str) -> dict[str, Any]:
    """What is printed for `MODULE:CALLABLE`."""
    module_name, _, name = app.partition(":")
    try:
        sys.path.insert(0, "")
        target: Any = importlib.import_module(module_name)
        for part in (name or "application").replace("()", "").split("."):
            target = getattr(target, part)
        if name.endswith("()"):  # a factory, as gunicorn has it
            target = target()
        return _flask(target) if hasattr(target, "url_map") else _django()
    except BaseException as error:  # noqa: BLE001 - the app is the user's and may do anything, even exit
        first_line = str(error).partition("\n")[0]
        return {"error": f"{type(error).__name__}: {first_line}"}


def _flask(app: Any) -> dict[str, Any]:
    routes: list[Route] = []
    for rule in app.url_map.iter_rules():
        methods = [method for method in ("POST", "PUT", "PATCH") if method in (rule.methods or ())]
        if methods:
            source = _source_of(app.view_functions.get(rule.endpoint))
            routes.append(_route(methods[0], _sample(rule.rule), source, rule.rule + " " + rule.endpoint))
    return _found(routes, csrf="csrf" in getattr(app, "extensions", ()))  # of Flask-WTF


def _django() -> dict[str, Any]:
    if "django" not in sys.modules:
        return _found([], csrf=False)
    from django.conf import settings  # noqa: PLC0415 - only where the app has loaded Django
    from django.urls import get_resolver  # noqa: PLC0415 - only where the app has loaded Django

    routes: list[Route] = []
    for path, view in _patterns(get_resolver().url_patterns, "/"):
        if not path.startswith("/admin/"):
            view_name = getattr(view, "__qualname__", "")
            route = _route("POST", _sample(path), _source_of(view), path + " " + view_name)
            route["exempt"] = bool(getattr(view, "csrf_exempt", False))
            routes.append(route)
    return _found(routes, csrf=any(name.endswith("CsrfViewMiddleware") for name in settings.MIDDLEWARE))


def _patterns(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).lstrip("^").rstrip("$")
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def _source_of(view: Any) -> str:
    view = getattr(view, "view_class", None) or getattr(view, "cls", None) or inspect.unwrap(view)
    try:
        source = inspect.getsource(view)
    except (OSError, TypeError):
        return ""
    form = getattr(view, "form_class", None)
    return source + (_source_of(form) if form is not None else "")


def _route(method: str, path: str, source: str, names: str) -> Route:
    field = _FIELD.search(source)
    score = 2 if _SOURCE.search(source) else 1 if _NAMES.search(names) else 0
    return {"score": score, "method": method, "path": path, "field": field.group(1) if field else "file"}


def _found(routes: list[Route], csrf: bool) -> dict[str, Any]:
    """The upload routes, and what stands before them: a page to sign in at, a check of CSRF tokens."""
    best = _best(routes)
    return {
        "routes": best,
        "login": next((route["path"] for route in routes if _LOGIN.search(route["path"])), None),
        "csrf": csrf and not all(route.get("exempt") for route in best),
    }


def _best(routes: list[Route]) -> list[Route]:
    """Routes whose view reads files, or failing that, routes that are named as if it did."""
    best = max([route["score"] for route in routes] or [0])
    return [route for route in routes if best and route["score"] == best]


def _sample(path: str) -> str:
    """A path that a pattern matches: `/lessons/<int:pk>/` gives `/lessons/1/`."""
    path = _CONVERTER.sub(lambda match: _SAMPLES.get(match.group("kind") or "", "1"), path)
    return _GROUP.sub("1", path).replace("\\", "").replace("?", "")


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads that the app has started would keep the interpreter alive
