from __future__ import annotations

import io
import json
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.dispatch import Signal, dispatcher
from django.test import client as django_client
from flask import Flask, request

from leakhunt.plugin.clients import ForeignClient, WsgiClient, _connections_forgotten
from leakhunt.plugin.fixture import Leakhunt

Send = Callable[[], object]


class Thrice:
    """Sends what it is given three times over, as a check does thousands of times."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, send: Send) -> None:
        self.names.append(name)
        for _ in range(3):
            send()


def echo() -> Flask:
    app = Flask("echo")

    @app.route("/echo", methods=["GET", "POST", "PUT"])
    def _echo() -> dict[str, Any]:
        files = {name: [file.filename, file.read().decode(), file.content_type] for name, file in request.files.items()}
        return {
            "method": request.method,
            "args": request.args.to_dict(),
            "form": request.form.to_dict(),
            "json": request.get_json(silent=True),
            "files": files,
            "agent": request.headers.get("X-Agent"),
        }

    return app


def wsgi(run: Thrice | None = None) -> WsgiClient:
    return WsgiClient(echo().wsgi_app, run or Thrice())


def test_a_request_is_named_by_method_and_path() -> None:
    run = Thrice()
    wsgi(run).get("/echo")
    assert run.names == ["GET /echo"]


def test_a_query_comes_from_the_path_or_from_params() -> None:
    assert json.loads(wsgi().get("/echo?a=1").body)["args"] == {"a": "1"}
    assert json.loads(wsgi().get("/echo", params={"b": "2"}).body)["args"] == {"b": "2"}


def test_forms_json_and_headers_arrive() -> None:
    assert json.loads(wsgi().post("/echo", data={"a": "1"}).body)["form"] == {"a": "1"}
    assert json.loads(wsgi().put("/echo", json={"a": [1]}).body)["json"] == {"a": [1]}
    assert json.loads(wsgi().get("/echo", headers={"X-Agent": "me"}).body)["agent"] == "me"


def test_files_are_uploaded_with_fields() -> None:
    answer = wsgi().post("/echo", data={"title": "x"}, files={"file": ("a.txt", b"content", "text/plain")})
    told = json.loads(answer.body)
    assert told["form"] == {"title": "x"}
    assert told["files"] == {"file": ["a.txt", "content", "text/plain"]}


@pytest.mark.parametrize("client", ["wsgi", "flask"])
def test_a_file_is_sent_whole_with_every_request(client: str) -> None:
    lengths: set[int] = set()
    app = Flask("lengths")

    @app.post("/")
    def _length() -> str:
        lengths.add(len(request.files["f"].read()))
        return ""

    if client == "wsgi":
        WsgiClient(app.wsgi_app, Thrice()).post("/", files={"f": io.BytesIO(b"12345")})
    else:
        ForeignClient(app.test_client(), Thrice()).post("/", data={"f": (io.BytesIO(b"12345"), "a.txt")})
    assert lengths == {5}


def test_the_first_response_is_given_back() -> None:
    answer = wsgi().get("/echo")
    assert answer.status_code == 200
    assert ("Content-Type", "application/json") in answer.headers


def test_a_response_with_another_status_fails_the_test() -> None:
    statuses = iter([200, 200, 500])

    def app(_: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]) -> Iterable[bytes]:
        start_response(f"{next(statuses)} Whatever", [])
        return [b""]

    with pytest.raises(pytest.fail.Exception, match=r"GET / again and again: .* with 200, a later one with 500"):
        WsgiClient(app, Thrice()).get("/")


def test_an_answer_is_closed() -> None:
    closed: list[bool] = []

    class Answer(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(_: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Answer([b"x"])

    WsgiClient(app, Thrice()).get("/")
    assert len(closed) == 4


def test_what_django_s_client_connects_by_itself_leaves_no_finalizer_behind() -> None:
    signal, connect = Signal(), "signal.connect(receiver, weak=True)"

    def receiver(**_: object) -> None: ...

    def finalizers_left(file: str) -> int:
        before = len(weakref.finalize._registry)  # type: ignore[attr-defined]  # nothing else tells
        with _connections_forgotten():
            exec(compile(connect, file, "exec"), {"signal": signal, "receiver": receiver})
        signal.disconnect(receiver)
        return len(weakref.finalize._registry) - before  # type: ignore[attr-defined]

    original = dispatcher.weakref
    assert finalizers_left(django_client.__file__) == 0
    assert finalizers_left("shop/views.py") == 1
    assert dispatcher.weakref is original


def test_flask_s_own_client_keeps_nothing(leakhunt: Leakhunt) -> None:
    assert leakhunt.flask(echo()).get("/echo").status_code == 200
