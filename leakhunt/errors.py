"""Every error that leakhunt raises on purpose: one sentence, a hint, and the exit code it leads to."""

from __future__ import annotations

from typing import ClassVar


class LeakhuntError(Exception):
    """Base of all expected failures.

    `message` is one sentence that says what is wrong; `hint` says what to do about it.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LeakhuntError):
    """The command line or a configuration file asks for something that cannot be done as written."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """A configuration or workload file has a mistake at a known place.

    `source` is the file as the user named it, `line` is 1-based, `key` is dotted (`step[2].files[0].size`).
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = source if line is None else f"{source}:{line}"
        subject = f"{place}: " if key is None else f"{place}: {key}: "
        super().__init__(subject + problem, hint)
        self.source = source
        self.line = line
        self.key = key


class TargetError(LeakhuntError):
    """The target could not be started, found, measured or kept alive."""


class AgentError(TargetError):
    """The agent inside the target refused a command, failed at it, or went away."""


class AttachError(TargetError):
    """The process was not attached to, and is as it was unless the message says otherwise."""


class WorkloadError(LeakhuntError):
    """The workload could not be replayed against the target."""


class RunFileError(LeakhuntError):
    """A recorded run cannot be written or read."""
