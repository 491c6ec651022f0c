from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from leakhunt.agent import brought
from leakhunt.errors import AgentError
from leakhunt.targets import native
from leakhunt.targets.native import BUILT, is_installed, luggage


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


def test_it_is_told_whether_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "BUILT", tmp_path)
    assert not is_installed()
    (tmp_path / f"_sampler{brought.suffix()}").touch()
    assert is_installed()
