"""Replays a workload: the right number of requests of each step, in an order that the seed decides."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from leakhunt.agent.routes import mask_path
from leakhunt.model.measurement import RequestRecord
from leakhunt.units import Bytes, Seconds
from leakhunt.workload.body import build_body
from leakhunt.workload.connection import Connection, Request, endpoint_for
from leakhunt.workload.headers import merge_headers
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.scenario import Inputs, Step, Workload
from leakhunt.workload.schedule import doses_for, shuffled
from leakhunt.workload.session import Session, sign_in

_REPEATED: int = 1
"""Number that every request has while inputs are repeated: the same names, texts and contents."""


@dataclass(frozen=True, slots=True)
class _Planned:
    step: Step
    fill: Placeholders
    size: Bytes | None


class Replayer:
    """A simulated user, or `concurrency` of them sharing one login.

    Args:
        workload: What to send.
        base_url: Scheme, host and port of the target. Whether it may be loaded is `hosts.check_host`'s to say.
        unix: Path of a Unix socket to use instead of TCP.
        seed: Decides order, sizes and contents.
        concurrency: Requests in flight at once.
        headers: Sent with every request, with the placeholders in their values filled in; a step's own headers win.
        clock: Seconds since the start of the run.
    """

    def __init__(
        self,
        workload: Workload,
        base_url: str,
        *,
        unix: str | None,
        seed: int,
        concurrency: int,
        headers: Mapping[str, str],
        clock: Callable[[], Seconds],
    ) -> None:
        endpoint = endpoint_for(base_url, unix)
        self.inputs: Inputs = workload.inputs
        """What requests are sent with unless `run` is told otherwise."""
        self._workload = workload
        self._seed = seed
        self._headers = headers
        self._clock = clock
        self._connections = [Connection(endpoint) for _ in range(concurrency)]
        self._session = Session()
        self._numbers: Counter[str] = Counter()
        self._once_sent = False
        self._stopped = threading.Event()

    @property
    def other_inputs(self) -> Inputs:
        """What the workload does not ask for, to compare with."""
        return "distinct" if self.inputs == "repeated" else "repeated"

    def prepare(self) -> None:
        """Sign in, if the workload says how. Needed again only if the target has forgotten the user.

        Raises:
            WorkloadError: the target does not let the user in.
        """
        login = self._workload.login
        if login is not None:
            fill = Placeholders(_REPEATED, self._seed)
            with closing(self._connections[0]) as connection:
                self._session = sign_in(login, connection, fill.texts(self._headers), fill)

    def run(
        self,
        doses: Mapping[str, int],
        *,
        round: int,  # noqa: A002 - the noun of the model, and a keyword to its callers
        inputs: str | None = None,
        sizes: Mapping[str, Bytes] | None = None,
    ) -> tuple[RequestRecord, ...]:
        """Send every step as often as its dose says; retries come on top. Records are in the order of their start.

        No connection stays open afterwards: one that idles would be part of what is measured of the target.
        The first call sends the steps marked `once` before all others; doses for those are ignored.

        Args:
            doses: Requests by step.
            round: Number of the round, for the records and the order.
            inputs: `distinct`, or `repeated` for the same names and contents in every request; None for what the
                workload asks for.
            sizes: Bytes that the files of a step have together, instead of a size drawn from its range.
        """
        records: list[RequestRecord] = []
        if not self._once_sent:
            self._once_sent = True
            once = [step.name for step in self._workload.steps if step.once]
            records += self._send_all(self._plan(once, "distinct", {}), round, self._connections[:1])
        dosed = {step.name: doses[step.name] for step in self._workload.dosed if step.name in doses}
        order = shuffled(dosed, seed=self._seed, round_number=round)
        records += self._send_all(self._plan(order, inputs or self.inputs, sizes or {}), round, self._connections)
        return tuple(records)

    def doses_for(self, total: int) -> Mapping[str, int]:
        """`total` requests shared out among the steps by their weights."""
        return doses_for(self._workload.steps, total)

    def stop(self) -> None:
        """Start no new request. Those in flight are finished, and `run` returns what was recorded."""
        self._stopped.set()

    def route_keys(self) -> Mapping[str, str]:
        """By step, the key under which the agent reports the route it was served by: `METHOD masked-path`.

        Steps that are sent once have none: what one request leaves behind cannot be judged.
        """
        fill = Placeholders(_REPEATED, self._seed)
        return {step.name: f"{step.method} {mask_path(fill.text(step.path))}" for step in self._workload.dosed}

    def scattered(self) -> tuple[str, ...]:
        """Steps whose distinct requests go to a route each, unless a framework's pattern joins them: `/item{n}`."""
        if self.inputs == "repeated":
            return ()
        first, second = Placeholders(1, self._seed), Placeholders(2, self._seed)
        return tuple(
            step.name
            for step in self._workload.dosed
            if mask_path(first.text(step.path)) != mask_path(second.text(step.path))
        )

    def _plan(self, order: Sequence[str], inputs: str, sizes: Mapping[str, Bytes]) -> list[_Planned]:
        planned: list[_Planned] = []
        for name in order:
            number = _REPEATED
            if inputs == "distinct":
                self._numbers[name] += 1
                number = self._numbers[name]
            planned.append(_Planned(self._workload.step(name), Placeholders(number, self._seed), sizes.get(name)))
        return planned

    def _send_all(
        self, planned: Sequence[_Planned], round_number: int, connections: Sequence[Connection]
    ) -> list[RequestRecord]:
        """Deal the requests out to one thread per connection, each taking the next when it is free."""
        if not planned:
            return []
        queue = _Queue(planned)
        records: list[RequestRecord] = []

        def work(connection: Connection) -> None:
            try:
                for item in queue:
                    records.extend(self._tries(item, connection, round_number))
            finally:
                connection.close()

        with ThreadPoolExecutor(len(connections), thread_name_prefix="leakhunt-replay") as threads:
            try:
                for future in [threads.submit(work, connection) for connection in connections]:
                    future.result()
            except BaseException:
                self.stop()
                for connection in connections:
                    connection.abort()
                raise
        return sorted(records, key=lambda record: record.started)

    def _tries(self, item: _Planned, connection: Connection, round_number: int) -> Iterator[RequestRecord]:
        """The request and its retries, until one is answered as expected."""
        step = item.step
        if step.think:
            self._stopped.wait(step.think)
        request = self._request(item)
        for retry in range(1 + step.retries):
            if self._stopped.is_set():
                return
            started = self._clock()
            answer = connection.send(request)
            expected = step.expect.accepts(answer.status) and answer.connected
            yield RequestRecord(
                round=round_number,
                step=step.name,
                status=answer.status,
                expected=expected,
                sent=answer.sent,
                started=started,
                duration=self._clock() - started,
                retry=retry,
                error=answer.error,
            )
            if expected:
                return

    def _request(self, item: _Planned) -> Request:
        step, fill = item.step, item.fill
        return Request(
            method=step.method,
            path=fill.text(step.path),
            headers=merge_headers(self._session.headers(step.method), *map(fill.texts, (self._headers, step.headers))),
            body=build_body(step, fill, item.size),
            fault=step.fault,
            drop_early=fill.n % 2 == 1,
            timeout=step.timeout,
        )


class _Queue:
    """An iterator that threads can share."""

    def __init__(self, items: Sequence[_Planned]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[_Planned]:
        return self

    def __next__(self) -> _Planned:
        with self._lock:
            return next(self._items)
