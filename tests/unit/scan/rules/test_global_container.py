"""LH103: a container of a module or class grows with calls, and nothing takes anything out of it."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH103"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_registries_that_are_filled_at_start_up_are_left_alone() -> None:
    source = """
_HANDLERS = {}
def register(name):
    def wrap(function):
        _HANDLERS[name] = function
        return function
    return wrap
"""
    assert lines(RULE, source) == []


def test_a_key_that_is_never_the_same_is_growth_wherever_it_is() -> None:
    source = """
import uuid
_SEEN = {}
def note(value):
    _SEEN[uuid.uuid4()] = value
"""
    assert lines(RULE, source) == [5]


def test_containers_of_classes_that_methods_fill_are_shared() -> None:
    source = """
class View(MethodView):
    seen = []
    def get(self, pk):
        self.seen.append(pk)
"""
    assert lines(RULE, source) == [5]


def test_an_object_with_a_container_of_its_own_is_another_matter() -> None:
    source = """
class View(MethodView):
    seen = []
    def __init__(self):
        self.seen = []
    def get(self, pk):
        self.seen.append(pk)
"""
    assert lines(RULE, source) == []


def test_local_containers_go_with_their_call() -> None:
    source = """
def view(request):
    seen = []
    seen.append(request.path)
"""
    assert lines(RULE, source) == []


def test_helpers_that_a_view_calls_are_part_of_it() -> None:
    source = """
_SEEN = []
def view(request):
    note(request.path)
def note(path):
    _SEEN.append(path)
"""
    assert lines(RULE, source) == [6]
