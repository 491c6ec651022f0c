from __future__ import annotations

from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.blocks import Experiment, memory_signal, read_experiment, resource_signals, rounds_needed
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.permutation import PValue
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.thresholds import DEFAULTS
from unit.analysis.ledgers import DOSES, blocks, experiment, rounds, row

BEST = 1 / 720


def slope(per_request: float, p_value: float | None = BEST, attainable: float = BEST) -> Slope:
    chance = None if p_value is None else PValue(p_value, p_value)
    return Slope(per_request, (per_request - 1, per_request + 1), chance, attainable, 90, per_request * 90, 1.0)


def hits(**slopes: Slope) -> frozenset[str]:
    return blocks({"live": 0}).hits(slopes)


def stepped(step: float, at: int = 7, quiet: float = 100.0) -> Experiment:
    """Two blocks that grow by `quiet` in every round but one."""
    growth = [step if position == at else quiet for position in range(12)]
    return experiment([row(i, {"live": value}, {"a": DOSES[i % 6]}, block=i // 6) for i, value in enumerate(growth)])


def test_a_block_that_was_cut_short_is_left_out() -> None:
    whole, part = rounds({"live": 0}), rounds({"live": 0}, block=1)[:5]
    assert [len(block.rows) for block in experiment([*whole, *part]).blocks] == [6]


@pytest.mark.parametrize(("routes", "needed"), [(1, 6), (4, 6), (5, 7), (40, 42)])
def test_more_routes_need_more_rounds(routes: int, needed: int) -> None:
    assert rounds_needed(routes, DEFAULTS) == needed


def test_a_run_without_rounds_has_no_blocks_and_no_routes() -> None:
    nothing = experiment([])
    assert (nothing.blocks, nothing.routes) == ((), ())


def test_a_block_has_the_routes_that_got_requests_in_it() -> None:
    run = record(App(routes=("POST /image", "GET /course")), blocks=3, only={1: ("POST /image",)})
    found = read_experiment(read_ledger(run, DEFAULTS), DEFAULTS)
    assert [block.routes for block in found.blocks] == [
        ("POST /image", "GET /course"),
        ("POST /image",),
        ("POST /image", "GET /course"),
    ]
    assert found.numbers("GET /course") == (0, 2)
    assert {row.block for row in found.window("GET /course").rows} == {0, 2}


def test_sizes_are_taken_from_the_last_two_blocks() -> None:
    three = blocks({"live": 900}, {"live": 500}, {"live": 500})
    assert [row.block for row in three.window("a").rows] == [1] * 6 + [2] * 6


def test_one_block_joined_is_itself() -> None:
    two = blocks({"live": 0}, {"live": 0})
    assert two.join((1,)) is two.blocks[1]
    assert two.join((0, 1)).rows == two.blocks[0].rows + two.blocks[1].rows


@pytest.mark.parametrize("step", [900_000, -900_000])
def test_a_step_that_dwarfs_every_other_round_is_left_out_of_the_sizes(step: float) -> None:
    found = stepped(step).lone_step("live")
    assert found is not None
    assert found.index == 7
    assert 7 not in {row.index for row in stepped(step).window("a").rows}


def test_a_step_that_is_no_ten_times_as_large_as_the_next_is_none() -> None:
    assert stepped(900).lone_step("live") is None


def test_a_step_within_the_budget_is_none() -> None:
    assert stepped(60, quiet=1).lone_step("live") is None
    assert stepped(65, quiet=1).lone_step("live") is not None


def test_a_single_block_is_too_short_to_know_a_lone_step() -> None:
    assert experiment(list(stepped(900_000, at=3).blocks[0].rows)).lone_step("live") is None


def test_a_signal_that_was_not_read_has_no_step_and_no_slope() -> None:
    assert stepped(900_000).lone_step("threads") is None
    assert "threads" not in stepped(0).slopes(stepped(0).blocks[0], "a")


def test_growth_of_the_budget_that_chance_does_not_explain_is_a_hit() -> None:
    assert hits(live=slope(64)) == {"live"}
    assert hits(live=slope(63.9)) == set()
    assert hits(live=slope(64, p_value=3 * BEST)) == set()
    assert hits(live=slope(64, p_value=None)) == set()


def test_a_dose_that_came_twice_is_forgiven_and_no_more() -> None:
    assert hits(live=slope(64, p_value=2 * BEST, attainable=2 * BEST)) == {"live"}
    assert hits(live=slope(64, p_value=4 * BEST, attainable=4 * BEST)) == set()


def test_blocks_prove_nothing_unless_the_bytes_agree() -> None:
    assert hits(blocks=slope(3), live=slope(90, p_value=0.2)) == {"blocks"}
    assert hits(blocks=slope(3), live=slope(10)) == set()
    assert hits(blocks=slope(3), anonymous=slope(2_000, p_value=0.2)) == {"blocks"}
    assert hits(blocks=slope(3), live=slope(10), anonymous=slope(2_000, p_value=0.2)) == set()
    assert hits(blocks=slope(3)) == set()


def test_a_slope_below_the_budget_is_not_tested() -> None:
    small, large = (blocks({"live": kept}).blocks[0] for kept in (10, 500))
    read = blocks({"live": 0}).slopes
    assert read(small, "a")["live"].p_value is None
    chance = read(large, "a")["live"].p_value
    assert chance is not None
    assert chance.own == pytest.approx(BEST)


def test_threads_descriptors_and_files_are_resources() -> None:
    slopes = {name: slope(1) for name in ("live", "blocks", "threads", "descriptors", "temp_files")}
    assert set(resource_signals(slopes)) == {"threads", "descriptors", "temp_files"}


def test_live_bytes_come_before_anonymous_memory_where_every_round_has_them() -> None:
    both = rounds({"live": 1, "anonymous": 1})
    assert memory_signal(both) == "live"
    assert memory_signal([*both, replace(both[0], growth={"anonymous": 1.0})]) == "anonymous"
    assert memory_signal([*both, replace(both[0], growth={"threads": 1.0})]) is None
    assert memory_signal([]) is None


def test_rounds_of_workers_that_have_just_been_replaced_are_left_out_where_enough_others_are_left() -> None:
    rows = [*rounds({"live": 0}, doses=(13, 7, 23, 11, 19, 17, 29))]
    young = [replace(rows[0], young=True), *rows[1:]]
    (block,) = experiment(young).blocks
    assert len(block.rows) == 6
    (block,) = experiment([*young[:1], *(replace(row, young=True) for row in rows[1:2]), *rows[2:]]).blocks
    assert len(block.rows) == 7
