"""Cases are read from case.toml, and every mistake in one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakbench.case import load_case, load_cases
from leakhunt.errors import ConfigError

SMALLEST = """
title = "Everything is remembered"
origin = "seeded"
python = "3.11"
[axes]
holder = "list"
signal = "live"
trigger = "every request"
[leaky]
verdict = "LEAK"
cause = "python-objects"
[fixed]
verdict = "CLEAN"
"""


def write(directory: Path, toml: str = SMALLEST) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "app.py").write_text("application = None\n")
    (directory / "case.toml").write_text(toml)
    return directory


def mistake(directory: Path, *changes: tuple[str, str]) -> str:
    toml = SMALLEST
    for old, new in changes:
        assert old in toml
        toml = toml.replace(old, new)
    with pytest.raises(ConfigError) as caught:
        load_case(write(directory / "case", toml))
    return caught.value.message.removeprefix(f"{directory}/case/")


def test_what_a_case_leaves_out_has_a_default(tmp_path: Path) -> None:
    case = load_case(write(tmp_path / "list"))
    assert (case.name, case.requests, case.server, case.workers) == ("list", ("GET /?i={n}",), None, 1)
    assert (case.held_out, case.gc_disabled, case.sources) == (False, False, ())
    assert case.side("leaky").requirements == ()
    assert not case.side("leaky").culprit.known


def test_each_side_has_a_truth_of_its_own(tmp_path: Path) -> None:
    toml = SMALLEST.replace(
        '[fixed]\nverdict = "CLEAN"',
        """
        [fixed]
        verdict = ["LEAK", "BOUNDED"]
        cause = "cycles"
        bytes_per_request = 2500
        per_request = { threads = 0.5 }
        env = { LEAKY = "0" }
        requirements = ["sentry-sdk==1.4.0"]
        [fixed.culprit]
        types = ["sentry_sdk.tracing.Span"]
        """,
    )
    fixed = load_case(write(tmp_path / "case", toml)).side("fixed")
    assert (fixed.verdicts, fixed.causes) == (("LEAK", "BOUNDED"), ("cycles",))
    assert (fixed.bytes_per_request, fixed.per_request) == (2500.0, {"threads": 0.5})
    assert (fixed.env, fixed.requirements) == ({"LEAKY": "0"}, ("sentry-sdk==1.4.0",))
    assert fixed.culprit.types == ("sentry_sdk.tracing.Span",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("origin", "orign", "case.toml:3: orign: unknown key"),
        ('"seeded"', '"sown"', "case.toml:3: origin: must be one of release, application, trap, seeded, not 'sown'"),
        ('"3.11"', '"3.11.7"', "case.toml:4: python: must be a minor version, not '3.11.7'"),
        ('signal = "live"', 'signal = "uss"', "case.toml:7: axes.signal: must be one of live, anonymous, threads"),
        ('"LEAK"', '"LEAKY"', "case.toml:10: leaky.verdict: must be one of LEAK, BOUNDED, CLEAN, not 'LEAKY'"),
        ('verdict = "CLEAN"', "", "case.toml:12: fixed: `verdict` is missing"),
        ('cause = "python-objects"', "", "case.toml:9: leaky: a leak needs a `cause`"),
        ("python-objects", "python", "case.toml:11: leaky.cause: must be one of python-objects, cycles"),
        ('title = "Everything is remembered"', "", "case.toml: `title` is missing"),
        ("[fixed]", "[cured]", "case.toml:12: cured: unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert mistake(tmp_path, (old, new)).startswith(message)


def test_a_site_needs_a_function(tmp_path: Path) -> None:
    culprit = '[leaky.culprit]\nsites = ["app.py"]\n[fixed]'
    assert mistake(tmp_path, ("[fixed]", culprit)) == "case.toml:13: leaky.culprit.sites: 'app.py' names no function"


def test_a_resource_must_be_one_that_leakhunt_counts(tmp_path: Path) -> None:
    rates = "per_request = { sockets = 1 }\n[fixed]"
    assert mistake(tmp_path, ("[fixed]", rates)).startswith("case.toml:12: leaky.per_request.sockets: unknown key")


def test_requests_come_from_the_case_or_from_a_workload_file(tmp_path: Path) -> None:
    both = 'workload = "load.toml"\nrequests = ["GET /"]\n[axes]'
    assert "a workload file says what is sent" in mistake(tmp_path, ("[axes]", both))


def test_a_workload_file_has_to_be_there(tmp_path: Path) -> None:
    assert mistake(tmp_path, ("[axes]", 'workload = "load.toml"\n[axes]')).endswith("there is no load.toml beside it")


def test_cases_that_are_set_aside_are_loaded_only_on_demand(tmp_path: Path) -> None:
    write(tmp_path / "open")
    write(tmp_path / "aside", SMALLEST.replace("[axes]", "held_out = true\n[axes]"))
    assert [case.name for case in load_cases(tmp_path)] == ["open"]
    assert [case.name for case in load_cases(tmp_path, held_out=True)] == ["aside"]
    assert [case.name for case in load_cases(tmp_path, names=["aside", "open"])] == ["aside", "open"]


def test_a_name_that_no_case_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="nothing"):
        load_cases(tmp_path, names=["nothing"])


def test_every_case_of_the_benchmark_can_be_loaded() -> None:
    cases = (*load_cases(), *load_cases(held_out=True))
    assert len({case.name for case in cases}) == len(cases) >= 22
    for case in cases:
        assert case.side("leaky").culprit.known or case.side("leaky").verdicts == ("CLEAN",), case.name
