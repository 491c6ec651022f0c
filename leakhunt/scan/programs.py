"""Programs that end: what they keep is given back soon."""

from __future__ import annotations

import re
from typing import Final

_COMMAND: Final = re.compile(r"(^|/)(cli|commands|scripts|bin)/|(^|/)(cli|setup|manage|__main__|fabfile|noxfile)\.py$")


def is_command(file: str) -> bool:
    """Whether a file seems to hold a program for the command line, and nothing that serves."""
    return _COMMAND.search(file) is not None
