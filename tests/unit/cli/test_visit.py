"""What the options say of an app that is sent nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.cli.profile import command as profile
from leakhunt.cli.visit import VisitRequest, read_visit
from leakhunt.errors import UsageError
from leakhunt.targets.attached import AttachSpec

GET = ("--request", "GET /")
SETTINGS = """
[tool.leakhunt]
url = "http://127.0.0.1:8765"

[[tool.leakhunt.workload.step]]
path = "/health"
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> None:
    """The project has written down what is to be sent."""
    (tmp_path / "pyproject.toml").write_text(SETTINGS)


def visit_of(*args: str) -> VisitRequest | None:
    return read_visit(profile.make_context("profile", list(args)).params)


def refused_visit(*args: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        visit_of(*args)
    return caught.value


def test_a_process_without_a_workload_is_looked_at_under_its_own_traffic() -> None:
    visit = visit_of("--pid", "4711", "--tree", "--no-explain", "--record-only")
    assert visit is not None
    assert visit.attach == AttachSpec(4711, whole_tree=True, loaded=False)
    assert (visit.duration, visit.snapshots, visit.record_only, visit.allow_gc) == (120.0, False, True, False)


def test_a_process_with_a_workload_is_not(settings: None) -> None:
    assert visit_of("--pid", "4711", *GET) is None
    assert visit_of("--pid", "4711") is None  # the settings have one
    assert visit_of("shop.wsgi:application", *GET) is None


def test_a_duration_has_nothing_sent_whatever_the_settings_say(settings: None) -> None:
    visit = visit_of("--pid", "4711", "--duration", "30")
    assert visit is not None
    assert (visit.duration, visit.attach.url) == (30.0, None)


def test_a_duration_is_refused_where_requests_are_sent() -> None:
    assert "there is no --pid" in refused_visit("shop.wsgi:application", *GET, "--duration", "30").message
    error = refused_visit("--pid", "4711", *GET, "--duration", "30")
    assert error.message.startswith("--duration and --request exclude each other")
    assert error.hint == "How long a workload is replayed is said by --budget-time."


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--url", "http://127.0.0.1:8000"), "--url"),
        (("--seed", "7", "--quick"), "--seed and --quick"),
        (("--header", "A: b"), "--header"),
        (("--peaks",), "--peaks"),
    ],
)
def test_options_about_requests_are_refused_where_none_is_sent(options: tuple[str, ...], named: str) -> None:
    has = "have" if " and " in named else "has"
    error = refused_visit("--pid", "4711", *options)
    assert error.message == f"{named} {has} no effect on an app that is sent nothing"
