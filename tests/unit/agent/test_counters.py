from __future__ import annotations

import threading

import pytest

from leakhunt.agent.counters import LIMIT, OTHER, Counters


@pytest.fixture
def counters() -> Counters:
    return Counters()


def test_a_process_is_born_without_requests(counters: Counters) -> None:
    assert (counters.in_flight, counters.served(), counters.routes(), counters.hooked) == (0, {}, {}, False)


def test_a_request_is_in_flight_until_it_is_finished(counters: Counters) -> None:
    counters.start()
    counters.start()
    counters.finish("GET", "/items/7", None)
    assert (counters.in_flight, counters.served()) == (1, {"GET /items/{n}": 1})


def test_requests_are_counted_by_the_pattern_that_the_framework_matched(counters: Counters) -> None:
    counters.finish("GET", "/items/7", "items/<int:pk>")
    counters.finish("GET", "/items/8", "^items/<int:pk>$")
    counters.finish("POST", "/items/8", "/items/<int:pk>")
    assert counters.served() == {"GET /items/<int:pk>": 2, "POST /items/<int:pk>": 1}
    assert counters.routes() == {
        "GET /items/{n}": "GET /items/<int:pk>",
        "POST /items/{n}": "POST /items/<int:pk>",
    }


def test_a_path_that_no_framework_has_named_is_no_route_of_one(counters: Counters) -> None:
    counters.finish("GET", "/items/7", None)
    assert counters.routes() == {}


def test_a_masked_path_keeps_the_route_that_it_was_first_told(counters: Counters) -> None:
    counters.finish("GET", "/items/7", "/items/<int:pk>")
    counters.finish("GET", "/items/7", "/items/<slug>")
    assert counters.routes() == {"GET /items/{n}": "GET /items/<int:pk>"}
    assert counters.served() == {"GET /items/<int:pk>": 1, "GET /items/<slug>": 1}


def test_a_route_that_is_known_is_counted_even_when_there_is_no_room_for_another(counters: Counters) -> None:
    for number in range(LIMIT + 1):
        counters.finish("GET", "/" + "x" * number, "/" + "x" * number)
    counters.finish("GET", "/", "/")
    assert counters.served()["GET /"] == 2
    assert counters.served()[OTHER] == 1
    assert len(counters.routes()) == LIMIT


def test_a_forked_child_starts_from_zero(counters: Counters) -> None:
    counters.start()
    counters.finish("GET", "/", "/")
    counters.start()
    counters.reset()
    assert (counters.in_flight, counters.served(), counters.routes()) == (0, {}, {})


def test_what_was_read_does_not_change_with_later_requests(counters: Counters) -> None:
    counters.finish("GET", "/", "/")
    served, routes = counters.served(), counters.routes()
    counters.finish("GET", "/", "/")
    counters.finish("GET", "/new", "/new")
    assert (served, routes) == ({"GET /": 1}, {"GET /": "GET /"})


def test_reading_takes_nothing_from_the_counts(counters: Counters) -> None:
    counters.start()
    for _ in range(5):
        assert counters.in_flight == 1
    counters.finish("GET", "/", None)
    assert [counters.served()["GET /"] for _ in range(5)] == [1] * 5


def test_who_waits_for_the_first_request_is_told_before_it_is_counted(counters: Counters) -> None:
    seen: list[int] = []
    counters.before_first = lambda: seen.append(counters.in_flight)
    counters.start()
    assert seen == [0]


@pytest.mark.parametrize("mark", ["server_marks", "framework_marks"])
def test_requests_are_counted_where_a_server_or_a_framework_is_wrapped(counters: Counters, mark: str) -> None:
    setattr(counters, mark, True)
    assert counters.hooked


def test_threads_lose_no_request(counters: Counters) -> None:
    def serve() -> None:
        for _ in range(2_000):
            counters.start()
            counters.finish("GET", "/", None)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counters.in_flight, counters.served()) == (0, {"GET /": 8_000})


def test_of_patterns_that_are_made_up_as_they_come_no_more_are_kept_than_of_routes(counters: Counters) -> None:
    for number in range(LIMIT + 50):
        counters.finish("GET", "/", f"^made/up/{number}$")
    assert len(counters._patterns) == LIMIT
    assert counters.served()[OTHER] == 50
