"""Text that is compared with a file in tests/golden. LEAKHUNT_UPDATE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden"


def assert_as_in_golden(text: str, name: str) -> None:
    file = GOLDEN / name
    if os.environ.get("LEAKHUNT_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
