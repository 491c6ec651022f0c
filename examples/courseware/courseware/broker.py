"""Celery's broker in a directory, safe for a consumer that looks while a message is being written."""

import os
import time
import uuid
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """kombu's own writes messages in place; a worker that reads half of one ends with `JSONDecodeError`."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:
        # Joined as text: pathlib would intern each name (see `courseware.models.scattered`).
        message = f"{self.data_folder_out}/{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        unfinished = f"{message}.unfinished"
        with open(unfinished, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(dumps(payload))
        os.replace(unfinished, message)  # noqa: PTH105


class Transport(filesystem.Transport):
    Channel = Channel
