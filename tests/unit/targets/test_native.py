from __future__ import annotations

import base64
import hashlib

import pytest

from leakhunt.agent import brought
from leakhunt.errors import AgentError
from leakhunt.targets.native import BUILT, luggage


def test_what_is_sent_is_what_was_installed_and_says_what_it_is() -> None:
    image = BUILT / f"_sampler{brought.suffix()}"
    if not image.exists():
        pytest.skip("leakhunt was installed without a C compiler.")
    sent = luggage(brought.suffix())
    assert base64.b64decode(sent["image"]) == image.read_bytes()
    assert sent["made_for"] == brought.suffix()
    assert hashlib.sha256(image.read_bytes()).hexdigest().startswith(sent["digest"])


def test_for_another_python_there_is_none() -> None:
    with pytest.raises(AgentError, match=r"no native sampler for a Python whose extensions end in \.cpython-27\.so"):
        luggage(".cpython-27.so")
