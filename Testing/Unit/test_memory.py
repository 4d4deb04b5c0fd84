"""Freed memory goes back to the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib import memory
from SenseCarePlanningLib.memory import give_memory_back


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
