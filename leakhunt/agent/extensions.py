"""Which shared object the code behind a callable or a type lies in, told by the address of that code.

Names are not asked first: a module written in Python may hand out what a shared object beside it has made, and types
may call themselves what they like.
"""

from __future__ import annotations

import ctypes
import sys
from bisect import bisect_right
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NEW = 65
_DEALLOC = 52
_REPR = 66
_CALL = 50
_SLOTS = (_DEALLOC, _NEW, _CALL, _REPR)
"""Numbers of `tp_dealloc`, `tp_new`, `tp_call` and `tp_repr` in the stable ABI."""
_DESCRIPTORS = frozenset({ClassMethodDescriptorType, MethodDescriptorType, MethodWrapperType, WrapperDescriptorType})
_LIMIT = 5000
"""Types and functions that are remembered."""

MRO = type.__dict__["__mro__"].__get__
NAMESPACE = type.__dict__["__dict__"].__get__

_function_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(("PyCFunction_GetFunction", ctypes.pythonapi))
_slot_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(("PyType_GetSlot", ctypes.pythonapi))


class Extensions:
    """The shared objects of this process, besides the interpreter and what it is linked against."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._spans: list[tuple[int, int, str]] = []
        self._types: dict[type, str | None] = {}
        self._read_maps()
        self._own = {self._path(ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p).value or 0)}

    def of_function(self, function: Any) -> str | None:
        """File of the shared object that holds a function written in C; None for the interpreter's own, and others."""
        kind = type(function)
        if kind is BuiltinFunctionType:
            return self._foreign(_function_address(function))
        if kind in _DESCRIPTORS:
            return self.of_type(function.__objclass__)
        # Cython's functions are no builtins, and share a type with those of other modules.
        if kind.__name__ in {"cython_function_or_method", "fused_cython_function"}:
            return self.of_module(function.__module__)
        return None

    def of_type(self, kind: type) -> str | None:
        """File of the shared object that a type is made by; None for classes written in Python."""
        if kind not in self._types and len(self._types) < _LIMIT:
            self._types[kind] = self._of_type(kind)
        return self._types.get(kind)

    def of_module(self, name: Any) -> str | None:
        """File of the shared object that a module is."""
        module = sys.modules.get(name) if isinstance(name, str) else None
        file = getattr(getattr(module, "__spec__", None), "origin", None) or getattr(module, "__file__", None)
        return file if isinstance(file, str) and ".so" in file else None

    def _of_type(self, kind: type) -> str | None:
        file = self._foreign(id(kind))  # where a type lies that is not made at run time
        if file is not None or kind.__base__ is None:
            return file
        for slot in _SLOTS:
            try:
                address = _slot_address(kind, slot)
            except SystemError:  # before 3.10 of those only that are made at run time
                return None
            file = self._foreign(address)
            if file is not None and _is_own(slot, address, kind.__base__):
                return file
        return None

    def _foreign(self, address: int | None) -> str | None:
        path = self._path(address or 0)
        return None if path is None or path in self._own else path

    def _path(self, address: int) -> str | None:
        position = bisect_right(self._starts, address) - 1
        if position < 0:
            return None
        _, end, path = self._spans[position]
        return path if address < end else None

    def refresh(self) -> None:
        """Look again, for what has been loaded since."""
        self._read_maps()
        self._types = {kind: file for kind, file in self._types.items() if file is not None}

    def _read_maps(self) -> None:
        spans: list[tuple[int, int, str]] = []
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            for line in maps:
                fields = line.rstrip("\n").split(None, 5)
                start, end = (int(bound, 16) for bound in fields[0].split("-"))
                if len(fields) == 6 and fields[5].startswith("/"):
                    spans.append((start, end, fields[5]))
                elif len(fields) == 5 and spans and start == spans[-1][1] and ".so" in spans[-1][2]:
                    # What is zero at first lies behind the file's own pages, without its name.
                    spans[-1] = (spans[-1][0], end, spans[-1][2])
        spans.sort()
        self._starts = [span[0] for span in spans]
        self._spans = spans


def _is_own(slot: int, address: int, base: type) -> bool:
    """Whether a type has not just inherited a slot, as a class written in Python does."""
    try:
        return bool(_slot_address(base, slot) != address)
    except SystemError:
        return slot == _DEALLOC  # which is the interpreter's own for classes written in Python
