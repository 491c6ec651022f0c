"""Readings of a process tree, as reports of `leakhunt watch` have to show them."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.model.measurement import MemoryUsage
from leakhunt.model.run import Role
from leakhunt.model.view import (
    EndedView,
    GuestView,
    Inside,
    Limit,
    ProcessView,
    TreeView,
    Trend,
    TypeView,
    Vitals,
)

MIB = 2**20
RISING = Trend(MIB / 60, 0.8 * MIB / 60, 1.2 * MIB / 60, 600.0)
LEVEL = Trend(0.0, -0.1 * MIB / 60, 0.1 * MIB / 60, 600.0)


def a_process(
    pid: int,
    *,
    role: Role = Role.WORKER,
    name: str | None = None,
    rss: int = 100 * MIB,
    growth: Trend | None = LEVEL,
    hidden: bool = False,
) -> ProcessView:
    """One that was watched for a while; `hidden` as of another user."""
    memory = MemoryUsage(rss) if hidden else MemoryUsage(rss, rss // 2, rss // 2 + MIB, 0, rss // 2)
    return ProcessView(
        key=f"{pid}@{pid * 10}",
        pid=pid,
        parent=1 if role is Role.MASTER else 100,
        role=role,
        name=name or ("gunicorn master" if role is Role.MASTER else f"gunicorn worker {pid - 100}"),
        age=600.0 - pid,
        vitals=Vitals(memory, 12.5, 3, None if hidden else 17, 667),
        cpu_share=0.125,
        history=tuple(rss - 20 * MIB + 2 * MIB * number for number in range(11)),
        growth=growth,
    )


def a_view(*processes: ProcessView, growth: Trend | None = LEVEL, notes: tuple[str, ...] = ()) -> TreeView:
    """The tree of these processes, ten minutes after the start."""
    pss = [process.vitals.memory.pss for process in processes]
    known = [value for value in pss if value is not None]
    whole = len(known) == len(pss)
    return TreeView(
        pid=processes[0].pid,
        name=processes[0].name,
        time=600.0,
        readings=301,
        interval=2.0,
        processes=processes,
        ended=(EndedView(99, "gunicorn worker 9", 540.0, 90 * MIB),),
        rss=sum(process.vitals.memory.rss for process in processes),
        uss=sum(process.vitals.memory.uss or 0 for process in processes) if whole else None,
        pss=sum(known) if whole else None,
        growth=growth,
        basis="pss" if whole else "rss",
        limit=Limit(2**30, 600 * MIB, "cgroup v2 /web"),
        wanted=40,
        notes=notes,
    )


MASTER = a_process(100, role=Role.MASTER)
QUIET = a_view(MASTER, a_process(101), a_process(102, rss=50 * MIB))
GROWING = a_view(MASTER, a_process(101), a_process(102, rss=300 * MIB, growth=RISING), growth=RISING)
YOUNG = a_view(a_process(100, role=Role.MASTER, growth=None), growth=None)
HIDDEN = a_view(
    a_process(100, role=Role.MASTER, hidden=True),
    notes=("USS, PSS and descriptors of PID 100, of user www-data, may not be read.",),
)
MANY = a_view(MASTER, *(a_process(number) for number in range(101, 141)))
NASTY = a_view(a_process(100, role=Role.MASTER, name="evil\x1b[2J\u202e[bold]\n" + "x" * 200))
SAMPLES = {"quiet": QUIET, "growing": GROWING, "young": YOUNG, "hidden": HIDDEN, "many": MANY, "nasty": NASTY}


def a_type(name: str, *, grown: bool = True) -> TypeView:
    """One that has grown for ten minutes, or was seen once."""
    if not grown:
        return TypeView(name, 1200, 30 * MIB, None, None, None, None)
    return TypeView(name, 1200, 30 * MIB, 600, 20 * MIB, 60.0, 2 * MIB)


def attached(view: TreeView, *types: TypeView, event: str = "", problem: str | None = None) -> TreeView:
    """The same with agents in its workers; with a `problem` the last one could not be attached to."""
    workers = [process.key for process in view.processes if process.role is Role.WORKER]
    guests = {key: GuestView(True, None, 500, 12.5) for key in workers}
    if problem is not None:
        guests[workers[-1]] = GuestView(False, problem)
    inside = Inside(guests, types, 20, 590.0, 0.0042, 0.0021, event)
    return replace(view, inside=inside, notes=(f"PID 7: not attached, for {problem}.",) if problem else ())


TYPED = attached(GROWING, a_type("bytes"), a_type("shop.models.Order"), a_type("x" * 200 + "\x1b[2J"))
FIRST_LOOK = attached(QUIET, a_type("bytes", grown=False), a_type("dict", grown=False))
REFUSED = attached(GROWING, a_type("bytes"), event="Snapshot 1 of 1 worker is in run.", problem="it is not Python")
ATTACHING = replace(
    QUIET, inside=Inside({process.key: GuestView(False) for process in QUIET.processes[1:]}, event="Attaching.")
)
SAMPLES |= {"typed": TYPED, "first look": FIRST_LOOK, "refused": REFUSED, "attaching": ATTACHING}
