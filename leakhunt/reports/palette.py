"""The colours of charts. Inside the HTML report each stands for a CSS variable, so that charts follow the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leakhunt.model.report import Verdict
from leakhunt.model.run import Phase

INK: Final = "#1f2328"
MUTED: Final = "#5b6570"
GRID: Final = "#dfe3e8"
PAPER: Final = "#fefefe"

CURVES: Final = ("#1763b8", "#b4530a", "#12795a", "#7c3aa8", "#a3262e", "#4f5f0d")

VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.LEAK: "#b3261e",
    Verdict.CLEAN: "#1a6f3c",
    Verdict.BOUNDED: "#8a5a00",
    Verdict.INCONCLUSIVE: "#4a5568",
    Verdict.SUSPECTED: "#a04a12",
    Verdict.NOT_SEEN: "#41606b",
}

PHASES: Final[Mapping[Phase, str]] = {
    Phase.ARRIVAL: "#f4f4f2",
    Phase.WARM_UP: "#f1efe8",
    Phase.BASELINE: "#e4ecf4",
    Phase.DOSE: "#fdf1e0",
    Phase.REPEATED: "#fbe9d2",
    Phase.SETTLE: "#e9f2e9",
    Phase.IDLE: "#dfeee6",
    Phase.COLLECT: "#e2ebdc",
    Phase.PEAK: "#f3eaf4",
    Phase.EXPLAIN: "#eaecef",
    Phase.CALLS: "#e3e6ea",
    Phase.NATURAL: "#eef3e4",
}

CSS_VARIABLES: Final[Mapping[str, str]] = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--paper",
    **{colour: f"--curve-{number}" for number, colour in enumerate(CURVES, start=1)},
    **{colour: f"--{verdict.value.lower()}" for verdict, colour in VERDICTS.items()},
    **{colour: f"--phase-{phase.value}" for phase, colour in PHASES.items()},
}
"""CSS variable by colour; templates/report.css gives each its light and its dark value."""
