"""What every target offers: an address to load, processes to measure, agents to ask, and an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from leakhunt.model.run import Caveat, Worker
    from leakhunt.targets.link import AgentLink


@dataclass(frozen=True, slots=True)
class Address:
    """Where the target answers HTTP: a TCP port, or a Unix socket."""

    scheme: str
    host: str
    """As it belongs into a URL; `localhost` for a Unix socket."""
    port: int | None
    unix: str | None = None
    """Path of the socket."""

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a slash at the end: `http://127.0.0.1:8000`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port is None else f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return self.base_url if self.unix is None else f"unix:{self.unix}"


class Target(Protocol):
    """A web app under measurement."""

    @property
    def address(self) -> Address: ...

    @property
    def launch_dir(self) -> Path:
        """Private directory of this launch, gone after `stop`; where nothing is launched, that of temporary files."""
        ...

    def start(self) -> None:
        """Return once the app answers.

        Raises:
            TargetError: it does not, with the last lines that it wrote to stderr.
        """
        ...

    def refresh(self) -> None:
        """Look at the processes now: `workers` and `links` know by themselves only what was so a moment ago."""
        ...

    def workers(self) -> tuple[Worker, ...]:
        """Every process life seen so far, ended ones too, in order of birth."""
        ...

    def links(self) -> Mapping[str, AgentLink]:
        """Agents of the live server processes, by `Worker.key`."""
        ...

    def dead(self) -> str | None:
        """One sentence if the target as a whole has ended, so that no request will be answered any more."""
        ...

    def failure(self) -> str | None:
        """One sentence if the target has died: as a whole, or worker after worker."""
        ...

    def with_last_lines(self, sentence: str) -> str:
        """The sentence, and below it the last lines that the target wrote to stderr, if it wrote any."""
        ...

    def caveats(self) -> tuple[Caveat, ...]: ...

    def conditions(self) -> Mapping[str, str]:
        """Interpreter, server and versions, ready for a report."""
        ...

    def stop(self) -> None:
        """End what was launched and remove `launch_dir`, or leave what ran before; may be called again."""
        ...
