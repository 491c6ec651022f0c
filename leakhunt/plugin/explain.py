"""Explain rounds: allocations traced, a snapshot after each round, then a closer look at what holds."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leakhunt.analysis.explain import alone_rounds
from leakhunt.analysis.leads import is_rare
from leakhunt.analysis.paths import growing_paths
from leakhunt.errors import TargetError
from leakhunt.hunt.explain import FIRST_DOSE, FRAMES, SHORT, Length, explain_doses
from leakhunt.hunt.snapshots import holders_of
from leakhunt.hunt.warm_up import StepCost
from leakhunt.model.run import Round
from leakhunt.model.snapshot import SiteStat, Snapshot
from leakhunt.plugin.look import Look
from leakhunt.plugin.ours import CALLER, is_ours
from leakhunt.targets.answers import chains_of, read_container, read_paths, read_sites

if TYPE_CHECKING:
    from leakhunt.plugin.experiment import Experiment

_LONG: Final = Length(3.0, 401)
"""For what only one call in a hundred leaves behind."""
_LOOKS: Final = 4
"""They run beside the rounds that follow."""
_LOOK: Final[Mapping[str, Any]] = {"sites": True, "paths": True}


def explain(experiment: Experiment, cost: StepCost) -> None:
    """Record what names line and holder. Where that cannot be done the verdict stands without: it is a caveat."""
    try:
        _trace(experiment, cost, 0, SHORT)
        if is_rare(experiment.recorder.run(), experiment.name):
            _trace(experiment, cost, 1, _LONG)
        _inspect(experiment)
    except TargetError as error:
        experiment.recorder.caveat("no-snapshot", error.message)


def _trace(experiment: Experiment, cost: StepCost, number: int, length: Length) -> None:
    with tempfile.TemporaryDirectory(prefix="leakhunt-") as directory, ExitStack() as looks:
        files: dict[int, Path] = {}

        def look(done: Round) -> None:
            files[done.index] = Path(directory, f"{done.index}.json")
            started.append(looks.enter_context(experiment.process.look(_LOOK, files[done.index], at_once=_LOOKS)))

        started: list[Look] = []
        with _traced():
            done, duration = experiment.unread_round(FIRST_DOSE, number)
            look(done)
            for dose in explain_doses(duration, cost.growth, 1, length=length):
                look(experiment.unread_round(dose, number)[0])
        # Only now: as objects they would be in the next one, and look like growth.
        for copy, (index, file) in zip(started, files.items(), strict=True):
            if copy.wait() is None:
                raise TargetError("A copy of this process that was to look at its heap did not get through.")
            experiment.recorder.snapshots.append(_snapshot(experiment, index, file))


@contextmanager
def _traced() -> Iterator[None]:
    """Tracing is on meanwhile, and afterwards as it was."""
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start(FRAMES)
    try:
        yield
    finally:
        tracemalloc.stop()


def _snapshot(experiment: Experiment, index: int, file: Path) -> Snapshot:
    message = _read(experiment, file)
    result = message["result"]
    return Snapshot(
        worker=experiment.process.key,
        round=index,
        sites=tuple(filter(_is_of_the_calls, read_sites(result["sites"]))) if "sites" in result else (),
        paths=read_paths(result["paths"]) if "paths" in result else (),
        problems=tuple(map(str, message["problems"])),
    )


def _is_of_the_calls(site: SiteStat) -> bool:
    """Whether it was not we who allocated that, beside the calls."""
    ours = [frame for frame in site.stack if is_ours(frame)]
    return not ours or any(frame.function.endswith(CALLER) for frame in ours)


def _inspect(experiment: Experiment) -> None:
    """Whether what holds the most has a cap."""
    run = experiment.recorder.run()
    holders = holders_of([path for alone in alone_rounds(run) for path in growing_paths(alone)])
    if not holders:
        return
    with tempfile.TemporaryDirectory(prefix="leakhunt-") as directory:
        file = Path(directory, "holders.json")
        wanted = {"paths": chains_of(holders), "sources": {}, "values": False, "budget": 0.0}
        with experiment.process.look({"holders": wanted}, file) as copy:
            if copy.wait() is None:
                raise TargetError("A copy of this process that was to look at its holders did not get through.")
        rows = _read(experiment, file)["result"].get("holders", ())
    index = run.rounds[-1].index
    experiment.recorder.containers.extend(read_container(row, experiment.process.key, index) for row in rows)


def _read(experiment: Experiment, file: Path) -> Mapping[str, Any]:
    message: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for problem in message["problems"]:
        experiment.recorder.caveat("snapshot", str(problem))
    return message
