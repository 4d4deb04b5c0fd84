"""The main courses of the coronary arteries, branch by branch: where the left main divides, and how LAD, LCx and RCA run on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree

from .course_model import MODEL, NEAR_MM
from .heart_frame import RADIUS_MM, HeartFrame
from .label_paths import Side, Way, sides_of, way_to, ways_below
from .label_roles import LATEST_START_MM, Role, Roles, shared_mm
from .label_tail import part_from

MAJOR_MM = 25.0
"""A ramus intermedius is at least this long; shorter branches at the division (to the conus, the atrium) are none. Chosen."""
TRIFURCATION_MM = 3.0
"""Divisions of the left main closer to each other than this are one. Chosen: less than its usual diameter."""
APART_MM = 15.0
"""Ostia of LAD and LCx closer than this lie in one sinus. Chosen: about the width of a sinus."""
SETTLED_MM = 35.0
"""So far at least the RCA runs as its course was found, before the acute margin; branches decide beyond. Chosen."""
RAMUS_MM, RAMUS_SCALE_MM, RAMUS_REACH_MM, LEAST_RAMUS = 5.0, 1.0, 30.0, 0.05
"""A branch that leaves LAD or LCx so far beyond the left main's end is as likely a ramus as their first branch, with the scale of
:func:`sure`; none is one that leaves farther away, or is less likely one. Chosen: trees found in scans move a division by up to 3
mm, and a branch off the first millimetres is by convention often called a ramus too."""
STUB_MM, STUB_BACK, STUB_SURE = 6.0, 0.5, 0.75
"""A ramus that touches the LCx or LAD beyond its origin may be joined to it there, and its first part is then a stub that runs
back: it leaves so near the branch, and gets nearer to the left main's end by this share of its length. Such a branch is a ramus
with this confidence. Chosen."""
ROLE_SCALE = 2.0
"""Scale of :func:`sure` for a margin between main courses, in the cost of ``course_model``. Chosen on digital hearts."""
_GROOVE_SLACK_MM, _LEAVING = 8.0, 1.5
_DISTAL_MM = 30.0
_RUNS_ON, _SIDE_WEIGHT = 0.2, 1.5
_LAD_SCALE_MM, _LCX_SCALE_MM = 7.0, 5.0


def sure(margin: float, scale: float) -> float:
    """Return the confidence (0.5 to 1) of a decision that was won by a margin."""
    return float(1.0 / (1.0 + np.exp(-margin / scale)))


@dataclass(frozen=True)
class Ramus:
    """A branch that may be the ramus: its first branch, what it leaves (``LM``, ``LAD``, ``LCx``), and how sure it is one."""

    branch_id: int
    leaves: str
    certain: float


@dataclass(frozen=True, eq=False)
class Left:
    """LAD, LCx, or both in one tree.

    Parameters
    ----------
    tree
        Its place among the trees.
    lm_end_mm
        Length of the left main; 0 where the LAD or LCx has an ostium of its own, None where no division was found.
    lad, lcx
        Ways from the ostium; None where not found.
    open_mm
        So much of a lone LAD or LCx, estimated, may be the left main: where its partner leaves was not seen.
    lcx_from_mm
        Where the LCx begins: at the end of the left main, at an ostium of its own, or where it leaves the RCA.
    ramus
        What leaves the division between LAD and LCx, or so near to it that it may be the ramus.
    sure_lad, sure_lcx
        Confidence of the two courses beyond ``lad_split_mm`` and ``lcx_split_mm``, where the second best leave them.
    is_lad, is_lcx
        Confidence that these are LAD and LCx at all.
    """

    tree: int
    lm_end_mm: float | None
    lad: Way | None
    lcx: Way | None
    open_mm: float = 0.0
    lcx_from_mm: float = 0.0
    ramus: tuple[Ramus, ...] = ()
    sure_lad: float = 1.0
    sure_lcx: float = 1.0
    is_lad: float = 1.0
    is_lcx: float = 1.0
    lad_split_mm: float = 0.0
    lcx_split_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Right:
    """Main course of the right coronary artery: the way round the groove to the crux and on; ``is_rca`` that it is one at all."""

    tree: int
    rca: Way
    crux_mm: float
    is_rca: float = 1.0
    sure_rca: float = 1.0
    split_mm: float = 0.0


def find_left(trees: Sequence[Tree], roles: Roles, frame: HeartFrame) -> list[Left]:
    """Find the main courses of the left heart: in one tree, in two, or one of them only."""
    lad, lcx = roles.lad, roles.lcx
    certain = {name: sure(roles.margins[name], ROLE_SCALE) for name in ("LAD", "LCx")}
    if lad is not None and lcx is not None and lad.tree == lcx.tree:
        tree, end = trees[lad.tree], shared_mm(lad.course.way, lcx.course.way)
        lad_way, sure_lad, lad_split = _best(tree, _ranked(tree, _first(lad, end), frame, _lad_score), _LAD_SCALE_MM)
        lcx_way, sure_lcx, lcx_split = _best(tree, _ranked(tree, _first(lcx, end), frame, _lcx_score), _LCX_SCALE_MM)
        ramus = _between(tree, end, lad_way, lcx_way)
        return [
            Left(
                lad.tree, end, lad_way, lcx_way, 0.0, end, ramus, sure_lad, sure_lcx,
                certain["LAD"], certain["LCx"], lad_split, lcx_split,
            )
        ]  # fmt: skip
    ends = (None, None) if lad is None or lcx is None else (0.0, 0.0)
    found = []
    if lad is not None:
        tree, open_mm = trees[lad.tree], lad.course.start_mm if lcx is None else 0.0
        way, sure_lad, split = _best(tree, _ranked(tree, tree.root_id, frame, _lad_score), _LAD_SCALE_MM)
        found.append(
            Left(
                lad.tree, ends[0], way, None, open_mm, 0.0, _within(tree, "LAD", way, open_mm), sure_lad=sure_lad,
                is_lad=certain["LAD"], lad_split_mm=split,
            )
        )  # fmt: skip
    if lcx is not None:
        tree, begin = trees[lcx.tree], _shared_with(roles.rca, lcx)
        open_mm = lcx.course.start_mm if lad is None and lcx.course.start_mm <= LATEST_START_MM and begin == 0.0 else 0.0
        skip = max(lcx.course.start_mm - begin, 0.0)
        way, sure_lcx, split = _best(tree, _ranked(tree, _first(lcx, begin), frame, _lcx_score, skip), _LCX_SCALE_MM)
        found.append(
            Left(
                lcx.tree, ends[1], None, way, open_mm, begin, _within(tree, "LCx", way, open_mm), sure_lcx=sure_lcx,
                is_lcx=certain["LCx"], lcx_split_mm=split,
            )
        )  # fmt: skip
    return found


def _shared_with(other: Role | None, role: Role) -> float:
    """Return how far a course runs together with another one; 0 in another tree."""
    return shared_mm(other.course.way, role.course.way) if other is not None and other.tree == role.tree else 0.0


def _first(role: Role, from_mm: float) -> int:
    """Return the first branch of a course beyond an arc length."""
    way = role.course.way
    return next(one for one, end in zip(way.branch_ids, way.ends_mm, strict=True) if end > from_mm + 1e-6)


def _between(tree: Tree, end_mm: float, lad: Way, lcx: Way) -> tuple[Ramus, ...]:
    """Return what else leaves the left main's end: a skeleton shows a trifurcation as two bifurcations close to each other.

    Where nothing leaves it that near, the likeliest of the branches close to it is returned.
    """
    found: dict[int, tuple[float, Ramus]] = {}
    for name, way in (("LAD", lad), ("LCx", lcx)):
        sides = [one for one in sides_of(tree, way) if one.branch_id not in (*lad.branch_ids, *lcx.branch_ids)]
        for side in sides:
            beyond = side.arc_mm - end_mm
            if side.way.length_mm < MAJOR_MM or not -RAMUS_MM < beyond < RAMUS_REACH_MM or side.branch_id in found:
                continue
            certain = sure(RAMUS_MM - abs(beyond), RAMUS_SCALE_MM) if abs(beyond) >= TRIFURCATION_MM else 1.0
            if beyond >= TRIFURCATION_MM and any(_runs_back(one, side, way.at(end_mm)) for one in sides):
                certain = max(certain, STUB_SURE)
            leaves = name if beyond > 1e-6 else "LM"
            found[side.branch_id] = (abs(beyond), Ramus(side.branch_id, leaves, certain))
    near = tuple(ramus for away, ramus in found.values() if away < TRIFURCATION_MM)
    likeliest = max((ramus for _, ramus in found.values()), key=lambda one: one.certain, default=None)
    if near or likeliest is None or likeliest.certain < LEAST_RAMUS:
        return near
    return (likeliest,)


def _within(tree: Tree, name: str, way: Way, open_mm: float) -> tuple[Ramus, ...]:
    """Return the branch that leaves a lone artery where it may still be the left main: as likely a ramus as a first branch."""
    sides = [one for one in sides_of(tree, way) if 0.0 < one.arc_mm <= open_mm + 0.5 and one.way.length_mm >= MAJOR_MM]
    longest = max(sides, key=lambda one: one.way.length_mm, default=None)
    return () if longest is None else (Ramus(longest.branch_id, name, 0.5),)


def _runs_back(stub: Side, branch: Side, end_lps_mm: FloatArray) -> bool:
    """Tell whether a short piece that leaves beside a branch runs back to the left main's end."""
    if stub.branch_id == branch.branch_id or abs(stub.arc_mm - branch.arc_mm) > STUB_MM or stub.way.length_mm >= MAJOR_MM:
        return False
    begin, tip = (float(np.linalg.norm(place - end_lps_mm)) for place in stub.way.points_lps_mm[[0, -1]])
    return begin - tip > max(STUB_BACK * stub.way.length_mm, TRIFURCATION_MM)


def lcx_is_elsewhere(trees: Sequence[Tree], roles: Roles) -> bool:
    """Tell whether the LCx has its origin away from the LAD's: from the RCA, or from another sinus."""
    if roles.lcx is None or (roles.lad is not None and roles.lad.tree == roles.lcx.tree):
        return False
    if roles.rca is not None and roles.rca.tree == roles.lcx.tree:
        return True
    if roles.lad is None:
        return False
    lad, lcx = (trees[role.tree].root.points_lps_mm[0] for role in (roles.lad, roles.lcx))
    return float(np.linalg.norm(lad - lcx)) > APART_MM


def _lad_score(way: Way, frame: HeartFrame) -> float:
    """Return how much a way is the LAD: how far it gets to the apex, on the right ventricle's side and in the groove."""
    distal = way.between(way.length_mm - _DISTAL_MM, way.length_mm)
    side = frame.across_mm(way.points_lps_mm[distal])[:, 0].mean()
    gap = float(cKDTree(frame.placed(MODEL["LAD"])).query(way.points_lps_mm[distal])[0].mean())
    return float(frame.depth_mm(way.points_lps_mm).max() + _SIDE_WEIGHT * side - max(gap - NEAR_MM, 0.0))


def _lcx_score(way: Way, frame: HeartFrame) -> float:
    """Return how much a way is the LCx: how far it gets along the left groove before it leaves it for the apex."""
    turned = (frame.turn_deg(way.points_lps_mm[:1]) - frame.turn_deg(way.points_lps_mm) + 90.0) % 360.0 - 90.0
    progress = np.radians(turned) * RADIUS_MM - _left_groove_mm(way, frame)
    at = int(progress.argmax())
    # of two that get equally far, the LCx is the one that does not run on down the ventricle
    return float(progress[at] - _RUNS_ON * (way.length_mm - way.arc_mm[at]))


def _ranked(
    tree: Tree, first: int, frame: HeartFrame, score: Callable[[Way, HeartFrame], float], skip_mm: float = 0.0
) -> list[tuple[float, int]]:
    """Return score and tip of the ways that begin with a branch, best first; ``skip_mm`` of them are not yet in their groove."""
    ways = [way for way in ways_below(tree, first) if way.length_mm > skip_mm + TRIFURCATION_MM]
    return sorted(((score(part_from(way, skip_mm), frame), way.branch_ids[-1]) for way in ways), reverse=True)


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


def find_right(trees: Sequence[Tree], roles: Roles, frame: HeartFrame) -> list[Right]:
    """Find the right coronary artery: the way that gets farthest round the groove towards the left ventricle's base."""
    role = roles.rca
    if role is None:
        return []
    tree = trees[role.tree]
    first = tree.root_id if roles.lcx is None else _first(role, _shared_with(roles.lcx, role))
    onward = unit(-frame.towards_rv)
    scored, farthest = [], {}
    for below in ways_below(tree, first):
        way = way_to(tree, below.branch_ids[-1])
        if shared_mm(way, role.course.way) < min(role.course.start_mm + SETTLED_MM, role.course.way.length_mm) - 1e-6:
            continue
        progress = (way.points_lps_mm - way.points_lps_mm[0]) @ onward - _left_groove_mm(way, frame)
        # the first part runs forward and to the right, against the way onward
        progress = progress + np.minimum(way.arc_mm, 60.0)
        at = int(progress.argmax())
        scored.append((float(progress[at]), way.branch_ids[-1]))
        farthest[way.branch_ids[-1]] = float(way.arc_mm[at])
    way, certain, split = _best(tree, sorted(scored, reverse=True), _LCX_SCALE_MM)
    return [Right(role.tree, way, farthest[way.branch_ids[-1]], sure(roles.margins["RCA"], ROLE_SCALE), certain, split)]
