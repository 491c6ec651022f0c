"""Peaks and upload amplification."""

from __future__ import annotations

import pytest

from builders import peaks
from leakhunt.analysis.peaks import read_peak

SIZES = [10**6, 2 * 10**6, 5 * 10**6] * 2


def test_a_streaming_handler_does_not_amplify() -> None:
    peak = read_peak(peaks("video", "1@1", SIZES, 0.0, noise=5_000))
    assert peak.amplification == pytest.approx(0, abs=0.02)


def test_copies_of_the_file_are_counted() -> None:
    peak = read_peak(peaks("video", "1@1", SIZES, 3.2, noise=5_000))
    assert peak.amplification == pytest.approx(3.2, abs=0.02)
    assert peak.interval is not None
    assert peak.interval[0] < 3.2 < peak.interval[1]


def test_noise_of_the_size_of_the_uploads_gives_no_figure_but_a_reason() -> None:
    peak = read_peak(peaks("video", "1@1", SIZES, 1.0, noise=3e6))
    assert peak.amplification is None
    assert peak.reason == "the upload sizes span less than 20 times the noise of the peak"
    assert peak.bytes_per_request is not None


def test_two_sizes_are_not_enough() -> None:
    peak = read_peak(peaks("video", "1@1", [10**6, 2 * 10**6] * 3, 1.0))
    assert peak.amplification is None
    assert peak.reason == "needs at least 3 upload sizes, got 2"


def test_no_peak_rounds_no_figures() -> None:
    peak = read_peak([])
    assert peak.bytes_per_request is None
    assert peak.reason is not None
