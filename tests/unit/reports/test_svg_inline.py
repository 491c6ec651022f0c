from __future__ import annotations

import re

from leakhunt.reports.charts import growth_chart, svg
from leakhunt.reports.svg_inline import inline
from unit.reports.samples import LEAK


def drawing(id_prefix: str = "growth-") -> str:
    figure = growth_chart(LEAK)
    assert figure is not None
    return inline(svg(figure), title='Growth of "memory"', id_prefix=id_prefix)


def test_an_inline_chart_has_neither_style_attributes_nor_style_elements() -> None:
    assert "style" not in drawing()


def test_an_inline_chart_takes_the_colours_of_the_page() -> None:
    assert "var(--curve-1)" in drawing()
    assert not re.search(r"#[0-9a-f]{6}", drawing())


def test_an_inline_chart_is_announced_as_one_image() -> None:
    assert 'role="img"' in drawing()
    assert 'aria-label="Growth of &quot;memory&quot;"' in drawing()


def test_ids_and_what_points_to_them_stay_together() -> None:
    chart = drawing("a-")
    ids = set(re.findall(r'\bid="([^"]+)"', chart))
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', chart))
    assert used
    assert {first or second for first, second in used} <= ids
    assert all(one.startswith("a-") for one in ids)
    assert not ids & set(re.findall(r'\bid="([^"]+)"', drawing("b-")))
