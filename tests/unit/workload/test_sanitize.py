from __future__ import annotations

import json

import pytest

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


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "gunicorn --env DB=postgres://u:s3cret@h/db?t=s3cret --env PW=s3cret app:application",
            "gunicorn --env DB=*** --env PW=*** app:application",
        ),
        (
            "gunicorn -e PW=s3cret -ePW=s3cret --env=PW=s3cret shop:app",
            "gunicorn -e PW=*** -ePW=*** --env=PW=*** shop:app",
        ),
        ("env -i -u HOME PW=s3cret DEBUG=s3cret gunicorn K=v", "env -i -u HOME PW=*** DEBUG=*** gunicorn K=v"),
        ("/usr/bin/env PW=s3cret python -m shop", "/usr/bin/env PW=*** python -m shop"),
        (
            "serve --passwd s3cret --api-key=s3cret --private-key s3cret",
            "serve --passwd *** --api-key=*** --private-key ***",
        ),
        ("serve --set=db.password=s3cret --credential s3cret", "serve --set=db.password=*** --credential ***"),
        (
            "serve --broker=http://h/p?a=s3cret&b=s3cret /in?next=s3cret",
            "serve --broker=http://h/p?a=***&b=*** /in?next=***",
        ),
        ("serve --database me:s3cret@host/db http://s3cret@host", "serve --database ***@host/db http://***@host"),
    ],
)
def test_secrets_of_a_command_are_hidden(command: str, shown: str) -> None:
    assert shown_command(command.split()) == shown.split()


def test_secrets_of_a_script_are_hidden() -> None:
    script = (
        "PW=s3cret NAME='s3cret s3cret' exec gunicorn --password s3cret --token=s3cret -e A=s3cret "
        """--json '{"api_key": "s3cret"}' --dsn "host=h password=s3cret" http://u:s3cret@h/p?a=s3cret&b=s3cret """
        "shop:app"
    )
    (shown,) = shown_command([script])
    assert "s3cret" not in shown
    for kept in ("PW=*** NAME=*** exec gunicorn", "-e A=***", "host=h", "@h/p?a=***&b=***", "shop:app"):
        assert kept in shown


@pytest.mark.parametrize(
    "command",
    [
        "waitress-serve --listen=127.0.0.1:8000 --threads=4 keys.wsgi:application",
        "python -m gunicorn -w 3 --bind 127.0.0.1:0 authsite.tokens:application",
        "python manage.py runserver --settings=site.settings 127.0.0.1:8000",
        "uwsgi --http-socket :9090 --wsgi-file /srv/passport/app.py -e",
    ],
)
def test_a_command_without_secrets_is_shown_as_it_is(command: str) -> None:
    assert shown_command(command.split()) == command.split()
