from __future__ import annotations

import json
from pathlib import Path

from leakhunt import reports
from leakhunt.model.run import Phase
from leakhunt.reports.palette import PHASES

TEMPLATES = Path(reports.__file__).with_name("templates")


def test_every_phase_has_a_colour_of_its_own() -> None:
    assert set(PHASES) == set(Phase)
    assert len(set(PHASES.values())) == len(PHASES)


def test_every_phase_has_a_light_and_a_dark_value_on_the_page() -> None:
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    for phase in Phase:
        assert style.count(f"--phase-{phase.value}:") == 2, phase


def test_the_schema_knows_every_phase() -> None:
    schema = json.loads((TEMPLATES / "report.schema.json").read_text(encoding="utf-8"))
    for table in ("rounds", "phases"):
        known = schema["properties"][table]["items"]["properties"]["phase"]["enum"]
        assert set(known) == {phase.value for phase in Phase}
