"""The pytest plugin's own accuracy: false alarms on functions that keep nothing, leaks found, and the time of a check.

Each clean function is a variant of one of fourteen kinds of things that people test: caches that fill up, expressions,
garbage, buffers, files. Nothing is tuned to them: each is judged once, with a lottery of its own, as by the mark.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import csv
import datetime
import decimal
import functools
import io
import itertools
import json
import os
import random
import re
import statistics
import string
import tempfile
import time
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from leakhunt.model.report import Verdict
from leakhunt.plugin.experiment import Experiment
from leakhunt.plugin.limits import Limits

Call = Callable[[], object]
KEPT: list[object] = []


def clean(number: int) -> Iterator[tuple[str, Call]]:
    """A function of each kind, `number` of its variants."""
    draw = random.Random(number)
    size = draw.randrange(10, 2000)
    words = ["".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(20)]
    text = " ".join(words)
    bounded = functools.lru_cache(maxsize=draw.choice([8, 64, 128]))(lambda key: [key] * 20)
    ring: collections.deque[bytes] = collections.deque(maxlen=draw.randrange(5, 200))
    counter = itertools.count()
    table: dict[int, object] = {}

    def cycle() -> None:
        one: list[object] = [bytes(size)]
        one.append(one)

    def template() -> str:
        return string.Template("$a and $b").substitute(a=words[0], b=next(counter) % 7)

    def fails() -> None:
        with contextlib.suppress(ValueError):
            int(words[0])

    def file() -> None:
        with tempfile.TemporaryFile() as handle:
            handle.write(os.urandom(size))

    def table_of_rows() -> str:
        out = io.StringIO()
        csv.writer(out).writerows([words] * 5)
        return out.getvalue()

    def loop() -> None:
        asyncio.run(asyncio.sleep(0))

    yield "json", lambda: json.loads(json.dumps({word: list(range(size % 50)) for word in words}))
    yield "regex", lambda: re.sub(rf"{words[1]}|[0-9]+", "x", text)
    yield "lru_cache", lambda: bounded(next(counter))
    yield "deque", lambda: ring.append(bytes(size + next(counter) % 10))
    yield "cycle", cycle
    yield "dict", lambda: table.__setitem__(next(counter) % (size % 60 + 1), bytes(50))
    yield "exception", fails
    yield "file", file
    yield "csv", table_of_rows
    yield "decimal", lambda: decimal.Decimal(size).sqrt() + decimal.Decimal(datetime.date(2026, 1, 1).toordinal())
    yield "xml", lambda: ET.fromstring(f"<a>{'<b/>' * (size % 40)}</a>")  # our own text
    yield "zlib", lambda: zlib.decompress(zlib.compress(text.encode() * (size % 30 + 1)))
    yield "template", template
    yield "loop", loop


def leaky(number: int) -> Iterator[tuple[str, Call]]:
    """Things that keep at least a hundred bytes with each call."""
    draw = random.Random(number)
    size = draw.randrange(80, 2000)
    counter = itertools.count()
    memo = functools.cache(lambda key: bytes(size + key % 3))

    def one_in_ten() -> None:
        if next(counter) % 10 == 0:
            KEPT.append(bytes(10 * size))

    yield "list", lambda: KEPT.append(bytes(size))
    yield "cache", lambda: memo(next(counter))
    yield "one in ten", one_in_ten


def judge(name: str, call: Call, seed: int) -> tuple[Verdict, float]:
    """The verdict, and the seconds it took."""
    began = time.perf_counter()
    report = Experiment(name, call, Limits(), seed=seed, directory=str(Path.cwd())).run()
    return report.judgement.verdict, time.perf_counter() - began


def main() -> None:
    """Print a line for each kind, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=25, help="of each kind that keeps nothing")
    parser.add_argument("--leaks", type=int, default=5, help="of each kind that leaks")
    given = parser.parse_args()
    for title, kinds, variants in (("clean", clean, given.variants), ("leaky", leaky, given.leaks)):
        verdicts: dict[str, collections.Counter[str]] = {}
        seconds: list[float] = []
        for number in range(variants):
            for name, call in kinds(number):
                verdict, took = judge(f"{name} {number}", call, seed=number)
                verdicts.setdefault(name, collections.Counter())[verdict.value] += 1
                seconds.append(took)
                KEPT.clear()
        for name, counts in verdicts.items():
            print(f"{title}  {name:<12}", ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
        total = sum(verdicts.values(), collections.Counter())
        low, middle, high = statistics.quantiles(seconds, n=4)
        print(f"{title}, all    ", dict(total), f"seconds: median {middle:.2f}, middle half {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main()
