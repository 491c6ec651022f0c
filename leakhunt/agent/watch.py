"""Memory read around what leads into extensions, while a request is handled: which line calls what, and what stays.

The interpreter's own hooks are used, in the thread of the request and for its duration: `sys.setprofile` for functions
written in C, `sys.settrace` for the instructions that run C code without a call of one (constructors, iteration,
attributes). A request is left alone when another one is in flight, when the app traces or profiles itself, and when it
runs in a greenlet: what is read then would not be its own.
"""

from __future__ import annotations

import gc
import os
import sys
import time

from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.entries import OWN, Entry, code_name, row, stack_of
from leakhunt.agent.extensions import Extensions
from leakhunt.agent.gauges import Gauges
from leakhunt.agent.journal import note
from leakhunt.agent.operations import DROP, Operation, arguments, function_name, operations, resolve
from leakhunt.agent.originals import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable

    from leakhunt.agent.gauges import Reading

_ENTRIES = 4000
"""Instructions that are kept account of; further ones are not measured."""
_CODES = 4000
"""Code objects that are looked into."""
_READINGS = 200
"""An instruction is measured so often per request; what it does further is taken to be like that."""
_REFERENCES = 20
"""The same for the counts of references to its arguments."""
_ARGUMENTS = 400
"""Objects that the arguments of a call are followed to."""
_PATIENCE = 5.0
"""Seconds that a request is looked at; it may be a hundred times as slow as usual, and somebody waits for it."""
_TRIES = 3
"""An instruction that had nothing to do with an extension so often is not looked at again."""
_ROWS = 300
_LATE = "it takes too long while it is looked at"


class Activation:
    """One run of a Python function: which of its instructions is being measured."""

    __slots__ = ("before", "called", "entry", "objects", "plan", "references", "watch")

    def __init__(self, watch: Watch, plan: dict[int, Operation]) -> None:
        self.watch = watch
        self.plan = plan
        self.entry: Entry | None = None
        # Not a constant: what is read next takes the place of something as large, so that no reading counts itself.
        self.before: Reading = watch.read()
        self.objects: list[Any] = []
        self.references = 0
        self.called = False

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Called by the interpreter before each instruction, and as the function returns."""
        try:
            if event in {"opcode", "return"}:
                operation = self.plan.get(frame.f_lasti) if event == "opcode" else None
                if self.entry is not None and operation is not DROP:
                    self.watch.close(self)
                if operation is not None and operation is not DROP and self.watch.active:
                    self.watch.open(self, frame, operation)
                if not self.plan:
                    frame.f_trace_opcodes = False
        except Exception:
            self.watch.failed()
        return self.trace


class Watch:
    """What is known of the operations of this process; at most one request is looked at at a time."""

    def __init__(self) -> None:
        self.active = True
        self.requests = 0
        self.skipped: dict[str, int] = {}
        self._extensions = Extensions()
        self._modules = 0
        self._gauges = Gauges()
        self._entries: dict[tuple[CodeType, int], Entry] = {}
        self._plans: dict[CodeType, dict[int, Operation]] = {}
        self._functions: dict[Any, str | None] = {}
        self._calls: list[tuple[FrameType, Entry | None, Reading]] = []
        self._lock = allocate_lock()
        self._thread: int | None = None
        self._deadline = 0.0

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a part of the app, and look on if nothing speaks against it. A request is its first part."""
        reason = self._objection()
        begins = function is not next
        if reason is not None:
            if begins:
                self.pass_over(reason)
            return function(*arguments)
        if begins:
            self._deadline = time.monotonic() + _PATIENCE
        if not self._deadline or not self._enter():
            return function(*arguments)
        self.requests += begins
        try:
            return function(*arguments)
        finally:
            self._leave()

    def pass_over(self, reason: str) -> None:
        """Take note of a request that cannot be looked at."""
        if self.active:
            self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def stop(self) -> None:
        """Look on no longer; the hooks of a request that is still running go with it."""
        self.active = False
        if self._lock.acquire(False):  # else it is for the request to do that holds it
            self._gauges.close()

    def table(self) -> dict[str, Any]:
        """What was seen since the last call of this, those that kept most first; it is forgotten here."""
        rows = []
        for entry in list(self._entries.values()):
            if entry.count and entry.callees:
                rows.append(row(entry))
            entry.clear()
        rows.sort(key=_importance)
        requests, skipped = self.requests, self.skipped
        self.requests, self.skipped = 0, {}
        return {"requests": requests, "skipped": skipped, "calls": rows[:_ROWS]}

    def _enter(self) -> bool:
        if not self._lock.acquire(False):
            return False
        try:
            if len(sys.modules) != self._modules:
                self._modules = len(sys.modules)
                self._extensions.refresh()
                self._functions.clear()
            self._thread = get_ident()
            del self._calls[:]
            sys.settrace(self._trace)
            sys.setprofile(self._profile)
        except Exception:
            self.failed()
            self._leave()
            return False
        return True

    def _objection(self) -> str | None:
        if not self.active or self._thread == get_ident():
            return "it is being looked at already"
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return "the app traces or profiles itself"
        if COUNTERS.in_flight > 1:
            return "another request was in flight"
        greenlet = sys.modules.get("greenlet")
        current = getattr(greenlet, "getcurrent", None)
        if current is not None and current().parent is not None:
            return "it runs in a greenlet"
        return None

    def _leave(self) -> None:
        self._unhook()
        self._thread = None
        del self._calls[:]
        for entry in list(self._entries.values()):
            entry.measured = 0
        if self.active:
            self._lock.release()
        else:
            self._gauges.close()

    def _unhook(self) -> None:
        # What the app has put there meanwhile is its own.
        if getattr(sys.getprofile(), "__self__", None) is self:
            sys.setprofile(None)
        if getattr(sys.gettrace(), "__self__", None) is self:
            sys.settrace(None)

    def _is_late(self) -> bool:
        """Whether the request has taken so long that it is left alone from here on."""
        if time.monotonic() < self._deadline:
            return False
        if self._deadline:
            self._deadline = 0.0
            self.skipped[_LATE] = self.skipped.get(_LATE, 0) + 1
        self._unhook()
        return True

    def failed(self) -> None:
        """Something of ours went wrong, and must not reach the app: look on no longer."""
        note("watch")
        self.active = False

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Called by the interpreter as a Python function begins: what to call inside it, if it is worth it."""
        if event != "call" or not self.active:
            return None
        try:
            if self._is_late():
                return None
            self._called_back(frame)
            plan = self._plan(frame.f_code)
            if not plan:
                return None
            frame.f_trace_lines = False
            frame.f_trace_opcodes = True
            return Activation(self, plan).trace
        except Exception:
            self.failed()
            return None

    def _profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Called by the interpreter around functions written in C."""
        if event == "c_call":
            if self.active:
                try:
                    self._enter_call(frame, function)
                except Exception:
                    self.failed()
        elif event in {"c_return", "c_exception"} and self._calls:
            try:
                self._leave_call(frame)
            except Exception:
                self.failed()

    def _enter_call(self, frame: FrameType, function: Any) -> None:
        entry = None
        before = (0, 0, 0)
        file = None if self._is_late() else self._extensions.of_function(function)
        if file is not None and not frame.f_code.co_filename.startswith(OWN):
            activation = getattr(frame.f_trace, "__self__", None)
            if isinstance(activation, Activation) and activation.entry is not None:
                activation.entry.callees[file, function_name(function)] = True
            else:
                entry = self._entry(frame, "call")
                if entry is not None:
                    entry.callees[file, function_name(function)] = True
                    entry.count += 1
                    before = self._gauges.read()
        self._calls.append((frame, entry, before))

    def _leave_call(self, frame: FrameType) -> None:
        while self._calls:
            caller, entry, before = self._calls.pop()
            if caller is frame:
                if entry is not None:
                    self._add(entry, before)
                return

    def read(self) -> Reading:
        """The counters as they are now."""
        return self._gauges.read()

    def open(self, activation: Activation, frame: FrameType, operation: Operation) -> None:
        """An instruction that may lead into an extension is about to be run."""
        if self._is_late():
            return
        key = (frame.f_code, frame.f_lasti)
        entry = self._entries.get(key)
        if entry is None or entry.count < _TRIES:
            callees = resolve(operation, frame, self._extensions)
            if not callees:
                operation.tries += 1
                if operation.tries >= _TRIES and entry is None:
                    _strike(activation.plan, frame.f_lasti)
                return
            entry = entry or self._entry(frame, operation.kind)
            if entry is None:
                return
            for callee in callees:
                entry.callees.setdefault(callee, False)
        entry.count += 1
        entry.measured += 1
        if entry.measured > _READINGS:
            return
        if operation.kind == "call" and entry.measured <= _REFERENCES:
            activation.objects = _reached(arguments(operation, frame))
            activation.references = sum(map(sys.getrefcount, activation.objects))
        activation.entry = entry
        activation.before = self._gauges.read()

    def close(self, activation: Activation) -> None:
        """The instruction has been run."""
        entry = activation.entry
        activation.entry = None
        if entry is None:
            return
        self._add(entry, activation.before)
        if activation.objects:
            entry.references += sum(map(sys.getrefcount, activation.objects)) - activation.references
            activation.objects = []

    def _add(self, entry: Entry, before: Reading) -> None:
        after = self._gauges.read()
        entry.blocks += after[0] - before[0]
        entry.malloc += after[1] - before[1]
        entry.mapped += after[2] - before[2]

    def _entry(self, frame: FrameType, kind: str) -> Entry | None:
        key = (frame.f_code, frame.f_lasti)
        entry = self._entries.get(key)
        if entry is None and len(self._entries) < _ENTRIES:
            entry = self._entries[key] = Entry(kind, stack_of(frame))
        return entry

    def _plan(self, code: CodeType) -> dict[int, Operation]:
        plan = self._plans.get(code)
        if plan is None:
            if len(self._plans) >= _CODES or not _is_of_interest(code.co_filename):
                return {}
            plan = self._plans[code] = operations(code)
        return plan

    def _called_back(self, frame: FrameType) -> None:
        """Python that an extension has called was called by the operation that is open in its caller."""
        caller = frame.f_back
        activation = getattr(caller.f_trace, "__self__", None) if caller is not None else None
        if isinstance(activation, Activation) and activation.entry is not None and len(activation.entry.callbacks) < 20:
            activation.entry.callbacks.add((frame.f_code.co_filename, code_name(frame.f_code)))


def _strike(plan: dict[int, Operation], offset: int) -> None:
    """Take an instruction from a plan, and all the rest once nothing is left of it to be measured."""
    plan.pop(offset, None)
    if all(each is DROP for each in plan.values()):
        plan.clear()


_LIBRARY = os.path.dirname(os.__file__) + "/"


def _is_of_interest(file: str) -> bool:
    """The app's and its packages' code; what the standard library calls in C is seen without looking into it."""
    return "-packages/" in file or not file.startswith(("<", _LIBRARY))


def _importance(row: dict[str, Any]) -> int:
    """Bytes; blocks and what hangs on a reference are small."""
    return -int(max(row["blocks"] * 64, row["malloc"], row["mapped"], row["references"] * 64))


def _reached(things: list[Any]) -> list[Any]:
    """These objects and what they refer to, two steps far, each once."""
    found = {id(thing): thing for thing in things}
    layer = list(things)
    for _ in range(2):
        layer = [each for each in gc.get_referents(*layer) if id(each) not in found]
        for each in layer:
            if len(found) >= _ARGUMENTS:
                return list(found.values())
            found[id(each)] = each
    return list(found.values())
