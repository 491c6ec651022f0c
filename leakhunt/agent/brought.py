"""Loads an extension that the controller has brought, from memory: the target needs no file and no place for one.

What has been loaded cannot be unloaded: Python never lets go of an extension's code. It stays mapped, and does nothing.
So it is found again by whoever comes next with the same one, and never loaded twice.
"""

from __future__ import annotations

import _imp
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAPPED = re.compile(r"/memfd:leakhunt-([0-9a-f]+)-([0-9]+) \(deleted\)$", re.MULTILINE)
"""A loaded extension in /proc/self/maps: which it is, and the descriptor by whose path the loader knows it."""


class Unfit(Exception):
    """The extension cannot be loaded here; the text says why."""


class _Spec:
    """What `_imp` wants to know of a module."""

    def __init__(self, name: str, origin: str) -> None:
        self.name = name
        self.origin = origin


def suffix() -> str:
    """How the name of an extension ends that fits this Python: it tells version, processor and kind of build."""
    return str(_imp.extension_suffixes()[0])


def libc() -> str:
    """The C library, such as `glibc 2.36`; empty where it does not tell, as others than glibc do not."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def load(name: str, image: bytes, made_for: str, digest: str) -> Any:
    """The extension module `name`, of which `image` is the shared object, not entered into `sys.modules`.

    `made_for` is its suffix, and `digest`, in hexadecimal, tells it from all others. Raises Unfit.
    """
    if made_for != suffix():
        raise Unfit(f"it is made for {made_for}, and this Python takes {suffix()}")
    if not libc().startswith("glibc "):
        raise Unfit("it is made for glibc, and this process has another C library")
    loaded = dict(_MAPPED.findall(_maps()))
    try:
        if digest in loaded:
            return _initialised(name, _path(loaded[digest]))
        descriptor = _hold(image, digest, set(loaded.values()))
        try:
            return _initialised(name, _path(descriptor))
        finally:
            os.close(descriptor)
    except (ImportError, OSError, AttributeError) as error:
        # A newer glibc is wanted, memory may not be executed, /proc or memfd_create() is missing: each says so.
        raise Unfit(str(error)) from None


def _initialised(name: str, path: str) -> Any:
    module = _imp.create_dynamic(_Spec(name, path))  # type: ignore[arg-type]  # name and origin are all it looks at
    _imp.exec_dynamic(module)
    return module


def _hold(image: bytes, digest: str, taken: set[str]) -> int:
    """A descriptor of the image in memory.

    The loader takes a path that it knows for what it has loaded from there, so the path of an earlier one must not come
    again. The number of the descriptor goes into the name of the memory, which says in the maps under which path it is
    known.
    """
    descriptor = _reserve(taken)
    try:
        memory = os.memfd_create(f"leakhunt-{digest}-{descriptor}")
        try:
            while image:
                image = image[os.write(memory, image) :]
            os.dup2(memory, descriptor, inheritable=False)
        finally:
            os.close(memory)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _reserve(taken: set[str]) -> int:
    """A descriptor whose number is not among these."""
    descriptor = os.open("/dev/null", os.O_RDONLY)
    if str(descriptor) not in taken:
        return descriptor
    try:
        return _reserve(taken)
    finally:
        os.close(descriptor)


def _path(descriptor: object) -> str:
    return f"/proc/self/fd/{descriptor}"


def _maps() -> str:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        return file.read()
