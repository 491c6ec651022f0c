from __future__ import annotations

import re

import pytest

from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.model.report import Site

SITE = Site("/srv/shop/views.py", 12, "upload")


def test_a_fingerprint_is_16_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(["shop.views", "._SEEN"], "bytes", "native", SITE))
    assert re.fullmatch("[0-9a-f]{16}", fingerprint([], None, "native", None))


@pytest.mark.parametrize("key", ["[0]", "[17]", "['user']", "['größe']", "[*]", "[('a', 3)]"])
def test_indexes_and_keys_do_not_matter(key: str) -> None:
    expected = fingerprint(["shop.views", "._SEEN", "['*']", ".body"], "bytes", "native", SITE)
    assert fingerprint(["shop.views", "._SEEN", key, ".body"], "bytes", "native", SITE) == expected


def test_a_file_whose_name_is_no_text_has_a_fingerprint_too() -> None:
    assert fingerprint([], None, "native", Site("/srv/caf\udce9/views.py", 3, "v")) != fingerprint(
        [], None, "native", None
    )


def test_numbers_in_names_do_not_matter() -> None:
    assert fingerprint(["shop.views", "._cache_1"], None, "native", SITE) == fingerprint(
        ["shop.views", "._cache_250"], None, "native", SITE
    )


def test_a_library_is_the_same_in_every_environment() -> None:
    here = Site("/srv/.venv/lib/python3.12/site-packages/PIL/Image.py", 1, "copy")
    there = Site("/opt/v/lib64/python3.9/site-packages/PIL/Image.py", 9, "copy")
    assert fingerprint([], None, "native", here) == fingerprint([], None, "native", there)


def test_cause_and_place_tell_bugs_apart() -> None:
    prints = {
        fingerprint(["shop.views", "._SEEN"], "bytes", "native", SITE),
        fingerprint(["shop.views", "._SEEN"], "bytes", "python-objects", SITE),
        fingerprint(["shop.views", "._SEEN"], "bytes", "native", None),
        fingerprint(["shop.views", "._SEEN"], "bytes", "native", Site("/srv/shop/tasks.py", 12, "upload")),
        fingerprint(["shop.views", "._SEEN"], None, "native", SITE),
    }
    assert len(prints) == 5


def test_the_source_line_and_the_short_name_are_not_part_of_it() -> None:
    told = Site(SITE.file, SITE.line, SITE.function, "_SEEN.append(body)", "shop/views.py")
    assert fingerprint([], None, "native", told) == fingerprint([], None, "native", SITE)
