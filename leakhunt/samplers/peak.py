"""The high-water mark of a process's RSS: reset before a request, read after it.

The reset goes through `/proc/PID/clear_refs` and also lowers what `getrusage` reports as `ru_maxrss`, by which Celery
recycles its children. So it is for launched web workers only, never for companions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from leakhunt.errors import TargetError
from leakhunt.samplers.memory import ProcessGone
from leakhunt.units import Bytes

_RESET_PEAK: Final = "5"
"""proc(5): reset the peak resident set size to the current one."""
_MARK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def reset_peak(pid: int) -> None:
    """Set the high-water mark of a process to its present RSS.

    Raises:
        ProcessGone: there is no such process any more.
        TargetError: the kernel refuses.
    """
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessGone(pid) from error
    except OSError as error:
        raise TargetError(
            f"The kernel does not let leakhunt reset the memory peak of process {pid}.",
            "Peaks need a kernel with /proc/PID/clear_refs and the target's own user; run with --no-peaks.",
        ) from error


def read_peak(pid: int) -> Bytes:
    """Highest RSS since the last reset.

    Raises:
        ProcessGone: there is no such process any more.
    """
    try:
        match = _MARK.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace"))
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessGone(pid) from error
    if match is None:  # a zombie has no memory left
        raise ProcessGone(pid)
    return int(match.group(1)) * 1024
