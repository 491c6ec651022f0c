"""The recipes of examples/ci, and the shell steps in them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from conftest import ROOT

CI: Final = ROOT / "examples" / "ci"
FILES: Final = sorted(CI.iterdir())


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


def github_steps(name: str) -> list[str]:
    """What the jobs of a workflow run in a shell, step by step."""
    jobs = read_yaml(CI / name)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def gitlab_steps() -> list[str]:
    """What the job runs: GitLab joins the lines into one script."""
    return ["\n".join(read_yaml(CI / "gitlab-ci.yml")["memory"]["script"])]


def jenkins_steps() -> list[str]:
    """What the stages run."""
    return [
        textwrap.dedent(text) for text in re.findall(r"sh '''\n(.*?)'''", (CI / "Jenkinsfile").read_text(), re.DOTALL)
    ]
