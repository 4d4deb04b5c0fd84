"""Found coronary centrelines against the truth of a digital patient: each course and whole trees, OV, OF, OT and AI.

Schaap et al. 2009, doi:10.1016/j.media.2009.06.003; the measures themselves are in ``SenseCarePlanningLib.evaluation``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.evaluation.centreline import SPACING_MM, CentrelineScores, evaluate_centreline
from SenseCarePlanningLib.evaluation.centreline_tree import TREE_SPACING_MM, evaluate_tree
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, resample_polyline
from SenseCarePlanningLib.phantom.coronary_trees import artery_paths
from SenseCarePlanningLib.phantom.coronary_truth import ArteryTruth, CoronaryTruth
from SenseCarePlanningLib.tubes.tree import Tree

from .segments import Artery

SAME_WITHIN_MM, SAME_SHARE = 0.5, 0.25
"""Result and truth are of one patient where so large a share of either's centrelines lies so near to the other's. Chosen between
what was seen: results of 11 digital scans have 0.71 to 1.00 with their own truth, also where one artery alone was found or a
quarter of the tree is false; with the truth of another heart of the same size and place 0.00 to 0.10."""


@dataclass(frozen=True)
class Course:
    """One artery from the ostium to its tip: name, points (N, 3), radii (N,); whether SCCT numbers it, whether others go on."""

    name: str
    points_lps_mm: FloatArray
    radius_mm: FloatArray
    numbered: bool
    goes_on: bool


def courses_of(truth: CoronaryTruth) -> tuple[Course, ...]:
    """Return the course of every artery but the left main, which is part of those of its branches."""
    by_name = {one.name: one for one in truth.arteries}
    goes_on = {one.parent for one in truth.arteries if one.parent is not None and _at_end(by_name[one.parent], one)}
    return tuple(
        Course(name, points, np.maximum(radius, 0.1), bool(by_name[name].segment.any()), name in goes_on)
        for name, points, radius in artery_paths(truth)
        if name != Artery.LM.value
    )


def _at_end(above: ArteryTruth, child: ArteryTruth) -> bool:
    return child.parent_index >= len(above.points_lps_mm) - 1


def course_scores(
    trees: Sequence[Tree], truth: CoronaryTruth, spacing_mm: float = SPACING_MM, until_tip: bool = False
) -> list[tuple[Course, CentrelineScores]]:
    """Score each course by the line of the found trees, from an ostium to a tip, that lies on most of it.

    Parameters
    ----------
    spacing_mm
        Resampling step; that of the framework where not given.
    until_tip
        Cut the found line where it passes the true tip. Always done for an artery that others go on from, whose end is no tip.
    """
    ways = [tree.path_points(tip.id)[0] for tree in trees for tip in tree.tips]
    return [(one, _score(one, ways, spacing_mm, until_tip or one.goes_on)) for one in courses_of(truth)]


def _score(course: Course, ways: Sequence[FloatArray], spacing_mm: float, until_tip: bool) -> CentrelineScores:
    points = course.points_lps_mm
    line, arc = resample_polyline(points, TREE_SPACING_MM), arc_length_mm(points)
    wide = np.interp(np.linspace(0.0, arc[-1], len(line)), arc, course.radius_mm)
    hits = [int((cKDTree(way).query(line)[0] < wide).sum()) for way in ways]
    found = ways[int(np.argmax(hits))] if hits and max(hits) > 0 else np.empty((0, 3))
    if until_tip and len(found):
        last = int(np.argmin(np.linalg.norm(found - points[-1], axis=1)))
        found = found[: max(last + 1, 2)]
    return evaluate_centreline(points, course.radius_mm, found, spacing_mm)


def tree_scores(trees: Sequence[Tree], truth: CoronaryTruth, numbered: bool = True) -> dict[str, Any]:
    """Score whole trees; what lies on any artery of the truth is not false.

    Parameters
    ----------
    numbered
        Ask for the arteries that SCCT numbers only (not for septal branches, which lie inside the muscle).
    """
    known = [(one.points_lps_mm, one.reference_radius_mm) for one in truth.arteries]
    wanted = [pair for pair, one in zip(known, truth.arteries, strict=True) if one.segment.any() or not numbered]
    return vars(evaluate_tree(wanted, [one.points_lps_mm for tree in trees for one in tree], known))


def centreline_scores(trees: Sequence[Tree], truth: CoronaryTruth) -> dict[str, Any]:
    """Return the measures of each course by name, and of ``whole_tree``, whose OF is the mean of those of numbered courses."""
    scored = course_scores(trees, truth)
    until = float(np.mean([one.overlap_until_first_error for course, one in scored if course.numbered]))
    whole = tree_scores(trees, truth)
    whole = {"overlap": whole.pop("overlap"), "overlap_until_first_error": until, **whole}
    return {**{course.name: dict(vars(one)) for course, one in scored}, "whole_tree": whole}


def same_patient(trees: Sequence[Tree], truth: CoronaryTruth) -> bool:
    """Tell whether found arteries lie where those of a truth do, as they do in one scan only; True where none were found."""
    lines = [resample_polyline(one.points_lps_mm, SAME_WITHIN_MM) for tree in trees for one in tree]
    if not lines:
        return True
    found, true = np.concatenate(lines), np.concatenate([one.points_lps_mm for one in truth.arteries])
    shares = [float((cKDTree(one).query(other)[0] < SAME_WITHIN_MM).mean()) for one, other in ((true, found), (found, true))]
    return max(shares) >= SAME_SHARE
