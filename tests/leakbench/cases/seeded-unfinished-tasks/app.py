"""Receipts are sent by tasks of an event loop that runs in a thread.

Each waits until the mail server is known to be up, for ever if need be. LEAKY=0 gives up at once if it is not.
"""

from __future__ import annotations

import asyncio
import os
import threading
from urllib.parse import parse_qs

LEAKY = os.environ.get("LEAKY", "1") == "1"
_LOOP = asyncio.new_event_loop()
_MAIL_SERVER_UP = asyncio.Event()


async def send_receipt(number):
    text = f"Receipt for order {number}. " * 20
    if LEAKY:
        await _MAIL_SERVER_UP.wait()
    elif not _MAIL_SERVER_UP.is_set():
        return None
    return len(text)


def start_loop():
    if not any(thread.name == "mail" for thread in threading.enumerate()):
        threading.Thread(target=_LOOP.run_forever, name="mail", daemon=True).start()


def application(environ, start_response):
    start_loop()
    number = parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]
    asyncio.run_coroutine_threadsafe(send_receipt(number), _LOOP)
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"the receipt is on its way"]
