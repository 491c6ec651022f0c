from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.workload.toml import loads
from leakhunt.workload.toml_lines import KeyPath, key_lines

TEXT = '''\
# comment = 1
a = 1
b.c = "x # not a comment ]"
s = """
decoy = [1]
\\""" still
"""
setup = [
  ["a", 'b'],   # one
  ["c"],
]
[login]
form = { u = "t", "p \\"q" = 'x}' }
[[step]]
path = "/"
files = [{ field = "f", size = 3 },
  { field = "g" }]
[[step]]
[step.headers]
'X-A' = "1"
[[step.deep]]
when = 1979-05-27T07:32:00Z
'''


def test_every_key_is_found_on_its_line() -> None:
    lines = key_lines(TEXT)
    expected: dict[KeyPath, int] = {
        ("a",): 2,
        ("b", "c"): 3,
        ("s",): 4,
        ("setup", 1, 0): 10,
        ("login", "form", 'p "q'): 13,
        ("step", 0, "files", 0, "size"): 16,
        ("step", 0, "files", 1, "field"): 17,
        ("step", 1): 18,
        ("step", 1, "headers", "X-A"): 20,
        ("step", 1, "deep", 0, "when"): 22,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("decoy",) not in lines


def test_a_table_that_only_others_are_part_of_is_on_the_line_of_the_first_of_them() -> None:
    lines = key_lines("a = 1\n[tool.leakhunt]\nb = 1\n[tool.other]\n")
    assert (lines["tool",], lines["tool", "other"]) == (2, 4)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + "".join(f"{_toml(item)}, # ]\n" for item in value) + "]"
    return json.dumps(value)


def _paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found |= _paths(item, (*path, index))
    return found


# Characters that TOML and JSON escape alike.
words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5)
values = st.recursive(
    st.one_of(words, st.integers(), st.booleans()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(words, values, max_size=4))
def test_finds_exactly_the_keys_that_the_parser_finds(data: dict[str, object]) -> None:
    text = "".join(
        f"\n# {number} = 1\n{json.dumps(key)} = {_toml(item)}\n" for number, (key, item) in enumerate(data.items())
    )
    assert loads(text) == data
    assert set(key_lines(text)) == _paths(data)
