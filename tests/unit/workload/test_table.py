from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import ConfigError
from leakhunt.workload.table import Table, dotted, nearest, parse_document, read_document

Read = Callable[[Table], object]


def table(text: str) -> Table:
    return parse_document(text, "uploads.toml").root()


def mistake(read: Read, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(table(text))
    return caught.value


def test_a_key_is_written_as_people_write_it() -> None:
    assert dotted(("step", 2, "files", 0, "size")) == "step[2].files[0].size"
    assert dotted(()) == ""


def test_a_hint_names_the_nearest_word_or_all_of_them() -> None:
    assert nearest("wieght", ("weight", "think")) == "did you mean `weight`?"
    assert nearest("colour", ("weight", "think")) == "known are: think, weight"


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda t: t.text("x"), None),
        (lambda t: t.named("x"), None),
        (lambda t: t.flag("x"), False),
        (lambda t: t.number("x", 2.5), 2.5),
        (lambda t: t.integer("x", least=1), None),
        (lambda t: t.choice("x", ("a", "b")), None),
        (lambda t: t.texts("x"), {}),
        (lambda t: t.command("x"), None),
        (lambda t: t.commands("x"), ()),
        (lambda t: t.statuses("x"), ()),
        (lambda t: t.table("x"), None),
        (lambda t: t.tables("x"), ()),
        (lambda t: t.raw("x"), None),
        (lambda t: "x" in t, False),
    ],
)
def test_a_key_that_is_not_there_is_no_mistake(read: Read, expected: object) -> None:
    assert read(table("y = 1")) == expected


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ('x = "größe"', lambda t: t.text("x"), "größe"),
        ('x = ""', lambda t: t.text("x"), ""),
        ("x = true", lambda t: t.flag("x"), True),
        ("x = 3", lambda t: t.number("x", 1.0), 3.0),
        ("x = 0", lambda t: t.number("x", 1.0), 0.0),
        ("x = 0.1", lambda t: t.number("x", 1.0, above=0.0), 0.1),
        ("x = 1", lambda t: t.integer("x", least=1), 1),
        ('x = "b"', lambda t: t.choice("x", ("a", "b")), "b"),
        ('x = { a = 1, b = "c", d = 2.5 }', lambda t: t.texts("x"), {"a": "1", "b": "c", "d": "2.5"}),
        ('x = ["ls", "-l $HOME"]', lambda t: t.command("x"), ("ls", "-l $HOME")),
        ('x = [["ls"], ["cat", "a b"]]', lambda t: t.commands("x"), (("ls",), ("cat", "a b"))),
        ("x = []", lambda t: t.commands("x"), ()),
        ("x = [200, 599]", lambda t: t.statuses("x"), (200, 599)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_value_that_fits_is_read(text: str, read: Read, expected: object) -> None:
    value = read(table(text))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "read", "problem"),
    [
        ("x = 3", lambda t: t.text("x"), "x: must be a text"),
        ("x = 1", lambda t: t.flag("x"), "x: must be true or false"),
        ('x = "3"', lambda t: t.number("x", 1.0), "x: must be a number, at least 0"),
        ("x = true", lambda t: t.number("x", 1.0), "x: must be a number"),
        ("x = -0.1", lambda t: t.number("x", 1.0), "x: must be at least 0, not -0.1"),
        ("x = 0", lambda t: t.number("x", 1.0, above=0.0), "x: must be more than 0, not 0"),
        ("x = nan", lambda t: t.number("x", 1.0), "x: must be at least 0, not nan"),
        ("x = nan", lambda t: t.number("x", 1.0, above=0.0), "x: must be more than 0, not nan"),
        ("x = inf", lambda t: t.number("x", 1.0), "x: must be a finite number, not inf"),
        (f"x = 1{'0' * 400}", lambda t: t.number("x", 1.0), "x: must be a finite number, not 10000000000000000000..."),
        ("x = 8.5", lambda t: t.number("x", 1.0, most=8.0), "x: must be at most 8, not 8.5"),
        ("x = 9", lambda t: t.integer("x", least=1, most=8), "x: must be at most 8, not 9"),
        (f"x = {2**63}", lambda t: t.integer("x", least=1), f"x: must be at most {2**63 - 1}, not {2**63}"),
        ("x = []", lambda t: t.statuses("x"), "x: must list at least one HTTP status"),
        ('x = " "', lambda t: t.named("x"), "x: must not be empty"),
        ("x = 1.0", lambda t: t.integer("x", least=1), "x: must be a whole number, at least 1"),
        ("x = true", lambda t: t.integer("x", least=0), "x: must be a whole number"),
        ("x = 0", lambda t: t.integer("x", least=1), "x: must be at least 1, not 0"),
        ('x = "c"', lambda t: t.choice("x", ("a", "b")), "x: must be one of a, b, not 'c'"),
        ("x = 1", lambda t: t.choice("x", ("a", "b")), "x: must be a text"),
        ("x = { a = [] }", lambda t: t.texts("x"), "x.a: must be a text"),
        ("x = { a = true }", lambda t: t.texts("x"), "x.a: must be a text"),
        ('x = "ls -l"', lambda t: t.command("x"), "x: must be a command as a list of words"),
        ("x = []", lambda t: t.command("x"), "x: must be a command as a list of words"),
        ('x = ["ls", 1]', lambda t: t.command("x"), "x: must be a command as a list of words"),
        ('x = ["ls"]', lambda t: t.commands("x"), "x[0]: must be a command as a list of words"),
        ('x = [["ls"], []]', lambda t: t.commands("x"), "x[1]: must be a command as a list of words"),
        ('x = "ls"', lambda t: t.commands("x"), "x: must be a list of commands"),
        ("x = 200", lambda t: t.statuses("x"), "x: must be a list of HTTP statuses"),
        ("x = [200, 99]", lambda t: t.statuses("x"), "x: must be a list of HTTP statuses"),
        ("x = [true]", lambda t: t.statuses("x"), "x: must be a list of HTTP statuses"),
        ("x = 1", lambda t: t.table("x"), "x: must be a table"),
        ("x = {}", lambda t: t.tables("x"), "x: must be a list of tables"),
        ("x = [1]", lambda t: t.tables("x"), "x: must be a list of tables"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_value_that_does_not_fit_is_named_with_its_line_and_key(text: str, read: Read, problem: str) -> None:
    error = mistake(read, f"# first\n{text}")
    assert error.message.startswith(f"uploads.toml:2: {problem}")


def test_a_wrong_word_is_answered_with_the_nearest_right_one() -> None:
    assert mistake(lambda t: t.choice("x", ("distinct", "repeated")), 'x = "repeat"').hint == "did you mean `repeated`?"
    error = mistake(lambda t: t.only("step", "setup"), "step = 1\nstpe = 2")
    assert (error.line, error.key, error.hint) == (2, "stpe", "did you mean `step`?")


def test_known_keys_pass_and_need_not_be_there() -> None:
    table("step = 1").only("step", "setup")


@pytest.mark.parametrize(("text", "key"), [("y = 1", None), ('name = ""', "name")])
def test_a_text_that_is_required_must_not_be_empty(text: str, key: str | None) -> None:
    error = mistake(lambda t: t.required("name", 'name = "image"'), text)
    assert (error.key, error.hint) == (key, 'write for example name = "image"')
    assert "`name` is missing" in error.message


def test_a_mistake_deep_in_the_file_has_the_whole_key_and_the_line_of_the_key() -> None:
    steps = table('[[step]]\nname = "a"\n\n[[step]]\nname = "b"\nheaders = { Accept = [] }').tables("step")
    assert [step.text("name") for step in steps] == ["a", "b"]
    with pytest.raises(ConfigError) as caught:
        steps[1].texts("headers")
    assert (caught.value.line, caught.value.key) == (6, "step[1].headers.Accept")


def test_what_is_missing_is_reported_at_the_table_that_lacks_it() -> None:
    (step,) = table('\n[[step]]\npath = "/"').tables("step")
    error = step.error("name", "is missing")
    assert (error.line, error.key) == (2, "step[0].name")
    assert step.error(None, "is odd").key == "step[0]"


def test_keys_and_values_can_be_listed_as_they_stand() -> None:
    given = table('"ключ" = 1\nb = { c = 2 }')
    assert dict(given.items()) == {"ключ": 1, "b": {"c": 2}}
    assert given.raw("b") == {"c": 2}


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = = 2", 2), ("a = 1\n[b\n", 2), ("a = 1\na = 2", 2), ("a = [1,\n\n", 1), ('a = """\nb\n', 2)],
    ids=["value", "bracket", "twice", "end of a list", "end of a text"],
)
def test_text_that_is_no_toml_is_named_with_its_line(text: str, line: int) -> None:
    error = mistake(lambda t: t, text)
    assert error.message.startswith(f"uploads.toml:{line}: no valid TOML: ")
    assert "(at " not in error.message


def test_a_file_is_read_and_called_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "wörk.toml"
    file.write_bytes(b'a = "x"\r\nb = 2\r\n')
    document = read_document(file)
    assert document.data == {"a": "x", "b": 2}
    assert document.root().error("b", "is odd").message == f"{file}:2: b: is odd"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        read_document(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes("a = 1\nb = 'größe'\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8 text") as caught:
        read_document(file)
    assert (caught.value.line, caught.value.hint) == (2, "save it as UTF-8")


def test_an_empty_file_is_an_empty_table() -> None:
    assert dict(table("").items()) == {}
