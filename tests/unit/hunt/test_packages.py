from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import psutil

from builders import App, record
from leakhunt.hunt.packages import package_versions
from leakhunt.model.snapshot import Frame, SiteStat, Snapshot


def test_a_package_in_a_stack_is_named_as_it_is_installed() -> None:
    stack = (Frame(psutil.__file__, 1, "virtual_memory"), Frame("/srv/app/views.py", 7, "upload"))
    run = replace(record(App()), snapshots=(Snapshot("1@1", 0, sites=(SiteStat(stack, 100, 1),)),))
    assert package_versions(run) == {"package:psutil": version("psutil")}


def test_without_stacks_no_package_is_named() -> None:
    assert package_versions(replace(record(App()), snapshots=())) == {}
