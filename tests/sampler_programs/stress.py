"""Everything at once."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
import warnings

from sampler_programs.lives import in_child
from sampler_programs.readings import Thing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from leakhunt.agent import _sampler
else:
    import _sampler

CHOICES = {"interval": (1, 50, 1000, 30_000), "samples": (50, 1000, 32_768), "calls": (10, 65_536)}


class Churn(threading.Thread):
    """Allocates and frees whatever there is, and makes cycles and code."""

    def __init__(self, until: float, seed: int) -> None:
        super().__init__()
        self.until = until
        self.lottery = random.Random(seed)
        self.whole = False

    def run(self) -> None:
        kept: list[Any] = []
        while time.monotonic() < self.until:
            number = self.lottery.randrange(5000)
            _sampler.set_tag(number)
            kept.append([Thing(number), [bytes(number)], {1: bytearray(300)}])
            kept[-1].append(kept[-1])
            if len(kept) > 100:
                del kept[self.lottery.randrange(100) :]
            if self.lottery.random() < 0.01:
                eval(compile("[bytes(900) for _ in range(9)]", "<made>", "eval"))
        self.whole = True


def read() -> None:
    for _, size, chance, *_ in _sampler.read()["samples"]:
        assert size > 0
        assert 0 < chance <= 1


def fork() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that threads and forks do not go together
        told = in_child(os.fork, lambda: [len(_sampler.read()["samples"]), len(_sampler.stop())])
    assert told[1] == 2


def rest() -> None:
    time.sleep(0.003)


DOINGS: tuple[Callable[[], object], ...] = (read, fork, rest, gc.collect, _sampler.reset)


def stress(seconds: float, threads: int, seed: int) -> dict[str, int]:
    """Threads that allocate, collections and forks, while the sampler is started, read, reset and stopped.

    How often what was done.
    """
    lottery = random.Random(seed)
    until = time.monotonic() + seconds
    churning = [Churn(until, seed + number) for number in range(threads)]
    for each in churning:
        each.start()
    done = {"stop": 0, "read": 0, "fork": 0, "rest": 0, "collect": 0, "reset": 0}
    while time.monotonic() < until:
        settings: dict[str, Any] = {name: lottery.choice(values) for name, values in CHOICES.items()}
        _sampler.start(**settings, follow_forks=lottery.random() < 0.5)
        for doing in lottery.sample(DOINGS, lottery.randrange(len(DOINGS))):
            doing()
            done[doing.__name__] += 1
        stats = _sampler.stats()
        assert stats["memory"] <= stats["memory_limit"]
        assert stats["live"] <= stats["most_live"] == settings["samples"]
        _sampler.stop()
        done["stop"] += 1
    for each in churning:
        each.join()
        assert each.whole
    return done
