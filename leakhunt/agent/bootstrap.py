"""Starts the agent in a process of the target, as that process's `sitecustomize`.

Erases every trace of how it came in, lets the target's own `sitecustomize` run, then starts the agent. Frozen: it works
on every Python from 3.8 on, imports nothing that `site` has not loaded, and no error of ours ever leaves it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

DIRECTORY = ""  # filled in by the bundle
SOCKET = ""  # filled in by the bundle
SOURCES: dict[str, str] = {}  # filled in by the bundle
FUNCTIONS: tuple[str, ...] = ()  # filled in by the bundle
HOLDER = ""  # filled in by the bundle
PACKAGE = "leakhunt.agent"


class Bundle:
    """Finds and loads the agent's modules from the text in this file."""

    __module__ = PACKAGE

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG004  # importlib's signature
        """The spec of a module of the agent; None for every other name."""
        if name not in SOURCES:
            return None
        is_package = name in {PACKAGE, PACKAGE + ".probes"}
        loader: Any = Bundle  # by duck typing: importlib.abc costs start-up time
        return type(sys.__spec__)(name, loader, origin=f"<{name}>", is_package=is_package)

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """An ordinary module will do."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Run the source."""
        exec(code_of(module.__name__), vars(module))  # noqa: S102  # our own text


def code_of(name: str) -> Any:
    """The compiled source; kept beside this file, since every process of the target would compile it again."""
    import marshal

    cache = f"{DIRECTORY}/{name}.{sys.implementation.cache_tag}"
    try:
        with open(cache, "rb") as file:
            return marshal.load(file)  # noqa: S302  # written below, in a directory of our own
    except (OSError, EOFError, ValueError, TypeError):
        code = compile(SOURCES[name], f"<{name}>", "exec", dont_inherit=True)
    try:
        with open(f"{cache}.{os.getpid()}", "wb") as file:
            marshal.dump(code, file)
        os.replace(f"{cache}.{os.getpid()}", cache)
    except OSError:  # a directory that may only be read
        return code
    return code


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def erase() -> bool:
    """Make environment and import path what they are without us, in Python and in C.

    Returns whether this is the first interpreter of the process. `site` runs in each that the app makes, with the
    import path of the first; a thread of ours in one of those would end the process when the app ends the interpreter.
    """
    value = os.environ.get("PYTHONPATH")
    if value == DIRECTORY:
        del os.environ["PYTHONPATH"]
    elif value is not None and value.startswith(DIRECTORY + os.pathsep):
        os.environ["PYTHONPATH"] = value[len(DIRECTORY) + 1 :]
    if DIRECTORY in sys.path:
        index = sys.path.index(DIRECTORY)
        del sys.path[index]
        if value == DIRECTORY + os.pathsep:
            # PYTHONPATH was set but empty, which means nothing; after our directory it meant the current one.
            del sys.path[index]
    sys.path_importer_cache.pop(DIRECTORY, None)
    sys.modules.pop("sitecustomize", None)
    return value is not None and value.split(os.pathsep)[0] == DIRECTORY


def start() -> None:
    """Start the agent; without it the target runs on as if nothing had been."""
    try:
        before = resident()
        sys.meta_path.insert(0, Bundle)
        from leakhunt.agent.control import boot

        boot(DIRECTORY, SOCKET, Bundle, FUNCTIONS).memory = resident() - before
        # For whoever wants to attach meanwhile.
        vars(sys.modules[PACKAGE])["holder"] = HOLDER
    except BaseException:
        if Bundle in sys.meta_path:
            sys.meta_path.remove(Bundle)


def run() -> None:
    """What `site` runs. An ImportError that names `sitecustomize` tells it that the target has none of its own."""
    first = erase()
    try:
        import sitecustomize  # noqa: F401  # the target's own
    finally:
        if first:
            start()


if __name__ == "sitecustomize":
    run()
