"""The k best ways to a target: where to leave the visible tree, how sure that is, and what lies between."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .artery_sign import artery_sign
from .bronchus_sign import TOUCH_MM, BronchusRelation, relate, touching
from .exit_cost import (
    MINIMUM_EXIT_GENERATION,
    Candidates,
    ExitCostParameters,
    ExitCosts,
    cheapest_of_each_branch,
    exit_candidates,
    exit_costs,
    shares,
)
from .extension import extend
from .mediastinum import NEEDLE_MM
from .naming import display_name
from .plan import Route, Target
from .surroundings import (
    NOTHING_KNOWN,
    SAMPLE_STEP_MM,
    TOLERATED_OUTSIDE_MM,
    Crossing,
    PathJudge,
    Surroundings,
    lobe_at,
    target_surface,
)

logger = logging.getLogger(__name__)

OTHER_LOBE_FACTOR = 2.0
OUTSIDE_LUNG_FACTOR = 4.0
FISSURE_FACTOR = 1.5
WIDE_VESSEL_FACTOR = 1.5
"""Penalties on the exit cost. Design choices, not measured: another lobe doubles the cost, leaving the lung (pleura,
mediastinum) makes it four times as dear, so that such a route is offered only when nothing else is near."""
FEWEST_JUDGED, MOST_JUDGED = 12, 24
"""So many of the cheapest branches, at least and at most, are asked what lies between them and the target."""
SAME_EXIT_MM = 3.0
"""Exits nearer to each other than this, or than 1.5 lumen radii, on neighbouring branches are one decision."""
CLOSER_MM = 2.0
"""An airway that comes nearer by less beyond the exit is not worth a sentence."""


@dataclass(frozen=True, eq=False)
class _Exit:
    """One candidate exit that has been judged."""

    branch_id: int
    sample: int
    point_lps_mm: FloatArray
    nearest_lps_mm: FloatArray
    gap_mm: float
    angle_deg: float
    cost: float
    crossing: Crossing = NOTHING_KNOWN
    lobe: str | None = None
    penalty: float = 1.0
    share: float = 0.0


def plan_routes(
    tree: Tree,
    target: Target,
    *,
    volume: Volume | None = None,
    airway: LabelMap | None = None,
    probability: Volume | None = None,
    lungs: LabelMap | None = None,
    lobes: LabelMap | None = None,
    vessels: LabelMap | None = None,
    count: int = 3,
    parameters: ExitCostParameters | None = None,
) -> tuple[Route, ...]:
    """Rank the exit branches for a target and describe the ``count`` best as routes.

    Parameters
    ----------
    tree
        The visible airway tree, LPS mm.
    target
        Point, click or mask; the nearest point of its surface counts, not only its centre.
    volume, airway, probability, lungs, lobes, vessels
        Images that refine the ranking; each may be missing and each lies on its own grid.
    count
        At most so many routes; fewer when the tree has fewer distinct exits.
    parameters
        Of the exit cost; the fitted ones by default.

    Returns
    -------
    tuple of Route
        Likeliest first, at least one. ``confidence`` is the share of the likelihood on that exit among all branches. Of
        routes that are one way, entered more or less deep, only the likeliest is kept.

    Raises
    ------
    ValueError
        When ``count`` is below 1 or the target has no finite point.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if not np.isfinite(target_surface(target)).all():
        raise ValueError("the target has a point that is not finite")
    start = time.perf_counter()
    parameters = parameters or ExitCostParameters()
    images = Surroundings(volume, airway, probability, lungs, lobes, vessels)
    relation = relate(tree, target)
    exits = _ranked_exits(tree, target, relation, images, parameters)
    routes = [
        replace(_route(found, tree, target, relation, images), rank=rank) for rank, found in enumerate(exits[:count], start=1)
    ]
    logger.info("%d routes planned in %.1f s", len(routes), time.perf_counter() - start)
    return tuple(routes)


def _ranked_exits(
    tree: Tree, target: Target, relation: BronchusRelation, images: Surroundings, parameters: ExitCostParameters
) -> list[_Exit]:
    """Cost every branch, judge the best of them, share out the likelihood, merge neighbours, and put the likeliest first."""
    surface = target_surface(target)
    central = _central_beside(tree, surface)
    candidates = exit_candidates(tree, also=relation.reaching_branches | central)
    costs = _from_the_wall(candidates, exit_costs(candidates, surface, parameters), central)
    costs = _cheap_where_touching(candidates, costs, target, relation)
    best = cheapest_of_each_branch(candidates.branch_ids, costs.cost)
    near = best[:MOST_JUDGED]
    judge = PathJudge(images, target, np.concatenate([candidates.points_lps_mm[near], surface]))
    exits: list[_Exit] = []
    for found in _bare(candidates, costs, near):
        if len(exits) >= FEWEST_JUDGED and found.cost > _nth_cost(exits, FEWEST_JUDGED // 2):
            break
        exits.append(_judged(found, tree[found.branch_id], target, images, judge))
    mildest = min(item.penalty for item in exits)
    rest = costs.cost[best[len(exits) :]] * mildest
    exits.sort(key=lambda item: item.cost)
    share = shares(np.concatenate([[item.cost for item in exits], rest]), parameters.temperature)
    exits = [replace(item, share=float(part)) for item, part in zip(exits, share, strict=False)]
    # Merging adds up likelihoods, so that the order of cost is no longer theirs.
    return _distinct(tree, sorted(_merged(tree, exits), key=lambda item: -item.share))


def _distinct(tree: Tree, exits: Sequence[_Exit]) -> list[_Exit]:
    """Leave out each exit whose way is the beginning of a likelier one's, or goes on from it: no alternative to it."""
    kept: list[_Exit] = []
    ways: list[tuple[int, ...]] = []
    for item in exits:
        way = tree.path_to(item.branch_id)
        if all(way[: len(other)] != other[: len(way)] for other in ways):
            kept.append(item)
            ways.append(way)
    return kept


def _central_beside(tree: Tree, surface_lps_mm: FloatArray) -> frozenset[int]:
    """Return the branches above the usual exits (trachea, main bronchi) whose wall is the nearest to the target, and near."""
    lookup = cKDTree(surface_lps_mm)
    gaps = {branch.id: float((lookup.query(branch.points_lps_mm)[0] - branch.radius_mm).min()) for branch in tree}
    smaller = [gaps[branch.id] for branch in tree if branch.generation >= MINIMUM_EXIT_GENERATION]
    limit = min([NEEDLE_MM, *smaller])
    return frozenset(b.id for b in tree if b.generation < MINIMUM_EXIT_GENERATION and gaps[b.id] <= limit)


def _from_the_wall(candidates: Candidates, costs: ExitCosts, central: frozenset[int]) -> ExitCosts:
    """Measure from the wall of a central airway, at any angle: a needle leaves it sideways, and its lumen is no way to go."""
    there = np.isin(candidates.branch_ids, list(central))
    if not there.any():
        return costs
    gap = np.where(there, np.maximum(costs.distance_mm - candidates.radius_mm, TOUCH_MM), costs.distance_mm)
    return replace(costs, cost=np.where(there, gap, costs.cost), distance_mm=gap)


def _cheap_where_touching(candidates: Candidates, costs: ExitCosts, target: Target, relation: BronchusRelation) -> ExitCosts:
    """Cost a lumen that leads to the target as if half a millimetre were left: nothing has to be guessed beyond it."""
    leads = np.isin(candidates.branch_ids, list(relation.reaching_branches))
    if not leads.any():
        return costs
    lookup = cKDTree(target_surface(target))
    leads[leads] = touching(candidates.points_lps_mm[leads], candidates.radius_mm[leads], target, lookup)
    left = np.where(leads, TOUCH_MM / np.maximum(costs.distance_mm, TOUCH_MM), 1.0)
    return replace(costs, cost=costs.cost * left)


def _nth_cost(exits: Sequence[_Exit], rank: int) -> float:
    """Return the cost of the ``rank``-th best exit: no branch with a higher bare cost can come before it."""
    return sorted(item.cost for item in exits)[rank - 1]


def _bare(candidates: Candidates, costs: ExitCosts, chosen: NDArray[np.int64]) -> list[_Exit]:
    return [
        _Exit(
            branch_id=int(candidates.branch_ids[index]),
            sample=int(candidates.sample[index]),
            point_lps_mm=candidates.points_lps_mm[index],
            nearest_lps_mm=costs.nearest_lps_mm[index],
            gap_mm=float(costs.distance_mm[index]),
            angle_deg=float(costs.angle_deg[index]),
            cost=float(costs.cost[index]),
        )
        for index in chosen
    ]


def _judged(found: _Exit, branch: Branch, target: Target, images: Surroundings, judge: PathJudge) -> _Exit:
    """Ask the images what lies between an exit and the target, and make it dearer by what they say."""
    ends = np.stack([found.point_lps_mm, found.nearest_lps_mm])
    crossing = judge.crossing(resample_polyline(ends, SAMPLE_STEP_MM))
    lobe = _lobe_of(branch, found.point_lps_mm, images.lobes)
    penalty = _penalty(crossing, lobe, target.lobe)
    return replace(found, crossing=crossing, lobe=lobe, penalty=penalty, cost=found.cost * penalty)


def _lobe_of(branch: Branch, point: FloatArray, lobes: LabelMap | None) -> str | None:
    """The lobe at the exit, else (a bronchus is often cut out of the lobe masks) just before it on the branch."""
    for place in (point, branch.points_lps_mm[-1], branch.points_lps_mm[len(branch.points_lps_mm) // 2]):
        found = lobe_at(lobes, place)
        if found is not None:
            return found
    return None


def _penalty(crossing: Crossing, lobe: str | None, target_lobe: str | None) -> float:
    factor = 1.0
    if lobe is not None and target_lobe is not None and lobe != target_lobe:
        factor *= OTHER_LOBE_FACTOR
    elif crossing.fissures:
        factor *= FISSURE_FACTOR
    if (crossing.outside_lung_mm or 0.0) > TOLERATED_OUTSIDE_MM:
        factor *= OUTSIDE_LUNG_FACTOR
    if (crossing.wide_vessel_mm or 0.0) > SAMPLE_STEP_MM:
        factor *= WIDE_VESSEL_FACTOR
    return factor


def _merged(tree: Tree, exits: Sequence[_Exit]) -> list[_Exit]:
    """Join exits that are one decision in practice: nearly the same place on neighbouring branches."""
    kept: list[_Exit] = []
    for item in exits:
        twin = next((at for at, other in enumerate(kept) if _same_decision(tree, item, other)), None)
        if twin is None:
            kept.append(item)
        else:
            kept[twin] = replace(kept[twin], share=kept[twin].share + item.share)
    return kept


def _same_decision(tree: Tree, first: _Exit, second: _Exit) -> bool:
    one, two = tree[first.branch_id], tree[second.branch_id]
    neighbours = one.parent_id == two.id or two.parent_id in (one.id, one.parent_id)
    radius = float(two.radius_mm[second.sample])
    near = float(np.linalg.norm(first.point_lps_mm - second.point_lps_mm))
    return neighbours and near <= max(SAME_EXIT_MM, 1.5 * radius)


def _route(found: _Exit, tree: Tree, target: Target, relation: BronchusRelation, images: Surroundings) -> Route:
    points, radius, _ = tree.path_points(found.branch_id)
    beyond = len(tree[found.branch_id].points_lps_mm) - 1 - found.sample
    if beyond:
        points, radius = points[:-beyond], radius[:-beyond]
    reaches = found.branch_id in relation.reaching_branches
    extensions, chosen = ((), None) if reaches else extend(points, target, images)
    label = tree[found.branch_id].label
    name = label.code if label is not None else f"branch {found.branch_id}"
    central = not reaches and tree[found.branch_id].generation < MINIMUM_EXIT_GENERATION
    closer = None if reaches or central else _comes_closer(found, tree[found.branch_id], target)
    codes, warnings = _warnings(found, target, name, central, closer)
    return Route(
        rank=0,
        branch_ids=tree.path_to(found.branch_id),
        points_lps_mm=points,
        radius_mm=radius,
        exit_point_lps_mm=found.point_lps_mm,
        exit_angle_deg=found.angle_deg,
        gap_mm=0.0 if reaches else found.gap_mm,
        cost=found.cost,
        confidence=found.share,
        reason=_reason(name, found, reaches),
        extensions=extensions,
        chosen_extension=chosen,
        bronchus_sign=True if reaches else relation.bronchus_sign,
        artery_sign=artery_sign(points, radius, target, images),
        tsuboi=relation.tsuboi,
        warnings=warnings,
        warning_codes=codes,
    )


def _written_out(code: str) -> str:
    try:
        return display_name(code)
    except ValueError:  # a branch without a name
        return code


def _reason(name: str, found: _Exit, reaches: bool) -> str:
    if reaches:
        return f"follows {name}, whose lumen reaches the target"
    return f"follows {name}, {found.angle_deg:.0f} degrees off axis, {found.gap_mm:.0f} mm gap"


def _comes_closer(found: _Exit, branch: Branch, target: Target) -> tuple[float, float] | None:
    """Return how near the exit branch comes to the target beyond the exit, and how much further on; None where it does not.

    Both in mm. The exit is where a hidden airway is likeliest to leave for the target; the visible lumen may pass nearer by.
    """
    beyond = branch.points_lps_mm[found.sample :]
    gap = np.asarray(cKDTree(target_surface(target)).query(beyond)[0])
    at = int(np.argmin(gap))
    if gap[at] > found.gap_mm - CLOSER_MM:
        return None
    return float(gap[at]), float(branch.arc_mm[found.sample + at] - branch.arc_mm[found.sample])


def _warnings(
    found: _Exit, target: Target, name: str, central: bool, closer: tuple[float, float] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return stable codes and the sentences that go with them."""
    said: dict[str, str] = {}
    if closer is not None:
        said["comes_closer"] = (
            f"{name} itself runs on beside the target: {closer[1]:.0f} mm beyond this exit it is {closer[0]:.0f} mm away."
        )
    if central:
        said["through_the_wall"] = (
            f"The target lies {found.gap_mm:.0f} mm beside the {_written_out(name)}: the way is a needle through the wall, "
            "not a smaller airway."
        )
    crossing = found.crossing
    if found.lobe is not None and target.lobe is not None and found.lobe != target.lobe:
        said["other_lobe"] = f"{name} lies in {found.lobe}, the target in {target.lobe}."
    elif crossing.fissures:
        said["crosses_fissure"] = "The straight way from the exit to the target crosses a lobe border."
    if (crossing.outside_lung_mm or 0.0) > TOLERATED_OUTSIDE_MM:
        said["leaves_lung"] = (
            f"The straight way from the exit to the target leaves the lung for {crossing.outside_lung_mm:.0f} mm "
            "(pleura or mediastinum)."
        )
    if (crossing.wide_vessel_mm or 0.0) > SAMPLE_STEP_MM:
        said["crosses_vessel"] = (
            f"The straight way from the exit to the target runs {crossing.wide_vessel_mm:.0f} mm through a vessel of "
            "3 mm or more."
        )
    return tuple(said), tuple(said.values())
