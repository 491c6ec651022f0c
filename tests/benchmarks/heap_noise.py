"""How far a reading of malloc moves where nothing is kept, with and without the free chunks that threads cache."""

from __future__ import annotations

import gc
import os
import random
import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from statistics import stdev
from typing import Final

from leakhunt.agent.probes.heap import malloc_in_use
from leakhunt.agent.probes.tcache import cached_bytes, find_caches
from leakhunt.units import format_size

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "flask_gallery"
WARM_UP: Final = 600
"""Requests until the caches of the framework are full: one takes 512 uploads."""
ROUNDS: Final = 40


def main() -> None:
    """Post photos of many sizes in rounds of 5 to 53, and read after each."""
    sys.path.insert(0, str(EXAMPLE))
    os.environ["GALLERY_VARIANT"] = "clean"
    from gallery import app  # type: ignore[import-not-found]  # of the example

    client, lottery = app.test_client(), random.Random(7)

    def post(requests: int) -> None:
        for _ in range(requests):
            photo = (BytesIO(lottery.randbytes(lottery.randrange(1_000, 60_000))), "photo.png")
            assert client.post("/albums/1/photos", data={"photo": photo}).status_code == 201
        gc.collect()

    post(WARM_UP)
    counted, left_out = [], []
    for _ in range(ROUNDS):
        post(lottery.choice((5, 7, 11, 17, 29, 53)))
        in_use = malloc_in_use()
        assert in_use is not None, "needs glibc"
        left_out.append(in_use)
        counted.append(in_use + cached_bytes(find_caches()))
    for name, levels in (("cached chunks counted", counted), ("cached chunks left out", left_out)):
        steps = [after - before for before, after in pairwise(levels)]
        print(f"{name}: standard deviation of a round's growth {format_size(stdev(steps))}")


if __name__ == "__main__":
    main()
