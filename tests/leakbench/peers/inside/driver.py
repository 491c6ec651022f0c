"""Runs inside the environment of a case: imports its app, calls it under one peer, and writes what the peer saw.

The peers' packages and this benchmark come last on the path, so that the app finds its own first.
Python 3.8, standard library only.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys

# Whatever lies beside this file must not be taken for a package of the app.
sys.path[0] = os.getcwd()
sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from leakbench.peers.inside.load import Load  # noqa: E402 - found by the line above
from leakbench.peers.inside.rows import Plan  # noqa: E402


def main() -> None:
    """Write one JSON object into the file asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--packages", action="append", default=[])
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    sys.path.extend(options.packages)
    peer = importlib.import_module("leakbench.peers.inside." + options.peer)
    # Out of the app's sight: some print, and some read.
    pipe = os.fdopen(os.dup(0), "rb", 1 << 20)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    load = Load(importlib.import_module("app").application, os.getcwd(), pipe)
    rows = peer.observe(load, Plan(options.warm_up, options.requests))
    seen = {"rows": [row._asdict() for row in rows], "seconds": load.seconds, "answers": load.answers}
    with open(options.output, "w", encoding="utf-8") as output:
        json.dump(seen, output)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that leaked would be waited for
