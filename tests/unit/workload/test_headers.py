from __future__ import annotations

import pytest

from leakhunt.workload.headers import is_header, is_made_here


@pytest.mark.parametrize(("name", "value"), [("Host", "a.example"), ("X-a", "grüße"), ("x!", "")])
def test_tokens_with_a_line_of_text_are_headers(name: str, value: str) -> None:
    assert is_header(name, value)


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A b", "x"), ("A:", "x"), ("A", "x\r\nB: y"), ("A\n", "x")])
def test_what_would_break_a_request_is_none(name: str, value: str) -> None:
    assert not is_header(name, value)


def test_how_long_a_body_is_follows_from_the_body() -> None:
    assert is_made_here("CONTENT-LENGTH")
    assert is_made_here("Transfer-Encoding")
    assert not is_made_here("Content-Type")
