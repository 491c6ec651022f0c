"""What agents and snapshot children send, as nouns. It comes from another process: it is checked, never trusted."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leakhunt.agent.wire import WireError, decode
from leakhunt.errors import AgentError
from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.measurement import HeapUsage
from leakhunt.model.snapshot import Age, Container, Frame, PathNode, SiteStat, Snapshot, TypeStat
from leakhunt.model.split import Extent, Layout
from leakhunt.units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Hello:
    """What an agent says first about its process."""

    pid: int
    parent: int
    started: int
    """Clock ticks since boot."""
    python: str
    implementation: str
    server: str | None
    executable: str
    argv: tuple[str, ...]
    gevent: bool

    @property
    def key(self) -> str:
        """As in `Worker.key`."""
        return f"{self.pid}@{self.started}"


@dataclass(frozen=True, slots=True)
class AgentStats:
    """What an agent has counted since its process was born."""

    in_flight: int
    served: Mapping[str, int]
    """Finished requests by route."""
    routes: Mapping[str, str]
    """`METHOD masked-path` -> route."""
    hooked: bool
    """A WSGI callable is wrapped."""
    gc_enabled: bool
    cpu: Seconds
    """CPU time of the agent's thread."""
    memory: Bytes
    """By which the process grew while the agent was loaded."""
    temp_dir: str
    problems: tuple[str, ...] = ()
    """What went wrong inside the agent."""


@dataclass(frozen=True, slots=True)
class Serving:
    """An application that a live server holds."""

    server: str
    app: str
    """`module:name` where a module has it under a name, else what it is."""
    kind: str
    """`wsgi` or `asgi`."""
    holder: str
    """`module.Class.attribute` that holds it."""
    seen: str
    """Where the server was seen: `main thread`, `other thread`, `signal handler` or `heap`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an agent knows of the applications of its process, and of which of them it counts requests."""

    servers: tuple[Serving, ...]
    missing: Mapping[str, str]
    """Server that is loaded -> why no application was found with it."""
    by: str | None = None
    """Where requests are counted now: `server`, `entry` (of the application) or `framework`; None if they are not."""
    entry: str | None = None
    """Function of the application at which they are."""


@dataclass(frozen=True, slots=True)
class UnreadSnapshot:
    """What a snapshot child has sent of the paths of a heap, packed: as objects it takes many times as much memory."""

    worker: str
    round: int
    pause: Seconds
    problems: tuple[str, ...]
    """Of its making."""
    packed: bytes

    def read(self) -> tuple[Snapshot, Bytes | None]:
        """The snapshot, and how much memory the child had copied and taken; raises AgentError if it is none."""
        try:
            message = decode(zlib.decompress(self.packed))
            result, problems = message["result"], (*self.problems, *map(str, message["problems"]))
            paths = read_paths(result["paths"]) if "paths" in result else ()
        except (WireError, KeyError, TypeError, ValueError, IndexError) as error:
            raise AgentError(f"a snapshot child sent what makes no sense: {error!r}") from error
        snapshot = Snapshot(self.worker, self.round, paths=paths, pause=self.pause, problems=problems)
        return snapshot, _maybe_int(message.get("memory"))


def read_hello(message: Mapping[str, Any]) -> Hello:
    """The hello of an agent; raises AgentError if it is none."""
    try:
        server = message["server"]
        return Hello(
            pid=int(message["pid"]),
            parent=int(message["parent"]),
            started=int(message["started"]),
            python=str(message["python"]),
            implementation=str(message["implementation"]),
            server=None if server is None else str(server),
            executable=str(message["executable"]),
            argv=tuple(str(word) for word in message["argv"]),
            gevent=bool(message["gevent"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise AgentError(f"a process sent a hello that makes no sense: {error!r}") from error


def read_stats(reply: Mapping[str, Any]) -> AgentStats:
    """The reply to `stats`."""
    return AgentStats(
        in_flight=int(reply["in_flight"]),
        served={str(route): int(number) for route, number in reply["served"].items()},
        routes={str(masked): str(route) for masked, route in reply["routes"].items()},
        hooked=bool(reply["hooked"]),
        gc_enabled=bool(reply["gc_enabled"]),
        cpu=float(reply["cpu"]),
        memory=int(reply["memory"]),
        temp_dir=str(reply["temp_dir"]),
        problems=tuple(str(problem) for problem in reply["problems"]),
    )


def read_found(reply: Mapping[str, Any]) -> Found:
    """The reply to `find` and to `hook`."""
    names = ("server", "app", "kind", "holder", "seen")
    return Found(
        servers=tuple(Serving(**{name: str(row[name]) for name in names}) for row in reply["servers"]),
        missing={str(server): str(why) for server, why in reply["missing"].items()},
        by=_maybe_str(reply.get("by")),
        entry=_maybe_str(reply.get("entry")),
    )


def read_heap(result: Mapping[str, Any], *, gc_enabled: bool) -> HeapUsage:
    """Part `heap` of a snapshot."""
    return HeapUsage(
        blocks=int(result["blocks"]),
        pymalloc=_maybe_int(result["pymalloc"]),
        malloc=_maybe_int(result["malloc"]),
        objects=_maybe_int(result["objects"]),
        gc_enabled=gc_enabled,
    )


def read_usage(reply: Mapping[str, Any]) -> HeapUsage:
    """What the reply to `measure` says of memory."""
    blocks, malloc = int(reply["blocks"]), _maybe_int(reply["malloc"])
    return HeapUsage(blocks, pymalloc=None, malloc=malloc, objects=None, gc_enabled=bool(reply["gc_enabled"]))


def read_layout(part: Mapping[str, Any]) -> Layout:
    """Part `layout` of a snapshot."""
    told = part["statistics"]
    return Layout(
        allocator=str(part["allocator"]),
        pymalloc=bool(part["pymalloc"]),
        extents=tuple(
            Extent(int(start), int(end), str(kind), int(objects), int(native))
            for start, end, kind, objects, native in part["extents"]
        ),
        cached=int(part["cached"]),
        owned=int(part["owned"]),
        statistics=None if told is None else (int(told[0]), int(told[1])),
        uncollectable=_maybe_int(part["uncollectable"]),
    )


def read_types(rows: Sequence[Sequence[Any]]) -> tuple[TypeStat, ...]:
    """Part `types`: rows of (type, count)."""
    return tuple(TypeStat(str(name), int(count)) for name, count in rows)


def read_inventory(rows: Sequence[Sequence[Any]]) -> tuple[TypeStat, ...]:
    """Part `inventory`: rows of (type, count, bytes)."""
    return tuple(TypeStat(str(name), int(count), int(size)) for name, count, size in rows)


def read_sites(part: Mapping[str, Any]) -> tuple[SiteStat, ...]:
    """Part `sites`: a table of frames, and rows of (positions in it, size, count)."""
    frames = [Frame(str(file), int(line), str(function)) for file, line, function in part["frames"]]
    return tuple(
        SiteStat(tuple(frames[position] for position in stack), int(size), int(count))
        for stack, size, count in part["sites"]
    )


def read_paths(part: Mapping[str, Any]) -> tuple[PathNode, ...]:
    """Part `paths`: columns, with edges and types as positions in a table of strings."""
    names = [str(name) for name in part["names"]]
    columns = (part[name] for name in ("parents", "edges", "types", "counts", "sizes", "lengths"))
    return tuple(
        PathNode(int(parent), names[edge], names[kind], int(count), int(size), int(length))
        for parent, edge, kind, count, size, length in zip(*columns, strict=True)
    )


def chains_of(paths: Sequence[tuple[str, Sequence[PathNode]]]) -> list[dict[str, object]]:
    """Holders as a child is asked for them: each a path, and edge and type of each hop from below the root."""
    return [{"path": path, "chain": [(node.edge, node.type) for node in nodes]} for path, nodes in paths]


def read_ages(rows: Sequence[Mapping[str, Any]]) -> tuple[Age, ...]:
    """Part `ages`."""
    return tuple(Age(str(row["path"]), int(row["dated"]), int(row["newer"])) for row in rows)


def read_container(row: Mapping[str, Any], worker: str, round: int) -> Container:  # noqa: A002  # as the noun calls it
    """One row of part `holders`."""
    return Container(
        worker=worker,
        round=round,
        path=str(row["path"]),
        type=str(row["type"]),
        length=_maybe_int(row["length"]),
        deep_size=_maybe_int(row["deep_size"]),
        cap=_maybe_int(row["cap"]),
        cap_source=None if row["cap_source"] is None else str(row["cap_source"]),
        chain=tuple(str(hop) for hop in row["chain"]),
        problems=tuple(str(problem) for problem in row["problems"]),
    )


def read_calls(reply: Mapping[str, Any], worker: str, round: int) -> CallTable:  # noqa: A002  # as the noun calls it
    """The reply to `watch`."""
    return CallTable(
        worker=worker,
        round=round,
        requests=int(reply["requests"]),
        operations=tuple(map(_read_operation, reply["calls"])),
        skipped={str(reason): int(count) for reason, count in reply["skipped"].items()},
    )


def _read_operation(row: Mapping[str, Any]) -> Operation:
    return Operation(
        stack=tuple(Frame(str(file), int(line), str(function)) for file, line, function in row["stack"]),
        kind=str(row["operation"]),
        callees=tuple(Callee(str(file), str(function), bool(called)) for file, function, called in row["callees"]),
        callbacks=tuple((str(file), str(function)) for file, function in row["callbacks"]),
        count=int(row["count"]),
        blocks=int(row["blocks"]),
        malloc=int(row["malloc"]),
        mapped=int(row["mapped"]),
        references=int(row["references"]),
    )


def _maybe_int(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _maybe_str(value: object) -> str | None:
    return None if value is None else str(value)
