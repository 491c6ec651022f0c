from __future__ import annotations

from leakhunt.analysis.join import join
from leakhunt.analysis.paths import GrowingPath, Hop
from leakhunt.analysis.sites import GrowingSite
from leakhunt.model.snapshot import Frame


def path(name: str, size: float, count: float = 1.0, objects: float | None = None) -> GrowingPath:
    hops = (Hop("shop.views", "module", 0.0), Hop(f".{name}", "list", 0.0), Hop("[*]", "bytes", count))
    return GrowingPath("POST /image", "image", hops, 2, count, objects or count, size, None, 3)


def site(line: int, size: float, count: float = 1.0, *, application: bool = True) -> GrowingSite:
    frame = Frame("/srv/app/shop/views.py", line, "upload")
    return GrowingSite("POST /image", "image", frame, application, (((frame,), size),), size, count, None)


def found(paths: list[GrowingPath], sites: list[GrowingSite]) -> list[tuple[str | None, int | None]]:
    return [
        (lead.path.holder if lead.path else None, lead.site.frame.line if lead.site else None)
        for lead in join(paths, sites)
    ]


def test_nothing_that_grew_is_no_lead() -> None:
    assert join((), ()) == ()


def test_each_path_gets_the_line_whose_bytes_and_counts_fit() -> None:
    paths = [path("_SEEN", 20_000), path("_NAMES", 700)]
    assert found(paths, [site(3, 720), site(7, 20_033)]) == [("shop.views._SEEN", 7), ("shop.views._NAMES", 3)]


def test_of_two_lines_with_the_same_bytes_the_count_decides() -> None:
    assert found([path("_SEEN", 1_000, count=4)], [site(3, 1_000, count=1), site(7, 1_000, count=4)])[0][1] == 7


def test_all_objects_below_a_path_may_be_what_a_line_allocates() -> None:
    holder = path("_RULES", 1_000, count=1, objects=4)
    assert found([holder], [site(3, 1_000, count=2), site(7, 1_000, count=4)])[0][1] == 7


def test_a_line_32_times_as_large_has_nothing_to_do_with_a_path() -> None:
    assert found([path("_SEEN", 100)], [site(3, 3_300)]) == [(None, 3), ("shop.views._SEEN", None)]
    assert found([path("_SEEN", 100)], [site(3, 3_100)]) == [("shop.views._SEEN", 3)]


def test_a_line_of_the_application_is_preferred_to_a_closer_one_of_a_library() -> None:
    library, own = site(3, 1_000, application=False), site(7, 3_000)
    assert found([path("_SEEN", 1_000)], [library, own])[0] == ("shop.views._SEEN", 7)
    assert found([path("_SEEN", 1_000)], [library, site(7, 5_000)])[1] == ("shop.views._SEEN", 3)


def test_no_line_fills_two_paths() -> None:
    assert found([path("_A", 1_000), path("_B", 1_000)], [site(3, 1_000)]) == [
        ("shop.views._A", 3),
        ("shop.views._B", None),
    ]


def test_a_lead_has_the_larger_size_of_both() -> None:
    assert [lead.size_per_request for lead in join([path("_SEEN", 100)], [site(3, 900)])] == [900]
    assert [lead.size_per_request for lead in join([path("_SEEN", 900)], [site(3, 850)])] == [900]


def test_a_lead_counts_the_objects_of_its_path_or_else_the_blocks_of_its_line() -> None:
    assert [lead.count_per_request for lead in join([path("_SEEN", 900, count=2)], [site(3, 900, count=5)])] == [2]
    assert [lead.count_per_request for lead in join([], [site(3, 900, count=5)])] == [5]


def test_lines_that_fill_the_rest_of_a_path_are_part_of_it() -> None:
    assert found([path("_RULES", 1_000)], [site(7, 800), site(3, 150)]) == [("shop.views._RULES", 7)]


def test_a_line_that_a_path_has_no_room_for_is_a_lead_of_its_own() -> None:
    leads = join([path("_RULES", 1_000)], [site(7, 950), site(3, 600)])
    assert [(lead.path is None, lead.size_per_request) for lead in leads] == [(False, 1_000), (True, 600)]


def test_the_leads_that_keep_most_come_first() -> None:
    sizes = [lead.size_per_request for lead in join([path("_A", 10), path("_B", 99_999)], [site(3, 800)])]
    assert sizes == sorted(sizes, reverse=True)
