"""The fixture: checks for what a test calls by itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.plugin.check import check, finish, refuse
from leakhunt.plugin.clients import Client, DjangoClient, ForeignClient, WsgiClient
from leakhunt.plugin.limits import Limits, with_limits
from leakhunt.plugin.outcome import Outcome
from leakhunt.plugin.settings import limits_of


class Leakhunt:
    """What the fixture `leakhunt` gives to a test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node: pytest.Item = request.node

    def __repr__(self) -> str:
        # Shown with every failure of a test that has it.
        return f"<leakhunt for {self._node.name}>"

    def assert_no_growth(self, call: Callable[..., object], /, *args: Any, **limits: Any) -> Outcome | None:
        """Fail the test if calls of this leave memory, threads or file descriptors behind.

        `call` gets the arguments that stand after it; names are limits, as for the mark. An asynchronous function is
        run in a loop of its own. Returns the figures; None where checks are switched off.
        """
        __tracebackhide__ = True
        name = getattr(call, "__qualname__", None) or type(call).__qualname__
        return self._check(name.replace("<locals>.", ""), partial(call, *args), limits, "call")

    def wsgi(self, app: Callable[..., Any], **limits: Any) -> WsgiClient:
        """A client of a WSGI application that keeps nothing: `leakhunt.wsgi(app).post("/upload", files=...)`."""
        return WsgiClient(app, partial(self._request, limits))

    def django(self, client: Any = None, **limits: Any) -> Client:
        """Django's own test client, or the one given, which may be logged in. What it keeps itself does not count."""
        return DjangoClient(client, partial(self._request, limits))

    def flask(self, app: Any, **limits: Any) -> Client:
        """Flask's own test client."""
        return ForeignClient(app.test_client(), partial(self._request, limits))

    def client(self, client: Any, **limits: Any) -> Client:
        """Any other test client with methods `get`, `post`, ... What it keeps itself does count."""
        return ForeignClient(client, partial(self._request, limits))

    def _request(self, limits: dict[str, Any], name: str, send: Callable[[], object]) -> None:
        __tracebackhide__ = True
        self._check(name, send, limits, "request")

    def _check(self, name: str, call: Callable[[], object], given: dict[str, Any], unit: str) -> Outcome | None:
        __tracebackhide__ = True
        try:
            limits = self._limits(given)
            with_loop = _Loop(call) if _is_asynchronous(call) else None
        except LeakhuntError as error:
            refuse(error)
        try:
            once = with_loop or call
            if self._node.config.option.leakhunt == "off":
                once()
                return None
            fixtures = getattr(self._node, "funcargs", {})
            outcome = check(name, once, limits, node=self._node, fixtures=fixtures, unit=unit)
        finally:
            if with_loop is not None:
                with_loop.close()
        finish(outcome, limits, pytrace=True)
        return outcome

    def _limits(self, given: dict[str, Any]) -> Limits:
        return with_limits(limits_of(self._node), given, "leakhunt")


def _is_asynchronous(call: Callable[..., object]) -> bool:
    function = call.func if isinstance(call, partial) else call
    return inspect.iscoroutinefunction(function)


class _Loop:
    """Calls of an asynchronous function, in one loop."""

    def __init__(self, call: Callable[[], Any]) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._call, self._loop = call, asyncio.new_event_loop()
            return
        raise UsageError(
            "An event loop is running, so that another asynchronous function cannot be called again and again.",
            "Put pytest.mark.leakhunt on the asynchronous test in place of the fixture.",
        )

    def __call__(self) -> None:
        self._loop.run_until_complete(self._call())

    def close(self) -> None:
        """Shut the loop down."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
