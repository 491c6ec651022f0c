from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import flask.app
import pytest
import werkzeug.routing.map
from flask import Flask
from werkzeug.test import Client

from leakhunt.agent import frameworks
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import counted
from leakhunt.agent.patches import PATCHES

DJANGO = """
import json
import django.core.handlers.base, django.core.handlers.wsgi
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from wsgiref.util import setup_testing_defaults
from leakhunt.agent import frameworks, journal
from leakhunt.agent.counters import COUNTERS

frameworks.django_entry(django.core.handlers.wsgi)
frameworks.django_routes(django.core.handlers.base)
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[])
inner = [path("<int:pk>/", lambda request, pk: HttpResponse("ok"))]
urlpatterns = [path("lessons/", include(inner))]
app = get_wsgi_application()
statuses = []
for wanted in ("/lessons/7/", "/lessons/8/", "/nowhere/9/"):
    environ = {"PATH_INFO": wanted}
    setup_testing_defaults(environ)
    response = app(environ, lambda status, headers: statuses.append(status[:3]))
    list(response)
    response.close()
print(json.dumps([statuses, COUNTERS.served(), COUNTERS.routes(), COUNTERS.in_flight, journal.problems]))
"""


@pytest.fixture(autouse=True)
def _unwrapped() -> Iterator[None]:
    COUNTERS.reset()
    yield
    PATCHES.undo()
    COUNTERS.reset()
    COUNTERS.server_marks = COUNTERS.framework_marks = False


@pytest.fixture
def site() -> Flask:
    made = Flask(__name__)

    @made.get("/items/<int:number>")
    def item(number: int) -> str:
        if number == 13:
            raise LookupError("mine")
        return str(number)

    return made


def get(site: Flask, path: str) -> int:
    """The status of one answer, read to its end as a server does."""
    with site.test_client().get(path, buffered=True) as response:
        return response.status_code


def test_flask_is_counted_at_its_entry_where_no_server_counts(site: Flask) -> None:
    frameworks.flask_entry(flask.app)
    frameworks.werkzeug_routes(werkzeug.routing.map)
    assert COUNTERS.hooked
    assert [get(site, path) for path in ("/items/7", "/items/8", "/nowhere/9")] == [200, 200, 404]
    assert COUNTERS.served() == {"GET /items/<int:number>": 2, "GET /nowhere/{n}": 1}
    assert COUNTERS.routes() == {"GET /items/{n}": "GET /items/<int:number>"}


def test_a_request_that_the_server_counts_is_not_counted_twice(site: Flask) -> None:
    frameworks.flask_entry(flask.app)
    frameworks.werkzeug_routes(werkzeug.routing.map)
    with Client(counted(site)).get("/items/7") as response:
        assert response.get_data() == b"7"
    assert COUNTERS.served() == {"GET /items/<int:number>": 1}


def test_a_request_that_fails_keeps_its_route(site: Flask) -> None:
    frameworks.flask_entry(flask.app)
    frameworks.werkzeug_routes(werkzeug.routing.map)
    assert get(site, "/items/13") == 500
    assert (COUNTERS.served(), COUNTERS.in_flight) == ({"GET /items/<int:number>": 1}, 0)


def test_a_map_that_is_asked_outside_of_a_request_names_no_route() -> None:
    frameworks.werkzeug_routes(werkzeug.routing.map)
    rules = werkzeug.routing.map.Map([werkzeug.routing.Rule("/items/<int:number>", endpoint="item")])
    assert rules.bind("localhost").match("/items/7") == ("item", {"number": 7})
    assert COUNTERS.served() == {}


def test_django_is_counted_with_the_pattern_of_all_its_includes() -> None:
    done = subprocess.run([sys.executable, "-c", DJANGO], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        ["200", "200", "404"],
        {"GET /lessons/<int:pk>/": 2, "GET /nowhere/{n}/": 1},
        {"GET /lessons/{n}/": "GET /lessons/<int:pk>/"},
        0,
        [],
    ]


def test_undone_a_framework_is_as_it_was(site: Flask) -> None:
    before = (vars(flask.app.Flask)["__call__"], vars(werkzeug.routing.map.MapAdapter)["match"])
    frameworks.flask_entry(flask.app)
    frameworks.werkzeug_routes(werkzeug.routing.map)
    assert PATCHES.undo() == []
    assert (vars(flask.app.Flask)["__call__"], vars(werkzeug.routing.map.MapAdapter)["match"]) == before
    assert get(site, "/items/7") == 200
    assert COUNTERS.served() == {}
