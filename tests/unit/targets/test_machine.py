"""What a machine lets leakhunt do. Yama and cgroup version 2 are recorded trees: few test machines have both."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.targets.inject.facts import Facts
from leakhunt.targets.inject.preflight import Answer, Finding
from leakhunt.targets.machine import CHECKS, Machine, examine_machine, read_machine

US = Facts(pid=1, state="R", our_user=1000, owner=1000, yama=0)
FINE = Machine("Linux", "x86_64", US, "v2", True, {"/usr/bin/python3": "3.11.2"}, {"gunicorn": "23.0.0"})


def finding(machine: Machine, check: str) -> Finding:
    return next(found for found in examine_machine(machine) if found.check == check)


def a_proc(directory: Path, *, user: int, capabilities: int, yama: int | None) -> Path:
    """`/proc` as far as the facts need it."""
    status = f"Name:\tpython\nState:\tR (running)\nPPid:\t1\nTracerPid:\t0\nUid:\t{user}\t{user}\t{user}\t{user}\n"
    status += f"CapEff:\t{capabilities:016x}\n"
    for name in ("self", str(os.getpid())):
        (directory / name).mkdir(parents=True)
        (directory / name / "status").write_text(status)
    (directory / "self" / "smaps_rollup").touch()
    if yama is not None:
        (directory / "sys/kernel/yama").mkdir(parents=True)
        (directory / "sys/kernel/yama/ptrace_scope").write_text(f"{yama}\n")
    return directory


def test_a_machine_where_all_works_passes_every_check() -> None:
    assert {found.answer for found in examine_machine(FINE)} == {Answer.OK}
    assert len(examine_machine(FINE)) == len(CHECKS)
    assert len({found.check for found in examine_machine(FINE)}) == len(CHECKS)


@pytest.mark.parametrize(
    ("us", "answer", "sentence"),
    [
        ({"yama": None}, Answer.OK, "Processes of this user may be attached to"),
        ({"yama": 1}, Answer.REFUSED, "kernel.yama.ptrace_scope=1 allows only parents to attach."),
        ({"yama": 2}, Answer.REFUSED, "kernel.yama.ptrace_scope=2 allows only administrators to attach."),
        ({"yama": 3}, Answer.REFUSED, "kernel.yama.ptrace_scope=3 allows no attach until reboot."),
        ({"yama": 1, "our_ptrace": True}, Answer.OK, "CAP_SYS_PTRACE"),
        ({"yama": 2, "our_ptrace": True}, Answer.OK, "CAP_SYS_PTRACE"),
        ({"yama": 3, "our_ptrace": True}, Answer.REFUSED, "no attach until reboot"),
        ({"our_user": 0, "container": True}, Answer.REFUSED, "This container has no SYS_PTRACE"),
        ({"our_user": 0}, Answer.REFUSED, "This root user has no CAP_SYS_PTRACE"),
    ],
)
def test_tracing_is_allowed_or_refused_with_a_remedy(us: dict[str, Any], answer: Answer, sentence: str) -> None:
    found = finding(replace(FINE, us=replace(US, **us)), "tracing")
    assert found.answer is answer
    assert sentence in found.sentence
    assert (found.hint is None) is (answer is Answer.OK)


@pytest.mark.parametrize(
    ("change", "check", "answer"),
    [
        ({"system": "Darwin"}, "system", Answer.REFUSED),
        ({"machine": "aarch64"}, "system", Answer.UNKNOWN),
        ({"machine": "riscv64"}, "system", Answer.REFUSED),
        ({"cgroup": None}, "memory limit", Answer.UNKNOWN),
        ({"smaps_rollup": False}, "USS and PSS", Answer.UNKNOWN),
        ({"pythons": {"/usr/bin/python3": "3.7.1"}}, "pythons", Answer.UNKNOWN),
        ({"servers": {}}, "servers", Answer.UNKNOWN),
        ({"sampler": False}, "sampler", Answer.UNKNOWN),
    ],
)
def test_what_does_not_work_is_one_finding_and_no_other(change: dict[str, Any], check: str, answer: Answer) -> None:
    found = {each.check: each.answer for each in examine_machine(replace(FINE, **change))}
    assert found.pop(check) is answer
    assert set(found.values()) == {Answer.OK}


def test_pythons_are_listed_once_by_version_in_order() -> None:
    pythons = {"/a/python3": "3.14.1", "/b/python3.9": "3.9.2", "/c/python3.14": "3.14.1"}
    assert ": 3.9, 3.14." in finding(replace(FINE, pythons=pythons), "pythons").sentence


@pytest.mark.parametrize(("yama", "answer"), [(None, Answer.OK), (0, Answer.OK), (1, Answer.REFUSED)])
def test_yama_is_read_from_a_recorded_tree(tmp_path: Path, yama: int | None, answer: Answer) -> None:
    machine = read_machine(a_proc(tmp_path / "proc", user=1000, capabilities=0, yama=yama), tmp_path)
    assert machine.us.yama == yama
    assert finding(machine, "tracing").answer is answer
    assert machine.smaps_rollup


def test_the_capability_is_read_from_a_recorded_tree(tmp_path: Path) -> None:
    machine = read_machine(a_proc(tmp_path / "proc", user=0, capabilities=1 << 19, yama=1), tmp_path)
    assert "CAP_SYS_PTRACE" in finding(machine, "tracing").sentence


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("cgroup.controllers", "cpuset cpu io memory pids\n", "v2"),
        ("cgroup.controllers", "cpu io\n", None),
        ("memory.max", "536870912\n", "v2"),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", "v1"),
        ("unrelated", "", None),
    ],
)
def test_the_version_of_cgroups_is_read_from_a_recorded_tree(
    file: str, text: str, version: str | None, tmp_path: Path
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert read_machine(cgroups=tmp_path).cgroup == version


def test_this_machine_is_read() -> None:
    machine = read_machine()
    assert machine.system == "Linux"
    assert machine.pythons[sys.executable].startswith(f"3.{sys.version_info.minor}.")
    assert "gunicorn" in machine.servers  # leakhunt depends on it
    assert machine.us.pid == os.getpid()
