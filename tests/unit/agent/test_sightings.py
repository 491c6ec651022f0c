"""Each program runs in an interpreter of its own, as an app with threads, in every version."""

from __future__ import annotations

import os
import subprocess

import pytest

from conftest import ROOT, find_attachable

PROLOGUE = """
import gc, signal, sys, threading, time, weakref
from leakhunt.agent.sightings import family, quick, thorough

class Server:
    def serve(self, ready, over):
        ready.set()
        over.wait()

class Special(Server):
    pass

CLASSES = family([Server])

def seen(modules=("__main__",)):
    return sorted((server.name, where) for server, where in quick(CLASSES, frozenset(modules)))

def named(name, kind=Server):
    made = kind()
    made.name = name
    return made
"""
PLACES = """
ready, over = threading.Event(), threading.Event()
threading.Thread(target=named("worker", Special).serve, args=(ready, over), daemon=True).start()
ready.wait()
Server.stop = lambda self, *_: None
signal.signal(signal.SIGUSR1, named("handler").stop)
hidden = [named("hidden")]
answers = []

def look(entered, over):
    entered.wait()
    answers.append(seen())
    answers.append(seen(("elsewhere",)))
    over.set()

entered, looked = threading.Event(), threading.Event()
threading.Thread(target=look, args=(entered, looked)).start()
named("main").serve(entered, looked)
assert answers[0] == [
    ("handler", "signal handler"), ("main", "main thread"), ("worker", "other thread")
], answers
assert answers[1] == [("handler", "signal handler")], answers
assert {"hidden", "worker", "handler"} <= {server.name for server, _ in thorough(CLASSES)}
assert all(where == "heap" for _, where in thorough(CLASSES))
over.set()
"""
VARIABLES = """
class Connection:
    pass

steps = threading.Semaphore(0), threading.Semaphore(0)

def loop(self):
    connection = Connection()
    reference = weakref.ref(connection)
    steps[0].release()
    steps[1].acquire()
    connection = None
    results.append(reference() is None)
    mine = locals()
    mine["own"] = 1
    steps[0].release()
    steps[1].acquire()
    results.append(mine.get("own"))

results = []
thread = threading.Thread(target=loop, args=(named("looping"),))
thread.start()
for _ in range(2):
    steps[0].acquire()
    assert seen() == [("looping", "other thread")], seen()
    steps[1].release()
thread.join()
assert results == [True, 1], results
"""


@pytest.mark.parametrize("version", find_attachable())
@pytest.mark.parametrize("program", [PLACES, VARIABLES], ids=["places", "variables"])
def test_objects_are_seen_where_they_are_and_variables_stay_as_they_are(version: str, program: str) -> None:
    done = subprocess.run(
        [str(find_attachable()[version]), "-W", "error", "-c", PROLOGUE + program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
