from __future__ import annotations

import pytest

from leakhunt.errors import TargetError, UsageError
from leakhunt.targets.addresses import choose_address, parse_url
from leakhunt.targets.base import Address
from leakhunt.targets.ports import Listener


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", Address("http", "127.0.0.1", 8000)),
        ("http://localhost", Address("http", "localhost", 80)),
        ("http://[::1]:8000/", Address("http", "::1", 8000)),
        ("unix:/run/site.sock", Address("http", "localhost", None, unix="/run/site.sock")),
        ("http+unix://%2Frun%2Fsite.sock", Address("http", "localhost", None, unix="/run/site.sock")),
    ],
)
def test_a_url_names_a_port_or_a_socket(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "https://127.0.0.1",
        "http://127.0.0.1:x",
        "http://[::1",
        "unix:site.sock",
        "http://127.0.0.1/shop",
        "",
    ],
)
def test_any_other_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="--url"):
        parse_url(url)


def test_user_names_and_passwords_of_a_url_are_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url("http://teacher:chalk@127.0.0.1")
    assert "chalk" not in caught.value.message + str(caught.value.hint)


def test_only_loopback_is_loaded_unless_the_host_is_allowed() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url("http://shop.example:8000")
    assert "--allow-host shop.example" in str(caught.value.hint)
    assert parse_url("http://shop.example:8000", allow_hosts=["shop.example"]).host == "shop.example"


def test_the_one_port_is_chosen_and_any_address_becomes_loopback() -> None:
    found = [Listener(host="0.0.0.0", port=8000), Listener(host="::", port=8000), Listener(path="/run/other.sock")]
    assert choose_address(found) == Address("http", "127.0.0.1", 8000)
    assert choose_address([]) is None


def test_a_servers_own_control_socket_is_no_choice() -> None:
    control = Listener(path="/root/.gunicorn/gunicorn.ctl")
    assert choose_address([control]) is None
    with pytest.raises(TargetError, match=r"only on Unix sockets: unix:/run/a\.sock$"):
        choose_address([control, Listener(path="/run/a.sock")])


def test_several_ports_are_for_the_user_to_choose_from() -> None:
    with pytest.raises(TargetError, match=r"several ports: 127\.0\.0\.1:8000, 127\.0\.0\.1:8001"):
        choose_address([Listener(host="127.0.0.1", port=8001), Listener(host="127.0.0.1", port=8000)])


def test_an_address_reads_as_a_url() -> None:
    assert Address("http", "::1", 80).base_url == "http://[::1]:80"
    assert str(Address("http", "localhost", None, unix="/a")) == "unix:/a"
