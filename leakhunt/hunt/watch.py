"""Watches a process tree from outside: one reading after the other, nothing injected, nothing stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leakhunt.analysis.trend import WANTED, trend
from leakhunt.model.view import EndedView, ProcessView, TreeView, Trend, Vitals
from leakhunt.samplers.headroom import nearest_limit
from leakhunt.samplers.memory import ProcessGone
from leakhunt.samplers.vitals import read_vitals
from leakhunt.targets import tree
from leakhunt.targets.tree import Process
from leakhunt.targets.watched import Lineage, Member, owner
from leakhunt.units import Bytes, Seconds

_MOST: Final = 600
"""Readings that are kept of each process: then every second one is dropped, so that any stretch of time has room."""
_ENDED: Final = 5
"""How many of the processes that have ended are told."""


@dataclass(slots=True)
class _Curve:
    """Levels over time, thinned evenly when there are too many."""

    times: list[Seconds] = field(default_factory=list)
    levels: list[Bytes] = field(default_factory=list)
    _stride: int = 1
    _offered: int = 0

    def add(self, time: Seconds, level: Bytes) -> None:
        self._offered += 1
        if (self._offered - 1) % self._stride:
            return
        self.times.append(time)
        self.levels.append(level)
        if len(self.times) > _MOST:
            self.times, self.levels = self.times[::2], self.levels[::2]
            self._stride *= 2

    def trend(self) -> Trend | None:
        return trend(self.times, self.levels)


@dataclass(slots=True)
class _Life:
    """One process as long as it lives."""

    member: Member
    rss: _Curve = field(default_factory=_Curve)
    vitals: Vitals | None = None
    read: Seconds = 0.0
    """When `vitals` were read."""


class Watch:
    """Reads the tree below a process whenever it is told to."""

    def __init__(self, root: Process, *, interval: Seconds, clock: Callable[[], Seconds]) -> None:
        self._lineage = Lineage(root)
        self._interval = interval
        self._clock = clock
        self._lives: dict[str, _Life] = {}
        self._ended: deque[EndedView] = deque(maxlen=_ENDED)
        self._rss = _Curve()
        self._pss: _Curve | None = _Curve()
        self._readings = 0

    def read(self) -> TreeView | None:
        """The tree as it is now, or None if the process that was named has ended."""
        now = self._clock()
        processes = [view for view in map(self._read, self._lineage.members()) if view is not None]
        self._part({view.key for view in processes}, now)
        root = next((view for view in processes if view.key == self._lineage.root.key), None)
        if root is None:
            return None
        self._readings += 1
        rss, uss, pss = _total(processes)
        growth, basis = self._follow(now, rss, pss)
        return TreeView(
            pid=root.pid,
            name=root.name,
            time=now,
            readings=self._readings,
            interval=self._interval,
            processes=tuple(processes),
            ended=tuple(reversed(self._ended)),
            rss=rss,
            uss=uss,
            pss=pss,
            growth=growth,
            basis=basis,
            limit=nearest_limit(process=Path(f"/proc/{root.pid}/cgroup")),
            wanted=WANTED,
            notes=tuple(_unreadable(processes)),
        )

    def _read(self, member: Member) -> ProcessView | None:
        process = member.process
        life = self._lives.setdefault(process.key, _Life(member))
        life.member = member
        try:
            vitals = read_vitals(process.pid)
        except ProcessGone:
            return None
        now = self._clock()
        before, since = life.vitals, now - life.read
        life.vitals, life.read = vitals, now
        life.rss.add(now, vitals.memory.rss)
        return ProcessView(
            key=process.key,
            pid=process.pid,
            parent=process.parent,
            role=member.role,
            name=member.name,
            age=tree.age(process),
            vitals=vitals,
            cpu_share=None if before is None or since <= 0 else max(0.0, vitals.cpu - before.cpu) / since,
            history=tuple(life.rss.levels),
            growth=life.rss.trend(),
        )

    def _part(self, living: set[str], now: Seconds) -> None:
        """Take leave of the processes that have ended since the reading before."""
        for key in [key for key in self._lives if key not in living]:
            life = self._lives.pop(key)
            if life.vitals is not None:
                process = life.member.process
                self._ended.append(EndedView(process.pid, life.member.name, now, life.vitals.memory.rss))

    def _follow(self, now: Seconds, rss: Bytes, pss: Bytes | None) -> tuple[Trend | None, str]:
        """PSS counts shared pages once, but is of use only if every process tells it, every time."""
        self._rss.add(now, rss)
        if pss is None:
            self._pss = None
        if self._pss is None or pss is None:
            return self._rss.trend(), "rss"
        self._pss.add(now, pss)
        return self._pss.trend(), "pss"


def _total(processes: Sequence[ProcessView]) -> tuple[Bytes, Bytes | None, Bytes | None]:
    memories = [view.vitals.memory for view in processes]
    uss, pss = [memory.uss for memory in memories], [memory.pss for memory in memories]
    return sum(memory.rss for memory in memories), _sum(uss), _sum(pss)


def _sum(values: Sequence[Bytes | None]) -> Bytes | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _unreadable(processes: Sequence[ProcessView]) -> list[str]:
    """One sentence for what the kernel does not show this user."""
    hidden = [view for view in processes if view.vitals.memory.uss is None or view.vitals.descriptors is None]
    if not hidden:
        return []
    owners = sorted({name for name in (owner(view.pid) for view in hidden) if name is not None})
    which = f"PID {hidden[0].pid}" if len(hidden) == 1 else f"{len(hidden)} processes"
    whose = f", of user {' and '.join(owners)}," if owners else ""
    return [
        f"USS, PSS and descriptors of {which}{whose} may not be read (a dash); run leakhunt as that user or with sudo."
    ]
