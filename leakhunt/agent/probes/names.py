"""Names of edges and types, made equal where programs make them up as they go: `job_1`, `job_2` become `job_*`."""

from __future__ import annotations

import re
from collections import Counter

CROWD = 16
"""So many names beside each other may differ in their numbers alone; any more of them share one."""
MOST = 5_000
"""So many names of any kind may stand beside each other."""
_NUMBER = re.compile(r"(?=[a-fA-F]*[0-9])[0-9a-fA-F]{4,}|[0-9]+")
"""A number, or hexadecimal digits as in `uuid4().hex`."""


class Names:
    """Remembers which names stand beside each other.

    The first of a crowd keep their names, and which ones are first is the same in each snapshot of a process.
    """

    def __init__(self) -> None:
        self._beside: Counter[tuple[int, str]] = Counter()
        self._given: dict[tuple[int, str], str] = {}
        self._types: dict[type, str] = {}

    def edge(self, node: int, edge: str) -> str:
        """The name for an edge below a node."""
        given = self._given.get((node, edge))
        if given is None:
            self._beside[node, ""] += 1
            given = ".*" if self._beside[node, ""] > MOST else self._crowded(node, edge)
            self._given[node, edge] = given
        return given

    def type(self, node: int, kind: type) -> str:
        """The name of the type of a node below a node."""
        name = self._types.get(kind)
        if name is None:
            name = self._types[kind] = type_name(kind)
        given = self._given.get((node, name))
        if given is None:
            given = self._given[node, name] = self._crowded(node, name)
        return given

    def _crowded(self, node: int, name: str) -> str:
        masked = mask(name)
        if masked == name:
            return name
        self._beside[node, masked] += 1
        return name if self._beside[node, masked] <= CROWD else masked


def mask(name: str) -> str:
    """The name with `*` for every number."""
    return _NUMBER.sub("*", name)


def type_name(kind: type) -> str:
    """`module.Name`, without `builtins`."""
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except AttributeError:  # made where no module is
        module = None
    name = type.__dict__["__name__"].__get__(kind)
    return name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"
