"""Traces of allocations, and the model of what they leave."""

from __future__ import annotations

import ctypes
import random

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

    from leakhunt.agent import _sampler
else:
    import _sampler

_api = ctypes.pythonapi
for _prefix in ("PyMem", "PyObject"):
    for _name, _types in (("Malloc", 1), ("Calloc", 2)):
        getattr(_api, f"{_prefix}_{_name}").argtypes = [ctypes.c_size_t] * _types
        getattr(_api, f"{_prefix}_{_name}").restype = ctypes.c_void_p
    getattr(_api, f"{_prefix}_Realloc").argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    getattr(_api, f"{_prefix}_Realloc").restype = ctypes.c_void_p
    getattr(_api, f"{_prefix}_Free").argtypes = [ctypes.c_void_p]
    getattr(_api, f"{_prefix}_Free").restype = None


ACTIONS = ("malloc", "calloc", "realloc", "free")
PREFIXES = ("PyMem", "PyObject")
TAGGED = 1


class Model:
    """Does what a trace says, at an interval of one byte, where every block is sampled, and knows what has to be there.

    Blocks of odd sizes of at least 64 bytes, which nothing else has that is allocated meanwhile; the chance that one is
    not sampled is e ** -64.
    """

    def __init__(self) -> None:
        self.alive: list[tuple[int, str, int]] = []

    def perform(self, action: str, prefix: str, which: int, size: int) -> None:
        """One row of a trace; `which` of the living blocks, counted round and round."""
        size |= 1
        if action in {"malloc", "calloc"}:
            arguments = (size,) if action == "malloc" else (size, 1)
            self.alive.append((_tagged(f"{prefix}_{action.capitalize()}", *arguments), prefix, size))
        elif self.alive:
            block, prefix, _ = self.alive.pop(which % len(self.alive))
            if action == "realloc":
                self.alive.append((_tagged(f"{prefix}_Realloc", block, size), prefix, size))
            else:
                _tagged(f"{prefix}_Free", block)

    def expected(self) -> dict[int, int]:
        return {block: size for block, _, size in self.alive}

    def end(self) -> None:
        while self.alive:
            self.perform("free", "", 0, 0)


def _tagged(name: str, *arguments: int) -> int:
    function = getattr(_api, name)
    _sampler.set_tag(TAGGED)
    result = function(*arguments)
    _sampler.set_tag(0)
    return int(result or 0)


def sampled() -> dict[int, int]:
    """Address and size of what a model may have allocated."""
    samples = _sampler.read()["samples"]
    return {sample[0]: sample[1] for sample in samples if sample[4] == TAGGED and sample[1] % 2}


def perform(trace: Iterable[Any], every: int = 1) -> list[str]:
    """Where sampler and model differ, looked at after every so many rows."""
    model, wrong = Model(), []
    _sampler.start(1, samples=200_000)
    try:
        for number, row in enumerate(trace):
            model.perform(*row)
            if number % every == 0 and sampled() != model.expected():
                wrong.append("after row %d, %s" % (number, row))
        if sampled() != model.expected():
            wrong.append("at the end")
        model.end()
        if sampled():
            wrong.append("with everything freed")
    finally:
        _sampler.stop()
    return wrong


def random_trace(rows: int, seed: int) -> list[str]:
    lottery = random.Random(seed)
    return perform(
        (
            (lottery.choice(ACTIONS), lottery.choice(PREFIXES), lottery.randrange(1000), lottery.randrange(64, 3000))
            for _ in range(rows)
        ),
        every=97,
    )


def any_trace(examples: int) -> int:
    """How many traces hypothesis has tried; it raises for one that is told wrongly."""
    from hypothesis import given, settings, strategies

    tried = []
    rows = strategies.tuples(
        strategies.sampled_from(ACTIONS),
        strategies.sampled_from(PREFIXES),
        strategies.integers(0, 30),
        strategies.one_of(strategies.integers(64, 700), strategies.integers(64, 200_000)),
    )

    @settings(max_examples=examples, deadline=None, database=None)
    @given(strategies.lists(rows, max_size=40))
    def check(trace: list[tuple[str, str, int, int]]) -> None:
        tried.append(len(trace))
        assert perform(trace) == []

    check()
    return len(tried)
