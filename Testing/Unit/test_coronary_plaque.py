"""Plaque of a coronary artery against digital vessels whose plaque is exact by tissue."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_plaque_tube import PlaqueSpec, PlaqueTube, make_plaque_tube, true_walls

from CardiacCTALib.lumen import Measured, measure_lumen
from CardiacCTALib.scan_model import measure_scan
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec

SHORT = PlaqueSpec(length_mm=30.0, at_mm=15.0, start_mm=3.4, end_mm=3.0, noise_hu=25.0, seed=3)


def vessel(percent: float, kind: Composition, **changes: object) -> tuple[PlaqueTube, Measured]:
    """One lesion of 10 mm, remodelled by 1.2, and the walls fitted to it."""
    lesion = LesionSpec(1, percent, kind, remodelling=1.2, eccentric=True)
    tube = make_plaque_tube(replace(SHORT, lesion=lesion, **changes))  # type: ignore[arg-type]
    return tube, measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))


@pytest.fixture(scope="module")
def lipid() -> tuple[PlaqueTube, Measured]:
    return vessel(65.0, Composition.LIPID, core_hu=5.0)


def test_the_outer_wall_passes_behind_a_dark_core(lipid: tuple[PlaqueTube, Measured]) -> None:
    tube, measured = lipid
    walls, _ = true_walls(tube, measured)
    middle = np.abs(walls.arc_mm - 15.0) < 4.0
    error = measured.walls.outer_diameter_mm - walls.outer_diameter_mm
    assert abs(error[middle].mean()) < 0.2
    assert np.abs(error[middle]).max() < 0.5
