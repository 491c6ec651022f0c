"""LH115: clients with connection pools that are made for one call and not closed."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH115"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_client_that_is_closed_or_kept_is_fine() -> None:
    source = """
import httpx
async def fetch(url):
    client = httpx.AsyncClient()
    try:
        return await client.get(url)
    finally:
        await client.aclose()
class Api:
    def __init__(self):
        self.client = httpx.Client()
"""
    assert lines(RULE, source) == []
