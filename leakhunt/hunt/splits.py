"""What the workers' memory is made of, read at the end of a few rounds only: a look at every object takes its time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from leakhunt.errors import AgentError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.run import Run
from leakhunt.model.split import MALLOC_FREE, Layout, MemorySplit
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.split import read_split
from leakhunt.targets.link import AgentLink
from leakhunt.units import Bytes, Seconds

_WORTH_TRIMMING: Final[Bytes] = 2**20
"""Growth of free lists from which it matters whether malloc would give them back."""


def read_splits(rounds: Rounds) -> None:
    """Record what the memory of every worker is made of, as of the last round."""
    _read(rounds, rounds.serving().values(), trimmed=False)


def try_trim(rounds: Rounds) -> None:
    """Where the free lists of malloc have grown, have it give them back, and record what is left then.

    It changes the target, so it comes once, when nothing is judged by its memory any more.
    """
    grown = _free_lists_grown(rounds.recorder.run())
    trimmed = []
    for key, link in rounds.serving().items():
        if key in grown:
            try:
                link.trim()
            except AgentError as error:
                _caveat(rounds, link, error)
            else:
                trimmed.append(link)
    _read(rounds, trimmed, trimmed=True)


def _free_lists_grown(run: Run) -> set[str]:
    levels: dict[str, list[Bytes]] = {}
    for split in run.splits:
        levels.setdefault(split.worker, []).append(split.parts.get(MALLOC_FREE, 0))
    return {worker for worker, level in levels.items() if level[-1] - level[0] >= _WORTH_TRIMMING}


def _read(rounds: Rounds, links: Iterable[AgentLink], *, trimmed: bool) -> None:
    wanted = tuple(links)
    if not wanted:
        return
    index = rounds.recorder.run().rounds[-1].index
    with rounds.unwatched():
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            answers = tuple(threads.map(_layout, wanted))
        # Only now, with every snapshot child gone: a child shares pages.
        for link, answer in zip(wanted, answers, strict=True):
            split = _split(rounds, link, index, answer)
            if isinstance(split, Exception):
                _caveat(rounds, link, split)
            else:
                rounds.recorder.split(replace(split, trimmed=trimmed))


def _layout(link: AgentLink) -> tuple[Layout, Seconds] | AgentError:
    try:
        return link.layout()
    except AgentError as error:
        return error


def _split(
    rounds: Rounds, link: AgentLink, index: int, answer: tuple[Layout, Seconds] | AgentError
) -> MemorySplit | Exception:
    if isinstance(answer, AgentError):
        return answer
    layout, pause = answer
    rounds.longest_pause = max(pause, rounds.longest_pause or 0.0)
    try:
        return read_split(link.hello.pid, link.key, index, layout)
    except (ProcessGone, OSError) as error:
        return error


def _caveat(rounds: Rounds, link: AgentLink, error: Exception) -> None:
    if not rounds.has_ended(link):
        rounds.recorder.caveat(
            "split-unread", f"What the memory of process {link.hello.pid} is made of could not be read: {error}"
        )
