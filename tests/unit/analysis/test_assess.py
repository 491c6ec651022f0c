"""What the experiment is told between two blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import (
    App,
    Cache,
    arena_steps,
    autoregressive,
    ratchet,
    record,
    white,
)
from leakhunt.analysis.assess import assess
from leakhunt.model.measurement import Sample
from leakhunt.model.run import Round

IMAGE, VIDEO, COURSE = "POST /image", "POST /video", "GET /course"
LEAKY = App(keeps={IMAGE: {"live": 20_000, "blocks": 3}})


def states(app: App, **options: object) -> dict[str, str]:
    run = record(app, **options)  # type: ignore[arg-type]  # keyword arguments of `record`, as the tests vary them
    return {route: state.state for route, state in assess(run).routes.items()}


def test_a_clean_application_is_settled_once_a_rare_leak_would_have_shown() -> None:
    early, late = (assess(record(App(), blocks=blocks)) for blocks in (1, 2))
    assert {state.state for state in early.routes.values()} == {"clean"}
    assert not early.settled
    assert late.settled


def test_with_a_quick_look_the_first_evidence_is_enough() -> None:
    run = record(App(), blocks=1)
    assert assess(replace(run, plan=replace(run.plan, options={"effort": "quick"}))).settled


def test_a_strict_run_wants_four_times_the_proof() -> None:
    run = record(App(), blocks=2)
    assert not assess(replace(run, plan=replace(run.plan, options={"effort": "strict"}))).settled


def test_a_leak_needs_two_blocks_running() -> None:
    assert states(LEAKY, blocks=1)[IMAGE] == "growing"
    assert states(LEAKY, blocks=2)[IMAGE] == "leak"


def test_the_other_routes_of_a_leaking_application_are_clean() -> None:
    found = states(LEAKY)
    assert {route: state for route, state in found.items() if route != IMAGE} == dict.fromkeys(
        set(found) - {IMAGE}, "clean"
    )


@pytest.mark.parametrize("per_request", [360, 1_700, 20_000, 5_000_000])
def test_leaks_of_all_sizes_are_found(per_request: int) -> None:
    app = App(routes=(IMAGE, COURSE), keeps={IMAGE: {"live": per_request, "blocks": 4}})
    assert states(app) == {IMAGE: "leak", COURSE: "clean"}


def test_a_container_that_doubles_hides_no_leak() -> None:
    app = App(keeps={IMAGE: {"live": 1_700, "blocks": 8}}, doubling=True)
    assert states(app, blocks=3)[IMAGE] == "leak"


@pytest.mark.parametrize("entries", [200, 800])
def test_a_cache_that_is_full_is_no_leak(entries: int) -> None:
    app = App(caches={IMAGE: Cache(entries, 2_000)})
    assert states(app, blocks=4)[IMAGE] in {"clean", "bounded"}


def test_a_route_whose_only_block_is_not_whole_is_open_and_gets_another() -> None:
    run = record(App(), only={0: (IMAGE,), 1: (COURSE,), 2: (COURSE,)}, blocks=3)
    lost = next(round_ for round_ in run.rounds if round_.block == 0)
    found = assess(replace(run, rounds=tuple(round_ for round_ in run.rounds if round_ is not lost)))
    assert found.routes[IMAGE].state == "open"
    assert not found.settled


def test_a_little_growth_that_stopped_is_warm_up() -> None:
    found = assess(record(App(caches={IMAGE: Cache(800, 600)}), blocks=4)).routes[IMAGE]
    assert found.state == "clean"
    assert any("at first, then stopped growing" in reason for reason in found.reasons)


def test_a_small_leak_is_made_sure_of_until_it_has_kept_more_than_any_warm_up() -> None:
    small = App(routes=(IMAGE,), keeps={IMAGE: {"live": 100, "blocks": 1}}, noise=white(50))
    early, late = (assess(record(small, blocks=blocks)).routes[IMAGE] for blocks in (4, 6))
    assert (early.state, early.proven) == ("leak", False)
    assert (late.state, late.proven) == ("leak", True)


def test_growth_that_stopped_is_bounded() -> None:
    assert states(App(caches={IMAGE: Cache(800, 2_000)}), blocks=4)[IMAGE] == "bounded"


def test_background_growth_is_no_leak_of_any_route() -> None:
    assert "leak" not in states(App(per_second=400_000)).values()


def test_several_workers_are_judged_by_what_each_served() -> None:
    assert states(LEAKY, workers=2)[IMAGE] == "leak"


def test_growth_that_dies_with_recycled_workers_still_counts() -> None:
    assert states(LEAKY, workers=3, recycle=4_000, scale=12, blocks=3)[IMAGE] == "leak"


def test_a_single_process_without_an_agent_is_judged_by_what_was_asked() -> None:
    assert states(LEAKY, agent=False)[IMAGE] == "leak"


def test_several_processes_without_an_agent_cannot_be_judged() -> None:
    assert set(states(LEAKY, agent=False, workers=2).values()) == {"unjudgeable"}


def test_a_route_that_only_redirects_is_not_judged() -> None:
    found = states(App(statuses={IMAGE: 302}))
    assert found[IMAGE] == "unjudgeable"
    assert found[VIDEO] == "clean"


@pytest.mark.parametrize("signal", ["threads", "descriptors", "temp_files"])
def test_resources_leak_without_a_byte(signal: str) -> None:
    assert states(App(keeps={IMAGE: {signal: 1}}))[IMAGE] == "leak"


def test_memory_that_only_the_kernel_sees_leaks_too() -> None:
    assert states(App(keeps={IMAGE: {"anonymous": 8_192}}))[IMAGE] == "leak"


def test_uploads_of_differing_sizes_hide_no_leak() -> None:
    keeps = {IMAGE: {"live": 600_000.0}, VIDEO: {"live": 3e6}, "POST /document": {"live": 200_000.0}}
    app = App(keeps=keeps, spread=0.43, upload=1e6)
    found = states(app, scale=3, blocks=3)
    assert [found[route] for route in keeps] == ["leak"] * 3
    assert found[COURSE] != "leak"


def test_less_than_one_block_settles_nothing() -> None:
    assert set(states(LEAKY, rounds=4).values()) == {"open"}


def test_the_growth_of_the_next_block_is_predicted() -> None:
    assessment = assess(record(LEAKY))
    predicted = assessment.predicted_growth({IMAGE: 1_000, VIDEO: 1_000})
    assert predicted["live"] == pytest.approx(20e6, rel=0.05)
    assert predicted["blocks"] == pytest.approx(3_000, rel=0.05)


def test_the_worst_route_is_explained_first() -> None:
    app = App(keeps={IMAGE: {"live": 20_000}, VIDEO: {"live": 90_000}})
    assert assess(record(app)).suspicious[:2] == (VIDEO, IMAGE)


def test_a_small_leak_over_few_requests_asks_for_another_block() -> None:
    app = App(keeps={IMAGE: {"live": 400, "blocks": 2}})
    assert not assess(record(app, blocks=2)).settled
    assert assess(record(app, blocks=4)).settled


def test_noise_alone_is_never_a_leak() -> None:
    """The whole decision on clean runs whose levels drift, jump and climb: no LEAK, and most are settled."""
    kinds = (white(2_000), autoregressive(2_000), arena_steps(60_000, 0.1), ratchet(8_000))
    found = [
        state
        for kind in kinds
        for seed in range(3)
        for state in states(
            App(routes=(IMAGE, COURSE), noise=kind, anonymous_noise=arena_steps(1e6)), seed=seed, blocks=2
        ).values()
    ]
    assert "leak" not in found


def test_later_blocks_may_leave_settled_routes_out() -> None:
    """The experiment goes on with open routes only, in blocks of fewer rounds."""
    app = App(routes=(IMAGE, COURSE), keeps={IMAGE: {"live": 20_000, "blocks": 3}}, noise=white(300))
    run = record(app, blocks=2, only={1: (IMAGE,)})
    found = {route: state.state for route, state in assess(run).routes.items()}
    assert found.pop(IMAGE) == "leak"
    assert set(found.values()) == {"clean"}


def test_one_step_over_several_blocks_is_put_down_to_no_route() -> None:
    run = record(App(routes=(IMAGE, COURSE)), blocks=3)
    place = run.rounds.index([round_ for round_ in run.rounds if round_.block == 1][2])
    stepped = replace(run, rounds=tuple(_raised(r, 941 * 1024) if i >= place else r for i, r in enumerate(run.rounds)))
    found = assess(stepped).routes
    assert {state.state for state in found.values()} == {"clean"}
    assert any("one step of +94" in reason for reason in found[IMAGE].reasons)


def test_a_step_that_comes_back_is_none() -> None:
    run = record(App(routes=(IMAGE, COURSE)), blocks=2)
    places = [run.rounds.index([r for r in run.rounds if r.block == block][2]) for block in (0, 1)]
    twice = [_raised(r, 941 * 1024 * sum(i >= place for place in places)) for i, r in enumerate(run.rounds)]
    found = assess(replace(run, rounds=tuple(twice))).routes
    assert found[IMAGE].state not in {"clean", "bounded"}


def _raised(round_: Round, size: int) -> Round:
    return replace(round_, samples=tuple(_raised_sample(sample, size) for sample in round_.samples))


def _raised_sample(sample: Sample, size: int) -> Sample:
    assert sample.heap is not None
    assert sample.heap.malloc is not None
    return replace(sample, heap=replace(sample.heap, malloc=sample.heap.malloc + size))
