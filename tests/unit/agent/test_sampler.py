"""The native sampler on several Pythons: two in the quick suite, all that are there in the slow one."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import extra_python, find_attachable
from sampler_build import run_program

OWN = Path(sys.executable)
QUICK = {"3.8", "3.12"}
"""The oldest, and one whose frames are no objects."""

each_python = pytest.mark.parametrize(
    "python",
    [
        pytest.param(path, id=version, marks=() if version in QUICK else pytest.mark.slow)
        for version, path in find_attachable().items()
        if any(Path(path.parent.parent, "include").glob(f"python{version}*/Python.h"))
    ],
)

SIGMAS = 5
"""What an estimate may be off: one in 1.7 million would be further by chance."""


def test_it_is_installed_with_leakhunt() -> None:
    try:
        from leakhunt.agent import _sampler
    except ImportError:
        pytest.skip("leakhunt was installed without a C compiler.")
    with pytest.raises(RuntimeError, match="not been started"):
        _sampler.stats()


# --- What is estimated. ----------------------------------------------------------------------------------------------


@each_python
@pytest.mark.parametrize("interval", [2_000, 16_000])
def test_each_lines_bytes_are_estimated_with_the_error_that_theory_predicts(python: Path, interval: int) -> None:
    rows = run_program(python, "estimates.against_tracemalloc", interval=interval, seed=interval)
    assert len(rows) >= 8
    for exact, estimated, deviation in rows:
        assert abs(estimated - exact) < SIGMAS * deviation + 1
    # The prediction is neither too wide nor too narrow: half of the lines are within two deviations, not all dead on.
    surprises = [abs(estimated - exact) / deviation for exact, estimated, deviation in rows if deviation > 1]
    assert sum(surprise < 2 for surprise in surprises) >= 0.5 * len(surprises)
    assert max(surprises) > 0.05


@each_python
@pytest.mark.parametrize(("size", "interval"), [(100, 10_000), (1000, 1000), (8000, 2000)])
def test_a_block_is_sampled_with_the_probability_that_its_size_gives_it(python: Path, size: int, interval: int) -> None:
    number = 10_000
    full = size + sys.getsizeof(b"")
    chance = 1 - math.exp(-full / interval)
    samples = run_program(python, "estimates.how_often", number=number, size=size, interval=interval)
    assert abs(samples - number * chance) < SIGMAS * math.sqrt(number * chance * (1 - chance))


@each_python
def test_what_is_freed_is_not_told_any_more(python: Path) -> None:
    everything, half, nothing, (freed,) = run_program(python, "estimates.what_is_freed")
    assert everything[0] > half[0] > 0
    assert nothing == [0, 0]
    assert freed >= everything[0]


@each_python
def test_every_block_of_a_random_trace_is_told_as_the_model_has_it(python: Path) -> None:
    assert run_program(python, "traces.random_trace", rows=3000, seed=7) == []


def test_there_is_no_trace_that_is_told_wrongly() -> None:
    assert run_program(OWN, "traces.any_trace", examples=150) >= 150


@each_python
def test_too_many_samples_make_the_interval_longer_and_the_estimate_no_worse_than_that(python: Path) -> None:
    found = run_program(python, "estimates.overflows")
    assert found["live"] <= 500
    assert found["doubled"] >= 3
    assert found["thinned"] > 0
    for exact, estimated, deviation in found["sizes"]:
        assert abs(estimated - exact) < SIGMAS * deviation
    assert found["within"]
    assert found["stackless"] > 800
    assert found["stacks"] == [[]]


# --- Stacks and marks. -----------------------------------------------------------------------------------------------


@each_python
def test_stacks_have_the_lines_that_ran_and_at_most_128_frames(python: Path) -> None:
    found = run_program(python, "marks.stacks")
    whole, frames = found["few"]
    assert whole
    assert [name_of(frame) for frame in frames[:6]] == ["deep"] * 4 + ["<lambda>", "stacks"]
    assert line_of(frames[0]) == "kept.append(bytes(100_000))"
    assert line_of(frames[1]) == line_of(frames[3]) == "deep(depth - 1, kept)"
    assert line_of(frames[5]) == "doing()"
    whole, frames = found["many"]
    assert not whole
    assert len(frames) == 128
    assert {name_of(frame) for frame in frames} == {"deep"}
    whole, frames = found["generator"]
    assert whole
    assert [name_of(frame) for frame in frames[:3]] == ["generated", "<lambda>", "stacks"]
    assert line_of(frames[0]) == "kept.append(bytes(100_000))"


def name_of(frame: list[Any]) -> str:
    return str(frame[2]).rpartition(".")[2]


def line_of(frame: list[Any]) -> str:
    file, line, _ = frame
    return str(Path(file).read_text().splitlines()[line - 1].strip())


@each_python
def test_marks_follow_contexts_into_tasks_and_copies(python: Path) -> None:
    found = run_program(python, "marks.tags")
    tags = {name: set(counts) for name, counts in found["counts"].items()}
    assert tags == {
        "plain": {"0"},
        "task": {"5"},
        "other": {"6"},
        "later": {"5", "6"},
        "thread": {"7"},
        "copied": {"7"},
    }
    assert {name for name, in_main_thread in found["threads"] if in_main_thread} == {"plain", "task", "other", "later"}
    assert {name for name, in_main_thread in found["threads"] if not in_main_thread} == {"thread", "copied"}


def test_greenlets_that_take_turns_keep_their_marks() -> None:
    found = run_program(OWN, "marks.greenlet_tags")
    assert found["right"] > 300
    assert "wrong" not in found


@each_python
def test_code_that_was_sampled_lives_until_samples_are_forgotten(python: Path) -> None:
    alive, after, codes = run_program(python, "marks.held_code")
    assert (alive, after) == (True, False)
    assert codes >= 2


# --- Coming and going. -----------------------------------------------------------------------------------------------


@each_python
def test_it_comes_and_goes_without_a_trace(python: Path) -> None:
    found = run_program(python, "lives.comes_and_goes")
    assert found["changed"] == [1, 2]  # MEM and OBJ, not RAW
    assert found["live"] > 300
    assert found["reset"] == 0
    assert found["again"] > 300
    assert found["stop"] == {"obj": "removed", "mem": "removed"}
    assert found["restored"]
    assert found["still restored"]


@each_python
def test_what_cannot_be_is_refused_in_a_sentence(python: Path) -> None:
    assert run_program(python, "lives.refusals") == [
        *["RuntimeError: the sampler has not been started"] * 4,
        "ValueError: interval has to be between 1 and 1099511627776",
        "ValueError: interval has to be between 1 and 1099511627776",
        "ValueError: samples has to be between 1 and 16777216",
        "ValueError: calls has to be between 1 and 16777216",
        "ValueError: round has to be between 0 and 4294967295",
        "RuntimeError: the sampler has been started already",
    ]


@each_python
def test_under_a_hook_that_came_later_it_stays_as_a_passage(python: Path) -> None:
    found = run_program(python, "lives.covered")
    assert found["hooks"] == {"obj": "covered", "mem": "covered"}
    assert found["live"] > 300
    assert found["stop"] == {"obj": "covered", "mem": "covered"}
    assert found["passes on"] == 1000
    assert found["again"] == {"obj": "covered", "mem": "covered"}
    assert found["live again"] > 300
    assert found["stop again"] == {"obj": "covered", "mem": "covered"}
    assert found["left"]
    assert found["at last"] == {"obj": "removed", "mem": "removed"}
    assert found["restored"]


@each_python
def test_a_hook_that_came_earlier_and_leaves_takes_it_along_and_that_is_told(python: Path) -> None:
    found = run_program(python, "lives.displaced")
    assert found["hooks"] == {"obj": "displaced", "mem": "displaced"}
    assert found["stop"] == {"obj": "displaced", "mem": "displaced"}
    assert found["live"] > 300
    assert found["restored"]


@each_python
@pytest.mark.parametrize("bare", [False, True], ids=["fork", "clone"])
@pytest.mark.parametrize("follow", [False, True], ids=["alone", "followed"])
def test_a_child_has_the_samples_and_goes_on_only_if_it_was_to(python: Path, bare: bool, follow: bool) -> None:
    found = run_program(python, "lives.forks", bare=bare, follow=follow)
    child = found["child"]
    assert found["at fork"] > 300
    assert found["parent"] > found["at fork"] + 300
    assert child["freed"] == 0
    assert child["sampling"] is follow
    if follow:
        assert child["live"] > found["at fork"] + 300
        # Two lotteries that have nothing in common draw 46 of 100 blocks in one of the processes alone.
        assert len(set(child["which"]) ^ set(found["which"])) > 300
    else:
        assert child["live"] == found["at fork"]
        assert child["anew"] > 300
    assert child["stop"] == found["stop"] == {"obj": "removed", "mem": "removed"}


@each_python
def test_a_process_may_end_while_it_samples(python: Path) -> None:
    assert run_program(python, "lives.ends")


@each_python
def test_other_interpreters_are_refused_and_do_not_disturb(python: Path) -> None:
    found = run_program(python, "lives.interpreters")
    assert "interpreter" in found["inside"]
    assert found["inside"] != "imported"
    assert found["beside"] == "the sampler works in the main interpreter alone, and this process has sub-interpreters"
    assert found["skipped"] > 0
    assert found["live"] > 300
    assert found["stop"] == {"obj": "removed", "mem": "removed"}


@each_python
def test_threads_forks_and_collections_while_it_comes_and_goes_do_no_harm(python: Path) -> None:
    found = run_program(python, "stress.stress", seconds=1.0, threads=3, seed=5)
    assert found["stop"] > 0


@pytest.mark.slow  # `make pythons` makes it first
def test_a_python_without_the_gil_is_refused_in_a_sentence() -> None:
    with pytest.raises(AssertionError, match="the sampler relies on the GIL, and this Python is a free-threaded one"):
        run_program(extra_python("3.13t"), "lives.refusals")


@pytest.mark.slow
@each_python
def test_twenty_seconds_of_threads_forks_and_collections_does_no_harm(python: Path) -> None:
    assert run_program(python, "stress.stress", seconds=20, threads=4, seed=8)["stop"] > 40
