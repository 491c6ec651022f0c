from __future__ import annotations

import pytest

from leakhunt.model.comparison import Comparison
from leakhunt.reports.compare_formats import FORMATS, ComparisonFormat
from unit.reports.comparison_samples import COMPARISONS, FIXED, nasty_comparison

EVERY_FORMAT = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@EVERY_FORMAT
@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS)
def test_every_format_shows_the_word_both_runs_reasons_suspects_and_caveats(
    form: ComparisonFormat, comparison: Comparison
) -> None:
    shown = form.render(comparison).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("\\", "")
    assert comparison.change.value in shown.lower()
    for text in (
        *(side.started_at for side in (comparison.before, comparison.after)),
        *(caveat.text for caveat in comparison.caveats),
        *(each.latest.type for each in comparison.suspects if each.latest.type),
        *(route.route for route in comparison.routes),
    ):
        assert text in shown


@EVERY_FORMAT
def test_control_characters_from_the_targets_reach_no_format(form: ComparisonFormat) -> None:
    shown = form.render(nasty_comparison())
    assert form.name == "json" or not any(char in shown for char in "\x07\u202e")
    assert "\x1b" not in shown


@EVERY_FORMAT
def test_rendering_twice_gives_the_same_text(form: ComparisonFormat) -> None:
    assert form.render(FIXED) == form.render(FIXED)


@EVERY_FORMAT
def test_nothing_that_is_missing_shows_as_none(form: ComparisonFormat) -> None:
    assert "None" not in form.render(COMPARISONS["nothing"])
