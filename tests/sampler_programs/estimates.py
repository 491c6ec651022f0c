"""Programs about how many bytes are told."""

from __future__ import annotations

import sys
import tracemalloc

from sampler_programs.readings import Thing, deviation, estimate_of, estimates, keep_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent import _sampler
else:
    import _sampler


def known_sites(kept: list[Any]) -> None:
    """Allocates a known lot at each line, frees some of it."""
    kept.append([bytes(1000) for _ in range(20_000)])
    kept.append([bytearray(100 + number) for number in range(5_000)])
    kept.append([Thing(number) for number in range(10_000)])
    kept.append({number: (number, str(number)) for number in range(10_000)})
    kept.append([bytes(200_000) for _ in range(50)])
    kept.append(list(range(1000, 400_000)))
    del kept[0][::2]
    del kept[4][::3]
    grown: list[int] = []
    for number in range(200_000):
        grown.append(number)  # noqa: PERF402  # it is about how the list grows
    kept.append(grown)


def against_tracemalloc(interval: int, seed: int) -> list[list[float]]:
    """Exact bytes of each line, estimated bytes, and the deviation that is predicted for it; the sum last."""
    kept: list[Any] = []
    tracemalloc.start(40)
    _sampler.start(interval, seed=seed)
    known_sites(kept)
    reading = _sampler.read()
    traces = tracemalloc._get_traces()  # type: ignore[attr-defined]
    _sampler.stop()
    tracemalloc.stop()
    # The sampler does not sample what it is read with.
    ours = range(known_sites.__code__.co_firstlineno, against_tracemalloc.__code__.co_firstlineno)
    blocks: dict[int, list[int]] = {}
    for trace in traces:
        line = next((line for file, line in trace[2] if file == __file__), 0)
        if trace[0] == 0 and line in ours:
            blocks.setdefault(line, []).append(trace[1])
    seen = {line: estimate.size for line, estimate in estimates(reading, __file__).items() if line in ours}
    rows = [
        [sum(sizes), seen.get(line, 0.0), deviation(sizes, interval)]
        for line, sizes in blocks.items()
        if sum(sizes) > 50_000
    ]
    everything = [size for sizes in blocks.values() for size in sizes]
    rows.append([sum(everything), sum(seen.values()), deviation(everything, interval)])
    return rows


def what_is_freed() -> list[list[float]]:
    """Samples and bytes of a site with all, half and none of its blocks alive."""
    _sampler.start(4096)
    kept = keep_bytes(20_000, 500)
    found = []
    for keep in (20_000, 10_000, 0):
        del kept[keep:]
        estimate = estimate_of(keep_bytes)
        found.append([estimate.samples, estimate.size])
    found.append([_sampler.stats()["freed"]])
    _sampler.stop()
    return found


def how_often(number: int, size: int, interval: int) -> int:
    """Samples of so many blocks of one size."""
    _sampler.start(interval, samples=number + 1000)
    kept = keep_bytes(number, size)
    samples = sum(sample[1] == size + sys.getsizeof(b"") for sample in _sampler.read()["samples"])
    _sampler.stop()
    del kept
    return samples


def overflows() -> dict[str, Any]:
    """A table that is far too small, and too little room for calls."""
    _sampler.start(64, samples=500)
    kept = keep_bytes(1500, 20_000) + keep_bytes(20_000, 100)
    stats = _sampler.stats()
    reading = _sampler.read()
    found: dict[str, Any] = {
        "live": stats["live"],
        "doubled": stats["doubled"],
        "thinned": stats["thinned"],
        "within": stats["memory"] <= stats["memory_limit"],
        "sizes": [],
    }
    _sampler.stop()
    for number, size in ((1500, 20_000 + sys.getsizeof(b"")), (20_000, 100 + sys.getsizeof(b""))):
        estimate = sum(sample[1] / sample[2] for sample in reading["samples"] if sample[1] == size)
        found["sizes"].append([number * size, estimate, deviation([size] * number, reading["interval"])])
    _sampler.start(64, calls=1)
    kept = keep_bytes(1000, 100)
    found["stackless"] = _sampler.stats()["stackless"]
    found["stacks"] = sorted({tuple(stack[0]) for stack in _sampler.read()["stacks"]})
    _sampler.stop()
    del kept
    return found
