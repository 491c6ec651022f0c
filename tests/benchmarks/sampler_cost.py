"""What the native sampler costs loops that do nothing but allocate, and an upload, beside tracemalloc, and bare again.

Usage: `python tests/benchmarks/sampler_cost.py [--pairs N] [--work NAME]`. Each pair is a process of its own on one
core, which does the work under 30 frames in every phase, in an order that changes from pair to pair: bare, bare once
more as the control, sampled, and traced. What is compared is the processor time of the process. The upload is a picture
for the courseware site, from Django's test client through all of its WSGI handler.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from leakhunt.agent import _sampler

PAIRS = 31
DEPTH = 30
COURSEWARE = Path(__file__).parents[2] / "examples" / "courseware"


def freed() -> Callable[[], None]:
    """A loop of blocks that are freed at once."""

    def work() -> None:
        for number in range(600_000):
            bytes(number & 255)

    return work


def kept() -> Callable[[], None]:
    """A loop of small containers that live until there are 4000."""

    def work() -> None:
        for _ in range(60):
            rows = [{"number": number, "pair": (number, str(number))} for number in range(4_000)]
            rows.clear()

    return work


def upload() -> Callable[[], None]:
    """Courseware, upload of a picture."""
    sys.path.insert(0, str(COURSEWARE))
    import django
    from PIL import Image

    django.setup()
    from django.contrib.auth.models import User
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="teacher"))
    picture = io.BytesIO()
    Image.effect_noise((640, 480), 40).save(picture, "PNG")

    def work() -> None:
        for _ in range(50):
            file = SimpleUploadedFile("picture.png", picture.getvalue(), "image/png")
            response = client.post("/lessons/1/images/", {"title": "Picture", "file": file})
            if response.status_code != 201:
                raise SystemExit(f"the upload failed: {response.content[:300]!r}")

    return work


WORKS: dict[str, Callable[[], Callable[[], None]]] = {"freed": freed, "kept": kept, "upload": upload}


def nothing() -> None:
    """Without any of it."""


Phase = tuple[Callable[[], object], Callable[[], object]]
PHASES: dict[str, Phase] = {
    "bare": (nothing, nothing),
    "bare (control)": (nothing, nothing),
    "sampler, every 512 KiB": (lambda: _sampler.start(512 * 1024), _sampler.stop),
    "sampler, every 64 KiB": (lambda: _sampler.start(64 * 1024), _sampler.stop),
    "sampler, every 4 KiB": (lambda: _sampler.start(4 * 1024), _sampler.stop),
    "tracemalloc, 1 frame": (lambda: tracemalloc.start(1), tracemalloc.stop),
    "tracemalloc, 10 frames": (lambda: tracemalloc.start(10), tracemalloc.stop),
    "tracemalloc, 25 frames": (lambda: tracemalloc.start(25), tracemalloc.stop),
}


def main() -> None:
    """Print a Markdown table with one row for each phase of each work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--work", choices=WORKS, action="append")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.seed is not None:
        print(json.dumps(measure(WORKS[given.work[0]](), given.seed)))
        return
    print("| work | | processor time | ratio to bare (95 % interval) |")
    print("|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory:
        environment = prepared(Path(directory))
        for name in given.work or WORKS:
            pairs = [pair(name, seed, environment) for seed in range(given.pairs)]
            for phase in list(PHASES)[1:]:
                ratios = [times[phase] / times["bare"] for times in pairs]
                took = median(times[phase] for times in pairs)
                print(
                    f"| {WORKS[name].__doc__} | {phase} | {took * 1e3:.0f} ms | {with_interval(ratios)} |", flush=True
                )


def prepared(directory: Path) -> Mapping[str, str]:
    """The environment of a courseware site with courses in it."""
    environment = {
        **os.environ,
        "COURSEWARE_DATA": str(directory),
        "COURSEWARE_VARIANT": "fixed",
        "DJANGO_SETTINGS_MODULE": "courseware.settings",
    }
    for command in ("migrate", "seed_courses"):
        subprocess.run(
            [sys.executable, "manage.py", command], cwd=COURSEWARE, env=environment, check=True, capture_output=True
        )
    return environment


def pair(name: str, seed: int, environment: Mapping[str, str]) -> Mapping[str, float]:
    """Seconds of processor time of each phase, measured in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--work", name, "--seed", str(seed)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    times: Mapping[str, float] = json.loads(run.stdout)
    return times


def measure(work: Callable[[], None], seed: int) -> Mapping[str, float]:
    """Do the work once in every phase, in the lottery's order."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    order = list(PHASES)
    random.Random(seed).shuffle(order)
    under_frames(work, DEPTH)
    times = {}
    for phase in order:
        begin, end = PHASES[phase]
        begin()
        started = time.process_time()
        under_frames(work, DEPTH)
        times[phase] = time.process_time() - started
        end()
    return times


def under_frames(work: Callable[[], None], depth: int) -> None:
    """Do the work that deep down."""
    if depth:
        under_frames(work, depth - 1)
    else:
        work()


def with_interval(ratios: list[float]) -> str:
    """Median, and its interval by order statistics, whose ranks are n/2 -+ 0.98 sqrt(n) for 95 %."""
    ranked, reach = sorted(ratios), round(0.98 * len(ratios) ** 0.5)
    low, high = ranked[max(0, len(ranked) // 2 - reach)], ranked[min(len(ranked) - 1, len(ranked) // 2 + reach)]
    return f"{median(ranked):.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
