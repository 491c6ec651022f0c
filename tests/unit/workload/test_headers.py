from __future__ import annotations

import pytest

from leakhunt.workload.headers import is_header, is_made_here, merge_headers


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


def test_of_headers_from_several_places_the_last_one_wins_whatever_the_case_of_its_name() -> None:
    assert merge_headers({"Accept": "a", "X-Id": "1"}, {"accept": "b"}, {"Host": "c"}) == {
        "X-Id": "1",
        "accept": "b",
        "Host": "c",
    }


@pytest.mark.parametrize(
    ("session", "given", "sent"),
    [
        ("sessionid=s; csrftoken=t", "theme=dark", "sessionid=s; csrftoken=t; theme=dark"),
        ("sessionid=s; csrftoken=t", "sessionid=mine;a=b=c", "sessionid=mine; csrftoken=t; a=b=c"),
        ("sessionid=s", "", "sessionid=s"),
    ],
)
def test_cookies_are_merged_by_their_own_names(session: str, given: str, sent: str) -> None:
    assert merge_headers({"Cookie": session}, {"cookie": given}) == {"cookie": sent}
