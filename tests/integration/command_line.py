"""Running `leakhunt` as its users do: as a process of its own, in a temporary directory of its own."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from conftest import ROOT
from leakhunt.cli.main import main

EXAMPLES: Final = ROOT / "examples"
LEAKHUNT: Final = str(Path(sys.executable).with_name("leakhunt"))
QUICK: Final = ("--budget-time", "2", "--no-peaks", "--no-explain", "--seed", "7")
"""Of a run whose verdict does not matter."""
_MARK: Final = "LEAKHUNT_TEST"


@dataclass(frozen=True)
class Done:
    """What a finished command left behind."""

    code: int
    out: str
    err: str
    run: Path
    """Where it would put the run directory."""

    @property
    def report(self) -> Any:
        """report.json."""
        return json.loads((self.run / "report.json").read_text())

    @property
    def complaint(self) -> str:
        """The one sentence of a failure."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("leakhunt: ")]
        return line.removeprefix("leakhunt: ")

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        hints = [line for line in self.err.splitlines() if line.startswith("  hint: ")]
        return hints[0].removeprefix("  hint: ") if hints else None

    def fails(self, code: int, sentence: str, hint: str | None = None) -> None:
        """Check that it is a failure as all failures should be."""
        assert self.code == code, self.err
        assert sentence in self.complaint, self.err
        if hint is not None:
            assert hint in (self.hint or ""), self.err
        self.has_no_traceback()

    def has_no_traceback(self) -> None:
        """Tracebacks of the target may be shown, each line behind a bar; leakhunt has none of its own."""
        assert not [line for line in f"{self.err}\n{self.out}".splitlines() if line.startswith("Traceback")], self.err


@dataclass
class CommandLine:
    """Runs commands; `check_nothing_left` then looks for what they left behind."""

    output: Path
    temp: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    """In the environment of every process that descends from a command."""

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Of a command: that of the tests, and what is given."""
        return {**os.environ, "TMPDIR": str(self.temp), _MARK: self.mark, "COLUMNS": "200", **(env or {})}

    def profile(self, *arguments: str, run: str = "run", **options: Any) -> Done:
        """`leakhunt profile`, its run directory beside others in the test's own directory."""
        return self(*_with_output(arguments, self.output / run), run=run, **options)

    def __call__(
        self,
        *arguments: str,
        run: str = "run",
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
        wrapper: Sequence[str] = (),
        timeout: float = 120,
    ) -> Done:
        """Run `leakhunt` with these arguments to its end."""
        done = subprocess.run(
            [*wrapper, LEAKHUNT, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=self.environment(env),
            preexec_fn=preexec,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr, self.output / run)

    def on_a_terminal(self, *arguments: str, columns: int) -> list[str]:
        """The lines that a terminal of this width shows, long ones as often as they are wrapped, without colours."""
        ours, theirs = pty.openpty()
        environment = self.environment({"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(columns)})
        with os.fdopen(theirs, "w") as terminal:
            subprocess.run([LEAKHUNT, *arguments], stdout=terminal, env=environment, cwd=ROOT, check=True, timeout=60)
            # As much as a terminal holds that nobody has read yet; a report is far shorter.
            shown = os.read(ours, 65536).decode()
        os.close(ours)
        lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()
        return [line[at : at + columns] for line in lines for at in range(0, max(len(line), 1), columns)]

    def here(self, *arguments: str, run: str = "run") -> Done:
        """The same inside this process, which is quicker where no process is the point."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(tempfile, "tempdir", str(self.temp)), redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return Done(code, out.getvalue(), err.getvalue(), self.output / run)

    def profile_here(self, *arguments: str) -> Done:
        """`leakhunt profile` inside this process."""
        return self.here(*_with_output(arguments, self.output / "run"))

    @contextmanager
    def started(self, *arguments: str, run: str = "run") -> Iterator[subprocess.Popen[str]]:
        """A `leakhunt profile` under way, its stderr to be read; killed at the end if it still runs."""
        process = subprocess.Popen(
            # A job in the background, as the tests may be, ignores interrupts, and all that it starts does, too.
            ["env", "--default-signal=INT", LEAKHUNT, *_with_output(arguments, self.output / run)],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that Ctrl-C, which goes to a whole group, can be sent to it
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def processes(self) -> list[str]:
        """Commands of all processes that descend from a command, as text."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if f"{_MARK}={self.mark}".encode() in (directory / "environ").read_bytes():
                    found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def check_nothing_left(self, *, within: float = 2) -> None:
        """No process, and no directory of leakhunt's in the temporary directory."""
        deadline = time.monotonic() + within
        while (left := [*self.processes(), *map(str, self.temp.glob("leakhunt*"))]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left


def _with_output(arguments: Sequence[str], run: Path) -> tuple[str, ...]:
    return ("profile", "--output", str(run), *arguments)


@contextmanager
def command_line(output: Path) -> Iterator[CommandLine]:
    """A command line whose processes and temporary files must be gone at the end."""
    # Not below pytest's own directory: the path of a Unix socket holds 107 bytes.
    temp = Path(tempfile.mkdtemp(prefix="lh-"))
    temp.chmod(0o777)
    before = checkout()
    try:
        runner = CommandLine(output, temp)
        yield runner
        runner.check_nothing_left()
        assert checkout() == before
    finally:
        shutil.rmtree(temp)


def checkout() -> str:
    """What differs from the last commit where the tests work: the examples."""
    command = ["git", "status", "--porcelain", "--", str(EXAMPLES)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
