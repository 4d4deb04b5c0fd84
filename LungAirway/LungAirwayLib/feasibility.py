"""Which bronchoscope gets how far on which route, with the uncertainty of the diameters carried through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, angle_deg, arc_length_mm, smooth_polyline, unit
from SenseCarePlanningLib.report.model import Evidence, Measurement, not_measured
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .measurements import lumen_measurement
from .plan import Feasibility, Reach, Route, Scope, Target
from .surroundings import target_surface

REACHES_FROM, PROBABLY_FROM = 0.9, 0.5
"""Probability thresholds of the three answers: reaches from 0.9, probably from 0.5, else no. A convention, stated in the
report: 0.5 is the point where the measured diameter equals the scope's."""
RADIAL_ULTRASOUND_MM = 10.0
"""A radial ultrasound probe at the tip is taken to see a target within 10 mm."""
NORMAL_95 = 1.959964
CURVATURE_SMOOTHING_MM = 3.0
CURVATURE_ENDS_MM = 3.0
BEND_SLACK, LEAST_SLACK_MM = 0.5, 1.0
"""How far from the middle of the lumen an instrument may run: half the radius, a millimetre at least (a chosen bound)."""


@dataclass(frozen=True)
class Passage:
    """How likely a scope passes one branch: the measured diameter taken as normal with its 95 % interval.

    ``measured`` is False where the scan gives only an upper bound.
    """

    branch_id: int
    diameter_mm: float
    interval_mm: tuple[float, float]
    probability: float

    @property
    def measured(self) -> bool:
        """Tell whether there is a lower bound too."""
        return not _only_bounded(self.interval_mm)

    @property
    def passable(self) -> bool:
        """Tell whether the scope more likely passes than not."""
        return self.probability >= PROBABLY_FROM


def passages(route: Route, tree: Tree, tip_diameter_mm: float) -> tuple[Passage, ...]:
    """Return the passage of each branch on the route, trachea first; the last one as far as the route follows it."""
    found = []
    for branch_id in route.branch_ids:
        branch = tree[branch_id]
        end = branch.length_mm if branch_id != route.exit_branch_id else _exit_arc_mm(route, branch)
        diameter, interval = branch.narrowest_until(end)
        found.append(Passage(branch_id, diameter, interval, pass_probability(diameter, interval, tip_diameter_mm)))
    return tuple(found)


def _exit_arc_mm(route: Route, branch: Branch) -> float:
    """Return how far along its last branch a route goes."""
    return float(branch.arc_mm[int(np.argmin(np.linalg.norm(branch.points_lps_mm - route.exit_point_lps_mm, axis=1)))])


def pass_probability(diameter_mm: float, interval_mm: tuple[float, float], tip_diameter_mm: float) -> float:
    """Return the probability that the true diameter is at least the tip's.

    Without a usable interval the answer is 0 or 1 by the measured value alone. Where only an upper bound is known (the
    lower one is 0), every diameter up to it counts as equally likely: a bound below the tip's diameter gives 0, and no
    bound under twice that diameter gives more than one half.
    """
    if _only_bounded(interval_mm):
        return max(0.0, 1.0 - tip_diameter_mm / interval_mm[1])
    spread = (interval_mm[1] - interval_mm[0]) / (2.0 * NORMAL_95)
    if not np.isfinite(spread) or spread <= 0.0:
        return float(diameter_mm >= tip_diameter_mm)
    return 0.5 * (1.0 + erf((diameter_mm - tip_diameter_mm) / (spread * sqrt(2.0))))


def _only_bounded(interval_mm: tuple[float, float]) -> bool:
    return interval_mm[0] <= 0.0 < interval_mm[1] < float("inf")


def assess(routes: Sequence[Route], tree: Tree, target: Target, scopes: Sequence[Scope]) -> tuple[Feasibility, ...]:
    """Fill the route x scope matrix, routes outermost.

    A scope is said to reach when it passes every branch of the route, each of them measured. The probability is that
    of the tightest branch and not the product of all: the error of one CT (kernel, breath) is shared by its branches.
    """
    return tuple(_assess_one(route, tree, target, scope) for route in routes for scope in scopes)


def _assess_one(route: Route, tree: Tree, target: Target, scope: Scope) -> Feasibility:
    passed = passages(route, tree, scope.tip_diameter_mm)
    tightest = min(passed, key=lambda item: (item.probability, item.diameter_mm - scope.tip_diameter_mm))
    reach = _grade(tightest.probability)
    if reach is Reach.REACHES and not all(item.measured for item in passed):
        reach = Reach.PROBABLY
    wide = [item.passable for item in passed]
    depth = wide.index(False) if False in wide else len(wide)
    tip_at = _tip_index(route, tree, depth)
    limiting = passed[min(depth, len(passed) - 1)] if depth < len(passed) else tightest
    way = route.points_lps_mm[: tip_at + 1]
    curvature = _curvature_radius(way)
    straight, nearest = _straight(way[-1], target)
    if reach is Reach.REACHES and _too_tight(scope, curvature):
        reach = Reach.PROBABLY
    last = passed[max(depth - 1, 0)].branch_id
    return Feasibility(
        route_rank=route.rank,
        scope_id=scope.id,
        reach=reach,
        probability=tightest.probability,
        last_branch_id=last,
        last_point_lps_mm=_triple(way[-1]),
        limiting_diameter=_diameter(limiting, tree),
        remaining_path=_remaining(route, tip_at, target),
        straight_distance=Measurement("straight_distance", straight, "mm", method=f"tip to {_goal(target, nearest=True)}"),
        approach_angle=_approach(way, nearest, straight, target),
        bend=_bend(way, _radius_along(way, route, tree)),
        minimum_curvature_radius=curvature,
        within_radial_ultrasound=straight <= RADIAL_ULTRASOUND_MM,
        reason=_reason(tree, limiting, depth >= len(passed), straight, target) + _bend_remark(scope, curvature),
    )


def _grade(probability: float) -> Reach:
    if probability >= REACHES_FROM:
        return Reach.REACHES
    return Reach.PROBABLY if probability >= PROBABLY_FROM else Reach.NO


def _tip_index(route: Route, tree: Tree, depth: int) -> int:
    """Return the sample of the route where the tip stands: the end of the last passable branch, or the route's end."""
    if depth >= len(route.branch_ids):
        return len(route.points_lps_mm) - 1
    count = 1
    for branch_id in route.branch_ids[:depth]:
        count += len(tree[branch_id].points_lps_mm) - 1
    return min(max(count - 1, 0), len(route.points_lps_mm) - 1)


def _diameter(passage: Passage, tree: Tree) -> Measurement:
    branch = tree[passage.branch_id]
    middle = branch.points_lps_mm[len(branch.points_lps_mm) // 2]
    method = "smallest lumen diameter over the middle half of the branch"
    return lumen_measurement("limiting_diameter", passage.diameter_mm, passage.interval_mm, method, middle)


def _goal(target: Target, nearest: bool = False) -> str:
    """Return what distances are measured to: a bare point has no surface."""
    if target.is_point:
        return "the target point"
    return "the nearest point of the target's surface" if nearest else "the target's surface"


def _remaining(route: Route, tip_at: int, target: Target) -> Measurement:
    inside = float(arc_length_mm(route.points_lps_mm[tip_at:])[-1]) if tip_at < len(route.points_lps_mm) - 1 else 0.0
    beyond = route.gap_mm
    if route.chosen_extension is not None:
        beyond = route.extensions[route.chosen_extension].length_mm
    method = f"along the airway from the tip to the exit, then along the chosen extension to {_goal(target)}"
    return Measurement("remaining_path", inside + beyond, "mm", method=method)


def _straight(tip: FloatArray, target: Target) -> tuple[float, FloatArray]:
    surface = target_surface(target)
    distance = np.linalg.norm(surface - tip, axis=1)
    at = int(np.argmin(distance))
    return float(distance[at]), surface[at]


def _approach(way: FloatArray, nearest: FloatArray, straight_mm: float, target: Target) -> Measurement:
    if len(way) < 2 or straight_mm < 0.5:
        return not_measured("approach_angle", "deg", f"the tip stands at {_goal(target)}")
    arc = arc_length_mm(way)
    behind = way[min(int(np.searchsorted(arc, arc[-1] - 5.0)), len(way) - 2)]
    angle = angle_deg(way[-1] - behind, nearest - way[-1])
    method = f"airway axis over the last 5 mm to {_goal(target, nearest=True)}"
    return Measurement("approach_angle", angle, "deg", method=method)


def _bend(way: FloatArray, radius_mm: FloatArray) -> Measurement:
    """Sum of the turns of the straightest way that keeps to the middle of the lumen.

    A centreline trembles within a wide lumen, where an instrument runs straight: its own turns add up to hundreds of degrees.
    """
    if len(way) < 2 or arc_length_mm(way)[-1] < 10.0:
        return not_measured("bend", "deg", "the way is shorter than 10 mm")
    steps = unit(np.diff(way[_corners(way, np.maximum(BEND_SLACK * radius_mm, LEAST_SLACK_MM))], axis=0))
    turns = np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", steps[1:], steps[:-1]), -1.0, 1.0)))
    method = "sum of the turns of the straightest way within half the lumen's radius, trachea to tip"
    return Measurement("bend", float(turns.sum()), "deg", method=method)


def _corners(way: FloatArray, slack_mm: FloatArray) -> list[int]:
    """Return the samples of a way (N, 3) that are left when every other one may be off by its slack (Douglas and Peucker)."""
    kept, open_parts = {0, len(way) - 1}, [(0, len(way) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        along = unit(way[last] - way[first])
        offset = way[first + 1 : last] - way[first]
        share = np.clip(offset @ along, 0.0, float(np.linalg.norm(way[last] - way[first])))
        excess = np.linalg.norm(offset - share[:, None] * along, axis=1) / slack_mm[first + 1 : last]
        worst = int(np.argmax(excess))
        if excess[worst] > 1.0:
            middle = first + 1 + worst
            kept.add(middle)
            open_parts += [(first, middle), (middle, last)]
    return sorted(kept)


def _radius_along(way: FloatArray, route: Route, tree: Tree) -> FloatArray:
    """Return the lumen's radius (N,) at each sample of a way through the branches of a route."""
    points = np.concatenate([tree[key].points_lps_mm for key in route.branch_ids])
    radius = np.concatenate([tree[key].radius_mm for key in route.branch_ids])
    return np.asarray(radius[cKDTree(points).query(way)[1]])


def _curvature_radius(way: FloatArray) -> Measurement:
    """Smallest radius of curvature of the centreline smoothed by 3 mm, its ends left out."""
    name, length = "minimum_curvature_radius", float(arc_length_mm(way)[-1]) if len(way) > 1 else 0.0
    if length < 4.0 * CURVATURE_ENDS_MM:
        return not_measured(name, "mm", f"the way is shorter than {4.0 * CURVATURE_ENDS_MM:.0f} mm")
    points = smooth_polyline(way, CURVATURE_SMOOTHING_MM, 0.5)
    arc = arc_length_mm(points)
    first = np.gradient(points, arc, axis=0)
    second = np.gradient(first, arc, axis=0)
    speed = np.linalg.norm(first, axis=1)
    curvature = np.linalg.norm(np.cross(first, second), axis=1) / np.maximum(speed, 1e-9) ** 3
    kept = (arc >= CURVATURE_ENDS_MM) & (arc <= arc[-1] - CURVATURE_ENDS_MM)
    sharpest = int(np.argmax(np.where(kept, curvature, -1.0)))
    if curvature[sharpest] < 1e-4:
        return not_measured(name, "mm", "the way is straight (radius of curvature over 10 m)")
    return Measurement(
        name,
        float(1.0 / curvature[sharpest]),
        "mm",
        method="centreline smoothed with sigma 3 mm, first and last 3 mm left out",
        evidence=Evidence(point_lps_mm=_triple(points[sharpest])),
    )


def _too_tight(scope: Scope, curvature: Measurement) -> bool:
    limit = scope.minimum_bend_radius_mm
    return limit is not None and curvature.value is not None and curvature.value < limit


def _reason(tree: Tree, limiting: Passage, to_the_end: bool, straight_mm: float, target: Target) -> str:
    label = tree[limiting.branch_id].label
    name = label.code if label is not None else f"branch {limiting.branch_id}"
    low, high = limiting.interval_mm
    size = (
        f"{limiting.diameter_mm:.1f} mm ({low:.1f} to {high:.1f})"
        if limiting.measured
        else f"not measurable, under {high:.1f} mm"
    )
    where = f"passes to the end of the route, tightest at {name}" if to_the_end else f"stops before {name}"
    return f"{where}, {size}; {straight_mm:.0f} mm from {_goal(target)}"


def _bend_remark(scope: Scope, curvature: Measurement) -> str:
    if not _too_tight(scope, curvature):
        return ""
    return f"; the way bends tighter ({curvature.value:.0f} mm) than the scope is made for"


def _triple(point: FloatArray) -> tuple[float, float, float]:
    return (float(point[0]), float(point[1]), float(point[2]))
