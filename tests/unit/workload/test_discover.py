from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from leakhunt.workload.discover import Discovery, UploadRoute, discover_uploads, nothing_to_replay, suggestion

LAUNCH = ["leakhunt", "profile", "site:app", "--chdir", "my site"]

FLASK = """
from flask import Flask, request
app = Flask(__name__)
@app.get("/upload-help")
def help(): return ""
@app.post("/albums/<int:album>/photos")
def add(album):
    request.files["picture"].save("/dev/null")
    return ""
@app.post("/comments")
def comment(): return ""
"""

DJANGO = """
import threading, time
from django.conf import settings
settings.configure(ROOT_URLCONF="site_under_test", SECRET_KEY="x", ALLOWED_HOSTS=["*"])
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path, re_path
from django.views import View
class Upload(View):
    def post(self, request, pk):
        request.FILES.get("clip")
        return HttpResponse()
def page(request): return HttpResponse()
lessons = [path("<int:pk>/<slug:name>/videos/", Upload.as_view()), path("<int:pk>/", page)]
urlpatterns = [path("lessons/", include(lessons)), re_path(r"^images/(?P<pk>[0-9]+)/$", page)]
app = get_wsgi_application()
print("noise on import")
threading.Thread(target=time.sleep, args=(60,)).start()
"""


def look(tmp_path: Path, text: str, *, name: str = "site_under_test", timeout: float = 30) -> Discovery:
    (tmp_path / f"{name}.py").write_text(text)
    return discover_uploads(f"{name}:app", python=sys.executable, cwd=tmp_path, env=os.environ, timeout=timeout)


def test_finds_the_view_of_a_flask_app_that_reads_files_and_the_field_it_reads(tmp_path: Path) -> None:
    assert look(tmp_path, FLASK).routes == (UploadRoute("POST", "/albums/1/photos", "picture"),)


def test_finds_the_class_based_view_of_a_django_site_though_a_thread_of_it_never_ends(tmp_path: Path) -> None:
    assert look(tmp_path, DJANGO).routes == (UploadRoute("POST", "/lessons/1/a/videos/", "clip"),)


GUARDED = DJANGO.replace('ALLOWED_HOSTS=["*"]', 'MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"]').replace(
    "urlpatterns = [", 'urlpatterns = [path("accounts/login/", page), path("blogin_g/", page), '
)


def test_the_sign_in_and_the_csrf_check_of_a_django_site_are_found(tmp_path: Path) -> None:
    found = look(tmp_path, GUARDED)
    assert (found.login, found.csrf, len(found.routes)) == ("/accounts/login/", True, 1)
    plain = look(tmp_path, DJANGO, name="plain")
    assert (plain.login, plain.csrf) == (None, False)


def test_a_view_that_is_exempt_from_the_csrf_check_needs_no_token(tmp_path: Path) -> None:
    exempt = GUARDED.replace("Upload.as_view()", "csrf_exempt(Upload.as_view())")
    found = look(tmp_path, "from django.views.decorators.csrf import csrf_exempt" + exempt)
    assert (found.csrf, len(found.routes)) == (False, 1)


def test_the_sign_in_and_the_csrf_check_of_a_flask_app_are_found(tmp_path: Path) -> None:
    more = '\n@app.post("/sign-in")\ndef enter(): return ""\napp.extensions["csrf"] = object()\n'
    found = look(tmp_path, FLASK + more)
    assert (found.login, found.csrf, len(found.routes)) == ("/sign-in", True, 1)


def test_an_app_that_a_factory_makes_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(FLASK + "def create(): return app\n")
    found = discover_uploads("made:create()", python=sys.executable, cwd=tmp_path, env=os.environ)
    assert [route.path for route in found.routes] == ["/albums/1/photos"]


def test_the_probe_runs_under_every_python_that_a_target_may_have(
    tmp_path: Path, interpreters: dict[str, Path]
) -> None:
    (tmp_path / "bare.py").write_text("def app(environ, start_response): return []\n")
    for python in interpreters.values():
        assert discover_uploads("bare:app", python=str(python), cwd=tmp_path, env={}) == Discovery()


def test_falls_back_to_names_where_no_view_reads_files(tmp_path: Path) -> None:
    found = look(tmp_path, FLASK.replace('request.files["picture"].save("/dev/null")', "store()"))
    assert found.routes == (UploadRoute("POST", "/albums/1/photos", "file"),)


def test_an_app_without_a_known_url_map_has_no_routes(tmp_path: Path) -> None:
    assert look(tmp_path, "def app(environ, start_response): return []\n") == Discovery()


def test_the_checkout_stays_as_it_was(tmp_path: Path) -> None:
    look(tmp_path, FLASK)
    assert [path.name for path in tmp_path.iterdir()] == ["site_under_test.py"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("raise SystemExit('no settings')\n", "SystemExit: no settings"),
        ("import os; os._exit(3)\n", "ended the interpreter"),
        ("x = 1\n", "AttributeError"),
    ],
)
def test_an_app_that_cannot_be_imported_is_a_problem_not_a_crash(tmp_path: Path, text: str, problem: str) -> None:
    found = look(tmp_path, text)
    assert found.routes == ()
    assert problem in (found.problem or "")


def test_an_import_that_takes_for_ever_is_cut_short(tmp_path: Path) -> None:
    assert "longer than 0.5 s" in (look(tmp_path, "import time; time.sleep(60)\n", timeout=0.5).problem or "")


def test_an_interpreter_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    found = discover_uploads("a:b", python="/no/such/python", cwd=tmp_path, env={})
    assert "No such file" in (found.problem or "")


def test_a_suggestion_can_be_pasted_into_a_shell() -> None:
    line = suggestion([UploadRoute("POST", "/lessons/1/images/", "file")], LAUNCH)
    assert line == ("leakhunt profile site:app --chdir 'my site' --upload /lessons/1/images/ --file file=image:1MB")
    assert "--upload 'PUT /x/'" in suggestion([UploadRoute("PUT", "/x/", "file")], LAUNCH)


def test_without_a_workload_the_three_ways_are_named_and_the_line_to_paste() -> None:
    names = ("misc", "videos", "images", "documents")
    routes = tuple(UploadRoute("POST", f"/{name}/", "file") for name in names)
    error = nothing_to_replay(Discovery(routes), LAUNCH)
    assert error.exit_code == 2
    hint = error.hint or ""
    assert all(way in hint for way in ("--workload", "--upload", "--request", "pyproject.toml or leakhunt.toml"))
    assert "workload file" not in hint
    assert hint.endswith(
        "--upload /images/ --file file=image:1MB --upload /documents/ --file file=document:1MB"
        " --upload /videos/ --file file=video:20MB"
    )


@pytest.mark.parametrize(
    ("login", "csrf", "words"),
    [
        (
            "/in/",
            True,
            "this app has a sign-in at /in/ and a check of CSRF tokens, for which a workload file is needed",
        ),
        (None, True, "this app has a check of CSRF tokens, for which a workload file is needed"),
        ("/in/", False, "this app has a sign-in at /in/, for which a workload file is needed"),
    ],
)
def test_what_flags_cannot_pass_is_said_with_the_way_to_pass_it(login: str | None, csrf: bool, words: str) -> None:
    routes = (UploadRoute("POST", "/videos/", "file"),)
    hint = nothing_to_replay(Discovery(routes, login=login, csrf=csrf), LAUNCH).hint or ""
    assert f"{words} (docs/reference/workload.md); for example\n" in hint


def test_without_a_route_the_problem_is_told_instead() -> None:
    assert "ModuleNotFoundError" in (nothing_to_replay(Discovery(problem="ModuleNotFoundError: x"), LAUNCH).hint or "")
