"""The interpreter's own primitives, taken before any library could replace them.

gevent and eventlet swap `_thread`, `time.sleep`, `select` and `socket` by co-operative versions that must not be
called from a thread of ours. The boot runs before them, so the names bound here stay the real ones; where it did not,
gevent is asked.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def original(module: str, name: str) -> Any:
    """`module.name` as it was before monkey patching."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(__import__(module), name)


start_new_thread = original("_thread", "start_new_thread")
allocate_lock = original("_thread", "allocate_lock")
get_native_id = original("_thread", "get_native_id")
get_ident = original("_thread", "get_ident")
sleep = original("time", "sleep")
