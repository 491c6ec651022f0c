from __future__ import annotations

import pytest

from leakhunt.errors import UsageError
from leakhunt.workload.hosts import check_host


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://localhost:1", "http://a.localhost", "http://[::1]:80"]
)
def test_this_machine_may_be_loaded(url: str) -> None:
    check_host(url)


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://10.0.0.1:80", "http://0.0.0.0:80", "http://127.0.0.1.example.org", "http://"]
)
def test_any_other_host_is_refused_with_the_way_to_allow_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_host(url)
    assert caught.value.exit_code == 2
    assert "--allow-host" in (caught.value.hint or "")


def test_a_host_that_was_allowed_may_be_loaded_and_no_other() -> None:
    check_host("http://Staging.example.org:8000", ["staging.example.org"])
    with pytest.raises(UsageError, match=r"www\.example\.org is not this machine"):
        check_host("http://www.example.org", ["staging.example.org"])


def test_user_info_does_not_pass_for_a_host() -> None:
    with pytest.raises(UsageError, match=r"evil\.example"):
        check_host("http://localhost@evil.example/")
