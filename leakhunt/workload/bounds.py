"""The largest values that make sense, for flags and files alike: what lies above is a slip of the keyboard."""

from __future__ import annotations

from typing import Final

from leakhunt.units import Bytes, Seconds

MOST_SEED: Final = 2**63 - 1
"""The largest whole number that a run file holds."""
MOST_REQUESTS: Final = 10**9
MOST_WORKERS: Final = 1000
"""Processes, threads of each, or requests at a time."""
MOST_RETRIES: Final = 100
MOST_WEIGHT: Final = 1_000_000.0
MOST_MEGAPIXELS: Final = 1000.0
LONGEST_WAIT: Final[Seconds] = 86_400.0
"""A day: of one request, of a user who thinks, or for a target to be ready."""
LONGEST_BUDGET: Final[Seconds] = 604_800.0
"""A week."""
LEAST_MEMORY: Final[Bytes] = 10 * 2**20
"""Less than a Python that serves nothing takes."""
MOST_MEMORY: Final[Bytes] = 2**50
"""More than any machine has."""
