from __future__ import annotations

import pytest

from leakhunt.analysis.frames import (
    function_of,
    innermost_application,
    is_application,
    library_of,
    relative_file,
    short_file,
)
from leakhunt.model.snapshot import Frame

VIEW = Frame("/srv/app/shop/views.py", 12, "upload")


def installed(file: str) -> Frame:
    return Frame(f"/v/lib/python3.12/site-packages/{file}", 1, "f")


@pytest.mark.parametrize(
    "file",
    [
        "<string>",
        "<attrs generated init shop.models.Order>",
        "/srv/app/.venv/lib/python3.12/site-packages/six.py",
        "/usr/lib64/python3.9/json/decoder.py",
        "/opt/pypy/lib/pypy3.10/json/decoder.py",
        "/srv/app/.venv/bin/gunicorn",
    ],
)
def test_what_is_generated_installed_or_the_interpreters_is_not_the_applications(file: str) -> None:
    assert not is_application(Frame(file, 1, "f"))


@pytest.mark.parametrize(
    "file",
    [
        "/srv/lib/views.py",
        "/srv/python3.11/views.py",
        "/srv/site-packages.py",
        "views.py",
        "/srv/größe/a.py",
        "/srv/bin/serve.py",
    ],
)
def test_a_directory_that_is_only_named_alike_is_the_applications(file: str) -> None:
    assert is_application(Frame(file, 1, "f"))


def test_of_several_frames_of_the_application_the_innermost_counts() -> None:
    caller = Frame("/srv/app/shop/wsgi.py", 3, "application")
    assert innermost_application((installed("PIL/Image.py"), VIEW, caller)) == VIEW
    assert innermost_application((installed("PIL/Image.py"),)) is None
    assert innermost_application(()) is None


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("upload", "upload"),
        ("Gallery.upload", "Gallery.upload"),
        ("upload.<locals>.<genexpr>", "upload"),
        ("Gallery.upload.<locals>.<listcomp>.<genexpr>", "Gallery.upload"),
        ("upload.<locals>.<lambda>", "upload.<locals>.<lambda>"),
        ("<module>", "<module>"),
    ],
)
def test_a_comprehension_is_part_of_the_function_around_it(function: str, name: str) -> None:
    frame = Frame(VIEW.file, 13, function)
    assert function_of(frame, [frame]) == name


def test_where_a_comprehension_does_not_tell_its_function_the_caller_does() -> None:
    bare = Frame(VIEW.file, 13, "<genexpr>")
    assert function_of(bare, [bare, installed("PIL/Image.py"), VIEW]) == "upload"
    assert function_of(bare, [bare, installed("PIL/Image.py")]) == "<genexpr>"


def test_memory_that_the_application_allocates_itself_is_no_librarys() -> None:
    assert library_of((VIEW, installed("flask/app.py")), {}) is None
    assert library_of((), {}) is None


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("PIL/Image.py", "Pillow"),
        ("yaml/loader.py", "PyYAML"),
        ("rest_framework/views.py", "djangorestframework"),
        ("six.py", "six"),
        ("shapely/geometry/base.py", "shapely"),
    ],
)
def test_a_package_is_called_by_the_name_it_is_installed_by(file: str, package: str) -> None:
    library = library_of((installed(file), VIEW), {})
    assert library is not None
    assert (library.package, library.file) == (package, file)


def test_a_version_is_found_however_the_name_is_written() -> None:
    conditions = {"python": "3.12.1", "package:Typing_Extensions": "4.9", "package:pillow": "11.2.1"}
    versions = [library_of((installed(file), VIEW), conditions) for file in ("typing_extensions.py", "PIL/Image.py")]
    assert [library and library.version for library in versions] == ["4.9", "11.2.1"]


def test_a_version_that_is_not_known_is_none() -> None:
    library = library_of((installed("PIL/Image.py"), VIEW), {"python": "3.12.1", "package:pillow-heif": "0.15"})
    assert library is not None
    assert library.version is None


def test_the_interpreters_own_code_has_the_interpreters_version() -> None:
    frozen = Frame("<frozen importlib._bootstrap>", 1, "_call")
    for frame, file in ((frozen, frozen.file), (Frame("/usr/lib/python3.11/re/_parser.py", 1, "f"), "re/_parser.py")):
        library = library_of((frame, VIEW), {"python": "3.11.7"})
        assert library is not None
        assert (library.package, library.version, library.file) == ("python", "3.11.7", file)


def test_what_the_standard_library_allocates_is_put_down_to_the_package_that_called_it() -> None:
    standard = Frame("/usr/lib/python3.11/tempfile.py", 253, "_mkstemp_inner")
    library = library_of((standard, installed("openpyxl/worksheet/_writer.py"), VIEW), {"python": "3.11.7"})
    assert library is not None
    assert library.file == "openpyxl/worksheet/_writer.py"


def test_a_package_that_called_the_application_is_not_the_one() -> None:
    standard = Frame("/usr/lib/python3.11/tempfile.py", 253, "_mkstemp_inner")
    library = library_of((standard, VIEW, installed("flask/app.py")), {"python": "3.11.7"})
    assert library is not None
    assert library.package == "python"


def test_a_file_of_two_parts_or_fewer_is_its_own_short_name() -> None:
    assert [relative_file(file) for file in ("views.py", "shop/views.py", "/views.py")] == [
        "views.py",
        "shop/views.py",
        "/views.py",
    ]


def test_a_directory_may_be_given_with_a_slash_at_its_end() -> None:
    assert short_file(VIEW.file, {"directory": "/srv/app/"}) == "shop/views.py"


@pytest.mark.parametrize("conditions", [{}, {"directory": ""}, {"directory": "/"}])
def test_where_no_directory_is_shared_the_whole_file_is_shown(conditions: dict[str, str]) -> None:
    assert short_file(VIEW.file, conditions) is None
