from __future__ import annotations

import pytest

from leakhunt.targets import oom


def test_a_kill_is_seen_by_its_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = oom.OomWatch()
    assert not watch.happened()
    one_more = oom.kills() + 1
    monkeypatch.setattr(oom, "kills", lambda: one_more)
    assert watch.happened()
