"""Asks the target whether it answers."""

from __future__ import annotations

import http.client
import select
import socket
import time
from collections.abc import Callable, Mapping

from leakhunt.targets.base import Address
from leakhunt.units import Seconds


def answers(address: Address) -> bool:
    """Whether anything accepts connections there."""
    try:
        with _connect(address, 1.0):
            return True
    except OSError:
        return False


def ask(
    address: Address,
    path: str,
    *,
    headers: Mapping[str, str],
    timeout: Seconds,
    keep_waiting: Callable[[], bool],
) -> int | None:
    """Status of one GET; None if no HTTP answer came.

    The first request may take long, since many apps load only then; `keep_waiting` is asked several times a second
    whether it is still worth it.
    """
    try:
        with _connect(address, timeout) as connection:
            connection.sendall(_request(address, path, headers))
            deadline = time.monotonic() + timeout
            while not select.select([connection], [], [], 0.2)[0]:
                if time.monotonic() > deadline or not keep_waiting():
                    return None
            response = http.client.HTTPResponse(connection, method="GET")
            response.begin()
            return response.status
    except (OSError, http.client.HTTPException):
        return None


def _connect(address: Address, timeout: Seconds) -> socket.socket:
    if address.unix is None:
        return socket.create_connection((address.host, address.port or 80), timeout)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(address.unix)
    except OSError:
        connection.close()
        raise
    return connection


def _request(address: Address, path: str, headers: Mapping[str, str]) -> bytes:
    fields = {"Host": address.base_url.partition("://")[2], "User-Agent": "leakhunt", "Connection": "close"}
    given = {name.lower() for name in headers}
    fields = {name: value for name, value in fields.items() if name.lower() not in given} | dict(headers)
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
