"""How many temporary files the target has made and not removed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_OWN_PREFIX: Final = "leakhunt-"


def count_temp_files(directory: Path, pids: Iterable[int], *, born_after: float) -> int | None:
    """Files in a directory for temporary files that the target may have made, and deleted ones it keeps open.

    Counted are entries of the directory itself that belong to this user and were changed after `born_after` (Unix
    time), and descriptors of `pids` that point at a deleted file anywhere. leakhunt's own directories are left out.
    None if the directory cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            present = sum(_is_new(entry, born_after) for entry in entries)
    except OSError:
        return None
    return present + sum(_deleted_but_open(pid) for pid in pids)


def _is_new(entry: os.DirEntry[str], born_after: float) -> bool:
    if entry.name.startswith(_OWN_PREFIX):
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and status.st_ctime >= born_after


def _deleted_but_open(pid: int) -> int:
    count = 0
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0
    for link in links:
        try:
            target = str(link.readlink())
        except OSError:
            continue
        count += target.startswith("/") and target.endswith(" (deleted)") and not target.startswith("/memfd:")
    return count
