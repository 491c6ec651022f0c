"""Starts the agent in a process of the target, as that process's `sitecustomize`.

Erases every trace of how it came in, lets the target's own `sitecustomize` run, then starts the agent. Frozen: it works on every
Python from 3.8 on, imports nothing that `site` has not loaded, and no error of ours ever leaves it.
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
PACKAGE = "leakhunt.agent"


class Bundle:
    """Finds and loads the agent's modules from the text in this file."""

    __module__ = PACKAGE

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG004  # importlib's signature
        """The spec of a module of the agent; None for every other name."""
        if name not in SOURCES:
            return None
        spec = type(sys.__spec__)(name, Bundle, origin=f"<{name}>", is_package=name in {PACKAGE, PACKAGE + ".probes"})
        return spec

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:  # noqa: ARG004  # importlib's signature
        """An ordinary module will do."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Run the source."""
        name = module.__name__
        exec(compile(SOURCES[name], f"<{name}>", "exec", dont_inherit=True), vars(module))  # noqa: S102  # our own text


def erase() -> None:
    """Make environment and import path what they are without us, in Python and in C."""
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


def start() -> None:
    """Start the agent; without it the target runs on as if nothing had been."""
    try:
        sys.meta_path.insert(0, Bundle)
        from leakhunt.agent.control import boot

        boot(DIRECTORY, SOCKET, Bundle)
    except BaseException:
        if Bundle in sys.meta_path:
            sys.meta_path.remove(Bundle)


def run() -> None:
    """What `site` runs. An ImportError that names `sitecustomize` is how it learns that the target has none of its own."""
    erase()
    try:
        import sitecustomize  # noqa: F401  # the target's own
    finally:
        start()


if __name__ == "sitecustomize":
    run()
