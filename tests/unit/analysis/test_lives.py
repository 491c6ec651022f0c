from __future__ import annotations

import pytest

from builders import App, record
from leakhunt.analysis.lives import requests_per_round

STEADY = App(routes=("GET /page",))


def test_workers_that_are_not_recycled_set_no_bound() -> None:
    assert requests_per_round(record(STEADY, workers=2)) is None


@pytest.mark.parametrize(("workers", "life"), [(1, 40), (2, 40), (3, 100)])
def test_a_life_sees_at_least_four_rounds_whatever_the_number_of_workers(workers: int, life: int) -> None:
    most = requests_per_round(record(STEADY, scale=5, workers=workers, recycle=life))
    assert most is not None
    assert life * workers / 10 <= most <= life * workers / 4


def test_a_life_of_one_request_still_gets_one() -> None:
    assert requests_per_round(record(STEADY, scale=2, recycle=1)) == 1
