"""A workload from the quick flags of the command line, for those who have not written a file yet."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from leakhunt.errors import UsageError
from leakhunt.workload.headers import MADE_HERE, is_header, is_made_here
from leakhunt.workload.load import METHODS
from leakhunt.workload.payloads.kinds import KIND_NAMES
from leakhunt.workload.sanitize import shown_path
from leakhunt.workload.scenario import FilePart, Step, Workload
from leakhunt.workload.sizes import parse_range
from leakhunt.workload.table import nearest

_Item = TypeVar("_Item")

_FILE_FORM: Final = "write --file FIELD=KIND:SIZE, for example --file file=image:1MB"


def workload_from_flags(
    uploads: Sequence[str] = (),
    files: Sequence[str] = (),
    requests: Sequence[str] = (),
    bodies: Sequence[str] = (),
) -> Workload | None:
    """The workload of `--upload`, `--file`, `--request` and `--body`, each as often and in the order given.

    One file or body is for all uploads or requests; as many as there are of these are paired in order; any number of
    files go into a single upload. None if there is neither an upload nor a request.

    Raises:
        UsageError: a flag cannot be read, or flags do not pair.
    """
    steps = [*_uploads(uploads, files), *_requests(requests, bodies)]
    if not steps:
        return None
    return Workload(source="command line", steps=_with_names_of_their_own(steps))


def parse_headers(values: Sequence[str]) -> dict[str, str]:
    """The headers of `--header "Name: value"`.

    Raises:
        UsageError: one is no header. Its value is not repeated in the error: it may be a secret.
    """
    headers: dict[str, str] = {}
    for text in values:
        name, colon, value = text.partition(":")
        if not colon or not is_header(name.strip(), value.strip()):
            raise UsageError("a --header is not of the form NAME: VALUE", "write --header 'Host: example.org'")
        if is_made_here(name.strip()):
            raise UsageError(f"--header {name.strip()} follows from the body and cannot be set", MADE_HERE)
        headers[name.strip()] = value.strip()
    return headers


def parse_file(text: str) -> FilePart:
    """The file that `FIELD=KIND:SIZE` or `FIELD=KIND:MIN..MAX` means.

    Raises:
        UsageError: it means none.
    """
    field, equals, rest = text.partition("=")
    kind, colon, size = rest.rpartition(":")
    if not equals or not field or not colon:
        raise UsageError(f"--file {text}: not of the form FIELD=KIND:SIZE", _FILE_FORM)
    if kind not in KIND_NAMES:
        raise UsageError(f"--file {text}: no kind is called {kind!r}", nearest(kind, KIND_NAMES))
    try:
        return FilePart(field, kind, parse_range(size, kind))
    except ValueError as error:
        raise UsageError(f"--file {text}: {error}", _FILE_FORM) from error


def _uploads(uploads: Sequence[str], files: Sequence[str]) -> list[Step]:
    parts = [parse_file(text) for text in files]
    if uploads and not parts:
        raise UsageError("--upload needs a --file", _FILE_FORM)
    if parts and not uploads:
        raise UsageError("--file needs an --upload", "write --upload PATH before it")
    if len(uploads) == 1:
        return [_step("--upload", uploads[0], "POST", files=tuple(parts))]
    return [
        _step("--upload", upload, "POST", files=(part,))
        for upload, part in zip(uploads, _paired(parts, len(uploads), "--file", "--upload"), strict=True)
    ]


def _requests(requests: Sequence[str], bodies: Sequence[str]) -> list[Step]:
    if bodies and not requests:
        raise UsageError("--body needs a --request", 'write --request "POST /path" before it')
    contents = [_body(text) for text in bodies]
    if not contents:
        return [_step("--request", text, "GET") for text in requests]
    return [
        _step("--request", text, "POST", body=body)
        for text, body in zip(requests, _paired(contents, len(requests), "--body", "--request"), strict=True)
    ]


def _paired(items: Sequence[_Item], count: int, flag: str, other: str) -> Sequence[_Item]:
    if len(items) == 1:
        return [items[0]] * count
    if len(items) != count:
        hint = f"give one {flag} for all, or one for each {other}; a workload file can say more"
        raise UsageError(f"{len(items)} {flag} cannot be paired with {count} {other}", hint)
    return items


def _step(flag: str, text: str, default: str, *, files: tuple[FilePart, ...] = (), body: bytes | None = None) -> Step:
    """The step of `PATH` or `METHOD PATH`."""
    method, blank, path = text.strip().rpartition(" ")
    method = method.strip().upper() if blank else default
    if method not in METHODS:
        raise UsageError(f"{flag} {text}: no method is called {method!r}", nearest(method, METHODS))
    if not path.startswith("/"):
        raise UsageError(f"{flag} {text}: the path must start with a slash", "the host comes from the target")
    if any("\ud800" <= letter <= "\udfff" for letter in path):  # how Python holds bytes that are no text
        raise UsageError(f"{flag} {text!a}: the path is no UTF-8 text", "write other bytes as %XX")
    return Step(name=f"{method} {shown_path(path)}", method=method, path=path, files=files, body=body)


def _body(text: str) -> bytes:
    """The bytes of `TEXT` or `@FILE`."""
    if not text.startswith("@"):
        return os.fsencode(text)
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(
            f"--body {text}: cannot be read: {error.strerror}", "write --body @FILE or --body TEXT"
        ) from error


def _with_names_of_their_own(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same path twice, with other files or bodies, makes two steps: `POST /a/` and `POST /a/ (2)`."""
    seen: Counter[str] = Counter()
    named: list[Step] = []
    for step in steps:
        seen[step.name] += 1
        count = seen[step.name]
        named.append(step if count == 1 else replace(step, name=f"{step.name} ({count})"))
    return tuple(named)
