"""LH125: settings that keep uploads in memory."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH125"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_handlers_without_one_that_writes_to_disk_are_found() -> None:
    source = """
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
"""
    assert lines(RULE, source) == [2]


def test_no_limit_is_found_in_flask_too() -> None:
    source = """
app.config["MAX_FORM_MEMORY_SIZE"] = None
"""
    assert lines(RULE, source) == [2]
