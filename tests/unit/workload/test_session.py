from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qs

import pytest

from leakhunt.errors import WorkloadError
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Login, Step, Workload
from unit.workload.upload_server import Answer, Arrived, Reply, UploadServer, serving

FORM = {"username": "teacher", "password": "chalk-and-talk"}
DJANGO = Login("/accounts/login/?next=/", FORM, csrf="django")
STEPS = (Step("read", "GET", "/read"), Step("write", "POST", "/write", form={"a": "b"}))


def user(
    server: UploadServer, login: Login, steps: tuple[Step, ...] = STEPS, headers: Mapping[str, str] | None = None
) -> Replayer:
    workload = Workload("test", steps, login=login)
    return Replayer(workload, server.url, unix=None, seed=7, concurrency=2, headers=headers or {}, clock=time.monotonic)


def cookie(name: str, value: str) -> dict[str, str]:
    return {"Set-Cookie": f"{name}={value}; Path=/; SameSite=Lax; expires=Mon, 22 Nov 2027 22:00:00 GMT"}


def like_django(seen: Arrived) -> Reply:
    """As Django does it: the token changes with the login, and a wrong password shows the form again."""
    if not seen.path.startswith("/accounts/login/"):
        return Reply()
    if seen.method == "GET":
        return Reply(200, cookie("csrftoken", "before"))
    fields = parse_qs(seen.body.decode())
    if "csrftoken=before" not in seen.headers.get("cookie", "") or fields["csrfmiddlewaretoken"] != ["before"]:
        return Reply(403)
    if fields["password"] != ["chalk-and-talk"]:
        return Reply(200)
    return Reply(302, {"Location": "/", **cookie("csrftoken", "after")})


def test_the_token_of_the_page_opens_the_login_and_the_new_one_goes_with_unsafe_requests() -> None:
    with serving(like_django) as server:
        replayer = user(server, DJANGO)
        replayer.prepare()
        replayer.run({"read": 1, "write": 1}, round=0)
    requests = {arrived.path: arrived for arrived in server.arrived}
    assert requests["/write"].headers["x-csrftoken"] == "after"
    assert "x-csrftoken" not in requests["/read"].headers
    assert requests["/read"].headers["cookie"] == "csrftoken=after"


def test_cookies_of_the_command_line_and_of_a_step_go_beside_those_of_the_session() -> None:
    steps = (Step("read", "GET", "/read", headers={"cookie": "theme=dark; tracking=no"}),)
    with serving(like_django) as server:
        replayer = user(server, DJANGO, steps, {"Cookie": "tracking={n}; debug=1"})
        replayer.prepare()
        replayer.run({"read": 1}, round=0)
    assert [arrived.headers["cookie"] for arrived in server.arrived] == [
        "tracking=1; debug=1",
        "csrftoken=before; tracking=1; debug=1",
        "csrftoken=after; tracking=no; debug=1; theme=dark",
    ]


def test_a_token_that_stands_only_in_the_form_is_found_and_fetched_again_after_the_login() -> None:
    tokens = iter(["one", "two"])

    def answer(seen: Arrived) -> Reply:
        if seen.method == "GET" and seen.path == "/in":
            element = f"<form><input type='hidden' name='csrfmiddlewaretoken' value='{next(tokens)}'></form>"
            return Reply(200, cookie("sessionid", "s"), element.encode())
        return Reply(302, {"Location": "/home"}) if seen.path == "/in" else Reply()

    with serving(answer) as server:
        replayer = user(server, Login("/in", FORM, csrf="django"))
        replayer.prepare()
        replayer.run({"write": 1}, round=0)
    post = next(arrived for arrived in server.arrived if arrived.path == "/in" and arrived.method == "POST")
    assert b"csrfmiddlewaretoken=one" in post.body
    assert server.arrived[-1].headers["x-csrftoken"] == "two"
    assert server.arrived[-1].headers["cookie"] == "sessionid=s"


def test_a_plain_login_keeps_its_cookie_and_needs_no_page() -> None:
    with serving(lambda seen: Reply(200, cookie("sid", "42") if seen.path == "/in" else {})) as server:
        replayer = user(server, Login("/in", FORM))
        replayer.prepare()
        replayer.run({"read": 1}, round=0)
    assert [arrived.method for arrived in server.arrived] == ["POST", "GET"]
    assert server.arrived[1].headers["cookie"] == "sid=42"


def test_a_login_without_a_form_only_fetches_the_page() -> None:
    with serving(lambda _: Reply(200, cookie("csrftoken", "t"))) as server:
        replayer = user(server, Login("/page", csrf="django"))
        replayer.prepare()
        replayer.run({"write": 1}, round=0)
    assert [(arrived.method, arrived.path) for arrived in server.arrived] == [("GET", "/page"), ("POST", "/write")]
    assert server.arrived[1].headers["x-csrftoken"] == "t"


def token_then_403(seen: Arrived) -> Reply:
    return Reply(200, cookie("csrftoken", "before")) if seen.method == "GET" else Reply(403)


@pytest.mark.parametrize(
    ("login", "answer", "message", "hint"),
    [
        (
            Login("/accounts/login/", {**FORM, "password": "wrong"}, csrf="django"),
            like_django,
            "status 200",
            "password",
        ),
        (Login("/in", FORM), lambda _: Reply(403), "POST /in: status 403", 'csrf = "django"'),
        (Login("/in", FORM, csrf="django"), token_then_403, "POST /in: status 403", "an origin that is not trusted"),
        (Login("/in", FORM), lambda _: Reply(404), "POST /in: status 404", "login.path"),
        (Login("/in", FORM), lambda _: Reply(302, {"Location": "/in?again"}), "status 302", "password"),
        (Login("/in", FORM, expect=(204,)), lambda _: Reply(200), "status 200", "login.expect"),
        (Login("/in", FORM, csrf="django"), lambda _: Reply(500), "GET /in: status 500", "login.path"),
        (Login("/in", FORM, csrf="django"), lambda _: Reply(), "GET /in: status 200", "csrftoken"),
    ],
)
def test_a_login_that_fails_is_an_error_with_its_status_a_hint_and_no_secret(
    login: Login, answer: Answer, message: str, hint: str
) -> None:
    with serving(answer) as server, pytest.raises(WorkloadError) as caught:
        user(server, login).prepare()
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert login.csrf is None or "csrf =" not in (caught.value.hint or "")
    told = f"{caught.value.message}{caught.value.hint}"
    assert not any(secret in told for secret in ("chalk-and-talk", "wrong", "before"))


def test_a_target_that_is_not_there_is_named_as_such() -> None:
    with serving() as server:
        replayer = user(server, Login("/in", FORM))
    with pytest.raises(WorkloadError, match="connection refused"):
        replayer.prepare()
