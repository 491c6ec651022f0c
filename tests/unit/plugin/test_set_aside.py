from __future__ import annotations

import logging
import sys
import warnings

import pytest

from leakhunt.plugin.set_aside import set_aside, tidied


def test_pytest_keeps_no_log_record_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    handlers = list(logging.getLogger().handlers)
    with set_aside({}):
        logging.getLogger("app").warning("much")
    assert caplog.records == []
    assert logging.getLogger().handlers == handlers


def test_nothing_is_printed_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    with set_aside({}):
        print("out")
        print("err", file=sys.stderr)
        logging.getLogger("app").warning("unhandled")
    assert capsys.readouterr() == ("", "")


def test_a_handler_of_the_application_goes_on() -> None:
    seen: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    handler = Handler()
    logging.getLogger().addHandler(handler)
    try:
        with set_aside({}):
            logging.getLogger("app").warning("kept")
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(seen) == 1


def test_warnings_are_not_kept_and_errors_stay_errors() -> None:
    with warnings.catch_warnings(record=True) as kept:
        warnings.simplefilter("always")
        with set_aside({}):
            warnings.warn("old", UserWarning, stacklevel=1)
        assert kept == []
        warnings.simplefilter("error")
        with set_aside({}), pytest.raises(UserWarning):
            warnings.warn("old", UserWarning, stacklevel=1)


def test_what_a_test_catches_itself_is_let_through_and_then_dropped(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    fixtures = {"caplog": caplog, "capsys": capsys}
    with set_aside(fixtures):
        for _ in range(2):
            with tidied(fixtures):
                logging.getLogger("app").warning("one")
                print("two")
                assert len(caplog.records) == 1
                assert capsys.readouterr().out == "two\n"


class Thing:
    one = 1
    two = 2


def test_patches_of_a_call_are_undone_and_earlier_ones_stay() -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(Thing, "one", 10)
    for _ in range(2):
        with tidied({"monkeypatch": patch}):
            patch.setattr(Thing, "two", 20)
        assert (Thing.one, Thing.two) == (10, 2)
    patch.undo()
    assert (Thing.one, Thing.two) == (1, 2)


def test_patches_of_a_call_that_fails_are_left_to_the_fixture() -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(Thing, "one", 10)

    def call() -> None:
        with tidied({"monkeypatch": patch}):
            patch.setattr(Thing, "two", 20)
            raise KeyError

    with pytest.raises(KeyError):
        call()
    assert (Thing.one, Thing.two) == (10, 20)
    patch.undo()
    assert (Thing.one, Thing.two) == (1, 2)
