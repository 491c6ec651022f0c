from __future__ import annotations

import base64
import hashlib
import os
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


def test_what_was_compiled_into_the_users_cache_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert native.cache().is_relative_to(tmp_path)
    native.cache().mkdir(parents=True)
    (native.cache() / "_sampler.cpython-27.so").write_bytes(b"an image")
    assert base64.b64decode(luggage(".cpython-27.so")["image"]) == b"an image"


def test_what_somebody_else_has_put_there_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native.cache().mkdir(parents=True)
    image = native.cache() / "_sampler.cpython-27.so"
    image.write_bytes(b"an image")
    theirs = os.stat_result((0o600, 1, 1, 1, 4711, 4711, 8, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda _: theirs)
    with pytest.raises(AgentError, match="no native sampler"):
        luggage(".cpython-27.so")


def test_the_cache_of_other_sources_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = native.cache()
    (tmp_path / "module.c").write_text("other")
    monkeypatch.setattr(native, "SOURCES", tmp_path)
    native._digest_of_sources.cache_clear()
    try:
        assert native.cache().name != before.name
    finally:
        native._digest_of_sources.cache_clear()
