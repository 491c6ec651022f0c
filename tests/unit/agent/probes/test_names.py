from __future__ import annotations

from leakhunt.agent.probes.names import CROWD, Names, mask, type_name


def test_numbers_and_hexadecimal_digits_are_masked_and_words_are_not() -> None:
    assert mask("job_17") == "job_*"
    assert mask("upload-9f86d081884c7d65") == "upload-*"
    assert mask("facade") == "facade"


def test_the_first_of_a_crowd_keep_their_names() -> None:
    names = Names()
    given = [names.edge(3, f".job_{number}") for number in range(CROWD + 5)]
    assert given == [f".job_{number}" for number in range(CROWD)] + [".job_*"] * 5


def test_a_name_that_was_given_stays() -> None:
    names = Names()
    given = [names.edge(3, f".job_{number}") for number in range(CROWD + 5)]
    assert [names.edge(3, f".job_{number}") for number in range(CROWD + 5)] == given


def test_crowds_are_told_apart_by_where_they_stand() -> None:
    names = Names()
    assert [names.edge(node, f".job_{node}") for node in range(100)] == [f".job_{node}" for node in range(100)]


def test_classes_that_are_made_anew_have_one_name() -> None:
    names = Names()
    kinds = [type(f"Row{number}", (), {"__module__": "shop"}) for number in range(CROWD + 2)]
    assert [names.type(1, kind) for kind in kinds][-2:] == ["shop.Row*", "shop.Row*"]


def test_a_class_that_was_made_where_no_module_is_has_a_name() -> None:
    made: dict[str, type] = {}
    exec("Made = type('Made', (), {})", {"type": type}, made)  # as templates and plugins do
    assert type_name(made["Made"]).endswith("Made")
