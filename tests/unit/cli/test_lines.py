from __future__ import annotations

import pytest

from leakhunt.cli.lines import check_functions
from leakhunt.cli.main import main
from leakhunt.errors import UsageError

FORM = "hint: Write --function mysite.views:upload, or mysite.views:Upload.post for a method."


def test_functions_and_methods_are_taken_each_once() -> None:
    names = ["site.views:upload", "site:Views.Upload.post", "site.views:upload"]
    assert check_functions(names) == ("site.views:upload", "site:Views.Upload.post")


@pytest.mark.parametrize(
    "name", ["site.views.upload", "site.views:", ":upload", "site.views:upload()", "a:b:c", "a.:b"]
)
def test_what_is_no_function_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not of the form MODULE:FUNCTION"):
        check_functions([name])


def test_without_a_function_the_form_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", "site:app", "--request", "GET /"]) == 2
    assert "there is no function to measure" in (err := capsys.readouterr().err)
    assert FORM in err


def test_a_malformed_function_is_shown_with_the_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", "site:app", "--request", "GET /", "--function", "site.upload"]) == 2
    assert "--function site.upload is not of the form MODULE:FUNCTION" in (err := capsys.readouterr().err)
    assert FORM in err


def test_without_a_target_the_line_to_type_is_one_of_this_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", "--function", "site:upload"]) == 2
    assert "leakhunt lines --function=site:upload MODULE:CALLABLE" in capsys.readouterr().err
