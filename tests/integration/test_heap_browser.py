"""The browser of a dominator tree, in a real browser: lists of very many are opened at once, piece by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from integration.test_report_browser import opened_page, overflow
from leakhunt.analysis.heap.analysed import analyse_heap, type_rows
from leakhunt.analysis.heap.packing import pack_tree
from leakhunt.analysis.heap.suspects import dominators
from leakhunt.model.heap_view import PackedTree
from leakhunt.reports.heap_html import render
from unit.analysis.heap.shops import shop

pytestmark = pytest.mark.browser

HEAP = analyse_heap(shop(120))
MANY = 300_000


def large() -> PackedTree:
    """A list of very many orders, each with a note."""
    number = 1 + 2 * MANY
    counts, names = np.ones(number, dtype=np.int64), np.full(number, 2)
    counts[0], counts[1::2] = number, 2
    names[0], names[1::2] = 0, 1
    edges = np.minimum(names, 1)
    return PackedTree(counts, np.full(number, 50), edges, names, ("KEPT", "[*]"), ("list", "shop.Order", "str"))


def test_a_list_of_very_many_is_opened_piece_by_piece(chromium: Path, tmp_path: Path) -> None:
    html = render(dominators(HEAP), type_rows(HEAP), large())
    with opened_page(html, chromium, tmp_path, width=1200) as page:
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        rows = page.locator("#tree .row")
        assert rows.count() == 1
        page.get_by_label("what it dominates").first.click()
        assert "300,000 \u00d7 shop.Order" in rows.nth(1).inner_text()
        page.get_by_label("each of them").click()
        assert rows.count() == 2 + 50 + 1
        page.get_by_text("50 of 299,950 more").click()
        assert rows.count() == 2 + 100 + 1
        page.get_by_label("what it dominates").nth(1).click()
        assert "str" in rows.nth(3).inner_text()
        page.get_by_label("what it dominates").first.click()
        assert page.locator("#tree .row:visible").count() == 1


def test_the_holder_is_first_and_the_page_fits_every_screen(chromium: Path, tmp_path: Path) -> None:
    html = render(dominators(HEAP), type_rows(HEAP), pack_tree(HEAP))
    with opened_page(html, chromium, tmp_path, width=1400) as page:
        page.wait_for_selector("body[data-ready=yes]", timeout=60_000)
        first = page.locator("#tree .row").first
        assert "module shop.__dict__" in first.inner_text()
        assert "99." in first.inner_text()
        page.get_by_label("what it dominates").first.click()
        assert "._KEPT dict" in page.locator("#tree .row").nth(1).inner_text()
        for width in (1400, 700, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) <= 0
