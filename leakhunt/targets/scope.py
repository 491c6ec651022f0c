"""Which processes `--pid` means: a server's workers, one of them alone, or the process itself. Nothing is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.errors import AttachError, TargetError
from leakhunt.targets import ports, tree
from leakhunt.targets.accepting import serving_with
from leakhunt.targets.inject.preflight import Finding, preflight, refusal
from leakhunt.targets.roles import program_name
from leakhunt.targets.tree import Process

_QUEUED: Final = frozenset({"celery", "[celeryd"})
"""Names of programs that take their work from a queue and listen nowhere; the second is how Celery renames its own."""
_NAMED: Final = 8
"""Pids that a sentence names; of more it tells how many."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is attached to."""

    root: Process
    """Whatever descends from it belongs to the target, too."""
    alone: bool
    """Whether only `root` itself is attached to, whatever it has beside and below it."""
    workers: tuple[Process, ...]
    siblings: tuple[int, ...] = ()
    """Pids of others that serve the same sockets and are left alone."""

    @property
    def sentence(self) -> str:
        """What is attached to, and why that."""
        pids = [worker.pid for worker in self.workers]
        if pids == [self.root.pid]:
            beside = f"; of the others that serve with it ({_listed(self.siblings)}) nothing is measured"
            return f"Attaching to {_shown(self.root)}" + (beside if self.siblings else "") + "."
        return f"{_shown(self.root)} serves through others; attaching to {_listed(pids)}."

    def family(self) -> tuple[Process, ...]:
        """The root and all below it, as of now, without the copies that agents make."""
        root = tree.read_process(self.root.pid)
        if root is None or root.ended or root.key != self.root.key:
            return ()
        return (root, *(each for each in tree.descendants(root.pid) if not _is_copy(each)))


def survey(pid: int, *, whole_tree: bool) -> Scope:
    """The processes that a pid means, each of which may be attached to.

    A worker means itself alone, or with `whole_tree` all that its server has. A master means its workers.

    Raises:
        TargetError: one of them is refused, or nothing of it is Python.
    """
    process = _require(pid)
    found = preflight(pid)
    refused = refusal(found)
    if refused is not None and refused.check != "python":
        raise _error(refused)
    master = _master_of(process) if refused is None else None
    if master is not None and not whole_tree:
        others = tuple(each.pid for each in serving(Scope(master, False, ()).family()) if each.pid != pid)
        return Scope(process, True, (process,), others)
    root = master or process
    scope = Scope(root, False, ())
    workers = serving(scope.family())
    if not workers and refused is None:
        workers = (process,)
    if not workers:
        raise _not_python(process, refused)
    for worker in workers:
        if (finding := refusal(preflight(worker.pid))) is not None:
            raise _error(finding)
    return Scope(root, False, workers)


def serving(family: Collection[Process], known: Collection[str] = ()) -> tuple[Process, ...]:
    """Those of a family that handle requests: who listens, or if that one has children which serve for it, these.

    A process whose key is `known` to serve stays one that does, whatever it forks. So does one that waits for
    connections itself: children that hold its socket may be there for something else. Of Celery, which has no socket,
    those that run tasks.
    """
    listening = _listening(family)
    if not listening:
        return _pool(family)
    below: dict[int, list[Process]] = {}
    for each in listening.values():
        below.setdefault(each.parent, []).append(each)
    found: list[Process] = []
    for each in listening.values():
        if each.parent not in listening:
            children = below.get(each.pid, []) if each.key not in known else []
            found += _for_it(each, children) if children else [each]
    return tuple(found)


def _pool(family: Collection[Process]) -> tuple[Process, ...]:
    """Of a program that takes its work from a queue, the processes that have none of its kind below them."""
    alike = [each for each in family if not each.ended and _is_queued(each)]
    masters = {each.parent for each in alike}
    return tuple(each for each in alike if each.pid not in masters)


def _is_queued(process: Process) -> bool:
    return program_name(tree.command_line(process.pid)) in _QUEUED and _is_python(process.pid)


def _for_it(process: Process, children: list[Process]) -> list[Process]:
    """Who serves: those children, unless the process is seen to do it itself."""
    among = serving_with(process.pid, [each.pid for each in children])
    return [each for each in (process, *children) if each.pid in among] or children


def _listening(family: Collection[Process]) -> Mapping[int, Process]:
    """Python processes that hold a listening socket, by pid."""
    alive = {each.pid: each for each in family if not each.ended}
    holders = frozenset().union(*ports.listeners(alive).values())
    return {pid: each for pid, each in alive.items() if pid in holders and _is_python(pid)}


def _master_of(process: Process) -> Process | None:
    """The process that this one was forked from to do the same work; None if it serves on its own account."""
    parent = tree.read_process(process.parent)
    if parent is None or parent.ended or not _is_python(parent.pid):
        return None
    if _is_queued(process) and _is_queued(parent):
        return parent
    sockets = ports.listeners((process.pid, parent.pid))
    return parent if any({process.pid, parent.pid} <= holders for holders in sockets.values()) else None


def _is_python(pid: int) -> bool:
    return not any(finding.check == "python" and finding.answer.value == "refused" for finding in preflight(pid))


def _is_copy(process: Process) -> bool:
    return tree.is_snapshot_child(process, tree.command_line(process.pid))


def _require(pid: int) -> Process:
    process = tree.read_process(pid)
    if process is None:
        raise AttachError(f"PID {pid} does not exist (any more)")
    return process


def _not_python(process: Process, refused: Finding | None) -> TargetError:
    why = refused.sentence.rstrip(".") if refused is not None else f"{_shown(process)} does not serve"
    return AttachError(f"{why}, and no Python process below it listens", "Give the PID of the server or of a worker.")


def _error(refused: Finding) -> TargetError:
    return AttachError(refused.sentence.rstrip("."), refused.hint)


def _shown(process: Process) -> str:
    return f"PID {process.pid} ({program_name(tree.command_line(process.pid))})"


def _listed(pids: Iterable[int]) -> str:
    names = [str(pid) for pid in pids]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"PID {', '.join(names[:_NAMED])}{more}"
