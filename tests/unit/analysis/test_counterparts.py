from __future__ import annotations

from dataclasses import replace

from leakhunt.analysis.counterparts import pair_suspects, suspect_changes
from leakhunt.model.comparison import SuspectState
from leakhunt.model.report import Site, Suspect
from unit.reports.comparison_samples import compared
from unit.reports.samples import CLEAN, DOCUMENT, IMAGE, LEAK, SUSPECTS, VIDEO

VIDEO_BYTES, THUMBNAIL, CHUNK = SUSPECTS


def moved(suspect: Suspect, **changes: object) -> Suspect:
    """The same bug with another fingerprint."""
    return replace(suspect, fingerprint="0" * 16, **changes)  # type: ignore[arg-type]


def matched(before: Suspect, after: Suspect) -> str | None:
    pairs = pair_suspects([before], [after])
    return pairs[0][2] if len(pairs) == 1 else None


def test_the_fingerprint_decides_first() -> None:
    assert matched(THUMBNAIL, replace(THUMBNAIL, site=None, path=None)) == "fingerprint"


def test_a_route_that_was_renamed_keeps_its_suspects() -> None:
    assert matched(THUMBNAIL, replace(THUMBNAIL, route="POST /images/")) == "fingerprint"


def test_of_two_routes_that_fill_the_same_container_each_keeps_its_own() -> None:
    other = replace(THUMBNAIL, route=VIDEO)
    pairs = pair_suspects([THUMBNAIL, other], [other, THUMBNAIL])
    assert [(one and one.route, two and two.route) for one, two, _ in pairs] == [(IMAGE, IMAGE), (VIDEO, VIDEO)]


def test_the_holder_decides_where_the_code_has_moved_to_another_function() -> None:
    site = Site("courseware/images.py", 7, "shrink")
    assert matched(THUMBNAIL, moved(THUMBNAIL, site=site, type="bytes")) == "holder"


def test_indexes_are_no_part_of_a_holder() -> None:
    path = "courseware.thumbnails._THUMBNAILS['a.png'].image"
    assert matched(THUMBNAIL, moved(THUMBNAIL, site=None, path=path)) == "holder"


def test_the_line_decides_where_the_holder_is_not_known_and_may_have_shifted() -> None:
    site = Site("/elsewhere/courseware/documents.py", 190, "store_chunks")
    assert matched(CHUNK, moved(CHUNK, site=site)) == "line"
    assert matched(CHUNK, moved(CHUNK, site=site, path="courseware.documents._KEPT[*]")) == "line"


def test_one_line_that_feeds_two_holders_is_two_bugs() -> None:
    assert matched(THUMBNAIL, moved(THUMBNAIL, path="courseware.thumbnails.OTHERS[*]")) is None


def test_another_route_with_another_fingerprint_is_another_bug() -> None:
    assert matched(THUMBNAIL, moved(THUMBNAIL, route=VIDEO)) is None


def test_nothing_is_matched_twice() -> None:
    pairs = pair_suspects([THUMBNAIL, THUMBNAIL], [THUMBNAIL])
    assert [(one is None, two is None) for one, two, _ in pairs] == [(False, False), (False, True)]


def test_a_suspect_is_fixed_where_its_route_is() -> None:
    found = suspect_changes(LEAK, CLEAN, compared(LEAK, CLEAN).routes)
    assert {each.state for each in found} == {SuspectState.FIXED}
    assert len(found) == len(SUSPECTS)


def test_a_suspect_that_is_gone_from_a_route_that_leaks_still_is_only_not_seen() -> None:
    after = replace(LEAK, suspects=(VIDEO_BYTES, CHUNK))
    found = {each.latest.route: each.state for each in suspect_changes(LEAK, after, compared(LEAK, after).routes)}
    assert found == {
        VIDEO: SuspectState.REMAINING,
        DOCUMENT: SuspectState.REMAINING,
        IMAGE: SuspectState.NOT_SEEN,
    }


def test_new_suspects_come_first() -> None:
    after = replace(LEAK, suspects=(VIDEO_BYTES, moved(THUMBNAIL, path="courseware.x._Y[*]")))
    states = [each.state for each in suspect_changes(LEAK, after, compared(LEAK, after).routes)]
    assert states == [SuspectState.NEW, SuspectState.REMAINING, SuspectState.NOT_SEEN, SuspectState.NOT_SEEN]
