from __future__ import annotations

from pathlib import Path

import psutil

from leakhunt.model.view import Limit
from leakhunt.samplers.headroom import available_memory, free_disk, nearest_limit, shared_limit

_MEGABYTE = 2**20


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_a_cgroup_the_host_decides(tmp_path: Path) -> None:
    available = available_memory(tmp_path, tmp_path / "missing")
    assert 0 < available <= psutil.virtual_memory().total


def test_a_version_2_limit_leaves_what_is_not_used(tmp_path: Path) -> None:
    _write(tmp_path / "self", "0::/web.slice/app\n")
    _write(tmp_path / "fs/web.slice/app/memory.max", "max\n")
    _write(tmp_path / "fs/web.slice/app/memory.current", str(30 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/memory.max", str(100 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/memory.current", str(60 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/memory.stat", f"anon 1\ninactive_file {10 * _MEGABYTE}\n")
    assert available_memory(tmp_path / "fs", tmp_path / "self") == 50 * _MEGABYTE


def test_inside_a_container_the_root_of_the_mounted_tree_counts(tmp_path: Path) -> None:
    _write(tmp_path / "self", "0::/../../kubepods/pod1\n")
    _write(tmp_path / "fs/memory.max", str(64 * _MEGABYTE))
    _write(tmp_path / "fs/memory.current", str(24 * _MEGABYTE))
    assert available_memory(tmp_path / "fs", tmp_path / "self") == 40 * _MEGABYTE


def test_a_version_1_limit_is_read_beside_an_empty_version_2_line(tmp_path: Path) -> None:
    _write(tmp_path / "self", "4:memory:/docker/1\n0::/\n")
    _write(tmp_path / "fs/memory/docker/1/memory.limit_in_bytes", str(50 * _MEGABYTE))
    _write(tmp_path / "fs/memory/docker/1/memory.usage_in_bytes", str(20 * _MEGABYTE))
    assert available_memory(tmp_path / "fs", tmp_path / "self") == 30 * _MEGABYTE


def test_the_unlimited_number_of_version_1_is_no_limit(tmp_path: Path) -> None:
    _write(tmp_path / "self", "4:memory:/\n")
    _write(tmp_path / "fs/memory/memory.limit_in_bytes", "9223372036854771712")
    _write(tmp_path / "fs/memory/memory.usage_in_bytes", "0")
    assert available_memory(tmp_path / "fs", tmp_path / "self") < 2**60


def test_the_limit_that_is_met_first_is_named_with_its_size(tmp_path: Path) -> None:
    _write(tmp_path / "self", "0::/web.slice/app\n")
    _write(tmp_path / "fs/web.slice/app/memory.max", str(90 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/app/memory.current", str(10 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/memory.max", str(100 * _MEGABYTE))
    _write(tmp_path / "fs/web.slice/memory.current", str(60 * _MEGABYTE))
    found = nearest_limit(tmp_path / "fs", tmp_path / "self")
    assert found == Limit(100 * _MEGABYTE, 40 * _MEGABYTE, "cgroup v2 /web.slice")


def test_a_version_1_limit_is_named_as_such(tmp_path: Path) -> None:
    _write(tmp_path / "self", "4:memory:/docker/1\n0::/\n")
    _write(tmp_path / "fs/memory/docker/1/memory.limit_in_bytes", str(50 * _MEGABYTE))
    _write(tmp_path / "fs/memory/docker/1/memory.usage_in_bytes", str(20 * _MEGABYTE))
    assert nearest_limit(tmp_path / "fs", tmp_path / "self").source == "cgroup v1 /docker/1"


def test_without_a_cgroup_the_machine_is_the_limit(tmp_path: Path) -> None:
    found = nearest_limit(tmp_path, tmp_path / "missing")
    assert (found.source, found.size) == ("host", psutil.virtual_memory().total)


def test_free_disk_is_that_of_the_file_system(tmp_path: Path) -> None:
    assert abs(free_disk(tmp_path) - psutil.disk_usage(str(tmp_path)).free) < 100 * _MEGABYTE


# Recorded trees: memory cgroups may seldom be made where tests run.


def test_a_process_beside_us_in_a_container_shares_its_limit(tmp_path: Path) -> None:
    """As under `kubectl exec`: both see themselves at the root of the tree that is mounted in the container."""
    _write(tmp_path / "proc/self/cgroup", "0::/\n")
    _write(tmp_path / "proc/7/cgroup", "0::/\n")
    _write(tmp_path / "fs/memory.max", str(512 * _MEGABYTE))
    _write(tmp_path / "fs/memory.current", str(400 * _MEGABYTE))
    found = shared_limit(7, tmp_path / "fs", tmp_path / "proc")
    assert found == Limit(512 * _MEGABYTE, 112 * _MEGABYTE, "cgroup v2 /")


def test_the_limit_of_a_common_parent_is_shared_and_that_of_a_neighbour_is_not(tmp_path: Path) -> None:
    _write(tmp_path / "proc/self/cgroup", "4:memory:/pod/shell\n0::/\n")
    _write(tmp_path / "proc/7/cgroup", "4:memory:/pod/app\n0::/\n")
    for name, limit in (("pod/app", 100), ("pod/shell", 50), ("pod", 300)):
        _write(tmp_path / f"fs/memory/{name}/memory.limit_in_bytes", str(limit * _MEGABYTE))
        _write(tmp_path / f"fs/memory/{name}/memory.usage_in_bytes", str(40 * _MEGABYTE))
    found = shared_limit(7, tmp_path / "fs", tmp_path / "proc")
    assert found == Limit(300 * _MEGABYTE, 260 * _MEGABYTE, "cgroup v1 /pod")


def test_without_a_common_limit_nothing_is_shared(tmp_path: Path) -> None:
    _write(tmp_path / "proc/self/cgroup", "0::/user.slice\n")
    _write(tmp_path / "proc/7/cgroup", "0::/app.slice\n")
    _write(tmp_path / "fs/app.slice/memory.max", str(100 * _MEGABYTE))
    _write(tmp_path / "fs/app.slice/memory.current", "0")
    assert shared_limit(7, tmp_path / "fs", tmp_path / "proc") is None
    assert shared_limit(8, tmp_path / "fs", tmp_path / "proc") is None
