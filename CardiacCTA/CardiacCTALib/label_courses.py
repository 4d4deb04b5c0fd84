"""The main courses of the coronary arteries: which tree is the left one, where the left main divides, LAD, LCx and RCA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree

from .heart_frame import RADIUS_MM, HeartFrame
from .label_paths import Way, longest_below, way_to, ways_below

MAJOR_MM = 25.0
"""A daughter of the left main is at least this long; shorter ones (to the conus, the atrium) end no left main. Chosen."""
TRIFURCATION_MM = 3.0
"""Divisions of the left main closer to each other than this are one. Chosen: less than its usual diameter."""
SIDE_WITHIN_MM = 40.0
_GROOVE_SLACK_MM, _LEAVING = 8.0, 1.5
_DISTAL_MM = 30.0
_RUNS_ON, _SIDE_WEIGHT = 0.2, 1.5
_NAMES_SCALE_MM, _LAD_SCALE_MM, _LCX_SCALE_MM, _SIDE_SCALE_MM = 10.0, 7.0, 5.0, 2.0
_ALONE_MM = 20.0


def sure(margin: float, scale: float) -> float:
    """Return the confidence (0.5 to 1) of a decision that was won by a margin."""
    return float(1.0 / (1.0 + np.exp(-margin / scale)))


@dataclass(frozen=True, eq=False)
class Left:
    """Main courses of the left coronary artery.

    Parameters
    ----------
    tree
        Its place among the trees.
    lm_end_mm
        Length of the left main; 0 where the LAD or LCx has an ostium of its own, None where no division was found.
    lad, lcx
        Ways from the ostium; None where not found.
    ramus
        First branches of what leaves the division between LAD and LCx.
    sure_lad, sure_lcx
        Confidence of the two courses beyond ``lad_split_mm`` and ``lcx_split_mm``, where the second best leave them;
        ``sure_names`` that LAD and LCx are not confused.
    """

    tree: int
    lm_end_mm: float | None
    lad: Way | None
    lcx: Way | None
    ramus: tuple[int, ...] = ()
    sure_lad: float = 1.0
    sure_lcx: float = 1.0
    sure_names: float = 1.0
    lad_split_mm: float = 0.0
    lcx_split_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Right:
    """Main course of the right coronary artery: the way round the groove to the crux and on."""

    tree: int
    rca: Way
    crux_mm: float
    sure_rca: float = 1.0
    split_mm: float = 0.0


def sides_of_trees(trees: Sequence[Tree]) -> list[tuple[str, float]]:
    """Return ``left`` or ``right`` for each tree, with confidence: the left artery runs to the patient's left at first.

    The course counts, not the sinus: an artery that comes from the wrong sinus is still named by where it goes.
    """
    found = []
    for tree in trees:
        way = longest_below(tree, tree.root_id)
        near = way.points_lps_mm[way.between(0.0, SIDE_WITHIN_MM)]
        shift = float((near - way.points_lps_mm[0]).mean(axis=0)[0])
        found.append(("left" if shift > 0 else "right", sure(abs(shift), _SIDE_SCALE_MM)))
    return found


def left_division(tree: Tree) -> tuple[tuple[int, ...], list[int]]:
    """Return the branches of the left main and the first branches of its daughters; none where it does not divide."""
    trunk = [tree.root_id]
    while True:
        children = [one.id for one in tree.children(trunk[-1])]
        major = [one for one in children if longest_below(tree, one).length_mm >= MAJOR_MM]
        if len(major) >= 2:
            return tuple(trunk), _with_close_divisions(tree, major)
        if not children:
            return (), []
        trunk.append(max(major or children, key=lambda one: longest_below(tree, one).length_mm))


def _with_close_divisions(tree: Tree, major: list[int]) -> list[int]:
    """Take a daughter that divides at once for its daughters: a skeleton shows a trifurcation as two bifurcations."""
    found = []
    for one in major:
        below = [child.id for child in tree.children(one) if longest_below(tree, child.id).length_mm >= MAJOR_MM]
        if tree[one].length_mm < TRIFURCATION_MM and len(below) >= 2 and len(major) == 2:
            found.extend(below)
        else:
            found.append(one)
    return found


def find_left(trees: Sequence[Tree], index: int, frame: HeartFrame) -> Left:
    """Find the main courses of one left tree: the pair of daughters that make the best LAD and LCx together."""
    tree = trees[index]
    trunk, daughters = left_division(tree)
    if not daughters:
        (lad_score, lad_tip), (lcx_score, lcx_tip) = (
            _ranked(tree, tree.root_id, frame, score)[0] for score in (_lad_score, _lcx_score)
        )
        certain = sure(abs(lad_score - lcx_score - _ALONE_MM), _NAMES_SCALE_MM)
        is_lad = lad_score - lcx_score > _ALONE_MM
        way = way_to(tree, lad_tip if is_lad else lcx_tip)
        return Left(index, None, way if is_lad else None, None if is_lad else way, (), certain, certain)
    as_lad = {one: _ranked(tree, one, frame, _lad_score)[0][0] for one in daughters}
    as_lcx = {one: _ranked(tree, one, frame, _lcx_score)[0][0] for one in daughters}
    pairs = sorted(((as_lad[one] + as_lcx[two], one, two) for one, two in permutations(daughters, 2)), reverse=True)
    _, first, last = pairs[0]
    lad, sure_lad, lad_split = _best(tree, _ranked(tree, first, frame, _lad_score), _LAD_SCALE_MM)
    lcx, sure_lcx, lcx_split = _best(tree, _ranked(tree, last, frame, _lcx_score), _LCX_SCALE_MM)
    rest = tuple(one for one in daughters if one not in (first, last))
    lm_end = float(sum(tree[one].length_mm for one in trunk))
    certain = sure(pairs[0][0] - pairs[1][0], _NAMES_SCALE_MM)
    return Left(index, lm_end, lad, lcx, rest, sure_lad, sure_lcx, certain, lad_split, lcx_split)


def _lad_score(way: Way, frame: HeartFrame) -> float:
    """Return how much a way is the LAD: how far it gets to the apex, and on the right ventricle's side."""
    distal = way.between(way.length_mm - _DISTAL_MM, way.length_mm)
    side = frame.across_mm(way.points_lps_mm[distal])[:, 0].mean()
    return float(frame.depth_mm(way.points_lps_mm).max() + _SIDE_WEIGHT * side)


def _lcx_score(way: Way, frame: HeartFrame) -> float:
    """Return how much a way is the LCx: how far it gets along the left groove before it leaves it for the apex."""
    turned = (frame.turn_deg(way.points_lps_mm[:1]) - frame.turn_deg(way.points_lps_mm) + 90.0) % 360.0 - 90.0
    progress = np.radians(turned) * RADIUS_MM - _left_groove_mm(way, frame)
    at = int(progress.argmax())
    # of two that get equally far, the LCx is the one that does not run on down the ventricle
    return float(progress[at] - _RUNS_ON * (way.length_mm - way.arc_mm[at]))


def _ranked(tree: Tree, first: int, frame: HeartFrame, score: Callable[[Way, HeartFrame], float]) -> list[tuple[float, int]]:
    """Return score and tip of the ways that begin with a branch, best first."""
    return sorted(((score(way, frame), way.branch_ids[-1]) for way in ways_below(tree, first)), reverse=True)


def _left_groove_mm(way: Way, frame: HeartFrame) -> FloatArray:
    """Return what a way has left the atrioventricular groove towards the apex (N,), in mm of progress lost."""
    depth = frame.depth_mm(way.points_lps_mm)
    basal = float(np.median(depth[way.between(0.0, 25.0)]))
    return np.asarray(np.maximum(depth - basal - _GROOVE_SLACK_MM, 0.0) * _LEAVING)


def _best(tree: Tree, scored: list[tuple[float, int]], scale: float) -> tuple[Way, float, float]:
    """Return the way from the root to the best tip of a ranking, how sure it is, and where the second best leaves it, mm."""
    score, tip = scored[0]
    way = way_to(tree, tip)
    if len(scored) == 1:
        return way, 1.0, way.length_mm
    shared = set(way.branch_ids) & set(tree.path_to(scored[1][1]))
    return way, sure(score - scored[1][0], scale), float(sum(tree[one].length_mm for one in shared))


def find_right(trees: Sequence[Tree], index: int, frame: HeartFrame) -> Right:
    """Find the right coronary artery: the way that gets farthest round the groove towards the left ventricle's base."""
    tree = trees[index]
    onward = unit(-frame.towards_rv)
    scored, farthest = [], {}
    for way in ways_below(tree, tree.root_id):
        progress = (way.points_lps_mm - way.points_lps_mm[0]) @ onward - _left_groove_mm(way, frame)
        # the first part runs forward and to the right, against the way onward
        progress = progress + np.minimum(way.arc_mm, 60.0)
        at = int(progress.argmax())
        scored.append((float(progress[at]), way.branch_ids[-1]))
        farthest[way.branch_ids[-1]] = float(way.arc_mm[at])
    way, certain, split = _best(tree, sorted(scored, reverse=True), _LCX_SCALE_MM)
    return Right(index, way, farthest[way.branch_ids[-1]], certain, split)
