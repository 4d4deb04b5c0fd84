"""What it costs to give a bronchus of a family to a branch: directions of tips and first course, calibre, and lobes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .assignment import Problem
from .bronchus_templates import GROUP_LOBAR_CODE, LUNGS, Family
from .naming import lobe_of
from .subtrees import Territories, first_course

TERRITORY_WEIGHT, PLACE_WEIGHT, COURSE_WEIGHT, HEADING_WEIGHT, LOBE_WEIGHT = 0.8, 0.25, 0.3, 0.4, 2.0
STUB_COST = 0.3
"""The most that the course of a stub can cost a name beside the name that fits it best."""
STRAY_WEIGHT, STRAY_COSINE = 0.6, 0.5
"""A bronchus with a real share of the tips that heads more than 60 degrees away from the territory of a name costs that name
more, however few tips it has beside the others: a name must not go to a branch of another part because its own is missing."""
EXCESS_WEIGHT = 0.5
"""What each further part of the tips costs a name that already supplies the largest share a segment is known to have."""
FULL_COURSE_SHARE, FULL_COURSE_CALIBRE = 0.05, 0.6
"""A subtree with less of the tips than the first is a twig whose own course says little, unless it is as wide as the second
says of its parent: then it is a bronchus that ends early (filled, compressed or cut), and its course tells which one."""

LobeEvidence = tuple[LabelMap, Mapping[int, float] | None]
"""Lobes and how far to trust each."""


def price_names(
    territories: Territories,
    roots: Sequence[int],
    family: Family,
    origin_lps_mm: FloatArray,
    tip_penalty: Mapping[int, FloatArray] | None = None,
) -> Problem:
    """Price every name of a family for every branch below ``roots``."""
    tree = territories.tree
    tips = [tip for root in roots for tip in territories.tips_below[root]]
    points = np.array([territories.tip_points[tip] for tip in tips])
    centre = points.mean(axis=0)
    spread = max(float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean())), 1.0)
    per_tip = _tip_costs(points, family, origin_lps_mm, (points - centre) / spread)
    cost_of_tip = dict(zip(tips, per_tip, strict=True))
    if tip_penalty:
        cost_of_tip = {tip: cost + tip_penalty[tip] for tip, cost in cost_of_tip.items()}
    courses = np.array([template.vectors()[1] for template in family.templates])
    headings = np.array([template.unit_heading() for template in family.templates])
    name_cost, share = {}, {}
    for root in roots:
        for branch_id in tree.subtree(root):
            below = territories.tips_below[branch_id]
            share[branch_id] = len(below) / len(tips)
            own = COURSE_WEIGHT * (1.0 - courses @ first_course(tree, branch_id))
            if headings.any():
                middle = territories.points([branch_id]).mean(axis=0)
                own = own + HEADING_WEIGHT * (1.0 - headings @ unit(middle - tree[branch_id].points_lps_mm[0]))
            own = own + STRAY_WEIGHT * np.maximum(STRAY_COSINE - _headings(territories, branch_id, family), 0.0)
            territory = np.mean([cost_of_tip[tip] for tip in below], axis=0)
            name_cost[branch_id] = share[branch_id] * territory + _own_cost(tree, branch_id, share[branch_id], own)
            if family.largest_share < share[branch_id]:
                name_cost[branch_id] = name_cost[branch_id] + EXCESS_WEIGHT * (share[branch_id] - family.largest_share)
    absent = np.array([template.absent_cost for template in family.templates])
    return Problem(tree, tuple(roots), name_cost, share, _trunk_costs(family), absent)


def _headings(territories: Territories, branch_id: int, family: Family) -> FloatArray:
    """Return the cosine (names,) between where a branch leads and the nearest territory of each name."""
    middle = territories.points([branch_id]).mean(axis=0)
    heading = unit(middle - territories.tree[branch_id].points_lps_mm[0])
    return np.array([float((template.territories() @ heading).max()) for template in family.templates])


def _own_cost(tree: Tree, branch_id: int, share: float, own: FloatArray) -> FloatArray:
    """Weigh the course of a subtree: in full for a large one; the stub of a wide one only tells names from each other."""
    branch, calibre = tree[branch_id], 0.0
    if branch.parent_id is not None:
        calibre = branch.diameter_mm / max(FULL_COURSE_CALIBRE * tree[branch.parent_id].diameter_mm, 1e-6)
    by_share, by_calibre = min(share / FULL_COURSE_SHARE, 1.0), min(calibre**2, 1.0)
    stub = np.minimum(own - own.min(), STUB_COST)
    return np.asarray(by_share * own + max(by_calibre - by_share, 0.0) * stub)


def _tip_costs(points: FloatArray, family: Family, origin: FloatArray, places: FloatArray) -> FloatArray:
    """Return (tips, names): angle to the territory's direction and distance from its place in the group."""
    directions = unit(points - origin)
    place = np.array([template.vectors()[2] for template in family.templates])
    nearest = [(directions @ template.territories().T).max(axis=1) for template in family.templates]
    angle = 1.0 - np.stack(nearest, axis=1)
    offset = np.minimum(((places[:, None, :] - place[None, :, :]) ** 2).sum(axis=2) / 4.0, 2.0)
    return np.asarray(TERRITORY_WEIGHT * angle + PLACE_WEIGHT * offset)


def _trunk_costs(family: Family) -> FloatArray:
    """Return (present, trunk) costs: a known trunk stays known when some of its members are not in the tree."""
    codes = [template.code for template in family.templates]
    known = {sum(1 << codes.index(code) for code in names): cost for names, cost in family.trunks.items()}
    count = 2 ** len(codes)
    costs = np.full((count, count), family.odd_trunk_cost)
    for present in range(count):
        for names, cost in known.items():
            costs[present, names & present] = min(costs[present, names & present], cost)
    costs[:, [mask for mask in range(count) if bin(mask).count("1") < 2]] = 0.0
    return costs


def lobe_penalty(tree: Tree, tips: Iterable[int], side: str, evidence: LobeEvidence | None) -> dict[int, FloatArray] | None:
    """Return tip -> (groups,) penalty for lying in a lobe that the group does not supply."""
    if evidence is None:
        return None
    lobes, confidence = evidence
    groups = [template.code for template in LUNGS[side].templates]
    wanted = np.array([lobe_of(GROUP_LOBAR_CODE[side, group]) for group in groups])
    trust = np.ones(256)
    if confidence is not None:
        trust = np.array([min(max(2.0 * confidence.get(value, 0.0) - 1.0, 0.0), 1.0) for value in range(256)])
    shape = np.array(lobes.grid.shape_kji)
    penalty = {}
    for tip in tips:
        indices = np.rint(lobes.grid.kji_from_lps(tree[tip].points_lps_mm)).astype(int)
        inside = indices[((indices >= 0) & (indices < shape)).all(axis=1)]
        values = lobes.array_kji[tuple(inside.T)].astype(np.int64)
        values = values[values > 0]
        wrong = (values[:, None] != wanted[None, :]) * trust[values][:, None]
        penalty[tip] = LOBE_WEIGHT * wrong.mean(axis=0) if len(values) else np.zeros(len(wanted))
    return penalty
