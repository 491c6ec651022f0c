from __future__ import annotations

from leakhunt.reports import comparison_phrases, phrases
from leakhunt.reports.page import charts, render_page
from unit.reports.comparison_samples import FIXED

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/></svg>'


def test_drawings_become_elements_with_a_title_and_ids_of_their_own() -> None:
    found = charts({"growth": SVG}, {"growth": "Growth & more"}, "wide")
    assert 'aria-label="Growth &amp; more"' in found["growth"]
    assert 'id="growth-wide-a"' in found["growth"]


def test_none_is_a_dash_and_text_is_escaped() -> None:
    summary = (("<b>", "1", "2", "3"),)

    class Words:
        """Phrases, but for one table."""

        def __getattr__(self, name: str) -> object:
            return getattr(comparison_phrases, name)

        def summary(self, _: object) -> object:
            return summary

    html = render_page("compare.html.j2", comparison=FIXED, say=Words(), words=phrases, wide={}, narrow={})
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
