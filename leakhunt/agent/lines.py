"""Memory line by line for functions named by the user: memory_profiler's tracer around every call of them.

memory_profiler (and psutil, which it brings) has to be installed in the target. Its tracer is used as it is, but what
it notes down goes into a ledger of our own: memory_profiler's compares each line with the highest level that the line
before has ever seen, which in a loop blames lines that did nothing.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections import deque
from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any, Callable

    from leakhunt.agent.hooks import Hooks

WATCHED: list[_Watched] = []
"""The named functions."""


def watch(names: Iterable[str], hooks: Hooks) -> None:
    """Measure these functions (`module:function` or `module:Class.method`); call it before `hooks` are installed."""
    for name in names:
        watched = _Watched(name)
        WATCHED.append(watched)
        hooks.add(watched.module, "lines", "wrap")


def wrap(module: ModuleType) -> None:
    """Called by the hooks when a module with named functions has been imported."""
    for watched in WATCHED:
        if watched.module == module.__name__:
            watched.wrap(module)


def unwrap() -> None:
    """Put every function back."""
    for watched in WATCHED:
        watched.unwrap()


def table() -> list[dict[str, Any]]:
    """What was measured since the last call of this, one entry per function; sizes in bytes, all calls added up.

    For a function that was not measured: `{"name", "problem", "missing", "imported"}`; `missing` is the module that the
    target lacks, if it is that, `imported` whether the function's own module is there. Else: `{"name", "file",
    "first_line", "calls", "kept", "peak", "lines": [[number, increment, occurrences], ...]}`; `kept` is RSS after a
    call less RSS before it, without pages that malloc holds free, `peak` the highest RSS at the end of any of its lines
    or after it, less RSS before it.
    """
    return [watched.entry() for watched in WATCHED]


class _Watched:
    """One named function: where it was found, and what its calls have cost."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module, _, self._path = name.partition(":")
        self._problem: str | None = "the target has not imported %s" % self.module
        self._missing: str | None = None
        self._imported = False
        self._code: CodeType | None = None
        self._calls: deque[_Call] = deque()
        self._undo: Callable[[], None] = _nothing

    def wrap(self, module: ModuleType) -> None:
        self._imported = True
        try:
            self._problem = self._try_to_wrap(module)
        except ImportError as error:
            self._problem = "memory_profiler cannot be imported in the target: %s" % error
            self._missing = error.name or "memory_profiler"
        except Exception as error:
            self._problem = "it cannot be wrapped: %r" % error

    def unwrap(self) -> None:
        self._undo()
        self._undo = _nothing

    def entry(self) -> dict[str, Any]:
        if self._problem is not None or self._code is None:
            problem = {"problem": self._problem, "missing": self._missing, "imported": self._imported}
            return {"name": self.name, **problem}
        calls = kept = peak = 0
        lines: dict[int, list[int]] = {}
        while self._calls:
            call = self._calls.popleft()
            calls, kept, peak = calls + 1, kept + call.kept, peak + call.peak
            for number, (increment, occurrences) in call.lines.items():
                sums = lines.setdefault(number, [0, 0])
                sums[0] += increment
                sums[1] += occurrences
        return {
            "name": self.name,
            "file": os.path.abspath(self._code.co_filename),
            "first_line": self._code.co_firstlineno,
            "calls": calls,
            "kept": kept,
            "peak": peak,
            "lines": [[number, *lines[number]] for number in sorted(lines)],
        }

    def _try_to_wrap(self, module: ModuleType) -> str | None:
        """Wrap the function, or say why not."""
        owner: Any = module
        *parents, last = self._path.split(".")
        for parent in parents:
            owner = getattr(owner, parent, None)
        found = inspect.getattr_static(owner, last, None)
        function = inspect.unwrap(_bare(found)) if found is not None else None
        if not isinstance(function, FunctionType):
            return "there is no function %s in %s" % (self._path, self.module)
        if function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            return "it is a generator or coroutine, which cannot be measured by calls"
        original = _copy(function)
        self._undo = _divert(function, self._measured(original), original)
        self._code = original.__code__
        return None

    def _measured(self, function: FunctionType) -> Callable[..., Any]:
        profiler = importlib.import_module("memory_profiler")
        process = importlib.import_module("psutil").Process
        trim = _trimmer()

        def measured(*args: Any, **kwargs: Any) -> Any:
            call = _Call(function.__code__, process(), trim)
            tracer = profiler.LineProfiler(backend="psutil")
            tracer.code_map = call
            try:
                with tracer:
                    return function(*args, **kwargs)
            finally:
                call.close()
                self._calls.append(call)

        return measured


class _Call:
    """The ledger of one call, in the place of memory_profiler's `CodeMap`."""

    def __init__(self, code: CodeType, process: Any, trim: Callable[[], object]) -> None:
        self._codes = set(_with_nested(code))
        self._process = process
        self._trim = trim
        trim()
        self._before = self._last = self._highest = self._rss()
        self.lines: dict[int, list[int]] = {}
        """Line number -> [bytes by which RSS rose or fell while it ran, how often it ran]."""
        self.kept = 0
        self.peak = 0

    def __contains__(self, code: CodeType) -> bool:
        return code in self._codes

    def trace(self, _code: CodeType, line: int, _line_before: int | None) -> None:
        """Called by the tracer when `line` has been run."""
        now = self._rss()
        sums = self.lines.setdefault(line, [0, 0])
        sums[0] += now - self._last
        sums[1] += 1
        self._last = now
        self._highest = max(self._highest, now)

    def close(self) -> None:
        """The call has returned."""
        self._trim()
        now = self._rss()
        self.kept = now - self._before
        self.peak = max(self._highest, now) - self._before

    def _rss(self) -> int:
        rss: int = self._process.memory_info().rss
        return rss


def _trimmer() -> Callable[[], object]:
    """What makes malloc give its free pages back to the kernel; it does nothing where malloc cannot.

    Used before and after each call, it keeps memory that is free from counting as kept, and lets memory that is taken
    again show in RSS.
    """
    try:
        from leakhunt.agent.probes.mallocs import find_malloc  # ctypes may be missing

        return find_malloc().release
    except (ImportError, OSError, AttributeError):
        return _nothing


def _stand_in(*args: Any, **kwargs: Any) -> Any:
    measured: Any = "what is called instead"
    return measured(*args, **kwargs)


def _divert(function: FunctionType, by: Callable[..., Any], original: FunctionType) -> Callable[[], None]:
    """Have every call of `function` go to `by`, wherever `function` is kept by now; returns what undoes it.

    Its code is exchanged, not its name: tables of URLs, decorators and other modules hold the function itself.
    """
    code, stand_in = function.__code__, _stand_in.__code__
    function.__code__ = stand_in.replace(
        co_name=code.co_name,
        co_consts=tuple(by if constant == "what is called instead" else constant for constant in stand_in.co_consts),
        co_freevars=code.co_freevars,  # as many as the function's closure has cells
    )
    # Frameworks look at the signature through this.
    function.__wrapped__ = original  # type: ignore[attr-defined]  # functions take any attribute

    def undo() -> None:
        function.__code__ = code
        del function.__wrapped__  # type: ignore[attr-defined]  # as above

    return undo


def _copy(function: FunctionType) -> FunctionType:
    """A function of its own that does the same."""
    code, defaults, closure = function.__code__, function.__defaults__, function.__closure__
    copy = FunctionType(code, function.__globals__, function.__name__, defaults, closure)
    for name in ("__module__", "__qualname__", "__doc__", "__annotations__", "__kwdefaults__"):
        setattr(copy, name, getattr(function, name))
    return copy


def _bare(found: Any) -> Any:
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


def _with_nested(code: CodeType) -> tuple[CodeType, ...]:
    """A function's code, and that of the comprehensions and functions inside it."""
    nested = [each for constant in code.co_consts if isinstance(constant, CodeType) for each in _with_nested(constant)]
    return (code, *nested)


def _nothing() -> None:
    """There is nothing to undo, or nothing to trim."""
