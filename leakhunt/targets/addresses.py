"""From `--url`, or from the sockets a tree listens on, to the address that is loaded. Only loopback unless allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from leakhunt.errors import TargetError, UsageError
from leakhunt.targets.base import Address
from leakhunt.targets.ports import Listener

_FORMS = "Write http://127.0.0.1:PORT or unix:/path/to.sock."
_CONTROL_SOCKETS = frozenset({"gunicorn.ctl"})
"""Served by the server for its own tools, never for browsers."""
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 -- seen on the target's socket, never bound here


def parse_url(url: str, *, allow_hosts: Collection[str] = ()) -> Address:
    """The address meant by `--url`: `http://HOST:PORT`, `unix:PATH` or `http+unix://PATH` with its slashes as `%2F`.

    Raises:
        UsageError: another form, or a host that is neither loopback nor allowed.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may repeat a password
        raise UsageError("--url is no address of a target", _FORMS) from None
    if parts.scheme in {"unix", "http+unix"}:
        path = unquote(parts.netloc + parts.path)
        if not path.startswith("/"):
            raise UsageError(f"--url {url} names no absolute path of a Unix socket", _FORMS)
        return Address("http", "localhost", None, unix=path)
    try:
        port = parts.port or 80
    except ValueError:
        raise UsageError("--url has a port that is no number from 1 to 65535", _FORMS) from None
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError("--url is no address of a target: plain HTTP or a Unix socket is needed", _FORMS)
    if parts.username is not None or parts.path not in {"", "/"} or parts.query:
        raise UsageError("--url holds more than host and port", "Give paths to --ready and to the workload.")
    return allowed(Address("http", parts.hostname, port), allow_hosts)


def choose_address(found: Iterable[Listener], *, allow_hosts: Collection[str] = ()) -> Address | None:
    """The one TCP port among the sockets; None while there is no socket at all.

    Raises:
        TargetError: several ports, or nothing but Unix sockets: only the user knows which to load.
        UsageError: the port is bound to a host that is neither loopback nor allowed.
    """
    sockets = sorted((each for each in found if Path(each.path or "").name not in _CONTROL_SOCKETS), key=str)
    ports = {listener.port: listener for listener in sockets if listener.port is not None}
    if len(ports) > 1:
        raise _ambiguous([listener for listener in sockets if listener.port is not None])
    if not ports:
        if sockets:
            raise _ambiguous(sockets)
        return None
    (listener,) = ports.values()
    host = listener.host or ""
    return allowed(Address("http", _ANY_HOST.get(host, host), listener.port), allow_hosts)


def allowed(address: Address, allow_hosts: Collection[str]) -> Address:
    """The address itself, if it may be loaded.

    Raises:
        UsageError: its host is neither loopback nor allowed.
    """
    if _is_loopback(address.host) or address.host in allow_hosts:
        return address
    raise UsageError(
        f"{address.host} is not this machine's loopback, and leakhunt would load it",
        f"If that host may be loaded, add --allow-host {address.host}.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ambiguous(sockets: list[Listener]) -> TargetError:
    names = ", ".join(str(listener) for listener in sockets)
    example = next((str(s) for s in sockets if s.path is not None), f"http://127.0.0.1:{sockets[0].port}")
    what = "only on Unix sockets" if sockets[0].port is None else "on several ports"
    return TargetError(f"the target listens {what}: {names}", f"Say which to load, for example --url {example}")
