"""How much slower a request gets while calls into extensions are watched: the same app in one process, in turn."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from PIL import Image

from leakhunt.agent.middleware import Onlooker, call
from leakhunt.agent.watch import Watch

TURNS = 15
REQUESTS = 20


def python_only(_: dict[str, str], __: Any) -> list[bytes]:
    """Loops and strings, no extension."""
    return [",".join(str(number * 3) for number in range(2000)).encode()]


def picture(_: dict[str, str], __: Any) -> list[bytes]:
    """A thumbnail, made by Pillow."""
    image = Image.new("RGB", (400, 300), "white")
    image.thumbnail((100, 100))
    target = io.BytesIO()
    image.save(target, "PNG")
    return [target.getvalue()]


def pixels(_: dict[str, str], __: Any) -> list[bytes]:
    """As many calls into an extension as there are pixels."""
    image = Image.new("L", (50, 40))
    for x in range(50):
        for y in range(40):
            image.putpixel((x, y), x)
    return [image.tobytes()]


APPS = (("strings, no extension", python_only), ("thumbnail by Pillow", picture), ("2,000 calls of putpixel", pixels))


def main() -> None:
    """Print a Markdown table with one row per app."""
    print("| request | ms as usual | ms watched | watched / usual, median |")
    print("|---|---|---|---|")
    watch = Watch()
    for name, app in APPS:
        for _ in range(3):
            _request(app, watch)
        pairs = [(_best(app, None), _best(app, watch)) for _ in range(TURNS)]
        usual, watched = (median(times) * 1e3 for times in zip(*pairs, strict=True))
        ratio = median(slow / fast for fast, slow in pairs)
        print(f"| {name} | {usual:.2f} | {watched:.2f} | {ratio:.1f} |", flush=True)
    watch.stop()


def _best(app: Callable[..., Any], watch: Watch | None) -> float:
    """Seconds of the quickest of some requests."""
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        _request(app, watch)
        times.append(time.perf_counter() - began)
    return min(times)


def _request(app: Callable[..., Any], watch: Watch | None) -> None:
    Onlooker.watch = watch
    try:
        list(call(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None))
    finally:
        Onlooker.watch = None


if __name__ == "__main__":
    main()
