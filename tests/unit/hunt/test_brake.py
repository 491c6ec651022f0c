from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.hunt import brake as module
from leakhunt.hunt.brake import MIN_FREE_DISK, Brake

GB = 10**9


class Stop:
    """Counts how often it was called."""

    times = 0

    def __call__(self) -> None:
        self.times += 1


def test_the_load_goes_on_below_the_limit(tmp_path: Path) -> None:
    brake = Brake(stop := Stop(), (tmp_path,), limit=GB)
    brake.check(GB - 1)
    assert brake.reason is None
    assert stop.times == 0


def test_the_load_stops_at_the_limit() -> None:
    brake = Brake(stop := Stop(), (), limit=2**30)
    brake.check(2**30)
    assert brake.reason == "the target's processes reached 1.00 GiB, the limit is 1.00 GiB"
    assert stop.times == 1


def test_what_a_running_app_has_already_comes_on_top_of_the_share_of_what_is_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 10 * GB)
    assert Brake(Stop(), (), None, used=20 * GB).limit == 27 * GB
    assert Brake(Stop(), (), 5 * GB, used=20 * GB).limit == 5 * GB


def test_the_load_stops_before_a_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "media"
    monkeypatch.setattr(module, "free_disk", lambda disk: MIN_FREE_DISK - (disk == full))
    brake = Brake(stop := Stop(), (tmp_path, full), limit=GB)
    brake.check(0)
    assert brake.reason == "only 1.86 GiB of disk are free for media"
    assert stop.times == 1


def test_it_is_pulled_once_and_keeps_its_first_reason() -> None:
    brake = Brake(stop := Stop(), (), limit=2**20)
    brake.check(2**20)
    first = brake.reason
    brake.check(2**30)
    assert brake.reason == first
    assert stop.times == 1


def test_unless_told_otherwise_the_limit_is_seven_tenths_of_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 10 * GB)
    assert Brake(Stop(), (), limit=None).limit == 7 * GB


def test_the_load_stops_once_the_target_is_dead() -> None:
    deaths = iter([None, "the target was killed by SIGKILL"])
    brake = Brake(stop := Stop(), (), limit=GB, dead=lambda: next(deaths))
    brake.check(0)
    assert (brake.reason, stop.times) == (None, 0)
    brake.check(0)
    assert (brake.reason, stop.times) == ("the target was killed by SIGKILL", 1)
