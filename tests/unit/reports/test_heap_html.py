"""The page of a heap: all objects are in it, nothing loads, and names of the target cannot act."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace

import numpy as np

from leakhunt.analysis.heap.analysed import analyse_heap, type_rows
from leakhunt.analysis.heap.packing import pack_tree
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.reports.heap_html import render
from unit.analysis.heap.shops import shop

HEAP = analyse_heap(shop(60, spread=3))
TREE = pack_tree(HEAP)


def page(**changed: object) -> str:
    return render(dominators(HEAP), type_rows(HEAP), replace(TREE, **changed))  # type: ignore[arg-type]


def column(html: str, name: str) -> list[int]:
    """A column as the page's script reads it."""
    found = re.search(rf'id="{name}">([^<]*)<', html)
    assert found is not None
    planes = np.frombuffer(zlib.decompress(base64.b64decode(found[1])), np.uint8).reshape(4, -1)
    values: list[int] = np.ascontiguousarray(planes.T).view("<u4").reshape(-1).tolist()
    return values


def words(html: str) -> dict[str, object]:
    found = re.search(r'id="words">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_all_objects_are_in_the_page_with_their_names() -> None:
    html = page()
    assert column(html, "counts") == TREE.counts.tolist()
    assert column(html, "sizes") == TREE.sizes.tolist()
    told = words(html)
    assert (told["edges"], told["names"], told["large"]) == (list(TREE.edge_names), list(TREE.object_names), {})
    assert "accumulation point: module shop" in html
    assert "shop.Order" in html


def test_sizes_beyond_four_gibibytes_are_told_apart() -> None:
    sizes = TREE.sizes.copy()
    sizes[4] = 5 << 32
    assert words(page(sizes=sizes))["large"] == {"4": 5 << 32}


def test_names_cannot_leave_the_element_that_they_stand_in() -> None:
    nasty = ("</script><script>alert(1)</script>", "<!--", "a\u202eb")
    html = page(object_names=(*TREE.object_names, *nasty))
    assert "alert(1)</script>" not in html
    assert "<!--" not in html
    assert "\u202e" not in html
    told = words(html)["names"]
    assert isinstance(told, list)
    assert told[-3:-1] == list(nasty[:2])


def test_nothing_may_load_and_only_our_own_script_may_run() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page())
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "script-src 'sha256-" in policy[1]
    assert "unsafe" not in policy[1]
