from __future__ import annotations

import pytest

from leakhunt.model.budget import parse_budget


@pytest.mark.parametrize(
    ("text", "per_request"),
    [
        ("64B/request", 64),
        ("2KiB", 2048),
        (" 1 KB / request ", 1000),
        ("100/req", 100),
        ("50MB/day@20rps", 50e6 / 86_400 / 20),
        ("1GiB/hour@0.5rps", 2**30 / 1800),
        ("1MB/week @ 0.1 rps", 1e6 / 60_480),
    ],
)
def test_a_budget_is_bytes_per_request_or_per_time_at_a_rate(text: str, per_request: float) -> None:
    budget = parse_budget(text)
    assert budget.per_request == pytest.approx(per_request)
    assert str(budget) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "much", "-3B", "50MB/day", "50MB/fortnight@20rps", "64B/request/request", "64B@20rps", "1MB/day@x rps"]
)
def test_what_is_no_budget_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no budget; write 64B/request or 50MB/day@20rps"):
        parse_budget(text)


def test_growth_at_no_requests_is_no_budget() -> None:
    with pytest.raises(ValueError, match="no requests at all"):
        parse_budget("50MB/day@0rps")


@pytest.mark.parametrize(("text", "size"), [("0", "0 B"), ("1MB/week@20rps", "0.08 B")])
def test_less_than_a_byte_cannot_be_measured(text: str, size: str) -> None:
    with pytest.raises(ValueError, match=f"is {size} per request; the smallest budget is 1B/request"):
        parse_budget(text)
