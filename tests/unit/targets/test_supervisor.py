from __future__ import annotations

from pathlib import Path

from leakhunt.targets import supervisor


def test_a_log_that_has_grown_too_long_keeps_its_end(tmp_path: Path) -> None:
    log = tmp_path / "target.err"
    with supervisor.open_log(str(log)) as writer:
        writer.write(b"line of the log\n" * 200_000 + b"the end\n")
        writer.flush()
        supervisor.trim(log)
        writer.write(b"written afterwards\n")
    kept = log.read_bytes()
    assert len(kept) <= 2**20 + 100
    assert kept.startswith(b"line of the log\n")
    assert kept.endswith(b"the end\nwritten afterwards\n")
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "target.err"
    log.write_text("short")
    supervisor.trim(log)
    supervisor.trim(tmp_path / "absent")
    assert log.read_text() == "short"
