"""Freed memory goes back to the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib import memory
from SenseCarePlanningLib.memory import PeakMemory, give_memory_back, peak_memory_mb
from SenseCarePlanningLib.progress import Progress


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.skipif(memory._trim() is None, reason="this C library cannot give memory back")
def test_what_was_freed_in_pieces_is_given_back() -> None:
    # Pieces too small for glibc to map apart come from its heap; those kept leave holes between those freed.
    pieces = [np.ones(12_000) for _ in range(3000)]
    kept = pieces[::50]
    del pieces
    before = _resident_mb()
    give_memory_back()
    assert before - _resident_mb() > 100.0
    assert len(kept) == 60


def test_a_machine_without_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._trim.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    try:
        assert memory._trim() is None
        give_memory_back()
    finally:
        memory._trim.cache_clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets a process set its peak back")
def test_each_step_has_its_own_peak_and_an_outer_step_that_of_its_inner_ones() -> None:
    progress = Progress()
    before = _resident_mb() / 1.048576
    with progress.step("outer"):
        with progress.step("large"):
            np.ones(40_000_000)  # 305 MB
        with progress.step("small"):
            np.ones(1_000_000)
    peaks = {record.name: record.peak_memory_mb for record in progress.records}
    assert 300.0 < peaks["large"] - before < 330.0
    assert peaks["small"] - before < 50.0
    assert peaks["outer"] == peaks["large"]
    assert peak_memory_mb() >= peaks["large"]


def test_where_the_peak_cannot_be_set_back_a_step_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no such folder" / "clear_refs")
    peaks = PeakMemory()
    peaks.begin()
    assert np.isnan(peaks.end())
    assert peak_memory_mb() > 0.0
