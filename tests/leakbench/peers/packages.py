"""The peers' packages, each in a directory of its own for each Python: the environment of a case stays as it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from leakbench.environments import NoEnvironmentError, interpreter

_TIMEOUT: Final = 600.0


def packages(requirements: tuple[str, ...], python: str, cache: Path) -> Path | None:
    """A directory for the end of `sys.path`; None if there is nothing to install.

    Raises:
        NoEnvironmentError: it cannot be installed for that Python.
    """
    if not requirements:
        return None
    name = "-".join(requirements)
    directory = cache / "peers" / f"{python}-{name}"
    done = directory / "installed.txt"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        command = (str(interpreter(python)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        source = ("--only-binary", "memray") if name.startswith("memray") else ()
        try:
            subprocess.run(
                [*command, *source, "--target", str(directory), *requirements],
                capture_output=True,
                text=True,
                check=True,
                timeout=_TIMEOUT,
            )
        except subprocess.SubprocessError as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            raise NoEnvironmentError(f"{name} cannot be installed for Python {python}: {said[-1]}") from error
        done.write_text("\n".join(sorted(path.name for path in directory.glob("*.dist-info"))), encoding="utf-8")
    return directory
