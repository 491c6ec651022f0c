"""Wraps servers and frameworks as the target imports them: a fixed table, every other import is not touched."""

from __future__ import annotations

import sys

from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.journal import note
from leakhunt.agent.patches import PATCHES
from leakhunt.agent.swaps import SWAPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

TABLE = (
    ("gunicorn.app.base", "servers", "gunicorn"),
    ("waitress.server", "servers", "waitress"),
    ("wsgiref.simple_server", "servers", "wsgiref"),
    ("werkzeug.serving", "servers", "werkzeug"),
    ("cheroot.wsgi", "servers", "cheroot"),
    ("gevent.pywsgi", "servers", "gevent"),
    ("django.core.handlers.wsgi", "frameworks", "django_entry"),
    ("django.core.handlers.base", "frameworks", "django_routes"),
    ("django.core.handlers.asgi", "frameworks", "django_asgi_entry"),
    ("flask.app", "frameworks", "flask_entry"),
    ("starlette.applications", "frameworks", "starlette_entry"),
    ("werkzeug.routing.map", "frameworks", "werkzeug_routes"),
    ("starlette.routing", "frameworks", "starlette_routes"),
    ("_posixsubprocess", "spawn", "fork_exec"),
    ("subprocess", "spawn", "subprocess_fork_exec"),
)
"""(module of the target, module of the agent, function called with it once it is imported)"""


class Hooks:
    """A finder that lets the others find, and runs our function after the module's own code."""

    def __init__(self) -> None:
        self.table: dict[str, list[tuple[str, str]]] = {}
        """Module of the target -> (module of the agent, function) to call with it."""
        self._busy: set[str] = set()
        for target, home, name in TABLE:
            self.add(target, home, name)

    def add(self, target: str, home: str, function: str) -> None:
        """Look out for one more import."""
        wanted = self.table.setdefault(target, [])
        if (home, function) not in wanted:
            wanted.append((home, function))

    def leave_out(self, home: str) -> None:
        """Look out no longer for what this module of the agent wraps."""
        kept = ((target, [each for each in wanted if each[0] != home]) for target, wanted in self.table.items())
        self.table = {target: wanted for target, wanted in kept if wanted}

    def install(self) -> None:
        """From now on; modules that are there already are wrapped at once."""
        for name in self.table:
            module = sys.modules.get(name)
            if module is not None:
                self.apply(module, name)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """No further import is looked at."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None for every module that is not in the table; else the spec of the others with our loader around theirs."""
        if name not in self.table or name in self._busy:
            return None
        self._busy.add(name)
        try:
            spec = self._find(name, path, target)
        finally:
            self._busy.discard(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = Loader(spec.loader, self)  # type: ignore[assignment]  # a loader by duck typing, see above
        return spec

    def apply(self, module: ModuleType, name: str) -> None:
        """Run the functions that the table names; whatever happens in them, the target goes on."""
        for home, function in self.table[name]:
            try:
                __import__("leakhunt.agent." + home)
                getattr(sys.modules["leakhunt.agent." + home], function)(module)
            except Exception:
                note(name)

    def _find(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


class Loader:
    """Stands in for a module's loader until its code has run."""

    def __init__(self, loader: Any, hooks: Hooks) -> None:
        self._loader = loader
        self._hooks = hooks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run the module under its own loader's name, then wrap."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._hooks.apply(module, module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


HOOKS = Hooks()


def unhook(*, in_child: bool = False) -> list[str]:
    """Count no more and put everything back; the names of what had to stay, as others have wrapped it since.

    In a child that the app has forked, open connections keep our wrapper, which counts nothing there: to find them may
    take long, and the child may be about to become another program.
    """
    COUNTERS.active = False
    HOOKS.remove()
    left = SWAPS.undo(copies=not in_child)
    trampoline = sys.modules.get("leakhunt.agent.trampoline")
    if trampoline is not None:
        left += trampoline.TRAMPOLINES.undo()
    left += PATCHES.undo()
    COUNTERS.server_marks = COUNTERS.framework_marks = False
    return left
