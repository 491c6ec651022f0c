"""A WSGI application beside a page that tells what its process holds: served by the tests of the examples.

The environment variable COUNTED_APP names the application, as `module:callable`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

PAGE = "/held-by-this-process"


def _load(name: str) -> Callable[..., Iterable[bytes]]:
    module, _, attribute = name.partition(":")
    loaded: Callable[..., Iterable[bytes]] = getattr(importlib.import_module(module), attribute)
    return loaded


def _clear_type_cache() -> None:
    # The interpreter remembers up to 4096 attribute look-ups with the names that were asked for. Django's compiler
    # makes its names anew each time (`"as_" + vendor`), and so this fills up over two thousand requests.
    clear: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    clear()


_application = _load(os.environ["COUNTED_APP"])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application, except for `PAGE`: JSON with `pid`, `blocks` and `rss` in bytes."""
    if environ["PATH_INFO"] != PAGE:
        return _application(environ, start_response)
    gc.collect()
    _clear_type_cache()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    held = {"pid": os.getpid(), "blocks": sys.getallocatedblocks(), "rss": resident}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(held).encode()]


def main() -> None:
    """Serve by the standard library's server, on the port given as argument."""
    port = int(sys.argv[1])
    with make_server("127.0.0.1", port, application) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
