"""LH102: the bytes of an upload are copied while they are in memory."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH102"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_copy_of_a_copy_is_found() -> None:
    source = """
def view(file: UploadedFile):
    content = file.read()
    work = bytearray(content)
    return bytes(work)
"""
    assert lines(RULE, source) == [4, 5]


def test_text_beside_its_bytes_is_a_copy() -> None:
    source = """
def view(request):
    return request.FILES["csv"].read().decode("utf-8")
"""
    assert lines(RULE, source) == [3]


def test_a_part_of_an_upload_may_be_copied() -> None:
    source = """
def view(file: UploadedFile):
    return bytearray(file.read(16))
"""
    assert lines(RULE, source) == []
