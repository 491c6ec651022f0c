"""The processors that leakhunt can stop a thread of, and the one of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from leakhunt.targets.inject import aarch64, x86_64
from leakhunt.targets.inject.processor import Processor

PROCESSORS: Final[Mapping[str, Processor]] = {"x86_64": x86_64.PROCESSOR, "aarch64": aarch64.PROCESSOR}
"""By the name that the kernel gives the machine."""

here: Final = PROCESSORS.get(os.uname().machine, x86_64.PROCESSOR)
"""This machine's. On any other kind nothing is attached to, see `preflight`."""
