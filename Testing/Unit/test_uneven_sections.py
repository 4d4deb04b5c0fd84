"""Sections that are not all as far apart, as on marked arteries: the first step may be shorter than the others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from CardiacCTALib.branching import _nearest
from CardiacCTALib.quality import _longest, _outside

STEP_MM = 0.4


def arcs(first_mm: float) -> np.ndarray:
    return np.concatenate([[0.0], first_mm + STEP_MM * np.arange(100)])


def vessel(arc: np.ndarray, visible: np.ndarray) -> SimpleNamespace:
    """What the check of the extent looks at."""
    measured = SimpleNamespace(
        walls=SimpleNamespace(arc_mm=arc), visible=visible, line_lps_mm=np.stack([arc, 0 * arc, 0 * arc], axis=1)
    )
    stretches = [SimpleNamespace(code="pLAD", from_mm=0.0, to_mm=float(arc[-1]))]
    return SimpleNamespace(measured=measured, vessel=SimpleNamespace(stretches=stretches, ostium_mm=0.0))


@pytest.mark.parametrize("first_mm", [0.05, 0.26, 0.4])
def test_a_vessel_seen_whole_does_not_leave_the_scan_and_one_half_seen_does(first_mm: float) -> None:
    arc = arcs(first_mm)
    assert _outside(vessel(arc, np.ones(len(arc), dtype=bool))) == []
    (told,) = _outside(vessel(arc, arc < 20.0))
    assert dict(told.values)["length"] == "20"


@pytest.mark.parametrize("first_mm", [0.05, 0.26, 0.4])
def test_lengths_along_a_vessel_are_those_of_its_own_sections(first_mm: float) -> None:
    arc = arcs(first_mm)
    assert _longest((arc > 10.0) & (arc < 22.0), arc) == pytest.approx(12.0, abs=0.5)
    assert _longest(arc < 0.0, arc) == 0.0
    near = _nearest(arc, np.ones(len(arc), dtype=bool), 40, 1, 10)
    assert arc[near].max() - arc[near].min() == pytest.approx(4.0, abs=0.5)
