from __future__ import annotations

from pathlib import Path

import PIL._imaging
import pytest

from fakes import FakeLink
from leakhunt.hunt import calls
from leakhunt.hunt.calls import watch_calls
from leakhunt.hunt.explain import explain
from leakhunt.hunt.packages import Packages
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.calls import Callee, CallTable, Operation
from leakhunt.model.run import Phase
from leakhunt.model.snapshot import Frame
from unit.hunt.bench import Bench

IMAGING = Path(PIL._imaging.__file__)
SEEN = Operation(
    (Frame("/srv/app/views.py", 7, "thumbnail"),),
    "call",
    (Callee(str(IMAGING), "new", called=True),),
    (),
    1,
    2,
    3,
    4,
    5,
)


@pytest.fixture
def unexplained(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose step leaves memory behind that nothing in Python holds."""
    monkeypatch.setattr(calls, "wants_calls", lambda _run, _step: True)
    bench.rounds.learn_routes()
    return bench


def link(bench: Bench) -> FakeLink:
    (found,) = bench.rounds.serving().values()
    assert isinstance(found, FakeLink)
    return found


def commands(bench: Bench) -> list[str]:
    words = [entry.split()[0] for entry in bench.target.log]
    return [word for word in words if word in {"watch", "unwatch", "load"}]


def test_the_first_round_is_not_counted_and_watching_ends(unexplained: Bench) -> None:
    watch_calls(unexplained.rounds, "image")
    assert commands(unexplained) == ["watch", "load", "watch", "load", "watch", "unwatch"]
    assert [done.alone for done in unexplained.of(Phase.CALLS)] == ["image", "image"]


def test_what_was_seen_is_recorded_with_the_package_of_the_shared_object(unexplained: Bench) -> None:
    agent, tables = link(unexplained), iter([(), (), (SEEN,)])

    def watch(round: int) -> CallTable:  # noqa: A002  # as the noun calls it
        operations = next(tables)
        return CallTable(agent.key, round, len(operations), operations)

    agent.watch = watch  # type: ignore[method-assign]  # only this one says something of its own
    watch_calls(unexplained.rounds, "image")
    (table,) = unexplained.run.calls
    (callee,) = table.operations[0].callees
    assert table.round == unexplained.of(Phase.CALLS)[-1].index
    assert (callee.file, callee.package) == (str(IMAGING), "pillow")


def test_requests_that_could_not_be_watched_are_a_caveat(unexplained: Bench) -> None:
    link(unexplained).skipped = {"the app traces or profiles itself": 3}
    watch_calls(unexplained.rounds, "image")
    assert unexplained.caveats["calls-not-watched"] == (
        "Calls into extensions were not measured: the app traces or profiles itself."
    )


def test_requests_that_were_let_go_are_a_caveat(unexplained: Bench) -> None:
    agent = link(unexplained)

    def watch(round: int) -> CallTable:  # noqa: A002  # as the noun calls it
        return CallTable(agent.key, round, 3, (SEEN,), {"it takes too long while it is looked at": 3})

    agent.watch = watch  # type: ignore[method-assign]  # only this one says something of its own
    watch_calls(unexplained.rounds, "image")
    assert unexplained.caveats["calls-not-watched"] == (
        "Calls into extensions were measured only in part: it takes too long while it is looked at."
    )


def test_an_agent_that_refuses_is_a_caveat(unexplained: Bench) -> None:
    link(unexplained).refuses = frozenset({"watch"})
    watch_calls(unexplained.rounds, "image")
    assert "calls-not-watched" in unexplained.caveats
    assert unexplained.run.calls == ()


def test_what_python_holds_needs_no_further_rounds(bench: Bench) -> None:
    bench.app.keeps = {"image": 1000}
    bench.rounds.learn_routes()
    explain(bench.rounds, "image", StepCost(duration=0.001, growth=1000), show_values=False)
    assert commands(bench).count("watch") == 0


def test_a_file_belongs_to_the_distribution_that_installed_it() -> None:
    packages = Packages()
    owner = packages.owner(IMAGING)
    assert owner is not None
    assert owner[0] == "pillow"
    assert packages.owner(IMAGING.with_name("nobody.so")) is None
    assert packages.owner(Path("/srv/app/own.so")) is None
