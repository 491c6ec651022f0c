from __future__ import annotations

from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.responses import Responses, count_responses, failed_once
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Role, Worker

IMAGE = "POST /image"
EMPTY = replace(record(App(), rounds=0), requests=(), routes={})


def request(step: str, status: int | None = 200, *, duration: float = 0.1, retry: int = 0) -> RequestRecord:
    return RequestRecord(0, step, status, status == 200, 10, 0.0, duration, retry)


def responses(routes: dict[str, str], *requests: RequestRecord) -> dict[str, Responses]:
    return dict(count_responses(replace(EMPTY, routes=routes, requests=requests)))


def test_a_run_without_routes_and_requests_has_no_rows() -> None:
    assert responses({}) == {}


def test_the_steps_of_a_route_are_counted_together() -> None:
    routes = {"image": IMAGE, "broken image": IMAGE, "page": "GET /"}
    found = responses(routes, request("image"), request("broken image", 400), request("page"))
    assert found[IMAGE].steps == ("image", "broken image")
    assert (found[IMAGE].requests, found[IMAGE].unexpected) == (2, 1)
    assert found["GET /"].requests == 1


def test_a_route_that_nothing_was_sent_to_has_no_duration_and_no_share() -> None:
    (found,) = responses({"image": IMAGE}).values()
    assert (found.requests, found.statuses, found.median_duration, found.unexpected_share) == (0, {}, None, 0.0)


def test_a_step_whose_route_was_never_told_stands_for_itself() -> None:
    (found,) = responses({}, request("image")).values()
    assert (found.steps, found.requests) == ((), 1)


def test_statuses_are_counted_the_commonest_first() -> None:
    sent = [request("image", status) for status in (500, 200, None, 200, 302, 200, None)]
    found = responses({"image": IMAGE}, *sent)[IMAGE]
    assert list(found.statuses.items()) == [("200", 3), ("no response", 2), ("500", 1), ("302", 1)]
    assert found.unexpected_share == pytest.approx(4 / 7)


def test_a_retry_is_a_request_of_its_own() -> None:
    found = responses({"image": IMAGE}, request("image", None), request("image", retry=1))[IMAGE]
    assert (found.requests, found.unexpected) == (2, 1)


def test_one_slow_request_does_not_move_the_duration() -> None:
    durations = (0.1, 0.2, 0.3, 60.0, 0.2)
    found = responses({"image": IMAGE}, *(request("image", duration=duration) for duration in durations))
    assert found[IMAGE].median_duration == 0.2


def test_a_step_sent_once_that_failed_is_found_by_its_having_no_route() -> None:
    sent = (request("create", 404), request("login"), request("image", 500))
    run = replace(EMPTY, routes={"image": IMAGE}, requests=sent)
    assert {step: found.statuses for step, found in failed_once(run).items()} == {"create": {"404": 1}}
    assert failed_once(replace(run, routes={})) == {}


# --- A target that dies. --------------------------------------------------------------------------------------------


def worker(number: int, died: float | None) -> Worker:
    death = None if died is None else "killed by SIGKILL"
    return Worker(f"{number}@1", number, 1, Role.WORKER, f"worker {number}", 0.0, died, death)


def at(started: float, status: int | None = None, duration: float = 0.1) -> RequestRecord:
    return replace(request("image", status, duration=duration), started=started)


def before_death(*requests: RequestRecord, workers: tuple[Worker, ...]) -> Responses:
    run = replace(EMPTY, routes={"image": IMAGE}, requests=requests, workers=workers)
    return count_responses(run)[IMAGE]


def test_what_a_dead_target_did_not_answer_is_no_unexpected_response() -> None:
    # It dies at 9.7 with a request in flight, which is noticed at 10.
    sent = (at(1, 200), at(9, 200), at(9.65), at(9.75), at(9.8), at(10.5))
    found = before_death(*sent, workers=(worker(1, 10.0),))
    assert (found.requests, found.unexpected, found.in_vain, found.unexpected_share) == (6, 0, 4, 0.0)
    assert found.statuses == {"no response": 4, "200": 2}


def test_what_a_target_refused_while_it_lived_stays_unexpected() -> None:
    sent = (at(1), at(2, 500), at(9, 200), at(10))
    found = before_death(*sent, workers=(worker(1, 10.0),))
    assert (found.unexpected, found.in_vain) == (2, 1)
    assert found.unexpected_share == pytest.approx(2 / 3)


def test_whoever_got_an_answer_had_found_it_alive() -> None:
    found = before_death(at(9.2), at(9.5, 200), at(9.7), workers=(worker(1, 10.0),))
    assert (found.unexpected, found.in_vain) == (1, 1)


def test_the_death_of_one_worker_among_others_excuses_nothing() -> None:
    found = before_death(at(9, 200), at(9.9), at(10.5), workers=(worker(1, 10.0), worker(2, None)))
    assert (found.unexpected, found.in_vain) == (2, 0)


def test_the_last_of_several_deaths_is_that_of_the_target() -> None:
    found = before_death(at(5), at(9, 200), at(19.9), workers=(worker(1, 5.0), worker(2, 20.0)))
    assert (found.unexpected, found.in_vain) == (1, 1)


def test_a_target_that_answered_nothing_has_no_share() -> None:
    found = before_death(at(9.9), workers=(worker(1, 10.0),))
    assert (found.in_vain, found.unexpected_share) == (1, 0.0)
