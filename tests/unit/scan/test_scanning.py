"""Whole scans: files together, comments, fingerprints, and the example site of which the leaks are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import ROOT
from leakhunt.errors import UsageError
from leakhunt.model.finding import Finding, ScanResult
from leakhunt.scan.registry import RULES
from leakhunt.scan.scanning import scan

COURSEWARE = ROOT / "examples" / "courseware"
LEAKY = "SEEN = []\ndef view(request):\n    SEEN.append(request.path)\n"


def scanned(directory: Path, **files: str) -> ScanResult:
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text)
    return scan([directory], RULES, below=directory)


def places(result: ScanResult) -> list[tuple[str, int, str]]:
    return [(finding.file, finding.line, finding.rule) for finding in result.findings]


def test_a_finding_says_where_it_stands(tmp_path: Path) -> None:
    (finding,) = scanned(tmp_path, views=LEAKY).findings
    assert (finding.file, finding.line, finding.column, finding.function) == ("views.py", 3, 5, "view")
    assert finding.source == "SEEN.append(request.path)"
    assert [spot.line for spot in finding.related] == [1]


def test_a_container_that_another_file_empties_is_no_finding(tmp_path: Path) -> None:
    assert places(scanned(tmp_path, views=LEAKY)) == [("views.py", 3, "LH103")]
    assert places(scanned(tmp_path, jobs="from views import SEEN\ndef flush():\n    SEEN.clear()\n")) == []


def test_a_class_with_one_instance_in_another_file_may_cache_in_methods(tmp_path: Path) -> None:
    source = "from functools import cache\nclass Store:\n    @cache\n    def load(self, name): ...\n"
    assert places(scanned(tmp_path, store=source)) == [("store.py", 3, "LH105")]
    assert places(scanned(tmp_path, app="from store import Store\nstore = Store()\n")) == []


def test_comments_take_findings_back(tmp_path: Path) -> None:
    lines = [
        "import gc",
        "gc.disable()  # leakhunt: ignore[LH118]",
        "gc.disable()  # leakhunt: ignore[LH101, LH103]",
        "gc.disable()  # because of speed; leakhunt: ignore",
        "gc.disable()  # leakhunt: ignore",
        'gc.disable(); text = "# leakhunt: ignore"',
    ]
    result = scanned(tmp_path, app="\n".join(lines))
    assert [finding.line for finding in result.findings] == [3, 4, 6]
    assert result.suppressed == 2


def test_fingerprints_stay_when_lines_shift_and_differ_from_each_other(tmp_path: Path) -> None:
    before = scanned(tmp_path, views=LEAKY + "    SEEN.append(request.path)\n").findings
    after = scanned(tmp_path, views="import os\n\n\n" + LEAKY + "    SEEN.append(request.path)\n").findings
    assert [finding.fingerprint for finding in before] == [finding.fingerprint for finding in after]
    assert len({finding.fingerprint for finding in before}) == 2


def test_what_cannot_be_parsed_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"name = '\xe9'\n")
    result = scanned(tmp_path, old="print 'hello'\n", views=LEAKY)
    assert {problem.file for problem in result.problems} == {"latin.py", "old.py"}
    assert result.files == 1
    assert places(result) == [("views.py", 3, "LH103")]


def test_a_directory_without_python_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        scan([tmp_path], RULES, below=tmp_path)


def test_every_leak_of_courseware_is_found_on_its_true_line() -> None:
    truth = re.findall(
        r"^\| `POST [^|]*\| `(courseware/[^:]+):(\d+)`", (COURSEWARE / "README.md").read_text(), re.MULTILINE
    )
    assert len(truth) == 3
    findings = courseware()
    for file, line in truth:
        kept = [found for found in findings if found.rule in {"LH103", "LH104"} and found.file == file]
        assert any(int(line) in {found.line, *(spot.line for spot in found.related)} for found in kept), (file, line)


def test_reads_copies_and_rows_of_courseware_are_found() -> None:
    leaky = [(finding.rule, finding.line) for finding in courseware() if finding.file.endswith("/leaky.py")]
    source = (COURSEWARE / "courseware" / "uploads" / "leaky.py").read_text().splitlines()
    reads = [number for number, text in enumerate(source, 1) if "file.read()" in text]
    copies = [number for number, text in enumerate(source, 1) if re.search(r"\b(bytearray|bytes|BytesIO)\(", text)]
    rows = [number for number, text in enumerate(source, 1) if "FileChunk.objects.create(" in text]
    assert [line for rule, line in leaky if rule == "LH101"] == reads
    assert [line for rule, line in leaky if rule == "LH102"] == copies
    assert [line for rule, line in leaky if rule == "LH108"] == rows


def test_the_fixed_variant_and_all_that_both_share_is_silent() -> None:
    assert {Path(finding.file).name for finding in courseware()} == {"leaky.py", "video_queue.py"}


def courseware() -> tuple[Finding, ...]:
    return scan([COURSEWARE], RULES, below=COURSEWARE).findings


def test_a_callback_that_takes_out_what_was_put_in_is_enough(tmp_path: Path) -> None:
    source = LEAKY.replace("SEEN = []", "SEEN = set()").replace("append", "add")
    assert places(scanned(tmp_path, views=source)) == [("views.py", 3, "LH103")]
    assert places(scanned(tmp_path, views=source + "    request.on_end(SEEN.discard)\n")) == []
