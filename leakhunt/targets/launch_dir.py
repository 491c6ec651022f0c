"""The private directory of one launch: the agent, its socket, logs, and data that the workload puts there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.targets.companions import Command, CompanionSpec
from leakhunt.targets.logs import Log

_LONGEST_SOCKET_PATH: Final = 100
_SOCKET: Final = "agent.sock"


@dataclass(frozen=True, slots=True)
class LaunchDir:
    """A directory that only its owner may read."""

    path: Path

    @classmethod
    def make(cls) -> LaunchDir:
        """A new one, with a path short enough for the address of a Unix socket in it."""
        directory = Path(tempfile.mkdtemp(prefix="leakhunt-"))
        if len(os.fsencode(directory / _SOCKET)) > _LONGEST_SOCKET_PATH:
            directory.rmdir()
            directory = Path(tempfile.mkdtemp(prefix="leakhunt-", dir="/tmp"))
        (directory / "logs").mkdir()
        return cls(directory)

    @property
    def socket(self) -> Path:
        """Where the agents connect."""
        return self.path / _SOCKET

    @property
    def boot(self) -> Path:
        """Stands first on PYTHONPATH of the target."""
        return self.path / "boot"

    def log(self, name: str) -> Log:
        """Where the program called `name` writes."""
        return Log.of(self.path / "logs", name)

    def with_boot(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment that starts the agent in every Python process which inherits it."""
        given = env.get("PYTHONPATH")
        return {**env, "PYTHONPATH": str(self.boot) if given is None else f"{self.boot}{os.pathsep}{given}"}


@dataclass(frozen=True, slots=True)
class Placeholders:
    """What stands for `{launch_dir}` and `{python}` in a workload's commands and environment."""

    launch_dir: Path
    python: str

    def fill(self, text: str) -> str:
        return text.replace("{launch_dir}", str(self.launch_dir)).replace("{python}", self.python)

    def fill_command(self, command: Command) -> Command:
        return tuple(map(self.fill, command))

    def fill_environment(self, env: Mapping[str, str]) -> dict[str, str]:
        return {name: self.fill(value) for name, value in env.items()}

    def fill_companion(self, spec: CompanionSpec) -> CompanionSpec:
        return CompanionSpec(
            name=spec.name,
            command=self.fill_command(spec.command),
            ready_log=spec.ready_log,
            ready_command=None if spec.ready_command is None else self.fill_command(spec.ready_command),
            ready_url=spec.ready_url,
        )
