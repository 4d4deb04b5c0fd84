"""How well whole trees of centrelines follow reference trees: the measures of the Rotterdam framework, without naming vessels.

Schaap et al. 2009, doi:10.1016/j.media.2009.06.003, define OV, OT and AI for one vessel, whose two lines are connected point to
point from end to end (see :mod:`.centreline`). Trees have no such connection; here every point is connected to the nearest point
of the other tree, and all else is as there: the tolerance is the annotated radius, and OT looks at radii from 0.75 mm on. The
measures know no organ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline
from .centreline import RELEVANT_RADIUS_MM

TREE_SPACING_MM = 0.1
"""Whole trees are compared point by point at this step."""
LEAST_TOLERANCE_MM = 0.3
"""Where the annotated radius is smaller (towards a tip), this is the tolerance. Chosen."""


@dataclass(frozen=True)
class TreeScores:
    """Scores of whole trees; shares from 0 to 1.

    Parameters
    ----------
    overlap
        OV: matched points of both trees over all points of both.
    overlap_relevant
        OT: OV of what is at least 0.75 mm in radius; None when the reference has no such point.
    accuracy_inside_mm
        AI: mean distance of the reference's matched points; None when there is none.
    found, true_of_found
        Share of the reference's length that was found, and share of the evaluated length that is true (None without any).
    false_mm
        Evaluated length that lies on no known vessel.
    """

    overlap: float
    overlap_relevant: float | None
    accuracy_inside_mm: float | None
    found: float
    true_of_found: float | None
    false_mm: float


def evaluate_tree(
    reference: Sequence[tuple[FloatArray, FloatArray]],
    evaluated: Sequence[FloatArray],
    known: Sequence[tuple[FloatArray, FloatArray]] | None = None,
    spacing_mm: float = TREE_SPACING_MM,
) -> TreeScores:
    """Score evaluated lines against reference vessels, all in one frame, in mm.

    Parameters
    ----------
    reference
        Vessels that are to be found: points (N, 3) and annotated radii (N,).
    evaluated
        Lines (M, 3), in any order and direction.
    known
        Vessels on which an evaluated point is not wrong, the reference among them; the reference where not given.

    Raises
    ------
    ValueError
        When there is no reference.
    """
    if not reference:
        raise ValueError("expected at least one reference vessel")
    points, radius = _dense(reference, spacing_mm)
    relevant = radius >= RELEVANT_RADIUS_MM
    pieces = [resample_polyline(line, spacing_mm) for line in evaluated if len(line) > 1]
    if not pieces:
        return TreeScores(0.0, 0.0 if relevant.any() else None, None, 0.0, None, 0.0)
    found = np.concatenate(pieces)
    distance, _ = cKDTree(found).query(points)
    hit = distance < radius
    all_points, all_radius = (points, radius) if known is None else _dense(known, spacing_mm)
    away, nearest = cKDTree(all_points).query(found)
    good = away < all_radius[nearest]
    wide = all_radius[nearest] >= RELEVANT_RADIUS_MM
    part = np.concatenate([hit[relevant], good[wide]])
    return TreeScores(
        overlap=float(np.concatenate([hit, good]).mean()),
        overlap_relevant=float(part.mean()) if relevant.any() else None,
        accuracy_inside_mm=float(distance[hit].mean()) if hit.any() else None,
        found=float(hit.mean()),
        true_of_found=float(good.mean()),
        false_mm=float((~good).sum() * spacing_mm),
    )


def _dense(vessels: Sequence[tuple[FloatArray, FloatArray]], spacing_mm: float) -> tuple[FloatArray, FloatArray]:
    """Return all vessels as equidistant points (K, 3) with their tolerances (K,)."""
    lines, radii = [], []
    for points, radius in vessels:
        line, arc = resample_polyline(points, spacing_mm), arc_length_mm(points)
        lines.append(line)
        radii.append(np.interp(np.linspace(0.0, arc[-1], len(line)), arc, np.maximum(radius, LEAST_TOLERANCE_MM)))
    return np.concatenate(lines), np.concatenate(radii)
