"""Each test runs in an interpreter of its own: what it does to `sys.modules` and `fork` must not reach the others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT, find_interpreters

UNLOAD = """
import sys
before = frozenset(sys.modules)
import json, ctypes, tracemalloc
loaded = [name for name in sys.modules if name not in before]
sys.path.insert(0, {root!r})
from leakhunt.agent.arrival import unload
{use}
del json, ctypes, tracemalloc
left = unload(loaded, before)
print(bool(left), sorted(set(loaded) & set(sys.modules)) == sorted(left))
import json, ctypes, tracemalloc
assert json.loads(json.dumps([1])) == [1]
assert ctypes.pythonapi.Py_IsInitialized() and ctypes.create_string_buffer(3).raw
tracemalloc.start(); tracemalloc.take_snapshot(); tracemalloc.stop()
"""
FREED = """
import gc, sys, weakref
before = frozenset(sys.modules)
import ctypes
loaded = [name for name in sys.modules if name not in before]
sys.path.insert(0, {root!r})
from leakhunt.agent.arrival import unload
library, kept = weakref.ref(ctypes.CDLL), [ctypes.py_object, ctypes.c_char_p]
del ctypes
unload(loaded, before)
gc.collect()
print(library() is None, [repr(kind()) for kind in kept])
"""
FORK = """
import gc, os, sys
sys.path.insert(0, {root!r})
from leakhunt.agent import forks
told = []
class Agent:
    def before_fork(self): told.append("before")
    def after_fork_in_parent(self): told.append("after")
    def after_fork_in_child(self): os._exit(0)
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
os.register_at_fork(before=lambda: told.append("theirs"))
forks.install(Agent())
fork()
{freeze}
print(told, forks.unregister())
del told[:]
fork()
print(told)
"""


def run(version: str, program: str) -> list[str]:
    command = [str(find_interpreters()[version]), "-I", "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


@pytest.mark.parametrize("version", find_interpreters())
def test_what_was_loaded_for_us_is_forgotten_and_works_when_it_is_loaded_again(version: str) -> None:
    assert run(version, UNLOAD.format(root=str(ROOT), use="")) == ["False True"]


@pytest.mark.parametrize("version", find_interpreters())
def test_the_collector_frees_a_copy_of_ctypes_that_is_forgotten(version: str) -> None:
    assert run(version, FREED.format(root=str(ROOT))) == ["True ['py_object(<NULL>)', 'c_char_p(None)']"]


@pytest.mark.parametrize(
    "use",
    [
        "sys.modules['app'] = type(sys)('app'); sys.modules['app'].codec = json",
        "sys.modules['app'] = type(sys)('app'); sys.modules['app'].dumps = json.dumps",
        "sys.modules['app'] = type(sys)('app'); sys.modules['app'].Error = json.JSONDecodeError",
        "sys.modules['os'].codec = json",
    ],
)
def test_what_the_app_uses_by_now_stays(use: str) -> None:
    assert run("3.11", UNLOAD.format(root=str(ROOT), use=use)) == ["True True"]


@pytest.mark.parametrize("version", find_interpreters())
def test_the_hooks_of_fork_are_taken_out_again_and_those_of_others_stay(version: str) -> None:
    first, second = run(version, FORK.format(root=str(ROOT), freeze=""))
    assert first == "['before', 'theirs', 'after'] True"
    assert second == "['theirs']"


def test_hooks_in_a_frozen_heap_cannot_be_found_and_stay() -> None:
    first, second = run("3.11", FORK.format(root=str(ROOT), freeze="gc.freeze()"))
    assert first.endswith("False")
    assert second == "['before', 'theirs', 'after']"


def test_the_interpreter_of_the_tests_is_among_those_tried() -> None:
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in find_interpreters()
