from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from builders import App, Kept, explain, record, white
from leakhunt.analysis.analyse import analyse
from leakhunt.model.report import Verdict
from leakhunt.model.run import ATTACHED, Run
from leakhunt.model.snapshot import Frame

IMAGE, VIDEO = "POST /image", "POST /video"
KEEPS: Mapping[str, Mapping[str, float]] = {route: {"live": 20_000, "blocks": 3} for route in (IMAGE, VIDEO)}
FLAGS = "--chdir site --env TOKEN=\"$TOKEN\" --request 'POST /image'"
HOME = {"directory": "/srv/app"}


def kept(file: str, function: str, holder: str, outer: tuple[Frame, ...] = ()) -> Kept:
    path = [(holder, "module"), ("._KEPT", "dict"), ("['*']", "Thing")]
    return Kept(path, size=56, stack=[Frame(file, 42, function), *outer], allocated=20_000)


THUMBNAIL = kept("/srv/app/site/views.py", "thumbnail", "views")


def leaking(thing: Kept = THUMBNAIL, *, flags: str | None = FLAGS) -> Run:
    run = explain(record(App(routes=(IMAGE, "GET /"), keeps={IMAGE: KEEPS[IMAGE]})), IMAGE, [thing])
    options = {"chdir": "site", "time budget": "20 s"} | ({} if flags is None else {"flags": flags})
    return replace(run, plan=replace(run.plan, options=options), conditions=HOME)


def following(run: Run, verdict: Verdict) -> str | None:
    report = analyse(run)
    assert report.judgement.verdict is verdict
    return report.next_command


# --- A leak. --------------------------------------------------------------------------------------------------------


def test_a_leak_is_looked_at_line_by_line_with_the_flags_that_were_typed() -> None:
    assert following(leaking(), Verdict.LEAK) == (
        f"leakhunt lines --function views:thumbnail {FLAGS} shop.wsgi:application"
    )


def test_a_leak_of_an_app_that_ran_before_is_handed_on_since_its_functions_are_in_use_already() -> None:
    run = leaking()
    attached = replace(run, plan=replace(run.plan, server=ATTACHED, target="PID 4711"))
    assert following(attached, Verdict.LEAK) == "leakhunt report simulated --format md"


def test_every_leaking_route_has_its_function() -> None:
    run = record(App(routes=(IMAGE, VIDEO), keeps=KEEPS))
    run = explain(explain(run, IMAGE, [THUMBNAIL]), VIDEO, [kept("/srv/app/site/shop/queue.py", "put", "queue")])
    plan = replace(run.plan, options={"flags": FLAGS, "chdir": "site"})
    assert following(replace(run, plan=plan, conditions=HOME), Verdict.LEAK) == (
        f"leakhunt lines --function views:thumbnail --function shop.queue:put {FLAGS} shop.wsgi:application"
    )


def test_a_command_of_the_users_own_comes_after_two_dashes() -> None:
    run = leaking()
    plan = replace(run.plan, server="own command", target="gunicorn -w 3 shop.wsgi")
    command = following(replace(run, plan=plan), Verdict.LEAK)
    assert command is not None
    assert command.endswith(f"{FLAGS} -- gunicorn -w 3 shop.wsgi")


@pytest.mark.parametrize(
    ("thing", "function"),
    [
        (kept("/srv/app/site/shop/queue.py", "Queue.put", "shop.leaky"), "shop.queue:Queue.put"),
        (kept("/srv/app/site/views.py", "thumbnail.<locals>.<lambda>", "views"), "views:thumbnail"),
        (
            kept("/srv/app/site/views.py", "<listcomp>", "views", (Frame("/srv/app/site/views.py", 9, "search"),)),
            "views:search",
        ),
    ],
    ids=["held by another module", "inner function", "comprehension of an old Python"],
)
def test_functions_are_named_so_that_they_can_be_found(thing: Kept, function: str) -> None:
    command = following(leaking(thing), Verdict.LEAK)
    assert command is not None
    assert f"--function {function} " in command


def test_a_function_that_cannot_be_named_leaves_the_report_to_hand_on() -> None:
    run = leaking(kept("/elsewhere/my views.py", "thumbnail", "other"))
    recorded = replace(run, conditions={**HOME, "run directory": "runs/my shop"})
    assert following(recorded, Verdict.LEAK) == "leakhunt report 'runs/my shop' --format md"


def test_of_an_older_run_the_workload_file_is_known() -> None:
    run = leaking(flags=None)
    recorded = replace(run, plan=replace(run.plan, workload="my uploads.toml"))
    command = following(recorded, Verdict.LEAK)
    assert command == (
        "leakhunt lines --function views:thumbnail --chdir site --workload 'my uploads.toml' shop.wsgi:application"
    )


# --- No leak. -------------------------------------------------------------------------------------------------------


def test_where_all_is_clean_nothing_is_left_to_run() -> None:
    assert following(record(App(), blocks=1), Verdict.CLEAN) is None


def undecided(**changes: object) -> Run:
    """Too noisy for a verdict."""
    run = record(App(routes=(IMAGE,), noise=white(11_000)))
    options = {"time budget": "20 s", "flags": FLAGS, "experiment flags": "--no-peaks"}
    plan = replace(run.plan, options=options, **changes)  # type: ignore[arg-type]  # names of its fields
    return replace(run, plan=plan)


def test_what_is_undecided_is_run_again_for_longer_by_the_factor_that_the_reason_names() -> None:
    report = analyse(undecided())
    assert "about 5 times as many requests would settle it" in report.judgement.reasons[0]
    assert report.next_command == f"leakhunt profile {FLAGS} --no-peaks --budget-time 100 shop.wsgi:application"


def test_a_limit_on_requests_is_raised_too() -> None:
    command = following(undecided(max_requests=500), Verdict.INCONCLUSIVE)
    assert command is not None
    assert " --requests 2500 " in command


def test_a_run_without_a_whole_block_needs_many_more_requests() -> None:
    run = record(App(routes=(IMAGE,)), rounds=2)
    plan = replace(run.plan, options={"flags": FLAGS}, max_requests=20)
    command = following(replace(run, plan=plan, outcome="complete"), Verdict.INCONCLUSIVE)
    assert command is not None
    assert " --requests 200 " in command


def test_growth_that_was_seen_once_needs_no_more_than_twice_the_time() -> None:
    run = record(App(routes=(IMAGE,), keeps={IMAGE: KEEPS[IMAGE]}), blocks=1)
    plan = replace(run.plan, options={"time budget": "20 s", "flags": FLAGS})
    command = following(replace(run, plan=plan), Verdict.INCONCLUSIVE)
    assert command is not None
    assert " --budget-time 40 " in command


@pytest.mark.parametrize("outcome", [None, "interrupted"])
def test_a_run_that_somebody_stopped_is_run_once_more(outcome: str | None) -> None:
    command = following(replace(undecided(), outcome=outcome), Verdict.INCONCLUSIVE)
    assert command is not None
    assert " --budget-time 20 " in command


def test_what_stopped_a_run_would_stop_it_again() -> None:
    stopped = replace(undecided(), outcome="The load was stopped: only 1 GiB of disk is free.")
    assert following(stopped, Verdict.INCONCLUSIVE) is None


def test_unexpected_responses_are_not_mended_by_more_requests() -> None:
    run = record(App(routes=(IMAGE,), statuses={IMAGE: 500}))
    plan = replace(run.plan, options={"time budget": "20 s", "flags": FLAGS})
    assert following(replace(run, plan=plan), Verdict.INCONCLUSIVE) is None


def test_an_older_run_without_a_workload_file_cannot_be_repeated() -> None:
    run = undecided()
    assert following(replace(run, plan=replace(run.plan, options={})), Verdict.INCONCLUSIVE) is None
