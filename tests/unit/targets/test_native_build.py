from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.targets import native_build
from leakhunt.targets.native_build import Tools, build, find_tools


@pytest.fixture
def tools() -> Tools:
    try:
        return find_tools(sys.executable)
    except TargetError as missing:
        pytest.skip(missing.message)


def test_what_is_compiled_can_be_imported_by_that_python(tools: Tools, tmp_path: Path) -> None:
    module = build(tools, tmp_path / "new" / "place")
    assert module.name == f"_sampler{tools.suffix}"
    assert [path.name for path in module.parent.iterdir()] == [module.name]
    assert module.parent.stat().st_mode & 0o777 == 0o700
    program = "import _sampler; _sampler.start(); print(_sampler.stop())"
    run = subprocess.run([sys.executable, "-c", program], cwd=module.parent, capture_output=True, text=True, check=True)
    assert "removed" in run.stdout


def test_without_a_compiler_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="there is no C compiler here") as error:
        find_tools(sys.executable)
    assert error.value.hint is not None


def test_without_headers_that_is_said(tools: Tools, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho \'["{tmp_path}", ".so"]\'\n')
    python.chmod(0o755)
    with pytest.raises(TargetError, match=f"has no headers: there is no {tmp_path}/Python.h") as error:
        find_tools(str(python))
    assert error.value.hint is not None


def test_what_the_compiler_says_is_told_and_nothing_is_left(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.c").write_text("this is no C\n")
    monkeypatch.setattr(native_build, "SOURCES", tmp_path)
    with pytest.raises(TargetError, match=r"does not compile the native sampler: .*broken\.c:1"):
        build(tools, tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []
