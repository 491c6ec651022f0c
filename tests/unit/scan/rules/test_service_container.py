"""LH104: an object that lives as long as the process collects what passes through it."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH104"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_loop_that_ends_is_none() -> None:
    source = """
class Reader:
    def __init__(self):
        self.parts = []
    def read(self):
        while True:
            part = self.next()
            if not part:
                return
            self.parts.append(part)
"""
    assert lines(RULE, source) == []


def test_what_the_loop_calls_is_part_of_it() -> None:
    source = """
class Worker:
    def __init__(self):
        self.done = []
    def run(self):
        while True:
            self.finish(self.get())
    def finish(self, job):
        self.done.append(job)
"""
    assert lines(RULE, source) == [9]
