"""Which courses of the trees are LAD, LCx and RCA: of all that they may be, what lies most like a usual heart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree

from .course_model import MODEL, Course, Fit, cost_of, course_of, fit_courses
from .heart_frame import HeartFrame
from .label_paths import Way, way_to

LEAST_MM = 20.0
"""A main artery is at least this long beyond the left main or its ostium. Chosen."""
STARTS_MM = {
    "LAD": (0.0, 5.0, 10.0, 15.0, 20.0),
    "LCx": (0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0),
    "RCA": (0.0, 15.0, 30.0),
}
"""Where on a lone course the model may begin: an artery without its partner may have a left main or none, and one that leaves the
wrong sinus has a way behind or before the aorta to go. Chosen."""
LATEST_START_MM = 35.0
"""Longest left main. Chosen: 10.5 +- 5.3 mm are usual (Medrano-Gracia et al., 300 hearts, read in a summary)."""
DETOUR_COST = 0.02
"""Cost of each mm that a lone course begins late. Chosen: small, it decides between else equal starts."""
KEPT = 5
CLEAR = 20.0
"""Margin from which more makes nothing surer."""
SAME_MM, SAME_AT_MM = 8.0, 40.0
"""Two courses are one when they lie within the first of each other after the second."""


@dataclass(frozen=True, eq=False)
class Role:
    """A course of a tree for an artery, with the tree's place among the trees."""

    tree: int
    course: Course


@dataclass(frozen=True, eq=False)
class Roles:
    """What the trees' main courses are.

    Parameters
    ----------
    lad, lcx, rca
        The courses; None where an artery was not found.
    margins
        By artery, how much more the best costs that makes it another course, or none.
    rivals
        That other course, where it is one.
    fit
        How the heart lies, and what the courses cost in it.
    """

    lad: Role | None
    lcx: Role | None
    rca: Role | None
    margins: dict[str, float]
    rivals: dict[str, Role]
    fit: Fit


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A way that may be an artery, with where the model best begins on it, and the place (3,) by which ways are told apart."""

    tree: int
    way: Way
    start_mm: float
    place: FloatArray


def find_roles(trees: Sequence[Tree], lie: HeartFrame) -> Roles | None:
    """Find the main arteries; None when no tree has any course of 20 mm.

    Parameters
    ----------
    lie
        How the heart lies by its chambers, or usually.
    """
    every = [(at, way_to(tree, tip.id)) for at, tree in enumerate(trees) for tip in tree.tips]
    ways = [(at, way) for at, way in every if way.length_mm >= LEAST_MM]
    candidates = {name: _candidates(name, ways, lie) for name in MODEL}
    rows: list[tuple[float, dict[str, Role], Fit]] = []
    for given in _combinations(candidates):
        fit = fit_courses([(name, role.course) for name, role in given.items()], lie)
        rows.append((fit.cost + _detours(given), given, fit))
    if not rows:
        return None
    cost, best, fit = min(rows, key=lambda row: row[0])
    margins, rivals = {}, {}
    for name in MODEL:
        others = [row for row in rows if not _same(row[1].get(name), best.get(name))]
        dearer, other, _ = min(others, key=lambda row: row[0], default=(cost + CLEAR, {}, fit))
        margins[name] = min(dearer - cost, CLEAR)
        if name in other:
            rivals[name] = other[name]
    return Roles(best.get("LAD"), best.get("LCx"), best.get("RCA"), margins, rivals, fit)


def _candidates(name: str, ways: Sequence[tuple[int, Way]], lie: HeartFrame) -> list[_Candidate | None]:
    """Return the ways most like an artery, each main course once, and None for that it is not there."""
    rows = []
    for at, way in ways:
        starts = [start for start in STARTS_MM[name] if way.length_mm - start >= LEAST_MM]
        cost, start = min((_alone(name, course_of(way, start), lie), start) for start in starts)
        rows.append((cost, _Candidate(at, way, start, way.at(start + SAME_AT_MM))))
    kept: list[_Candidate] = []
    for _, one in sorted(rows, key=lambda row: row[0]):
        known = any(_near(one.place, other.place, SAME_MM) for other in kept if other.tree == one.tree)
        if len(kept) < KEPT and not known:
            kept.append(one)
    return [None, *kept]


def _alone(name: str, course: Course, lie: HeartFrame) -> float:
    fit = fit_courses([(name, course)], lie)
    return cost_of(name, course, fit.frame)


def _combinations(candidates: dict[str, list[_Candidate | None]]) -> Iterator[dict[str, Role]]:
    """Yield what the arteries may be together: no course twice, LAD and LCx of one tree from where they part."""
    for chosen in product(*candidates.values()):
        given = {name: one for name, one in zip(candidates, chosen, strict=True) if one is not None}
        lad, lcx, rca = (given.get(name) for name in ("LAD", "LCx", "RCA"))
        twice = len({(one.tree, *one.way.branch_ids) for one in given.values()}) < len(given)
        if not given or twice or (lad and rca and lad.tree == rca.tree):
            continue
        starts = {name: one.start_mm for name, one in given.items()}
        if lad and lcx and lad.tree == lcx.tree:
            starts["LAD"] = starts["LCx"] = shared_mm(lad.way, lcx.way)
        if starts.get("LAD", 0.0) <= LATEST_START_MM and all(
            given[name].way.length_mm - starts[name] >= LEAST_MM for name in given
        ):
            yield {name: Role(one.tree, course_of(one.way, starts[name])) for name, one in given.items()}


def shared_mm(one: Way, other: Way) -> float:
    """Return how far two ways of a tree run together."""
    shared = 0.0
    for first, second, end in zip(one.branch_ids, other.branch_ids, one.ends_mm, strict=False):
        if first != second:
            break
        shared = end
    return shared


def _detours(one: dict[str, Role]) -> float:
    """Return what late starts cost; LAD and LCx that part at the end of a left main have none."""
    paired = "LAD" in one and "LCx" in one and one["LAD"].tree == one["LCx"].tree
    return DETOUR_COST * sum(role.course.start_mm for name, role in one.items() if name == "RCA" or not paired)


def _same(one: Role | None, other: Role | None) -> bool:
    if one is None or other is None:
        return one is other
    here, there = (role.course.way.at(role.course.start_mm + SAME_AT_MM) for role in (one, other))
    return one.tree == other.tree and _near(here, there, 2.0 * SAME_MM)


def _near(one: FloatArray, other: FloatArray, within_mm: float) -> bool:
    return float(np.linalg.norm(one - other)) < within_mm
