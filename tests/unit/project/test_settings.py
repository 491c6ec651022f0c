from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.errors import ConfigError
from leakhunt.project.settings import ScanSettings, find_settings


def test_a_project_that_says_nothing_has_no_settings(tmp_path: Path) -> None:
    assert find_settings(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.ruff]\nline-length = 3\n")
    assert find_settings(tmp_path) is None


def test_pyproject_holds_everything_inline(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        """
        [tool.leakhunt]
        target = "shop.wsgi:application"
        seed = 7
        requests = 100
        env = { VARIANT = "leaky" }
        [[tool.leakhunt.workload.step]]
        path = "/search"
        """
    )
    settings = find_settings(tmp_path)
    assert settings is not None
    assert (settings.target, settings.seed, settings.requests) == ("shop.wsgi:application", 7, 100)
    assert settings.env == {"VARIANT": "leaky"}
    assert settings.workers is None
    assert settings.workload is not None
    assert [step.path for step in settings.workload.steps] == ["/search"]
    assert settings.workload.source == str(tmp_path / "pyproject.toml")


def test_a_workload_file_is_found_beside_the_settings_and_leakhunt_toml_comes_first(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.leakhunt]\ntarget = 'other:app'\n")
    (tmp_path / "leakhunt.toml").write_text("workload = 'load/uploads.toml'\n")
    (tmp_path / "load").mkdir()
    (tmp_path / "load/uploads.toml").write_text("[[step]]\npath = '/a'\n")
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.target is None
    assert settings.workload is not None
    assert settings.workload.source.endswith("load/uploads.toml")


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ("[tool.leakhunt]\ntraget = 'x'\n", 2, "tool.leakhunt.traget", "`target`"),
        ("[tool.leakhunt]\nworkload = 'no.toml'\n", 2, "tool.leakhunt.workload", "relative"),
        ("[tool.leakhunt]\nworkload = 3\n", 2, "tool.leakhunt.workload", "{ ... }"),
        ("[tool.leakhunt]\nworkers = 0\n", 2, "tool.leakhunt.workers", ""),
        ("[tool.leakhunt]\nready-timeout = nan\n", 2, "tool.leakhunt.ready-timeout", ""),
        ("[tool.leakhunt]\nready-timeout = 0.5\n", 2, "tool.leakhunt.ready-timeout", ""),
        ("[tool.leakhunt]\nbudget-time = inf\n", 2, "tool.leakhunt.budget-time", ""),
        ("[tool.leakhunt]\nbudget_time = 5\n", 2, "tool.leakhunt.budget_time", "`budget-time`"),
        ("[tool.leakhunt]\nmemory-limit = '1KB'\n", 2, "tool.leakhunt.memory-limit", ""),
        ("[tool.leakhunt]\nmemory-limit = true\n", 2, "tool.leakhunt.memory-limit", '"..."'),
        ("[tool.leakhunt]\nmemory-limit = 'much'\n", 2, "tool.leakhunt.memory-limit", '"2GB"'),
        ("[tool.leakhunt]\nseed = 100000000000000000000\n", 2, "tool.leakhunt.seed", ""),
        ("[tool.leakhunt]\nready = 'up'\n", 2, "tool.leakhunt.ready", ""),
        ("[tool.leakhunt]\noutput = ''\n", 2, "tool.leakhunt.output", ""),
        ("[tool.leakhunt]\nheaders = { Content-Length = 1 }\n", 2, "tool.leakhunt.headers", ""),
        ("[tool]\nleakhunt = 3\n", 2, "tool.leakhunt", ""),
        (
            "[tool.leakhunt]\n[[tool.leakhunt.workload.step]]\npth = '/'\n",
            3,
            "tool.leakhunt.workload.step[0].pth",
            "`path`",
        ),
    ],
)
def test_a_mistake_is_named_with_line_and_key(tmp_path: Path, text: str, line: int, key: str, hint: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        find_settings(tmp_path)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert hint in (caught.value.hint or "")


def test_every_option_that_a_project_keeps_to_has_a_key(tmp_path: Path) -> None:
    (tmp_path / "leakhunt.toml").write_text(
        """
        python = "venv/bin/python"
        url = "unix:/run/shop.sock"
        ready = "/up"
        ready-timeout = 2.5
        budget-time = 600
        memory-limit = 500_000_000
        output = "runs"
        headers = { Host = "shop.example" }
        """
    )
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.python == str(tmp_path / "venv/bin/python")
    assert (settings.url, settings.ready, settings.ready_timeout) == ("unix:/run/shop.sock", "/up", 2.5)
    assert (settings.budget_time, settings.memory_limit, settings.output) == (600, 500_000_000, "runs")
    assert settings.headers == {"Host": "shop.example"}


def test_a_program_that_is_no_path_is_looked_for_where_programs_are(tmp_path: Path) -> None:
    (tmp_path / "leakhunt.toml").write_text('python = "python3.11"\n')
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.python == "python3.11"


def test_a_file_of_our_own_may_hold_the_same_table_as_pyproject(tmp_path: Path) -> None:
    (tmp_path / "leakhunt.toml").write_text("[tool.leakhunt]\ntarget = 'shop:app'\n")
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.target == "shop:app"


def test_a_file_of_our_own_holds_the_table_or_the_keys_but_not_both(tmp_path: Path) -> None:
    (tmp_path / "leakhunt.toml").write_text("seed = 1\n[tool.leakhunt]\ntarget = 'shop:app'\n")
    with pytest.raises(ConfigError, match="cannot stand beside other keys") as caught:
        find_settings(tmp_path)
    assert (caught.value.line, caught.value.key) == (2, "tool")


def test_settings_of_the_scan_have_a_table_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "leakhunt.toml").write_text('[scan]\nselect = ["LH101"]\nexclude = ["generated", "old/*"]\n')
    settings = find_settings(tmp_path)
    assert settings is not None
    assert settings.scan == ScanSettings(select=("LH101",), exclude=("generated", "old/*"))


@pytest.mark.parametrize(
    ("text", "key"), [('select = "LH101"', "select"), ("ignore = [1]", "ignore"), ("skip = []", "skip")]
)
def test_a_mistake_in_the_settings_of_the_scan_is_named(tmp_path: Path, text: str, key: str) -> None:
    (tmp_path / "leakhunt.toml").write_text(f"[scan]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        find_settings(tmp_path)
    assert (caught.value.key, caught.value.line) == (f"scan.{key}", 2)
