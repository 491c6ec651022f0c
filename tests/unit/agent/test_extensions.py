from __future__ import annotations

import _ctypes
import array

import pytest
from PIL import Image
from PIL import _imaging as imaging

from leakhunt.agent.extensions import Extensions


@pytest.fixture(scope="module")
def extensions() -> Extensions:
    return Extensions()


def test_a_function_lies_in_its_shared_object(extensions: Extensions) -> None:
    file = extensions.of_function(imaging.new)
    assert file is not None
    assert file == imaging.__file__


def test_a_type_lies_in_its_shared_object(extensions: Extensions) -> None:
    assert extensions.of_type(type(imaging.new("L", (1, 1)))) == imaging.__file__
    assert extensions.of_type(_ctypes._SimpleCData) == _ctypes.__file__


def test_a_method_lies_where_its_type_does(extensions: Extensions) -> None:
    assert extensions.of_function(array.array.append) == array.__file__
    assert extensions.of_function(array.array("b").append) == array.__file__


def test_what_the_interpreter_brings_is_no_extension(extensions: Extensions) -> None:
    assert [extensions.of_function(each) for each in (len, "".join, str.join, dict.get)] == [None] * 4
    assert [extensions.of_type(each) for each in (dict, object, type, Exception)] == [None] * 4


def test_python_is_no_extension(extensions: Extensions) -> None:
    class Mine(array.array):  # type: ignore[type-arg]  # of any numbers
        """A class of the app's over one of an extension."""

    assert extensions.of_type(Mine) is None
    assert extensions.of_type(Image.Image) is None
    assert extensions.of_function(Image.new) is None


def test_a_proxy_is_not_asked_what_it_is(extensions: Extensions) -> None:
    class Proxy:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    assert extensions.of_function(Proxy()) is None
