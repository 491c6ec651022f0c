"""LH111: an image is opened and never closed."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH111"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_an_image_that_is_handed_on_is_closed_by_others() -> None:
    source = """
from PIL import Image
def load(path):
    picture = Image.open(path)
    return picture
"""
    assert lines(RULE, source) == []


def test_one_in_memory_holds_no_file() -> None:
    source = """
from io import BytesIO
from PIL import Image
def size(content):
    picture = Image.open(BytesIO(content))
    return picture.size
"""
    assert lines(RULE, source) == []
