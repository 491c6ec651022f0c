from __future__ import annotations

import json

from leakhunt.workload.sanitize import describe, shown_command, shown_path
from leakhunt.workload.scenario import Companion, FilePart, Login, SizeRange, Step, Workload


def test_a_description_holds_no_secret_and_is_json() -> None:
    workload = Workload(
        "uploads.toml",
        (
            Step(
                "image",
                "POST",
                "/images/?token=s3cret&n={n}",
                headers={"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret"},
                form={"pin": "s3cret"},
                files=(FilePart("file", "image", SizeRange(1000, 2048)),),
            ),
            Step("raw", "POST", "/raw", body=b"s3cret"),
            Step("json", "POST", "/json", json={"a": "s3cret"}),
        ),
        login=Login("/in?next=s3cret", {"username": "s3cret", "password": "s3cret"}),
        setup=(("manage.py", "adduser", "--password", "s3cret", "--token=s3cret", "--name", "ann"),),
        env={"API_KEY": "s3cret"},
        companions=(Companion("celery", ("celery", "-b", "redis://me:s3cret@host/0")),),
    )
    text = json.dumps(describe(workload))
    assert "s3cret" not in text
    for kept in ("/images/?token=***&n={n}", "Authorization", "pin", "1000 B..2.00 KiB", "API_KEY", "ann", "@host/0"):
        assert kept in text


def test_a_path_keeps_its_query_names_and_placeholders() -> None:
    assert shown_path("/a/1/") == "/a/1/"
    assert shown_path("/a?x=1&y={n}&flag&z=a{n}") == "/a?x=***&y={n}&flag&z=***"


def test_only_the_word_after_a_secret_option_is_hidden() -> None:
    assert shown_command(["a", "--api-key", "x", "y", "KEY=z"]) == ["a", "--api-key", "***", "y", "KEY=***"]


def test_a_password_with_an_at_sign_is_hidden_whole() -> None:
    assert shown_command(["DB=postgres://me:s3@cret@host/db@1"]) == ["DB=postgres://***@host/db@1"]
