"""Which frames of a stack are of this package, or of what runs the tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from leakhunt.model.snapshot import Frame

CALLER: Final = "Experiment.call_often"
"""The function that calls what is checked."""
_HOME: Final = str(Path(__file__).parent)
_RUNNERS: Final = re.compile(r"/site-packages/(_pytest|pluggy|pytest)/")


def is_ours(frame: Frame) -> bool:
    """Whether the frame is of this package."""
    return frame.file.startswith(_HOME)


def runs_tests(frame: Frame) -> bool:
    """Whether the frame is of this package, of pytest or of the plugins' machinery."""
    return is_ours(frame) or bool(_RUNNERS.search(frame.file))
