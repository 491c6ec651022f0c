"""The example sites do what their READMEs say: they take uploads, and leak or do not leak."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from conftest import find_interpreters
from integration.example_site import EXAMPLES, Answer, Visitor, gunicorn, png, process, wait_until, wsgiref
from leakhunt.workload.toml import loads

LOGIN = "/accounts/login/"
VIDEOS, IMAGES, DOCUMENTS = "/lessons/1/videos/", "/lessons/1/images/", "/lessons/1/documents/"
VARIANTS = ("leaky", "fixed")
WARM_UP, REQUESTS = 40, 60
HELD_BY_FIXED = 1.5
"""Blocks per request that the fixed site's worker may keep: one object that stayed behind every time would be more
than one block, and what is left is the noise of one-off allocations spread over REQUESTS."""


@dataclass(frozen=True)
class Courseware:
    """A courseware site that is up, with a teacher who has signed in."""

    teacher: Visitor
    data: Path

    def stored(self, answer: Answer) -> bytes:
        """The content of the upload that was answered so."""
        return (self.data / "media" / str(answer.json()["name"])).read_bytes()

    def value(self, query: str, *parameters: object) -> object:
        """The first column of the first row of a query on the site's database."""
        with closing(sqlite3.connect(self.data / "db.sqlite3")) as database:
            row: tuple[object, ...] = database.execute(query, parameters).fetchone()
        return row[0]

    def preview(self, upload: object) -> Path:
        """The preview of an upload, once there is one."""
        query = "SELECT preview FROM courseware_upload WHERE id = ?"
        wait_until(lambda: self.value(query, upload) != "", 20, f"the preview of upload {upload}")
        return self.data / "media" / str(self.value(query, upload))


def manage(project: Path, env: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=project, env=os.environ | env, check=True, capture_output=True)


@contextmanager
def courseware(project: Path, variant: str, directory: Path) -> Iterator[Courseware]:
    env = {"COURSEWARE_VARIANT": variant, "COURSEWARE_DATA": str(directory / "data")}
    manage(project, env, "migrate", "--no-input")
    manage(project, env, "seed_courses")
    app = "courseware.wsgi:application"
    with gunicorn(app, directory=project, env=env, log=directory / "gunicorn.log") as visitor:
        assert visitor.log_in(LOGIN, "teacher", "chalk-and-talk").status == 302
        yield Courseware(visitor, directory / "data")


@contextmanager
def celery_worker(project: Path, data: Path) -> Iterator[None]:
    """The companion as the workload file starts it."""
    workload = loads((project / "uploads.toml").read_text())
    [companion] = workload["companion"]
    command = [part.replace("{python}", sys.executable) for part in companion["command"]]
    log = data.parent / "celery.log"
    with process(command, directory=project, env={"COURSEWARE_DATA": str(data)}, log=log):
        wait_until(lambda: companion["ready"]["log"] in log.read_text(), 30, "the Celery worker")
        yield


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Courseware]]:
    """Both variants; the leaky one from a copy outside of Git, the fixed one from the checkout, with its worker."""
    original = EXAMPLES / "courseware"
    copied = tmp_path_factory.mktemp("copy") / "courseware"
    shutil.copytree(original, copied, ignore=shutil.ignore_patterns("var", "__pycache__"))
    with ExitStack() as stack:
        leaky = stack.enter_context(courseware(copied, "leaky", tmp_path_factory.mktemp("leaky")))
        fixed = stack.enter_context(courseware(original, "fixed", tmp_path_factory.mktemp("fixed")))
        stack.enter_context(celery_worker(original, fixed.data))
        yield {"leaky": leaky, "fixed": fixed}


@pytest.fixture(params=VARIANTS)
def site(request: pytest.FixtureRequest, sites: dict[str, Courseware]) -> Courseware:
    return sites[request.param]


@pytest.fixture
def fixed(sites: dict[str, Courseware]) -> Courseware:
    return sites["fixed"]


@pytest.fixture
def leaky(sites: dict[str, Courseware]) -> Courseware:
    return sites["leaky"]


UPLOADS = {
    VIDEOS: ("video.mp4", os.urandom(3_000_000)),
    IMAGES: ("image.png", png(640, 480, padding=100_000)),
    DOCUMENTS: ("document.pdf", os.urandom(300_000)),
}


@pytest.mark.parametrize("path", UPLOADS)
def test_an_upload_is_stored_byte_for_byte(site: Courseware, path: str) -> None:
    name, content = UPLOADS[path]
    answer = site.teacher.upload(path, name, content)
    assert answer.status == 201, answer.body
    assert site.stored(answer) == content
    assert answer.json()["size"] == len(content)


@pytest.mark.parametrize("path", UPLOADS)
def test_an_upload_without_csrf_token_is_refused(site: Courseware, path: str) -> None:
    assert site.teacher.upload(path, *UPLOADS[path], token=False).status == 403


@pytest.mark.parametrize("path", UPLOADS)
def test_an_upload_by_a_stranger_is_sent_to_the_login_page(site: Courseware, path: str) -> None:
    stranger = Visitor(site.teacher.port)
    stranger.get(LOGIN)
    assert stranger.upload(path, *UPLOADS[path]).status == 302


def test_a_wrong_password_signs_nobody_in(site: Courseware) -> None:
    stranger = Visitor(site.teacher.port)
    assert stranger.log_in(LOGIN, "teacher", "talk-and-chalk").status == 200
    assert stranger.get("/courses/1/").status == 302


def test_what_is_no_image_is_refused(site: Courseware) -> None:
    assert site.teacher.upload(IMAGES, "image.png", b"no image at all").status == 400


def test_a_form_without_file_is_refused(site: Courseware) -> None:
    form = "application/x-www-form-urlencoded"
    assert site.teacher.post(VIDEOS, b"title=Nothing", form).status == 400


def test_an_upload_to_a_lesson_that_does_not_exist_is_not_found(site: Courseware) -> None:
    assert site.teacher.upload("/lessons/4711/images/", *UPLOADS[IMAGES]).status == 404


def test_the_course_page_shows_what_was_uploaded(site: Courseware) -> None:
    site.teacher.upload(DOCUMENTS, *UPLOADS[DOCUMENTS])
    page = site.teacher.get("/courses/1/")
    assert page.status == 200
    assert "A title (document, 293.0" in page.body.decode()


def test_progress_is_noted(site: Courseware) -> None:
    body = json.dumps({"seconds": 95}).encode()
    assert site.teacher.post("/lessons/2/progress/", body, "application/json").status == 200
    assert site.value("SELECT seconds FROM courseware_progress WHERE lesson_id = 2") == 95


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"seconds": -1}', b'{"seconds": null}'])
def test_progress_that_makes_no_sense_is_refused(site: Courseware, body: bytes) -> None:
    assert site.teacher.post("/lessons/2/progress/", body, "application/json").status == 400


def test_seeding_again_changes_nothing(fixed: Courseware) -> None:
    def rows() -> list[object]:
        return [fixed.value(f"SELECT count(*) FROM {table}") for table in ("auth_user", "courseware_lesson")]

    before = rows()
    manage(EXAMPLES / "courseware", {"COURSEWARE_DATA": str(fixed.data)}, "seed_courses")
    assert rows() == before == [1, 8]


def test_the_celery_worker_makes_the_thumbnail(fixed: Courseware) -> None:
    answer = fixed.teacher.upload(IMAGES, "wide.png", png(1280, 480))
    with Image.open(fixed.preview(answer.json()["id"])) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 120))


def test_the_celery_worker_processes_the_video(fixed: Courseware) -> None:
    name, content = UPLOADS[VIDEOS]
    upload = fixed.teacher.upload(VIDEOS, name, content).json()["id"]
    assert fixed.preview(upload).read_bytes() == content[: 256 * 1024]
    digest = fixed.value("SELECT digest FROM courseware_upload WHERE id = ?", upload)
    assert digest == hashlib.sha256(content).hexdigest()


def test_the_video_thread_of_the_leaky_site_computes_the_digest(leaky: Courseware) -> None:
    name, content = UPLOADS[VIDEOS]
    upload = leaky.teacher.upload(VIDEOS, name, content).json()["id"]
    digest = leaky.value("SELECT digest FROM courseware_upload WHERE id = ?", upload)
    assert digest == hashlib.sha256(content).hexdigest()


def test_chunks_of_a_document_carry_their_bytes_on_the_leaky_site_only(sites: dict[str, Courseware]) -> None:
    name, content = UPLOADS[DOCUMENTS]
    query = "SELECT sum(size) || ' ' || sum(length(data)) FROM courseware_filechunk WHERE upload_id = ?"
    found = {
        variant: site.value(query, site.teacher.upload(DOCUMENTS, name, content).json()["id"])
        for variant, site in sites.items()
    }
    assert found == {"leaky": "300000 300000", "fixed": "300000 0"}


def test_a_picture_sent_again_is_stored_once_by_the_fixed_site(sites: dict[str, Courseware]) -> None:
    content = png(64, 64)

    def times_stored(site: Courseware) -> int:
        return len({site.teacher.upload(IMAGES, "again.png", content).json()["id"] for _ in range(3)})

    assert {variant: times_stored(site) for variant, site in sites.items()} == {"leaky": 3, "fixed": 1}


def blocks_per_request(visitor: Visitor, send: Callable[[int], Answer], *, warm_up: int = WARM_UP) -> float:
    """Blocks that the worker holds more after REQUESTS requests, by request, once it is warm."""
    for number in range(warm_up):
        send(number)
    before = visitor.held()
    for number in range(warm_up, warm_up + REQUESTS):
        assert send(number).status in {200, 201}
    return (visitor.held() - before) / REQUESTS


Content = Callable[[], bytes]
LEAKS: dict[str, tuple[Content, float]] = {
    VIDEOS: (lambda: os.urandom(10_000), 3),
    IMAGES: (lambda: png(64, 48), 8),
    DOCUMENTS: (lambda: os.urandom(70_000), 20),
}
"""By path: content of the uploads, and the blocks per request that the leaky site keeps at least."""


@pytest.mark.parametrize("path", LEAKS)
def test_only_the_leaky_site_keeps_blocks_of_an_upload(sites: dict[str, Courseware], path: str) -> None:
    content, leaked = LEAKS[path]

    def kept(site: Courseware) -> float:
        return blocks_per_request(
            site.teacher, lambda number: site.teacher.upload(path, f"{path[11]}-{number}", content())
        )

    assert kept(sites["leaky"]) > leaked
    assert kept(sites["fixed"]) < HELD_BY_FIXED


def test_pages_without_upload_keep_nothing(site: Courseware) -> None:
    def page_and_progress(number: int) -> Answer:
        assert site.teacher.get("/courses/1/").status == 200
        return site.teacher.post("/lessons/1/progress/", b'{"seconds": %d}' % number, "application/json")

    assert blocks_per_request(site.teacher, page_and_progress) < HELD_BY_FIXED


def test_serving_leaves_the_checkout_as_it_was(sites: dict[str, Courseware]) -> None:
    assert sites
    listed = ["git", "status", "--porcelain", "--ignored", "examples/courseware"]
    status = subprocess.run(listed, cwd=EXAMPLES, capture_output=True, text=True, check=True).stdout
    assert "var" not in status
    assert not list((EXAMPLES / "courseware").rglob("*.sqlite3"))


def test_requirements_of_courseware_are_those_of_its_project_file() -> None:
    project = loads((EXAMPLES / "courseware" / "pyproject.toml").read_text())
    lines = (EXAMPLES / "courseware" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["project"]["dependencies"]


def picture() -> bytes:
    return png(16, 16, padding=20_000)


@pytest.mark.parametrize("variant", ["leaky", "clean"])
def test_the_gallery_keeps_photos_in_its_leaky_variant_only(variant: str, tmp_path: Path) -> None:
    env, log = {"GALLERY_VARIANT": variant}, tmp_path / "gunicorn.log"
    with gunicorn("gallery:app", directory=EXAMPLES / "flask_gallery", env=env, log=log) as visitor:
        # Werkzeug compiles patterns for every boundary, and `re` keeps the last 512 of them.
        kept = blocks_per_request(
            visitor,
            lambda number: visitor.upload("/albums/1/photos", f"{number}.png", picture(), field="photo"),
            warm_up=300,
        )
    assert (kept > 4) if variant == "leaky" else (kept < HELD_BY_FIXED)


@pytest.mark.parametrize("version", find_interpreters())
@pytest.mark.parametrize("variant", ["leaky", "clean"])
def test_the_shop_keeps_searches_and_orders_in_its_leaky_variant_only(
    variant: str, version: str, tmp_path: Path
) -> None:
    python, env, log = find_interpreters()[version], {"SHOP_VARIANT": variant}, tmp_path / "server.log"
    with wsgiref(python, "shop:application", directory=EXAMPLES / "bare_wsgi", env=env, log=log) as visitor:
        searches = blocks_per_request(visitor, lambda number: visitor.get(f"/search?q=saddle-{number}"))
        body = b'{"remark": "behind the house"}'
        orders = blocks_per_request(visitor, lambda _: visitor.post("/orders", body, "application/json"))
        window = blocks_per_request(visitor, lambda _: visitor.get("/"))
    assert (searches > 60) if variant == "leaky" else (searches < HELD_BY_FIXED)
    assert (orders >= 1) if variant == "leaky" else (orders < HELD_BY_FIXED)
    assert window < HELD_BY_FIXED


SHOWN = re.compile(r"^\| `\w+ [^`]+` .*`(?P<file>[\w/]+\.py):(?P<line>\d+)` \| `(?P<source>[^`]+)`", re.MULTILINE)


@pytest.mark.parametrize("example", ["courseware", "flask_gallery", "bare_wsgi"])
def test_readmes_name_the_lines_as_they_are(example: str) -> None:
    readme = (EXAMPLES / example / "README.md").read_text()
    named = list(SHOWN.finditer(readme))
    assert named
    for match in named:
        lines = (EXAMPLES / example / match["file"]).read_text().splitlines()
        assert lines[int(match["line"]) - 1].strip() == match["source"]
