"""Targets outside the lungs: lymph nodes that a needle reaches through the airway's wall (TBNA), and what no airway leads to."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

NEEDLE_MM = 10.0
"""A target that lies at most so far beyond the wall of an airway may be reached from there through the wall. A design choice:
within reach of every transbronchial needle."""
COARSE_ALLOWANCE_MM = 10.0
"""Before there is a tree only trachea and main bronchi are known, at about 2 mm: the first test forgives this much more."""


def wall_gap_mm(tree: Tree, point_lps_mm: FloatArray) -> float:
    """Return how far a point lies from the lumen of the nearest airway; 0 inside it."""
    gaps = [float((np.linalg.norm(b.points_lps_mm - point_lps_mm, axis=1) - b.radius_mm).min()) for b in tree]
    return max(min(gaps), 0.0)


def refusal(point_lps_mm: FloatArray) -> InputError:
    """Return the error for a target that lies outside the lungs and out of a needle's reach of the airways."""
    where = f"L {point_lps_mm[0]:.1f}, P {point_lps_mm[1]:.1f}, S {point_lps_mm[2]:.1f} mm"
    return InputError(
        f"The target at {where} lies outside the lungs; expected LPS millimetres (left, posterior, superior positive) inside a "
        f"lung, or at most {NEEDLE_MM:.0f} mm beside an airway (a lymph node for the needle), or a mask of the target."
    )


def check_near_trunk(point_lps_mm: FloatArray, trunk: LabelMap) -> None:
    """Refuse a target outside the lungs that is far from trachea and main bronchi, as soon as these are known.

    Parameters
    ----------
    point_lps_mm
        (3,), known to lie outside the lungs.
    trunk
        Trachea and main bronchi, coarse.

    Raises
    ------
    InputError
        When it lies more than a needle's reach and an allowance of 10 mm from them.
    """
    points = trunk.grid.lps_from_kji(np.argwhere(trunk.array_kji > 0))
    if not len(points) or float(cKDTree(points).query(point_lps_mm)[0]) > NEEDLE_MM + COARSE_ALLOWANCE_MM:
        raise refusal(point_lps_mm)
