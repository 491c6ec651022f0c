"""Which hosts may be loaded."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from leakhunt.errors import UsageError


def check_host(base_url: str, allowed: Collection[str] = ()) -> None:
    """Let only this machine, and hosts that were allowed by name, be loaded.

    Raises:
        UsageError: `base_url` names another host.
    """
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError as error:
        raise UsageError(f"no valid address: {error}", "write for example http://127.0.0.1:8000") from error
    if not _is_local(host) and host not in {name.lower() for name in allowed}:
        raise UsageError(
            f"{host or 'the target'} is not this machine, and only this machine is loaded",
            f"if you may put load on it, add --allow-host {host or 'HOST'}",
        )


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
