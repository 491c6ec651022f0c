"""Snapshots of every worker, and a closer look at what holds the things that grew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from leakhunt.analysis.holdings import largest_holders
from leakhunt.analysis.paths import GrowingPath
from leakhunt.errors import AgentError
from leakhunt.hunt.rounds import Rounds
from leakhunt.model.snapshot import PathNode, Snapshot
from leakhunt.targets.link import AgentLink

_HOLDERS: Final = 5
"""Holders that are looked at more closely."""
_DATED: Final = 5
"""Holders whose entries are told to be old or new."""


def take_snapshots(rounds: Rounds, index: int, *, types: bool = True, sites: bool = True, ages: bool = False) -> None:
    """Record a snapshot of each worker, as many at a time as there are processors: the children do the work.

    With `ages` another child of each tells how old the entries of the largest holders are.
    """
    links = tuple(rounds.serving().values())
    at_once = min(len(links), os.cpu_count() or 1)

    def take(link: AgentLink) -> Snapshot | AgentError:
        try:
            snapshot = link.snapshot(index, types=types, sites=sites, paths=True, at_once=at_once)
            return _dated(link, snapshot, at_once) if ages else snapshot
        except AgentError as error:
            return error

    with rounds.unwatched(), ThreadPoolExecutor(max(1, at_once)) as threads:
        taken = list(threads.map(take, links))
    for link, snapshot in zip(links, taken, strict=True):
        if isinstance(snapshot, AgentError):
            caveat_of(rounds, link, "no-snapshot", f"A snapshot could not be taken: {snapshot.message}")
            continue
        rounds.longest_pause = max(snapshot.pause, rounds.longest_pause or 0.0)
        _count_memory(rounds, link)
        rounds.recorder.snapshot(snapshot)
        for problem in snapshot.problems:
            rounds.recorder.caveat("snapshot", problem)


def _dated(link: AgentLink, snapshot: Snapshot, at_once: int) -> Snapshot:
    wanted = [(holder.path, holder.nodes) for holder in largest_holders(snapshot)[:_DATED]]
    if not wanted:
        return snapshot
    try:
        return replace(snapshot, ages=link.ages(wanted, at_once=at_once))
    except AgentError as error:
        problem = f"How old things are could not be read: {error.message}"
        return replace(snapshot, problems=(*snapshot.problems, problem))


def inspect_holders(rounds: Rounds, paths: Sequence[GrowingPath], *, show_values: bool) -> None:
    """Measure what holds these paths, look for a cap, and ask for a second opinion on who holds it."""
    holders = holders_of(paths)
    if not holders:
        return
    index = rounds.recorder.run().rounds[-1].index
    for link in rounds.serving().values():
        try:
            with rounds.unwatched():
                containers = link.inspect(index, holders, values=show_values)
        except AgentError as error:
            caveat_of(rounds, link, "not-inspected", f"The holders could not be measured: {error.message}")
            continue
        _count_memory(rounds, link)
        for container in containers:
            rounds.recorder.container(container)


def holders_of(paths: Sequence[GrowingPath]) -> tuple[tuple[str, Sequence[PathNode]], ...]:
    """What to look closer at, the weightiest first: each holder once, and the nodes from below the root down to it."""
    holders = {
        path.holder: [PathNode(-1, hop.edge, hop.type, 0, 0) for hop in path.hops[: path.top]]
        for path in paths[:_HOLDERS]
        if path.top > 0
    }
    return tuple(holders.items())


def caveat_of(rounds: Rounds, link: AgentLink, code: str, text: str) -> None:
    """Record it, unless the worker has just been recycled: another one takes its place."""
    if not rounds.has_ended(link):
        rounds.recorder.caveat(code, text)


def _count_memory(rounds: Rounds, link: AgentLink) -> None:
    if link.child_memory is not None:
        rounds.child_memory = max(link.child_memory, rounds.child_memory or 0)
