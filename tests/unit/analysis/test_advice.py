from __future__ import annotations

import pytest

from leakhunt.analysis.advice import advice

HOLDER = "shop.views._SEEN"


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("dict", "LRU of fixed size"),
        ("collections.OrderedDict", "popitem(last=False)"),
        ("collections.defaultdict", ".get()"),
        ("list", "deque(maxlen=...)"),
        ("set", "weakref.WeakSet"),
        ("collections.deque", "a maxlen"),
        ("functools._lru_cache_wrapper", "Set a maxsize"),
        ("queue.Queue", "give shop.views._SEEN a maxsize"),
    ],
)
def test_the_advice_fits_the_kind_of_holder_and_names_it(type_: str, words: str) -> None:
    sentence = advice("python-objects", HOLDER, type_, None)
    assert words in sentence
    assert HOLDER in sentence


@pytest.mark.parametrize("type_", ["shop.cache.Registry", "", None])
def test_of_any_other_holder_the_reference_has_to_go(type_: str | None) -> None:
    assert advice("python-objects", HOLDER, type_, None) == (
        "Drop the reference that shop.views._SEEN keeps once the request is done."
    )


def test_a_holder_whose_name_has_braces_is_named_as_it_is() -> None:
    assert "views._BY_NAME['{user}']" in advice("python-objects", "views._BY_NAME['{user}']", "list", None)


def test_what_has_a_cap_needs_nothing_but_memory() -> None:
    sentence = advice("bounded-cache", HOLDER, "dict", 5_000)
    assert "stops at 5000 entries" in sentence
    assert "LRU" not in sentence


def test_every_cause_has_advice_of_its_own() -> None:
    causes = ["threads", "descriptors", "temporary-files", "mapped-by-interpreter-or-extension", "native"]
    assert len({advice(cause, None, None, None) for cause in [*causes, "python-objects"]}) == 6


def test_a_resource_is_given_back_whoever_holds_it() -> None:
    assert "`with` block" in advice("descriptors", HOLDER, "list", None)
