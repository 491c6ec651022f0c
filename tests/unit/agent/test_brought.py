from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import leakhunt.agent
from conftest import ROOT
from leakhunt.agent import brought
from leakhunt.agent.brought import Unfit, load

OWN = Path(leakhunt.agent.__path__[0], f"_sampler{brought.suffix()}")

PROGRAM = """
import os, re, sys
sys.path.insert(0, {root!r})
from leakhunt.agent import brought
image = open({image!r}, "rb").read()
def mapped():
    return len(set(re.findall("/memfd:leakhunt-.*", open("/proc/self/maps").read())))
before, modules = sorted(os.listdir("/proc/self/fd")), set(sys.modules)
{body}
assert sorted(os.listdir("/proc/self/fd")) == before
assert "_sampler" not in sys.modules
"""


def run(body: str) -> str:
    if not OWN.exists():
        pytest.skip("leakhunt was installed without a C compiler.")
    program = PROGRAM.format(root=str(ROOT), image=str(OWN), body=body)
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_is_loaded_works() -> None:
    assert run("""
sampler = brought.load("_sampler", image, brought.suffix(), "ab")
sampler.start(1000)
kept = [bytes(1000) for _ in range(1000)]
print(len(sampler.read()["samples"]) > 300, sampler.stop(), mapped())
""").splitlines() == ["True {'obj': 'removed', 'mem': 'removed'} 1"]


def test_the_same_is_not_loaded_twice_and_another_is_not_taken_for_it() -> None:
    assert run("""
first = brought.load("_sampler", image, brought.suffix(), "ab")
other = brought.load("_sampler", image, brought.suffix(), "cd")
again = brought.load("_sampler", b"never looked at", brought.suffix(), "ab")
first.start(1000)
print(again.stats()["sampling"], mapped())
try:
    other.stats()
except RuntimeError as error:
    print(error)
first.stop()
""").splitlines() == ["True 2", "the sampler has not been started"]


def test_what_is_made_for_another_python_is_refused() -> None:
    said = f"it is made for .cpython-27-mips.so, and this Python takes {brought.suffix()}"
    with pytest.raises(Unfit, match=re.escape(said)):
        load("_sampler", b"", ".cpython-27-mips.so", "ab")


def test_another_c_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def confstr(name: str) -> str:
        raise ValueError("unrecognized configuration name")  # what musl leads to

    monkeypatch.setattr(os, "confstr", confstr)
    with pytest.raises(Unfit, match="another C library"):
        load("_sampler", b"", brought.suffix(), "ab")


def test_what_is_no_extension_is_refused_and_leaves_no_descriptor() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(Unfit, match=r"invalid ELF header|file too short"):
        load("_sampler", b"no shared object" * 100, brought.suffix(), "ab")
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_where_there_can_be_no_file_in_memory_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refuse)
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(Unfit, match="Operation not permitted"):
        load("_sampler", b"", brought.suffix(), "ab")
    assert sorted(Path("/proc/self/fd").iterdir()) == before
