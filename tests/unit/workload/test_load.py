from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import ConfigError
from leakhunt.workload.load import load_workload
from leakhunt.workload.scenario import Companion, Expect, FilePart, Login, Ready, SizeRange, Workload

COMPLETE = """\
concurrency = 2
inputs = "repeated"
setup = [["{python}", "manage.py", "migrate", "--no-input"]]
env = { COURSEWARE_DATA = "{launch_dir}/data", LIMIT = 3 }

[login]
path = "/accounts/login/"
form = { username = "teacher", password = "chalk-and-talk" }
csrf = "django"

[[step]]
name = "image"
method = "POST"
path = "/lessons/1/images/"
weight = 3
files = [{ field = "file", kind = "image", size = "300KB..2MB", megapixels = 1.5 }]
form = { title = "Lesson {n}" }
expect = [201]
think = 0.5
retries = 2
timeout = 30

[[step]]
path = "/search?i={n}&q=pens"
headers = { Accept = "text/html" }

[[companion]]
name = "celery"
command = ["{python}", "-m", "celery"]
ready = { log = "ready" }
"""


def load(tmp_path: Path, text: str) -> Workload:
    file = tmp_path / "uploads.toml"
    file.write_text(text)
    return load_workload(file)


def test_a_complete_file_says_everything_it_means(tmp_path: Path) -> None:
    workload = load(tmp_path, COMPLETE)
    assert (workload.concurrency, workload.inputs) == (2, "repeated")
    assert workload.setup == (("{python}", "manage.py", "migrate", "--no-input"),)
    assert workload.env == {"COURSEWARE_DATA": "{launch_dir}/data", "LIMIT": "3"}
    assert workload.login == Login(
        "/accounts/login/", {"username": "teacher", "password": "chalk-and-talk"}, csrf="django"
    )
    image, search = workload.steps
    assert image.files == (FilePart("file", "image", SizeRange(300_000, 2_000_000), megapixels=1.5),)
    assert (image.method, image.weight, image.think, image.retries, image.timeout) == ("POST", 3.0, 0.5, 2, 30.0)
    assert image.expect == Expect((201,))
    assert workload.companions == (Companion("celery", ("{python}", "-m", "celery"), Ready(log="ready")),)
    assert search.headers == {"Accept": "text/html"}


def test_a_step_without_a_name_is_called_by_its_method_and_path_without_query_values(tmp_path: Path) -> None:
    assert load(tmp_path, COMPLETE).steps[1].name == "GET /search?i={n}&q=***"


def test_a_step_with_a_body_is_a_post_unless_it_says_otherwise(tmp_path: Path) -> None:
    workload = load(
        tmp_path,
        """
        step = [{ path = "/a", json = { b = 1 } }, { path = "/b" }, { method = "PUT", path = "/c", body = "x" }]
        """,
    )
    assert [step.method for step in workload.steps] == ["POST", "GET", "PUT"]


@pytest.mark.parametrize("status", [200, 400, 422, None])
def test_a_fault_may_be_answered_by_a_refusal_or_not_at_all(tmp_path: Path, status: int | None) -> None:
    (step,) = load(tmp_path, '[[step]]\npath = "/"\nbody = "x"\nfault = "truncated"\n').steps
    assert step.expect.accepts(status)


@pytest.mark.parametrize("status", [302, 403, 404, 500])
def test_a_fault_does_not_excuse_every_answer(tmp_path: Path, status: int) -> None:
    (step,) = load(tmp_path, '[[step]]\npath = "/"\nbody = "x"\nfault = "truncated"\n').steps
    assert not step.expect.accepts(status)


STEP = '[[step]]\npath = "/"\n'
FILE = STEP + 'files = [\n  { field = "f", kind = "image", size = "1MB" },\n  '
MISTAKES = [
    # text, line, key, part of the message, part of the hint
    ("concurency = 2\n" + STEP, 1, "concurency", "unknown key", "`concurrency`"),
    ("\n[[steps]]\npath = '/'\n", 2, "steps", "unknown key", "`step`"),
    (STEP + '[[step]]\npath = "/b"\nwieght = 2\n', 5, "step[1].wieght", "unknown key", "`weight`"),
    (FILE + '{ feild = "g", kind = "image", size = "1MB" }]\n', 5, "step[0].files[1].feild", "unknown key", "`field`"),
    (FILE + '{ field = "g", kind = "vidoe", size = "1MB" }]\n', 5, "step[0].files[1].kind", "vidoe", "`video`"),
    (FILE + '{ field = "g", kind = "video", size = "big" }]\n', 5, "step[0].files[1].size", "no size", ""),
    (FILE + '{ field = "g", kind = "video", size = "2MB..1MB" }]\n', 5, "step[0].files[1].size", "backwards", ""),
    (FILE + '{ field = "g", kind = "image", size = 10 }]\n', 5, "step[0].files[1].size", "at least 512 B", ""),
    (FILE + '{ kind = "image", size = "1MB" }]\n', 5, "step[0].files[1]", "`field` is missing", 'field = "file"'),
    ('[[step]]\nmethod = "PSOT"\npath = "/"\n', 2, "step[0].method", "'PSOT'", "`POST`"),
    ('[[step]]\nmethod = "POST"\n', 1, "step[0]", "`path` is missing", "path ="),
    ('[[step]]\npath = "upload/"\n', 2, "step[0].path", "slash", "host"),
    (STEP + "weight = 0\n", 3, "step[0].weight", "more than 0", ""),
    (STEP + 'weight = "2"\n', 3, "step[0].weight", "must be a number", "weight = 1"),
    (STEP + "retries = -1\n", 3, "step[0].retries", "at least 0", ""),
    (STEP + "expect = [200, 2000]\n", 3, "step[0].expect", "HTTP statuses", "[200, 201]"),
    (STEP + "once = 'yes'\n", 3, "step[0].once", "true or false", "once = true"),
    (STEP + "once = true\n", 1, "step", "no step to repeat", "[[step]]"),
    (STEP + "fault = 'truncate'\n", 3, "step[0].fault", "'truncate'", "`truncated`"),
    (STEP + "fault = 'malformed'\n", 3, "step[0].fault", "needs a body", "form"),
    (STEP + "body = 'x'\njson = {}\n", 4, "step[0].json", "cannot stand beside `body`", "one kind"),
    (STEP + "headers = { 'A b' = 'c' }\n", 3, "step[0].headers", "no valid header", ""),
    (STEP + "json = { on = 2026-01-01 }\n", 3, "step[0].json", "no JSON", "text"),
    (STEP + "form = { a = [1] }\n", 3, "step[0].form.a", "must be a text", ""),
    (STEP + "[[step]]\npath = '/x'\nname = 'GET /'\n", 5, "step[1].name", "a second step", "name"),
    (STEP + "[login]\nform = { u = 'x' }\n", 3, "login", "`path` is missing", ""),
    (STEP + "[login]\npath = '/in'\ncsrf = 'djnago'\n", 5, "login.csrf", "'djnago'", "`django`"),
    ("setup = ['migrate']\n" + STEP, 1, "setup[0]", "list of words", ""),
    (STEP + "[[companion]]\nname = 'x'\n", 3, "companion[0]", "`command` is missing", "command ="),
    (STEP + "[[companion]]\nname = 'x'\ncommand = ['x']\nready = {}\n", 6, "companion[0].ready", "exactly one", "log"),
    ("step = 3\n", 1, "step", "list of tables", "[[step]]"),
    ("# nothing\n", None, None, "no step", "[[step]]"),
    ("concurrency = 1001\n" + STEP, 1, "concurrency", "at most 1000", ""),
    (STEP + "weight = nan\n", 3, "step[0].weight", "must be more than 0, not nan", ""),
    (STEP + "weight = inf\n", 3, "step[0].weight", "must be at most 1000000, not inf", ""),
    (STEP + "think = nan\n", 3, "step[0].think", "must be at least 0, not nan", ""),
    (STEP + "think = inf\n", 3, "step[0].think", "must be at most 86400, not inf", ""),
    (STEP + "timeout = nan\n", 3, "step[0].timeout", "must be more than 0, not nan", ""),
    (STEP + "timeout = 1e300\n", 3, "step[0].timeout", "must be at most 86400, not 1e+300", ""),
    (STEP + "retries = 100000000000000000000\n", 3, "step[0].retries", "must be at most 100, not 1000", ""),
    (STEP + "expect = []\n", 3, "step[0].expect", "at least one HTTP status", "leave it out"),
    (STEP + "json = nan\n", 3, "step[0].json", "nan or inf", "text"),
    (STEP + "json = { a = [-inf] }\n", 3, "step[0].json", "nan or inf", "text"),
    (STEP + "name = ''\n", 3, "step[0].name", "must not be empty", "leave it out"),
    ("[[step]]\npath = '/x y'\n", 2, "step[0].path", "must not hold a blank", "%20"),
    ("[[step]]\npath = '/x\ty'\n", 2, "step[0].path", "must not hold a control character", "%XX"),
    (STEP + "headers = { content-length = 3 }\n", 3, "step[0].headers", "content-length follows from", "truncated"),
    (STEP + "headers = { Transfer-Encoding = 'x' }\n", 3, "step[0].headers", "Transfer-Encoding follows", "truncated"),
    (FILE + '{ field = "g", kind = "video", size = "99999TB" }]\n', 5, "step[0].files[1].size", "at most 1000 GB", ""),
    (FILE + '{ field = "g", kind = "document", size = "9GB..10GB" }]\n', 5, "step[0].files[1].size", "most 9 GB", ""),
    (FILE + f'{{ field = "g", kind = "video", size = 1{"0" * 99} }}]\n', 5, "step[0].files[1].size", "too large", ""),
    (
        FILE + f'{{ field = "g", kind = "video", size = "1{"0" * 999}" }}]\n',
        5,
        "step[0].files[1].size",
        "too large",
        "",
    ),
    (
        FILE + '{ field = "g", kind = "image", size = "1MB", megapixels = nan }]\n',
        5,
        "step[0].files[1].megapixels",
        "nan",
        "",
    ),
    (
        FILE + '{ field = "g", kind = "image", size = "1MB", name = "" }]\n',
        5,
        "step[0].files[1].name",
        "must not be empty",
        "",
    ),
    (STEP + f"weight = 1{'0' * 5000}\n", 3, None, "too many digits", "shorten"),
    ("a = " + "[" * 5000 + "]" * 5000 + "\n", None, None, "nested too deeply", "flatten"),
    ("a = 1\nb = \n", 2, None, "no valid TOML", ""),
    ("a = 1\n[[step]]\npath = '''/\n", 3, None, "no valid TOML", ""),
]


@pytest.mark.parametrize(
    ("text", "line", "key", "message", "hint"), [pytest.param(*each, id=each[0][:60]) for each in MISTAKES]
)
def test_a_mistake_is_named_with_line_and_key_and_the_way_out(
    tmp_path: Path, text: str, line: int | None, key: str | None, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert (error.line, error.key) == (line, key)
    assert message in error.message
    assert hint in (error.hint or "")
    assert error.exit_code == 2
    assert len(error.message) < 300
    place = "uploads.toml" if line is None else f"uploads.toml:{line}: "
    assert place in error.message


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        load_workload(tmp_path / "missing.toml")


def test_a_directory_is_no_workload(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load_workload(tmp_path)


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_bytes(b"# a\n# \xe9\n")
    with pytest.raises(ConfigError, match=r"w\.toml:2: is not UTF-8"):
        load_workload(file)


def test_a_rejected_header_does_not_tell_its_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, STEP + 'headers = { Authorization = "Bearer\\n abc" }\n')
    assert "abc" not in caught.value.message
