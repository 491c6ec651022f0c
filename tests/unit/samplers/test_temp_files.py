from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from leakhunt.samplers.temp_files import count_temp_files


def test_files_made_after_the_start_are_counted(tmp_path: Path) -> None:
    started = time.time()
    (tmp_path / "upload1").touch()
    (tmp_path / "upload2").touch()
    assert count_temp_files(tmp_path, [], born_after=started - 1) == 2


def test_older_files_are_not_the_targets(tmp_path: Path) -> None:
    (tmp_path / "upload1").touch()
    assert count_temp_files(tmp_path, [], born_after=time.time() + 60) == 0


def test_our_own_directories_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "leakhunt-abc").mkdir()
    assert count_temp_files(tmp_path, [], born_after=0) == 0


def test_a_deleted_file_kept_open_is_counted(tmp_path: Path) -> None:
    before = count_temp_files(tmp_path, [os.getpid()], born_after=0)
    with tempfile.TemporaryFile(dir=tmp_path):
        during = count_temp_files(tmp_path, [os.getpid()], born_after=0)
    assert before is not None
    assert during == before + 1


def test_a_directory_that_cannot_be_read_is_not_measured(tmp_path: Path) -> None:
    assert count_temp_files(tmp_path / "none", [], born_after=0) is None
