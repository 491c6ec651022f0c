from __future__ import annotations

import pytest

from fakes import route_of
from leakhunt.errors import WorkloadError
from leakhunt.hunt.warm_up import unexpected_answers, unexpected_share, warm_up, working_steps
from leakhunt.model.measurement import RequestRecord
from leakhunt.model.run import Phase
from unit.hunt.bench import Bench

STEPS = ("image", "page")


def answer(step: str, status: int | None, error: str | None = None) -> RequestRecord:
    return RequestRecord(0, step, status, status == 200, 0, 0.0, 0.001, error=error)


def mixed(bench: Bench) -> list[dict[str, int]]:
    """The doses of the rounds in which all steps run together."""
    return [dict(done.doses) for done in bench.of(Phase.WARM_UP) if done.alone is None]


def test_every_step_runs_alone_first(simulated: Bench) -> None:
    warm_up(simulated.rounds, STEPS)
    alone = [(done.alone, dict(done.doses)) for done in simulated.of(Phase.WARM_UP) if done.alone]
    assert alone == [
        ("image", {"image": 2}),
        ("image", {"image": 3}),
        ("page", {"page": 2}),
        ("page", {"page": 3}),
    ]


def test_the_cost_of_a_step_is_the_time_and_the_memory_of_one_request(simulated: Bench) -> None:
    simulated.app.seconds = {"image": 0.25}
    simulated.app.keeps = {"image": 70_000}
    costs = warm_up(simulated.rounds, STEPS)
    assert costs["image"].duration == pytest.approx(0.25)
    assert costs["image"].growth == 70_000
    assert costs["page"].growth == 0


def test_memory_that_is_given_back_is_no_negative_cost(simulated: Bench) -> None:
    simulated.app.keeps = {"image": -50_000}
    assert warm_up(simulated.rounds, STEPS)["image"].growth == 0


def test_the_routes_are_known_afterwards(simulated: Bench) -> None:
    warm_up(simulated.rounds, STEPS)
    assert simulated.run.routes == {step: route_of(step) for step in STEPS}


# --- Steady. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [{}, {"image": 30_000}])
def test_it_ends_as_soon_as_each_request_keeps_the_same(simulated: Bench, keeps: dict[str, int]) -> None:
    simulated.app.keeps = keeps
    warm_up(simulated.rounds, STEPS)
    assert mixed(simulated) == [dict.fromkeys(STEPS, dose) for dose in (2, 3, 5)]


def test_it_goes_on_while_caches_fill(simulated: Bench) -> None:
    simulated.app.keeps, simulated.app.entries = {"image": 30_000}, {"image": 12}
    warm_up(simulated.rounds, STEPS)
    assert len(mixed(simulated)) == 5


def test_it_ends_even_if_the_app_is_never_steady(simulated: Bench) -> None:
    def restless(number: int) -> None:
        simulated.app.keeps = {"image": 10_000 * 2**number}

    simulated.replayer.before = restless
    warm_up(simulated.rounds, STEPS)
    assert len(mixed(simulated)) == 6


# --- Steps that do not work. ----------------------------------------------------------------------------------------


def test_a_step_that_fails_is_dropped(simulated: Bench) -> None:
    simulated.app.statuses = {"image": 500}
    assert set(warm_up(simulated.rounds, STEPS)) == {"page"}
    assert all(set(doses) == {"page"} for doses in mixed(simulated))


def test_no_step_left_is_an_error_with_the_answers(simulated: Bench) -> None:
    simulated.app.statuses = {"image": 403, "page": None}
    with pytest.raises(WorkloadError) as caught:
        warm_up(simulated.rounds, STEPS)
    assert caught.value.exit_code == 3
    assert caught.value.message == (
        "No step of the workload gets the response it should: image: 403 x5; page: no response x5."
    )
    assert caught.value.hint is not None
    assert "redirects count as unexpected" in caught.value.hint


def test_what_a_target_that_fails_wrote_is_shown(simulated: Bench) -> None:
    simulated.app.statuses = {"image": 500, "page": 404}
    with pytest.raises(WorkloadError) as caught:
        warm_up(simulated.rounds, STEPS)
    assert caught.value.message.splitlines()[1:] == ["  | ValueError: no such album"]


@pytest.mark.parametrize(("failures", "works"), [(0, True), (1, True), (2, False), (10, False)])
def test_a_step_may_fail_now_and_then(failures: int, works: bool) -> None:
    requests = [answer("image", 500)] * failures + [answer("image", 200)] * (10 - failures) + [answer("page", 200)]
    assert unexpected_share(requests, "image") == failures / 10
    assert ("image" in working_steps(requests, STEPS, str)) is works


def test_answers_are_counted_by_step_and_kind() -> None:
    requests = [answer("video", None, "connection reset"), *[answer("image", 302)] * 2, answer("page", 200)]
    assert unexpected_answers(requests) == "image: 302 x2; video: connection reset x1"
