from __future__ import annotations

import ast
from pathlib import Path

import pytest

import leakhunt.agent.bundle
from leakhunt.agent.bundle import MODULES, sources, write_boot

AGENT = Path(leakhunt.agent.bundle.__file__).parent


def test_all_that_an_agent_imports_travels() -> None:
    travelling = sources()
    for name, text in travelling.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("_leakhunt"):
                assert node.module in travelling, f"{name} imports {node.module}"


@pytest.mark.parametrize("name", ["bootstrap", *(name for name in MODULES if name != "probes")])
def test_the_agent_is_python_of_version_3_8(name: str) -> None:
    text = (AGENT / (name.replace(".", "/") + ".py")).read_text()
    ast.parse(text, feature_version=(3, 8))


def test_the_boot_directory_holds_one_file_and_no_name_of_the_installed_package(tmp_path: Path) -> None:
    write_boot(tmp_path / "boot", tmp_path / "agent.sock")
    (file,) = (tmp_path / "boot").iterdir()
    assert file.name == "sitecustomize.py"
    text = file.read_text()
    compile(text, str(file), "exec", dont_inherit=True)
    assert "leakhunt.agent" not in text
    assert str(tmp_path / "agent.sock") in text
