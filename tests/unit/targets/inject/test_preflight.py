from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leakhunt.targets.inject.facts import Facts
from leakhunt.targets.inject.preflight import Answer, examine, refusal

FINE = Facts(
    pid=123,
    name="gunicorn",
    state="S",
    parent=122,
    owner=1000,
    owner_name="deploy",
    owner_real=1000,
    our_user=1000,
    readable=True,
    memory=True,
    bits=64,
    machine="x86-64",
    python=(3, 11),
    implementation="cpython",
)
DENIED: dict[str, Any] = {"memory": False}


def test_an_ordinary_worker_passes_every_check() -> None:
    findings = examine(FINE)
    assert {finding.answer for finding in findings} == {Answer.OK}
    assert refusal(findings) is None
    assert len(findings) == 6


@pytest.mark.parametrize(
    ("facts", "sentence", "hint"),
    [
        ({"state": None}, "PID 123 does not exist (any more).", None),
        ({"state": "Z"}, "PID 123 has exited (zombie); its parent is 122.", None),
        ({"state": "T"}, "PID 123 is stopped (SIGSTOP or job control).", "Continue it first: kill -CONT 123"),
        (
            {"tracer": 77, "tracer_name": "strace", "memory": False, "state": "t"},
            "PID 123 is already being traced by PID 77 (strace).",
            "Stop that first.",
        ),
        (
            {**DENIED, "owner": 33, "owner_name": "www-data", "readable": False},
            "PID 123 belongs to user www-data.",
            "Run leakhunt as that user or with sudo.",
        ),
        (
            {**DENIED, "readable": False},
            "PID 123 forbids inspection (not dumpable: it changed user id or has file capabilities).",
            "Use sudo.",
        ),
        (
            {**DENIED, "yama": 1},
            "kernel.yama.ptrace_scope=1 allows only parents to attach.",
            'Use sudo, or start the app with "leakhunt profile -- ...".',
        ),
        (
            {**DENIED, "yama": 2},
            "kernel.yama.ptrace_scope=2 allows only administrators to attach.",
            'Use sudo, or start the app with "leakhunt profile -- ...".',
        ),
        (
            {**DENIED, "yama": 3, "our_ptrace": True, "our_user": 0},
            "kernel.yama.ptrace_scope=3 allows no attach until reboot.",
            'Start the app with "leakhunt profile -- ...".',
        ),
        (
            {**DENIED, "our_user": 0, "owner": 0, "container": True},
            "This container has no SYS_PTRACE.",
            "docker run --cap-add=SYS_PTRACE, or kubectl debug --profile=sysadmin.",
        ),
        ({"implementation": None, "python": None, "name": "nginx"}, "PID 123 (nginx) is not a CPython process.", None),
        ({"implementation": "pypy"}, "PID 123 runs PyPy; attach needs CPython.", None),
        ({"python": (3, 7)}, "PID 123 runs Python 3.7; attach needs 3.8 or newer.", None),
        (
            {"python": (3, 16)},
            "Python 3.16 is newer than this leakhunt knows; not attaching.",
            "Upgrade leakhunt-memory.",
        ),
        ({"bits": 32, "machine": None}, "PID 123 is a 32-bit program; attach needs 64 bits.", None),
        ({"machine": "riscv64"}, "PID 123 runs on riscv64; attach needs x86-64 or aarch64.", None),
        (
            {"debugging_disabled": True},
            (
                "The app was started with remote debugging disabled "
                "(PYTHON_DISABLE_REMOTE_DEBUG / -X disable-remote-debug)."
            ),
            "Restart it without that.",
        ),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(facts: dict[str, Any], sentence: str, hint: str | None) -> None:
    refused = refusal(examine(replace(FINE, **facts)))
    assert refused is not None
    assert (refused.sentence, refused.hint) == (sentence, hint)


def test_a_permission_that_the_kernel_gives_is_not_argued_with() -> None:
    assert refusal(examine(replace(FINE, yama=1, container=True, owner=33))) is None


def test_a_denial_without_a_known_reason_says_so() -> None:
    refused = refusal(examine(replace(FINE, memory=False, our_ptrace=True)))
    assert refused is not None
    assert "for a reason the kernel does not tell" in refused.sentence


def test_a_free_threaded_interpreter_is_neither_passed_nor_refused() -> None:
    findings = examine(replace(FINE, free_threaded=True, python=(3, 13)))
    assert [finding.check for finding in findings if finding.answer is Answer.UNKNOWN] == ["python"]
    assert refusal(findings) is None


def test_a_processor_that_was_tried_in_emulation_only_is_neither_passed_nor_refused() -> None:
    findings = examine(replace(FINE, machine="aarch64"))
    (doubt,) = [finding for finding in findings if finding.answer is Answer.UNKNOWN]
    assert doubt.check == "machine"
    assert doubt.sentence.endswith("was tried in an emulated machine only (QEMU), never on hardware.")
    assert refusal(findings) is None


def test_nothing_more_is_asked_of_a_process_that_is_not_there() -> None:
    assert len(examine(Facts(123))) == 1
