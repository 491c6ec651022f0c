"""The agent's own side of a meeting, run by another process of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakhunt.agent import arrival
from leakhunt.targets.inject import channel
from leakhunt.targets.inject.channel import Meeting, can_take_descriptors, take

VISITOR = f"""
import runpy, sys, time
meet = runpy.run_path({arrival.__file__!r})["meet"]
print(flush=True)
offers, token = eval(sys.stdin.readline())
connection = meet(offers, token)
connection.sendall(b"here " + token.encode())
assert connection.recv(10) == b"welcome"
assert connection.recv(10) == b""
"""


@contextmanager
def visitor() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", VISITOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def invite(process: subprocess.Popen[bytes], meeting: Meeting) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{meeting.offers, meeting.token}\n".encode())
    process.stdin.flush()


@pytest.mark.parametrize("way", channel.WAYS)
def test_they_meet(way: str) -> None:
    with visitor() as process, Meeting(process.pid, way) as meeting:
        assert [name for name, _ in meeting.offers] == [way]
        invite(process, meeting)
        connection = meeting.wait(time.monotonic() + 20)
        assert connection is not None
        with connection:
            connection.settimeout(10)
            assert connection.recv(100) == b"here " + meeting.token.encode()
            connection.sendall(b"welcome")
        assert process.wait(timeout=10) == 0


def test_a_handover_leaves_the_visitor_one_descriptor() -> None:
    with visitor() as process, Meeting(process.pid, "pair") as meeting:
        descriptors = Path(f"/proc/{process.pid}/fd")
        before = set(descriptors.iterdir())
        invite(process, meeting)
        connection = meeting.wait(time.monotonic() + 20)
        assert connection is not None
        with connection:
            connection.settimeout(10)
            connection.recv(100)
            assert len(set(descriptors.iterdir()) - before) == 1


def test_nobody_is_met_who_does_not_know_the_token() -> None:
    with visitor() as process, Meeting(process.pid, "pair") as meeting:
        invite(process, meeting)
        time.sleep(0.2)
        assert take(process.pid, "0" * 32) is None


def test_a_unix_socket_turns_others_away() -> None:
    with visitor() as process, Meeting(process.pid, "unix") as meeting:
        ((_, place),) = meeting.offers
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(place))
            assert meeting.wait(time.monotonic() + 0.1) is None
            assert stranger.recv(1) == b""


def test_the_socket_lies_in_a_directory_that_only_its_user_sees_and_goes_with_the_meeting() -> None:
    with Meeting(os.getpid(), "unix") as meeting:
        ((_, place),) = meeting.offers
        directory = Path(str(place)).parent
        assert directory.stat().st_mode & 0o777 == 0o700
        assert Path(str(place)).stat().st_mode & 0o777 == 0o600
    assert not directory.exists()


def test_who_does_not_come_is_not_waited_for_longer_than_told() -> None:
    with Meeting(os.getpid(), "tcp") as meeting:
        began = time.monotonic()
        assert meeting.wait(began + 0.05) is None
        assert time.monotonic() - began >= 0.05


def test_this_kernel_hands_out_descriptors() -> None:
    if sys.platform != "linux" or tuple(map(int, os.uname().release.split(".")[:2])) < (5, 6):
        pytest.skip("pidfd_getfd came with Linux 5.6")
    assert can_take_descriptors()
