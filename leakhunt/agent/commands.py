"""What the controller may ask of an agent. Each takes the agent and the request and returns what to reply."""

from __future__ import annotations

import gc
import sys
import time

from leakhunt.agent import brought, child, clone, headroom, sampling
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.hooks import unhook as put_back
from leakhunt.agent.journal import problems
from leakhunt.agent.middleware import Onlooker
from leakhunt.agent.process import temp_dir
from leakhunt.agent.stacks import stack_pointers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Agent(Protocol):
        """What the commands need of the agent."""

        offers: Any
        memory: int
        children: list[int]

        def thread_cpu(self) -> float: ...
        def detach(self) -> list[str]: ...


class Refusal(Exception):
    """The agent does not do what was asked; the text says why."""


class Tracing:
    """Whether it was we who started tracemalloc."""

    ours = False


def answer(agent: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """The reply to a request, whatever happens."""
    number = request.get("id")
    try:
        command = COMMANDS[str(request["do"])]
        return {"id": number, "ok": True, **command(agent, request)}
    except Refusal as refusal:
        return {"id": number, "ok": False, "error": str(refusal)}
    except Exception as error:
        return {"id": number, "ok": False, "error": f"{type(error).__name__}: {error}"}


def stats(agent: Agent, _: dict[str, Any]) -> dict[str, Any]:
    """The counts, and what else is cheap to tell."""
    return {
        "in_flight": COUNTERS.in_flight,
        "served": COUNTERS.served(),
        "routes": COUNTERS.routes(),
        "hooked": COUNTERS.hooked,
        "gc_enabled": gc.isenabled(),
        "cpu": agent.thread_cpu(),
        "memory": agent.memory,
        "temp_dir": temp_dir(),
        "problems": problems,
    }


def measure(agent: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """The counts, and the memory in use as far as it can be told without a copy of the process, of one moment."""
    from leakhunt.agent.probes.mallocs import find_malloc

    malloc = find_malloc().while_it_runs()
    return {**stats(agent, request), "blocks": sys.getallocatedblocks(), "malloc": malloc}


def collect(_: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Collect garbage twice (finalizers of the first round make some for the second).

    Unless the app does without, and the request does not force it.

    The interpreter's cache of attribute names goes, too: it keeps up to 4096 strings alive that nothing else holds,
    which looks like growth for thousands of requests where names are made up as they come.
    """
    clear_name_cache()
    if not gc.isenabled() and not request.get("forced"):
        return {"pause": 0.0}
    began = time.perf_counter()
    gc.collect()
    gc.collect()
    return {"pause": time.perf_counter() - began}


def clear_name_cache() -> None:
    """Empty the interpreter's cache of type attributes, under whichever name this version has for it."""
    # The older name warns that it is deprecated where the newer one exists.
    clear = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
    if clear is not None:
        clear()


def trim(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """Have malloc give free memory back to the kernel, where it can."""
    from leakhunt.agent.probes.mallocs import find_malloc

    malloc = find_malloc()
    released = malloc.release()
    if released is None:
        raise Refusal(f"the malloc of this process ({malloc.name}) cannot be asked to give memory back")
    return {"released": released}


def snapshot(agent: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Make a snapshot child; it sends its results itself."""
    blocks = sys.getallocatedblocks()
    memory, refusal = headroom.allowance(blocks, child.walks(request["parts"]), request["at_once"])
    if refusal is not None:
        raise Refusal(refusal)
    if "layout" in request["parts"]:
        request["parts"]["layout"] = stack_pointers()
    pid, pause, problem = clone.snapshot_child(
        lambda: child.observe(agent.offers, request, blocks, memory), request["timeout"]
    )
    agent.children.append(pid)
    return {"pid": pid, "pause": pause, "problem": problem, "gc_enabled": gc.isenabled()}


def trace(_: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Start tracemalloc with so many frames, or stop it."""
    import tracemalloc

    frames = request["frames"]
    if frames is None:
        stop_tracing()
    elif tracemalloc.is_tracing() and not Tracing.ours:
        raise Refusal("the app itself is using tracemalloc")
    else:
        tracemalloc.start(frames)
        Tracing.ours = True
    return {}


def stop_tracing() -> None:
    """Stop tracemalloc if it was we who started it."""
    if Tracing.ours:
        import tracemalloc

        tracemalloc.stop()
        Tracing.ours = False


def fit(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """What an extension has to be made for."""
    return {"suffix": brought.suffix(), "libc": brought.libc()}


def sample(_: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Start the native sampler, which comes along, with a mean interval in bytes, or stop it."""
    if request["interval"] is None:
        return {"hooks": sampling.stop()}
    try:
        sampling.start(request["interval"], request["image"], request["made_for"], request["digest"])
    except (brought.Unfit, RuntimeError) as reason:
        raise Refusal(f"the native sampler cannot be used here: {reason}") from None
    return {}


def samples(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """What the native sampler has sampled that is alive."""
    try:
        return sampling.read()
    except RuntimeError as reason:
        raise Refusal(str(reason)) from None


def lines(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """What the calls of the functions measured line by line have cost since this was last asked."""
    from leakhunt.agent import lines as measured

    return {"functions": measured.table()}


def watch(_: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Start to look on at calls into extensions, tell what was seen since this was last asked, or stop."""
    if request["on"] and Onlooker.watch is None:
        from leakhunt.agent.watch import Watch

        Onlooker.watch = Watch()
    table: dict[str, Any] = Onlooker.watch.table() if Onlooker.watch is not None else {}
    if not request["on"]:
        stop_watching()
    return table


def stop_watching() -> None:
    """Look on no longer, if we did."""
    watching, Onlooker.watch = Onlooker.watch, None
    if watching is not None:
        watching.stop()


def find(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """Which servers hold which applications."""
    from leakhunt.agent import hooking

    return hooking.find()


def hook(_: Agent, request: dict[str, Any]) -> dict[str, Any]:
    """Count requests from now on, in a process that ran before the agent came."""
    from leakhunt.agent import hooking

    try:
        return hooking.hook(request.get("app"))
    except hooking.NotFound as reason:
        raise Refusal(str(reason)) from None


def unhook(_: Agent, __: dict[str, Any]) -> dict[str, Any]:
    """Count no more requests and put back what was wrapped for it."""
    stop_watching()
    return {"left": put_back()}


def stop_observing() -> list[str]:
    """Trace, sample and watch no longer, as far as we did; names the allocators that are still called through us."""
    stop_tracing()
    stop_watching()
    hooks = sampling.stop()
    return [f"PYMEM_DOMAIN_{domain.upper()}" for domain, place in hooks.items() if place in {"covered", "on top"}]


def detach(agent: Agent, _: dict[str, Any]) -> dict[str, Any]:
    """Undo everything and go."""
    return {"left": stop_observing() + agent.detach()}


COMMANDS = {
    "stats": stats,
    "measure": measure,
    "collect": collect,
    "trim": trim,
    "snapshot": snapshot,
    "trace": trace,
    "fit": fit,
    "sample": sample,
    "samples": samples,
    "lines": lines,
    "watch": watch,
    "find": find,
    "hook": hook,
    "unhook": unhook,
    "detach": detach,
}
