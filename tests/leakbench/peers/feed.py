"""The requests of a case, written into the pipe of a driver: the same ones that leakhunt replays, in a seeded order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import IO, Final

from leakbench.case import Case
from leakhunt.workload.body import build_body
from leakhunt.workload.flags import workload_from_flags
from leakhunt.workload.headers import merge_headers
from leakhunt.workload.load import load_workload
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.scenario import Step, Workload
from leakhunt.workload.schedule import doses_for, shuffled

_BATCH: Final = 100
"""Requests that are shuffled among themselves, so that every part of a run has each kind in its share."""


def workload_of(case: Case) -> Workload:
    """What a case replays."""
    if case.workload is not None:
        return load_workload(case.directory / case.workload)
    workload = workload_from_flags(requests=case.requests)
    assert workload is not None
    return workload


def frames(workload: Workload, seed: int) -> Iterator[bytes]:
    """Requests without end: steps sent once first, then all others by their weights."""
    numbers: Counter[str] = Counter()
    for step in workload.steps:
        if step.once:
            yield _frame(step, Placeholders(1, seed))
    batch = 0
    while True:
        for name in shuffled(doses_for(workload.steps, _BATCH), seed=seed, round_number=batch):
            numbers[name] += 1
            number = numbers[name] if workload.inputs == "distinct" else 1
            yield _frame(workload.step(name), Placeholders(number, seed))
        batch += 1


def _frame(step: Step, fill: Placeholders) -> bytes:
    body = build_body(step, fill)
    data = b"" if body is None else b"".join(bytes(chunk) for chunk in body.chunks())
    headers = merge_headers({"Host": "127.0.0.1"}, fill.texts(step.headers))
    if body is not None:
        headers["Content-Length"] = str(len(data))
        if body.content_type is not None:
            headers.setdefault("Content-Type", body.content_type)
    # As the replay does it: every second of those that leave does so in the middle of the body.
    if step.fault == "truncated" or (step.fault == "disconnect" and fill.n % 2 == 1):
        data = data[: len(data) // 2]
    head = {"method": step.method, "path": fill.text(step.path), "headers": headers, "length": len(data)}
    return json.dumps({**head, "leave": step.fault == "disconnect"}).encode() + b"\n" + data


def pump(workload: Workload, seed: int, pipe: IO[bytes]) -> None:
    """Write until the reader has had enough."""
    try:
        for frame in frames(workload, seed):
            pipe.write(frame)
    except (BrokenPipeError, ValueError):
        pass  # it has ended, or the pipe was closed for it
