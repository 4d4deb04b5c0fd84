"""Where to leave the visible airway tree for a target beyond it: a direction-aware cost over every point of the tree."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree

CANDIDATE_STEP_MM = 0.5
TANGENT_REACH_MM = 3.0
MINIMUM_EXIT_GENERATION = 2
"""Leaving from trachea or main bronchi is never a peripheral route: candidates start two bifurcations down."""
MINIMUM_RADIUS_MM = 0.25
"""Half a voxel of a thin-section CT: no visible lumen is thinner."""


@dataclass(frozen=True)
class ExitCostParameters:
    """Parameters of the exit cost, fitted on the hidden-tree benchmark (``exit_benchmark``).

    The direction and tip terms weigh distance with direction; the other two came from looking at their errors. The defaults
    were chosen with both airway masks at hand; fitted on one and judged on the other they score within one percentage
    point of that. Cross-fitted temperatures were 0.10 and 0.12.

    Parameters
    ----------
    direction_weight
        ``a``: a point that looks straight away from the target costs ``1 + 2 a`` times its distance.
    not_tip_factor
        ``b``: a point that is not the visible end of its branch costs this much more.
    side_branch_angle_deg
        A hidden side branch leaves its parent at an angle, so for a point that is not a tip this much is forgiven.
    radius_exponent
        ``g``: a wide airway reaches further beyond what is seen; the cost is divided by ``radius ** g`` (radius in mm).
    temperature
        Of the softmax over the logarithm of the branches' costs, which makes the confidence.
    """

    direction_weight: float = 3.0
    not_tip_factor: float = 1.75
    side_branch_angle_deg: float = 20.0
    radius_exponent: float = 0.2
    temperature: float = 0.12


@dataclass(frozen=True, eq=False)
class Candidates:
    """Points of the tree where a route may leave it.

    Parameters
    ----------
    points_lps_mm, tangents
        (N, 3), (N, 3); the tangent points distally.
    branch_ids, sample
        (N,) branch and index of the point on that branch.
    is_tip
        (N,) whether the point is the distal end of a branch without children.
    radius_mm
        (N,) lumen radius.
    """

    points_lps_mm: FloatArray
    tangents: FloatArray
    branch_ids: NDArray[np.int64]
    sample: NDArray[np.int64]
    is_tip: NDArray[np.bool_]
    radius_mm: FloatArray


def path_tangents(points_lps_mm: FloatArray, arc_mm: FloatArray, reach_mm: float = TANGENT_REACH_MM) -> FloatArray:
    """Return the chord direction (N, 3) over ``reach_mm`` to either side of each point of a polyline (N, 3)."""
    before = _interpolate(points_lps_mm, arc_mm, arc_mm - reach_mm)
    after = _interpolate(points_lps_mm, arc_mm, arc_mm + reach_mm)
    return unit(after - before)


def _interpolate(points: FloatArray, arc: FloatArray, wanted: FloatArray) -> FloatArray:
    return np.stack([np.interp(wanted, arc, points[:, axis]) for axis in range(3)], axis=1)


def exit_candidates(tree: Tree, also: Collection[int] = (), minimum_generation: int = MINIMUM_EXIT_GENERATION) -> Candidates:
    """Collect the points of all branches of at least ``minimum_generation``, about every 0.5 mm, branch ends included.

    The branches ``also`` are taken whatever their generation. A tree that has nothing so deep offers its deepest
    generation instead.
    """
    floor = min(minimum_generation, max(branch.generation for branch in tree))
    parts: list[tuple[FloatArray, FloatArray, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], FloatArray]] = []
    for branch in tree:
        if branch.generation < floor and branch.id not in also:
            continue
        tangent = _branch_tangents(tree, branch.id)
        arc = branch.arc_mm
        chosen = np.unique(np.searchsorted(arc, np.append(np.arange(0.0, arc[-1], CANDIDATE_STEP_MM), arc[-1])))
        chosen = np.unique(np.maximum(chosen, 1))
        last = len(arc) - 1
        tips = np.logical_and(chosen == last, not branch.child_ids)
        ids = np.full(len(chosen), branch.id, dtype=np.int64)
        parts.append((branch.points_lps_mm[chosen], tangent[chosen], ids, chosen, tips, branch.radius_mm[chosen]))
    points, tangent, ids, sample, tips, radius = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Candidates(points, tangent, ids, sample, tips, radius)


def _branch_tangents(tree: Tree, branch_id: int) -> FloatArray:
    """Return the tangents along a branch, its parent's end serving as the piece before its start."""
    branch = tree[branch_id]
    points = branch.points_lps_mm
    lead = 0
    if branch.parent_id is not None:
        parent = tree[branch.parent_id]
        tail = parent.points_lps_mm[:-1][parent.arc_mm[:-1] >= parent.length_mm - TANGENT_REACH_MM]
        lead = len(tail)
        points = np.concatenate([tail, points])
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return path_tangents(points, arc)[lead:]


@dataclass(frozen=True, eq=False)
class ExitCosts:
    """The cost of every candidate for one target; distances mm, angles degrees; all (N,) but ``nearest_lps_mm`` (N, 3)."""

    cost: FloatArray
    distance_mm: FloatArray
    angle_deg: FloatArray
    nearest_lps_mm: FloatArray


def exit_costs(candidates: Candidates, surface_lps_mm: FloatArray, parameters: ExitCostParameters) -> ExitCosts:
    """Cost ``d (1 + a (1 - cos theta)) (b unless a visible tip) / radius ** g`` against the nearest surface point.

    ``theta`` is the angle between the airway's local direction and the vector to that point, less the side branch
    angle where the point is not a tip; at the surface itself (d = 0) it is 0.
    """
    distance, index = cKDTree(surface_lps_mm).query(candidates.points_lps_mm)
    distance, nearest = np.asarray(distance, dtype=np.float64), surface_lps_mm[index]
    cosine = np.einsum("ij,ij->i", candidates.tangents, unit(nearest - candidates.points_lps_mm))
    angle = np.arccos(np.where(distance < 1e-6, 1.0, np.clip(cosine, -1.0, 1.0)))
    forgiven = np.where(candidates.is_tip, 0.0, np.radians(parameters.side_branch_angle_deg))
    cost = distance * (1.0 + parameters.direction_weight * (1.0 - np.cos(np.maximum(angle - forgiven, 0.0))))
    cost = cost * np.where(candidates.is_tip, 1.0, parameters.not_tip_factor)
    cost = cost / np.maximum(candidates.radius_mm, MINIMUM_RADIUS_MM) ** parameters.radius_exponent
    return ExitCosts(cost, distance, np.degrees(angle), nearest)


def cheapest_of_each_branch(branch_ids: NDArray[np.int64], cost: FloatArray) -> NDArray[np.int64]:
    """Return the index of the cheapest candidate of every branch, cheapest branch first."""
    order = np.argsort(cost, kind="stable")
    _, first = np.unique(branch_ids[order], return_index=True)
    return np.asarray(order[np.sort(first)], dtype=np.int64)


def shares(cost: FloatArray, temperature: float) -> FloatArray:
    """Return each branch's share (N,) of the likelihood: a softmax over minus the logarithm of its cost.

    The costs are distances in disguise, so their ratio and not their difference is what tells two exits apart.
    """
    score = -np.log(np.maximum(cost, 1e-3)) / temperature
    weight = np.exp(score - score.max())
    return np.asarray(weight / weight.sum())
