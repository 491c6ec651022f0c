"""Requests of real frameworks, sent again and again by their own test clients."""

from __future__ import annotations

import shutil

import pytest

from conftest import ROOT

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

SITE = """
    import io
    import django, pytest
    from django.conf import settings

    settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], DATABASES={})

    from django.core.signals import request_finished
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    KEPT = []

    def clean(request):
        return HttpResponse(str(len(request.FILES["file"].read())))

    def keeps(request):
        KEPT.append(request.FILES["file"].read())
        return HttpResponse("kept")

    def connects(request):
        def receiver(**_):
            pass
        KEPT.append(receiver)
        request_finished.connect(receiver)
        return HttpResponse("connected")

    urlpatterns = [path("clean", clean), path("keeps", keeps), path("connects", connects)]
    django.setup()

    def upload(name="a.txt"):
        file = io.BytesIO(b"y" * 900)
        file.name = name
        return {"file": file}

    # A kilobyte is what the client keeps by itself.
    def test_own_client(leakhunt):
        assert leakhunt.django(max_growth="16B").post("/clean", upload()).content == b"900"

    def test_wsgi(leakhunt):
        assert leakhunt.wsgi(get_wsgi_application(), max_growth="16B").post("/clean", files=upload()).body == b"900"

    def test_own_client_sees_a_leak(leakhunt):
        leakhunt.django(rounds=12).post("/keeps", upload())

    def test_a_signal_connected_by_the_site_is_a_leak(leakhunt):
        leakhunt.django(rounds=12).get("/connects")
"""


def test_django_s_client_keeps_nothing_and_leaks_of_the_site_are_found(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_site=SITE)
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rf", timeout=300)
    ran.assert_outcomes(passed=2, failed=2)
    ran.stdout.fnmatch_lines_random(
        [
            '*KEPT.append(request.FILES[[]"file"[]].read())*',
            "*holder  test_site.KEPT[[]*[]]  (+1 bytes per request)",
            "FAILED test_site.py::test_own_client_sees_a_leak*",
            "FAILED test_site.py::test_a_signal_connected_by_the_site_is_a_leak*",
        ]
    )


@pytest.mark.parametrize(("variant", "failed"), [("leaky", 1), ("clean", 0)])
def test_the_gallery_is_tested_by_its_own_test(
    variant: str, failed: int, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gallery.py", "test_gallery.py"):
        shutil.copy(ROOT / "examples" / "flask_gallery" / name, pytester.path)
    monkeypatch.setenv("GALLERY_VARIANT", variant)
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=300)
    ran.assert_outcomes(passed=1 - failed, failed=failed)
    if failed:
        ran.stdout.fnmatch_lines(["*leak: 1?.? KiB kept by each request*", "*holder  gallery.LeakyPhoto._mean*"])
