"""The same programs with AddressSanitizer and UndefinedBehaviorSanitizer: `make sanitize`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import find_interpreters
from sampler_build import SANITIZED, output_of, run_program

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("gcc") is None, reason="There is no gcc here.")]

PROGRAMS: dict[str, dict[str, object]] = {
    "estimates.how_often": {"number": 20_000, "size": 700, "interval": 100},
    "estimates.overflows": {},
    "estimates.what_is_freed": {},
    "traces.random_trace": {"rows": 3000, "seed": 11},
    "marks.stacks": {},
    "marks.tags": {},
    "marks.held_code": {},
    "lives.comes_and_goes": {},
    "lives.refusals": {},
    "lives.covered": {},
    "lives.displaced": {},
    "lives.forks": {"bare": False, "follow": True},
    "lives.interpreters": {},
    "lives.ends": {},
    "stress.stress": {"seconds": 10, "threads": 3, "seed": 3},
}

each_python = pytest.mark.parametrize(
    "python",
    [
        pytest.param(path, id=version)
        for version, path in find_interpreters().items()
        if any(Path(path.parent.parent, "include").glob(f"python{version}*/Python.h"))
    ],
)


@each_python
@pytest.mark.parametrize("name", PROGRAMS)
def test_neither_memory_nor_behaviour_is_undefined(python: Path, name: str) -> None:
    run_program(python, name, flags=SANITIZED, **PROGRAMS[name])


def test_a_fault_would_be_seen(tmp_path: Path) -> None:
    fault = tmp_path / "fault.c"
    fault.write_text(
        "int main(int count, char **words) { char room[2]; room[count + 1] = 1; return room[0] + !words; }"
    )
    output_of(["gcc", *SANITIZED, "-w", str(fault), "-o", str(tmp_path / "fault")])
    with pytest.raises(AssertionError, match=r"stack-buffer-overflow|out of bounds"):
        output_of([str(tmp_path / "fault")])
