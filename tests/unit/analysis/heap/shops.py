"""A heap in which a dictionary of a module holds most."""

from __future__ import annotations

from typing import Any

from heaps import built
from leakhunt.model.heap import HeapGraph


def shop(orders: int, *, note: int = 1000, spread: int = 0) -> HeapGraph:
    """`shop._KEPT` with so many orders, and as many modules as `spread` with one image each."""
    objects: dict[str, Any] = {
        "shop": ("module", 80, ["names"]),
        "names": ("dict", 200, ["kept", "view", "k:kept", "k:view"]),
        "k:kept": ("str", 50, []),
        "k:view": ("str", 50, []),
        "view": ("function", 150, ["names"]),
        "other": ("module", 80, ["view"]),
        "kept": ("dict", 500, [*(f"order{n}" for n in range(orders)), *(f"id{n}" for n in range(orders))]),
        "shared": ("str", 60, []),
    }
    for n in range(orders):
        objects[f"id{n}"] = ("int", 28, [])
        objects[f"order{n}"] = ("shop.Order", 48, [f"note{n}", "shared"])
        objects[f"note{n}"] = ("bytes", note, [])
    for n in range(spread):
        objects[f"module{n}"] = ("module", 80, [f"image{n}"])
        objects[f"image{n}"] = ("shop.Image", 48, [f"pixels{n}"])
        objects[f"pixels{n}"] = ("bytes", note, [])
    return built(
        objects,
        ["shop", "other", *(f"module{n}" for n in range(spread))],
        names={f"order{n}": ["note", "kind"] for n in range(orders)},
        texts={"k:kept": "_KEPT", "k:view": "view", "view": "shop.view", "shop": "shop", "other": "other"},
    )
