"""Types with their numbers and sizes, counted inside a process of their own."""

from __future__ import annotations

from pathlib import Path

from unit.agent.probes.inside import oldest_and_newest, run_inside

PROGRAM = """
from leakhunt.agent.probes.inventory import inventory
class Order:
    pass
class Lying:
    def __sizeof__(self):
        raise RuntimeError("mine")
orders = [Order() for _ in range(123)]
lying = Lying()
names = {"name %d" % number: 1.5 * number for number in range(2000)}
pictures = [bytes(10_000 + number) for number in range(30)]
nested = [((number, b"x" * 5000),) for number in range(7)]
twice = [pictures, pictures]
before = inventory(True, scene())
pictures += [bytes(10_000) for _ in range(5)]
after = inventory(True, scene())
print(json.dumps([before, after, problems]))
"""


@oldest_and_newest
def test_what_the_collector_does_not_know_is_counted_once_with_its_size(python: Path) -> None:
    rows, later, problems = run_inside(python, PROGRAM)
    found = {name: (count, size) for name, count, size in rows}
    assert len(found) == len(rows)
    assert found["__main__.Order"][0] == 123
    assert found["__main__.Order"][1] >= 123 * 16
    assert found["__main__.Lying"] == (1, 0)
    assert found["float"][0] >= 1999
    # Pictures, and what tuples that the collector may have let go of lead to; literals and code come on top.
    assert 335_000 < found["bytes"][1] < 335_000 + 7_000_000
    grown = {name: (count, size) for name, count, size in later}
    assert grown["bytes"][0] - found["bytes"][0] == 5
    assert grown["bytes"][1] - found["bytes"][1] == 5 * 10_033
    assert problems == []


@oldest_and_newest
def test_it_is_given_up_once_its_memory_is_used_up(python: Path) -> None:
    given_up = run_inside(
        python,
        """
from leakhunt.agent.child import TooLarge
from leakhunt.agent.probes.inventory import inventory
kept = [[number] for number in range(100_000)]
small = scene()
small.memory = 0
try:
    inventory(True, small)
except TooLarge as error:
    print(json.dumps(str(error)))
""",
    )
    assert "too large to be looked at" in given_up
