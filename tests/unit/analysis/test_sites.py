from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from leakhunt.analysis.explain import AloneRounds
from leakhunt.analysis.sites import GrowingSite, growing_sites
from leakhunt.model.snapshot import Frame, SiteStat, Snapshot

DOSES = (3, 5, 7)
PILLOW = Frame("/v/lib/python3.12/site-packages/PIL/Image.py", 900, "copy")
JSON = Frame("/usr/lib/python3.12/json/decoder.py", 337, "decode")


def view(line: int) -> Frame:
    return Frame("/srv/app/shop/views.py", line, "upload")


def stacks(*kept: tuple[Sequence[Frame], Sequence[int], Sequence[int]]) -> tuple[GrowingSite, ...]:
    """Sites of rounds after which each stack has so many bytes, and so many blocks."""
    heaps = [
        Snapshot("1@1", i, sites=tuple(SiteStat(tuple(stack), sizes[i], counts[i]) for stack, sizes, counts in kept))
        for i in range(4)
    ]
    pairs = tuple(((before, after),) for before, after in pairwise(heaps))
    return growing_sites(AloneRounds("image", "POST /image", DOSES, pairs))


def steady(size: int, *stack: Frame, count: int = 1) -> tuple[Sequence[Frame], list[int], list[int]]:
    """A stack that keeps so much with every request."""
    totals = (0, 3, 8, 15)
    return stack, [size * total for total in totals], [count * total for total in totals]


def test_a_line_that_keeps_memory_is_a_site_with_its_rates() -> None:
    (site,) = stacks(steady(100, view(3), count=2))
    assert (site.route, site.step, site.frame, site.application) == ("POST /image", "image", view(3), True)
    assert (site.size_per_request, site.count_per_request, site.multiple) == (100, 2, 2)


def test_the_line_is_the_applications_innermost_whatever_library_allocates() -> None:
    (site,) = stacks(steady(100, PILLOW, view(7), view(3)))
    assert site.frame == view(7)
    assert site.stack == (PILLOW, view(7), view(3))


def test_where_the_application_is_not_in_the_stack_the_innermost_line_stands_for_it() -> None:
    (site,) = stacks(steady(100, JSON, PILLOW))
    assert (site.frame, site.application) == (JSON, False)


def test_the_stacks_of_a_line_are_one_site_the_heaviest_first() -> None:
    (site,) = stacks(steady(10, JSON, view(3)), steady(500, PILLOW, view(3)))
    assert site.stacks == (((PILLOW, view(3)), 500), ((JSON, view(3)), 10))
    assert (site.size_per_request, site.multiple) == (510, 2)


def test_a_stack_that_shrinks_takes_from_its_line_and_is_not_shown() -> None:
    (site,) = stacks(steady(500, PILLOW, view(3)), steady(-100, JSON, view(3), count=0))
    assert site.stacks == (((PILLOW, view(3)), 500),)
    assert site.size_per_request == 400


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ([0, 300, 300, 900], [0, 3, 3, 9]),
        ([0, 300, 200, 900], [0, 3, 2, 9]),
        ([500, 500, 500, 500], [5, 5, 5, 5]),
        ([900, 600, 300, 0], [0, 3, 8, 15]),
    ],
    ids=["one round without", "one round less", "as before", "more but smaller"],
)
def test_what_did_not_grow_in_every_round_is_no_site(sizes: list[int], counts: list[int]) -> None:
    assert stacks(([view(3)], sizes, counts)) == ()


def test_two_stacks_that_take_turns_are_one_line_that_grew_every_time() -> None:
    (site,) = stacks(
        ([PILLOW, view(3)], [0, 300, 300, 1_000], [0, 3, 3, 10]), ([JSON, view(3)], [0, 0, 500, 500], [0, 0, 5, 5])
    )
    assert (site.size_per_request, site.multiple) == (100, 1)


def test_memory_without_a_stack_has_no_line() -> None:
    assert stacks(steady(100)) == ()


def test_the_lines_that_keep_most_come_first_and_equal_ones_in_order() -> None:
    found = stacks(steady(5, view(9)), steady(5, view(2)), steady(80, view(4)))
    assert [site.frame.line for site in found] == [4, 2, 9]


def test_a_heap_that_was_not_traced_has_no_sites() -> None:
    assert stacks() == ()
