from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.likeness import judged_requests, unlike
from leakhunt.model.report import MemoryReport, Report
from leakhunt.model.run import WATCHED, Caveat, Round, Run
from unit.reports.comparison_samples import run_of
from unit.reports.samples import LEAK, MEMORY


def caveats(after: Report, *, run: Run | None = None) -> list[Caveat]:
    return list(unlike((run_of(LEAK), LEAK), (run or run_of(after), after)))


def test_two_runs_that_differ_in_nothing_have_no_caveat() -> None:
    assert caveats(LEAK) == []


def test_a_patch_version_and_a_slower_machine_change_nothing() -> None:
    conditions = {**LEAK.conditions, "python": "CPython 3.11.99", "cores": "1", "memory": "2 GiB"}
    server = {**conditions, "server": LEAK.conditions["server"].replace("27.0.1", "27.0.9")}
    assert caveats(replace(LEAK, conditions=server, started_at="2027-01-01T00:00:00Z")) == []


def with_python(text: str) -> Report:
    return replace(LEAK, conditions={**LEAK.conditions, "python": text})


def with_memory(**changes: object) -> Report:
    memory: MemoryReport = replace(MEMORY[0], **changes)  # type: ignore[arg-type]
    return replace(LEAK, memory=(memory,))


def planned(**changes: object) -> Report:
    return replace(LEAK, plan=replace(LEAK.plan, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "code", "text"),
    [
        (with_python("CPython 3.12.0"), "other-python", "Python: 3.11 before, 3.12 after"),
        (with_memory(allocator="jemalloc"), "other-allocator", "allocator: glibc before, jemalloc after"),
        (with_memory(pymalloc=False), "other-allocator", "allocator: glibc before, glibc without pymalloc after"),
        (planned(workload="other.toml"), "other-workload", ""),
        (planned(seed=8), "other-seed", "seed: 7 before, 8 after"),
        (planned(workers=4), "other-workers", "workers: 2 workers before, 4 workers after"),
        (planned(threads=4), "other-workers", "workers: 2 workers before, 2 workers, 4 threads after"),
        (planned(concurrency=9), "other-concurrency", "requests at once: 2 before, 9 after"),
        (planned(target="shop:app"), "other-target", ""),
        (planned(options={"effort": "strict"}), "other-effort", "effort: normal before, strict after"),
        (replace(LEAK, conditions={**LEAK.conditions, "server": "waitress 3.0"}), "other-server", ""),
        (
            replace(LEAK, judgement=replace(LEAK.judgement, thresholds={"live": 64.0})),
            "other-budget",
            "budgets per request: live 1024 before, live 64 after",
        ),
        (replace(LEAK, outcome="interrupted"), "incomplete", "the run after did not go to its end: interrupted"),
        (replace(LEAK, started_at="2001-01-01T00:00:00Z"), "order", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_differs_is_a_caveat(after: Report, code: str, text: str) -> None:
    (found,) = caveats(after)
    assert found.code == code
    assert text in found.text


def test_another_version_of_leakhunt_is_one() -> None:
    (found,) = caveats(LEAK, run=replace(run_of(LEAK), leakhunt="9.9"))
    assert (found.code, found.text) == ("other-leakhunt", "version of leakhunt: 0.1.0 before, 9.9 after")


def test_other_steps_are_one_though_routes_be_the_same() -> None:
    run = run_of(LEAK)
    found = caveats(LEAK, run=replace(run, routes={f"{step}2": route for step, route in run.routes.items()}))
    assert [each.code for each in found] == ["other-steps", "other-steps"]
    assert found[0].text.startswith("steps of the workload before only: course (GET /courses/")
    assert found[1].text.startswith("steps of the workload after only: course2 (GET /courses/")


def test_other_doses_are_one_and_say_how_many_requests_there_were() -> None:
    run = run_of(LEAK)
    more = Round(1, run.rounds[0].phase, 40.0, 50.0, {"video": 7}, 1)
    (found,) = caveats(LEAK, run=replace(run, rounds=(*run.rounds, more)))
    assert found.code == "other-doses"
    assert f"sent {judged_requests(run)} requests before, {judged_requests(run) + 7} after" in found.text


def test_a_run_that_was_only_watched_is_one() -> None:
    assert "only-watched" in [each.code for each in caveats(planned(workload=WATCHED))]
