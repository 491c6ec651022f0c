"""What the documentation of pytest-memray and psleak shows, told in the words of our plugin."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

EXAMPLES = """
    import os, threading
    import numpy, pytest

    KEPT = []
    WARM = {}

    def allocate(megabytes):
        return b"x" * (megabytes * 1_000_000)

    def some_stuff():
        WARM.setdefault("table", list(range(1000)))
        return sum(WARM["table"])

    def leaky_stuff():
        KEPT.append(bytes(2000))

    # pytest-memray

    @pytest.mark.leakhunt(max_peak="24 MB", max_growth=None)
    def test_memray_memory_within_its_limit():
        allocate(5)

    @pytest.mark.leakhunt(max_peak="24 MB", max_growth=None)
    def test_memray_memory_exceeds_its_limit():
        allocate(40)

    @pytest.mark.leakhunt(max_kept="1 MB")
    def test_memray_leaks_within_the_limit():
        some_stuff()

    @pytest.mark.leakhunt
    def test_memray_leaks():
        leaky_stuff()

    def is_ours(suspect):
        return suspect.site is not None and suspect.site.function == "leaky_stuff"

    @pytest.mark.leakhunt(known=is_ours, rounds=12)
    def test_memray_filter():
        leaky_stuff()

    # psleak

    def test_psleak_function(leakhunt):
        leakhunt.assert_no_growth(some_stuff)

    def test_psleak_leaky_function(leakhunt):
        leakhunt.assert_no_growth(leaky_stuff)

    def test_psleak_tuned_for_a_call(leakhunt):
        leakhunt.assert_no_growth(some_stuff, calls=500, max_growth=1024)

    @pytest.mark.leakhunt(calls=500, max_growth=1024, ignore=("threads", "descriptors"))
    class TestPsleakTunedForAClass:
        def test_function(self):
            some_stuff()

    @pytest.mark.parametrize(
        ("function", "arguments"),
        [(numpy.zeros, [10]), (numpy.add, [1, 2]), (numpy.prod, [[1, 2]])],
        ids=["zeros", "add", "prod"],
    )
    def test_psleak_generated(leakhunt, function, arguments):
        leakhunt.assert_no_growth(function, *arguments, calls=200)

    def test_psleak_descriptors(leakhunt):
        leakhunt.assert_no_growth(lambda: KEPT.append(open(os.devnull)), calls=200)

    def start():
        event = threading.Event()
        KEPT.append(event)
        threading.Thread(target=event.wait, daemon=True).start()

    def test_psleak_threads(leakhunt):
        leakhunt.assert_no_growth(start, calls=200)

    class Leaky:
        ref = None

    def create_cycle():
        one, two = Leaky(), Leaky()
        one.ref, two.ref = two, one

    def test_psleak_cycles(leakhunt):
        leakhunt.assert_no_growth(create_cycle, collect=False)
"""

LEAKY = {
    "test_memray_memory_exceeds_its_limit": r"peak: 3\d\.\d MiB needed by a call; allowed: 24 MB",
    "test_memray_leaks": r"leak: 2\.0\d KiB kept by each call",
    "test_psleak_leaky_function": r"leak: 2\.0\d KiB kept by each call",
    "test_psleak_descriptors": r"leak: 1 file descriptor left open by each call",
    "test_psleak_threads": r"leak: 1 thread left running by each call",
    "test_psleak_cycles": r"leak: \d+ B kept by each call",
}


def test_every_example_of_theirs_can_be_told_in_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_examples=EXAMPLES)
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rf", "-W", "ignore", timeout=600)
    text = ran.stdout.str()
    assert set(re.findall(r"^FAILED test_examples.py::(\w+)", text, re.MULTILINE)) == set(LEAKY)
    ran.assert_outcomes(passed=9, failed=len(LEAKY))
    for name, told in LEAKY.items():
        block = re.split(rf"_+ {name} _+\n", text)[1].split("\n____")[0]
        assert re.search(told, block), block
