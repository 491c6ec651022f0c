"""Libraries whose source the controller sends along, since they need not be installed in the target."""

from __future__ import annotations

import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load(name: str, sources: dict[str, str]) -> Any:
    """The library as a fresh module; for the child only. Raises whatever its import raises."""
    module = types.ModuleType(name)
    module.__file__ = f"<{name}>"
    # Libraries look themselves up; the child's table of modules is nobody else's.
    sys.modules[name] = module
    exec(compile(sources[name], f"<{name}>", "exec", dont_inherit=True), vars(module))  # noqa: S102  # sent by our controller
    return module
