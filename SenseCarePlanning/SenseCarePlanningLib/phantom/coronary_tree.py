"""Coronary arteries on a heart: courses settled in their grooves, healthy calibres, SCCT segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline, smooth_polyline, tangents, unit
from .coronary_calibre import calibre, mother_mm, wall_mm
from .coronary_guides import OTHER_SEGMENT, Dominance, Guide, guides
from .coronary_heart import Heart

STEP_MM = 0.25
"""Between the points of a centreline."""

SOLIDS = ("lv_wall", "rv_wall", "la_wall", "ra_wall", "trunk_wall", "aorta_wall")
GAP_MM = 0.8
"""Fat between an artery and what it lies on."""

ROUNDS, FREE_MM = 40, 7.0
OTHER_MM, OPENING = 3.2, 0.7
"""How far from a course the middle of other arteries is kept, and how fast a branch gets there: 0.7 mm for each mm."""

INTRAMURAL = frozenset({"S1"})
"""Branches inside the muscle, without fat around them."""
DEEPEST_MM = 4.5
"""In the left ventricle's wall: half its thickness, so that a septal branch stays in the septum."""

IntArray = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Artery:
    """A healthy artery.

    Parameters
    ----------
    name, parent, parent_index
        The artery it leaves (None at an ostium) and at which of its points.
    points_lps_mm
        (N, 3) middle of the vessel, about 0.25 mm apart, from the ostium outward; the first is the parent's point.
    lumen_mm, outer_mm
        (N,) healthy radii of lumen and outer wall.
    segment
        (N,) SCCT number, 0 for branches without one.
    """

    name: str
    parent: str | None
    parent_index: int
    points_lps_mm: FloatArray
    lumen_mm: FloatArray
    outer_mm: FloatArray
    segment: IntArray

    @property
    def arc_mm(self) -> FloatArray:
        """Length (N,) from the start."""
        return arc_length_mm(self.points_lps_mm)


def grow_arteries(
    heart: Heart,
    dominance: Dominance,
    ramus: bool,
    absent: frozenset[str],
    exponent: float,
    rng: np.random.Generator,
) -> list[Artery]:
    """Lay the arteries on a heart, parents before children.

    Parameters
    ----------
    exponent
        Of the law at divisions, see :mod:`coronary_calibre`.
    rng
        For calibres (standard deviation 8 %) and sway; the same state gives the same tree.
    """
    plan = guides(dominance, ramus, absent)
    size = {guide.name: float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.15)) for guide in plan}
    jitter = {guide.name: float(rng.uniform(-0.03, 0.03)) for guide in plan}
    courses: dict[str, tuple[FloatArray, int]] = {}
    for guide in plan:
        courses[guide.name] = _course(guide, heart, courses, jitter[guide.name], rng)
    diameters = _diameters(plan, courses, size, exponent)
    found = []
    for guide in plan:
        points, at = courses[guide.name]
        diameter = diameters[guide.name]
        outer = diameter / 2.0 + wall_mm(diameter)
        found.append(Artery(guide.name, guide.parent, at, points, diameter / 2.0, outer, np.zeros(len(points), dtype=int)))
    return _segmented(found, dominance, heart)


def _course(
    guide: Guide, heart: Heart, courses: dict[str, tuple[FloatArray, int]], jitter: float, rng: np.random.Generator
) -> tuple[FloatArray, int]:
    """Return an artery's points, and where on its parent it starts."""
    at = 0
    if guide.parent is None:
        first = heart.ostium("left" if guide.name == "LM" else "right")
    else:
        parent = courses[guide.parent][0]
        share = guide.share if guide.share == 1.0 else guide.share + jitter
        at = len(parent) - 1 if share >= 1.0 else round(share * (len(parent) - 1))
        first = parent[at]
    drawn = heart.pose.place(np.array(guide.points, dtype=np.float64))
    if guide.parent is not None and guide.share < 1.0:  # the parent has slid: the branch's first part goes with it
        fade = np.linspace(1.0, 0.0, len(drawn))[:, None]
        drawn = drawn + fade * (first - (2.0 * drawn[0] - drawn[1]))
    points = np.concatenate([first[None], drawn])
    arc = arc_length_mm(points)
    dense = CubicSpline(arc, points)(np.arange(0.0, arc[-1], 1.0))
    if guide.name in INTRAMURAL:
        course = smooth_polyline(_in_the_wall(dense, heart), 2.0, STEP_MM)
        course[0] = first
        return course, at
    radius = 0.5 * guide.start_mm + 0.6
    others = np.concatenate([np.empty((0, 3)), *[points[::4] for points, _ in courses.values()]])
    settled = settle(dense, heart, guide.bed, radius, others)
    swayed = _swayed(settled, heart, 0.0 if guide.name == "LM" else 0.9, rng)
    final = settle(swayed, heart, (), radius, others, rounds=15)
    final = smooth_polyline(final, 1.2, STEP_MM)
    final[0] = first
    return final, at


def _in_the_wall(points: FloatArray, heart: Heart) -> FloatArray:
    """Lift what would come near the left ventricle's cavity to the middle of its wall."""
    first = points[0].copy()
    for _ in range(12):
        lack = np.maximum(-DEEPEST_MM - heart.read("lv_wall", points), 0.0)[:, None]
        points = _smoothed(points + lack * unit(heart.slope("lv_wall", points, 2.5)), 1.2)
        points[0] = first
    return points


def settle(
    points: FloatArray,
    heart: Heart,
    bed: tuple[str, ...],
    radius_mm: float,
    others_lps_mm: FloatArray | None = None,
    rounds: int = ROUNDS,
) -> FloatArray:
    """Let a course slide until it rests on its bed and touches nothing else; its first point stays.

    Parameters
    ----------
    points
        (N, 3) LPS mm.
    bed
        Fields of the heart whose surfaces it shall lie on: each at ``radius_mm`` and some fat.
    others_lps_mm
        (K, 3) points of other arteries to part from.

    Returns
    -------
    FloatArray
        (M, 3) about 1 mm apart.
    """
    first = points[0].copy()
    for _ in range(rounds):
        free = np.clip(arc_length_mm(points) / FREE_MM, 0.0, 1.0)[:, None] ** 2
        if bed:
            gaps = np.stack([heart.read(name, points) for name in bed], axis=1) - (radius_mm + GAP_MM)
            slopes = np.stack([heart.slope(name, points) for name in bed], axis=1)
            normal = slopes @ slopes.transpose(0, 2, 1) + 0.15 * np.eye(len(bed))
            step = np.einsum("nbi,nb->ni", slopes, np.linalg.solve(normal, gaps[..., None])[..., 0])
            length = np.linalg.norm(step, axis=1, keepdims=True)
            points = points - 0.5 * free * step * np.minimum(1.0, 2.0 / np.maximum(length, 1e-9))
        if others_lps_mm is not None and len(others_lps_mm):
            points = _parted(points, others_lps_mm, radius_mm)
        points = _pushed_out(points, heart, radius_mm + 0.4, np.clip(arc_length_mm(points) / FREE_MM, 0.0, 1.0)[:, None] ** 2)
        points = _smoothed(points, 2.0 if bed else 1.2)
        points[0] = first
    return points


def _parted(points: FloatArray, others_lps_mm: FloatArray, radius_mm: float) -> FloatArray:
    """Move points away from other arteries, the more so the farther they are from their own start."""
    gap, nearest = cKDTree(others_lps_mm).query(points)
    wanted = np.minimum(radius_mm + OTHER_MM, OPENING * arc_length_mm(points))
    away = unit(points - others_lps_mm[nearest])
    return np.asarray(points + 0.5 * np.maximum(wanted - gap, 0.0)[:, None] * away)


def _pushed_out(points: FloatArray, heart: Heart, clear_mm: float, free: FloatArray) -> FloatArray:
    """Move points out of all solids, and out of the bottom of a groove that is too narrow for them."""
    outward = unit(heart.slope("sac", points, 3.0))
    for name in SOLIDS:
        lack = np.maximum(clear_mm - heart.read(name, points), 0.0)[:, None]
        if lack.any():
            points = points + free * lack * (0.6 * unit(heart.slope(name, points)) + 0.3 * outward)
    return points


def _smoothed(points: FloatArray, sigma_mm: float) -> FloatArray:
    """Smooth a course sampled at 1 mm; its first end stays, its last may shorten a little."""
    points = resample_polyline(points, 1.0)
    if len(points) < 5:
        return points
    pad = min(len(points) - 1, 8)
    padded = np.concatenate([2.0 * points[0] - points[pad:0:-1], points, 2.0 * points[-1] - points[-2 : -pad - 2 : -1]])
    return np.asarray(gaussian_filter1d(padded, sigma_mm, axis=0)[pad : pad + len(points)])


def _swayed(points: FloatArray, heart: Heart, amplitude_mm: float, rng: np.random.Generator) -> FloatArray:
    """Bend a course to and fro along the surface it lies on."""
    arc = arc_length_mm(points)
    wave = np.zeros(len(points))
    for length_mm in (34.0, 21.0):
        wave += float(rng.uniform(0.4, 1.0)) * np.sin(2.0 * np.pi * (arc / length_mm + float(rng.uniform())))
    outward = unit(heart.slope("sac", points, 3.0))
    across = unit(np.cross(tangents(points), outward))
    fade = np.clip(arc / 12.0, 0.0, 1.0)
    return np.asarray(points + amplitude_mm * (wave * fade)[:, None] * across)


def _diameters(
    plan: list[Guide], courses: dict[str, tuple[FloatArray, int]], size: dict[str, float], exponent: float
) -> dict[str, FloatArray]:
    """Healthy diameters of all arteries: side branches first wished, then what their parent can feed."""
    start = {guide.name: guide.start_mm * size[guide.name] for guide in plan}
    found: dict[str, FloatArray] = {}
    for guide in plan:
        points = courses[guide.name][0]
        arc = arc_length_mm(points)
        children = [child for child in plan if child.parent == guide.name]
        last = [child for child in children if courses[child.name][1] == len(points) - 1]
        sides = [child for child in children if child not in last]
        begin = start[guide.name]
        end = mother_mm([start[child.name] for child in last], exponent) if last else guide.end_mm * size[guide.name]
        if guide.name == "LM":
            found["LM"] = np.full(len(points), end)
            continue
        given = calibre(
            arc,
            begin,
            min(end, 0.97 * begin),
            [float(arc[courses[child.name][1]]) for child in sides],
            [start[child.name] for child in sides],
            exponent,
        )
        found[guide.name] = given.diameter_mm
        for child, value in zip(sides, given.side_mm, strict=True):
            start[child.name] = value
        if last and end > 0.97 * begin:
            for child in last:
                start[child.name] *= 0.97 * begin / end
    return found


def _segmented(arteries: list[Artery], dominance: Dominance, heart: Heart) -> list[Artery]:
    """Give every point its SCCT segment: the first diagonal that there is is D1, whichever guide it follows; so with the OMs."""
    by_name = {artery.name: artery for artery in arteries}
    fixed = {"LM": 5, "D1": 9, "D2": 10, "OM1": 12, "OM2": 14, "RI": 17, "AM": OTHER_SEGMENT, "S1": OTHER_SEGMENT}
    for one, next_one in (("D1", "D2"), ("OM1", "OM2")):
        if one not in by_name:
            fixed[next_one] = fixed[one]
    fixed["PDA"] = 15 if dominance is Dominance.LEFT else 4
    fixed["PLB"] = 16 if dominance is Dominance.RIGHT else 18

    def child_at(parent: str, *names: str) -> list[int]:
        """Return at which points of an artery these branches leave it."""
        return [by_name[name].parent_index for name in names if name in by_name and by_name[name].parent == parent]

    for artery in arteries:
        count = len(artery.points_lps_mm)
        if artery.name in fixed:
            artery.segment[:] = fixed[artery.name]
        elif artery.name == "LAD":
            first = min(child_at("LAD", "D1", "D2", "S1") or [count // 4])
            apex = heart.pose.place(np.array([62.0, -54.0, -102.0]))
            reach = int(np.argmin(np.linalg.norm(artery.points_lps_mm - apex, axis=1)))
            middle = (first + max(reach, first + 2)) // 2
            artery.segment[:] = np.where(np.arange(count) < first, 6, np.where(np.arange(count) < middle, 7, 8))
        elif artery.name == "LCX":
            first = min(child_at("LCX", "OM1", "OM2") or [count // 3])
            artery.segment[:] = np.where(np.arange(count) < first, 11, 13)
        else:
            margin = acute_margin(artery)
            at = np.arange(count)
            artery.segment[:] = np.where(at < margin // 2, 1, np.where(at < margin, 2, 3))
    return arteries


def acute_margin(rca: Artery) -> int:
    """Return the point of the right coronary artery farthest to the right: where it turns round the acute margin."""
    return int(np.argmin(rca.points_lps_mm[:, 0]))
