"""What runs the target: interpreter, server and their versions, as a report states them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import TargetError
from leakhunt.targets.interpreters import probe

if TYPE_CHECKING:
    from leakhunt.targets.link import AgentLink


def describe(server: str | None, links: Mapping[str, AgentLink]) -> dict[str, str]:
    """`python`, `implementation`, `executable`, `server`; what is not known is left out.

    `server` is the server's name if leakhunt chose it, else the agents are asked.
    """
    hello = next((link.hello for link in links.values()), None)
    name = server or next((link.hello.server for link in links.values() if link.hello.server), None)
    found = {} if name is None else {"server": name}
    if hello is None:
        return found
    found |= {"python": hello.python, "implementation": hello.implementation, "executable": hello.executable}
    version = _version(hello.executable, name)
    return found if version is None else found | {"server": f"{name} {version}"}


def _version(executable: str, server: str | None) -> str | None:
    # Inside uWSGI sys.executable may be uWSGI itself, which is not to be run as if it were Python.
    if server is None or server == "wsgiref" or not Path(executable).name.startswith(("python", "pypy")):
        return None
    try:
        return probe(executable, server).packages[server]
    except TargetError:
        return None
