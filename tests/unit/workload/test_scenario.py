from __future__ import annotations

import pytest

from leakhunt.workload.scenario import Expect, Step, Workload


@pytest.mark.parametrize(
    ("expect", "accepted", "refused"),
    [
        (Expect(), (200, 204, 299), (199, 302, 404, 500, None)),
        (Expect((201, 302)), (201, 302), (200, None)),
        (Expect(also=(400,), dropped=True), (200, 400, None), (302, 500)),
    ],
)
def test_which_answers_are_a_success(
    expect: Expect, accepted: tuple[int | None, ...], refused: tuple[int | None, ...]
) -> None:
    assert all(expect.accepts(status) for status in accepted)
    assert not any(expect.accepts(status) for status in refused)


def test_steps_are_found_by_name_and_those_sent_once_are_not_dosed() -> None:
    page, once = Step("page", "GET", "/"), Step("once", "GET", "/", once=True)
    workload = Workload("test", (page, once))
    assert workload.dosed == (page,)
    assert workload.step("once") is once
    with pytest.raises(KeyError):
        workload.step("other")
