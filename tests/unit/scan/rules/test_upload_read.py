"""LH101: an uploaded file is read into memory whole."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH101"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_read_with_a_size_is_none() -> None:
    source = """
def view(request):
    return request.FILES["f"].read(4096)
"""
    assert lines(RULE, source) == []


def test_uploads_are_known_by_their_annotation_and_through_names() -> None:
    source = """
async def view(picture: "UploadFile | None"):
    inner = picture.file
    return inner.read() or await picture.read()
"""
    assert lines(RULE, source) == [4, 4]


def test_many_files_are_looked_at_each() -> None:
    source = """
def view(request):
    for file in request.FILES.getlist("files"):
        file.read()
"""
    assert lines(RULE, source) == [4]


def test_where_a_size_is_compared_somebody_has_thought_of_it() -> None:
    source = """
def view(request):
    file = request.FILES["f"]
    if file.size > LIMIT:
        raise TooLarge
    return file.read()
"""
    assert lines(RULE, source) == []


def test_files_that_are_no_uploads_are_left_alone() -> None:
    source = """
def view(path):
    return open(path).read()
"""
    assert lines(RULE, source) == []
