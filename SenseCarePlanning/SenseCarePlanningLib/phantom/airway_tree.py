"""A bronchial tree with exact geometry: named bronchi from a template, deeper ones grown into their segment's lung.

Strategy below the segments: each branch owns a cloud of points of lung. The cloud is halved across its widest direction, a child
sets out towards the middle of each half, and so on (after Tawhai 2000, doi:10.1114/1.1289457, and Kitaoka 1999,
J. Appl. Physiol. 87:2207), never out of its lobe and never into another tube.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ..geometry import FloatArray, tangents, unit
from ..tubes.assemble import assemble, no_frames
from ..tubes.tree import Branch, BranchLabel, Tree
from .airway_names import NamedBronchus, curve, named_bronchi, weibel_radius_mm
from .masktube import wall_thickness_mm

SMALLEST_RADIUS_MM, SHORTEST_MM = 0.34, 2.6
LARGEST_TURN_DEG, SMALLEST_FORK_DEG = 58.0, 44.0
CLEARANCE_MM = 0.5
WIDE_MM = 1.6
FEWEST_POINTS = 5
SETTLED_MM = 6.0
"""How deep in its lobe a segmental bronchus must end so that its subsegments have room beside fissure, heart and pleura."""
ROMAN = ("i", "ii", "iii")

Clearance = Callable[[FloatArray, int], FloatArray]
"""Depth (N,) in mm of points (N, 3) inside a lobe; negative outside."""


@dataclass(frozen=True, eq=False)
class Tube:
    """A branch while the tree grows."""

    id: int
    parent_id: int | None
    code: str
    points_lps_mm: FloatArray
    radius_mm: FloatArray
    generation: int
    lobe: int

    @property
    def end(self) -> FloatArray:
        """Distal end (3,)."""
        return np.asarray(self.points_lps_mm[-1])

    @property
    def direction(self) -> FloatArray:
        """Unit direction (3,) at the distal end."""
        return unit(self.points_lps_mm[-1] - self.points_lps_mm[-min(4, len(self.points_lps_mm))])


class _Occupied:
    """Where tubes are already. Wide ones are few and looked at one by one, thin ones through an index renewed now and then."""

    _RENEW = 4000

    def __init__(self, tubes: list[Tube]) -> None:
        wide = [tube for tube in tubes if tube.radius_mm[0] > WIDE_MM]
        self._wide = _gathered(wide)
        self._thin = [tube for tube in tubes if tube.radius_mm[0] <= WIDE_MM]
        self._indexed = _gathered(self._thin)
        self._index = cKDTree(self._indexed[0])
        self._recent: list[Tube] = []

    def add(self, tube: Tube) -> None:
        """Take up a new tube."""
        self._recent.append(tube)
        if sum(len(each.radius_mm) for each in self._recent) > self._RENEW:
            self._thin, self._recent = [*self._thin, *self._recent], []
            self._indexed = _gathered(self._thin)
            self._index = cKDTree(self._indexed[0])

    def leaves_room(self, line: FloatArray, outer_mm: float, parent: Tube) -> bool:
        """Tell whether a course (N, 3) keeps clear of all tubes but its parent and, near its start, the parent's own kin."""
        probes = line[1:]
        free = np.linalg.norm(probes - parent.end, axis=1) <= 2.0 * parent.radius_mm[-1] + 1.0
        probes = probes[~free]
        if len(probes) == 0:
            return True
        groups = [self._wide, _gathered(self._recent)]
        near = self._index.query_ball_point(probes, outer_mm + 1.5 * WIDE_MM + CLEARANCE_MM)
        at = np.unique(np.concatenate([np.asarray(found, dtype=int) for found in near]))
        groups.append((self._indexed[0][at], self._indexed[1][at], self._indexed[2][at]))
        for points, reach, owner in groups:
            others = owner != parent.id
            if others.any() and (cdist(probes, points[others]) < outer_mm + CLEARANCE_MM + reach[others]).any():
                return False
        return True


def _gathered(tubes: list[Tube]) -> tuple[FloatArray, FloatArray, NDArray[np.int_]]:
    """Points, outer radii and owners of tubes."""
    if not tubes:
        return np.empty((0, 3)), np.empty(0), np.empty(0, dtype=int)
    radius = np.concatenate([tube.radius_mm for tube in tubes])
    owner = np.concatenate([np.full(len(tube.radius_mm), tube.id) for tube in tubes])
    return np.concatenate([tube.points_lps_mm for tube in tubes]), radius + wall_thickness_mm(radius), owner


def place_named(
    variant: str | None, rng: np.random.Generator, to_lps: Callable[[FloatArray], FloatArray], calibre: float
) -> dict[str, Tube]:
    """Return the named bronchi of one patient: courses turned, stretched and widened a little at random.

    Parameters
    ----------
    to_lps
        Takes template points (N, 3), origin at the carina, to LPS mm.
    calibre
        Scale of all lumen radii.
    """
    orders = (int(rng.integers(4)), int(rng.integers(2)), int(rng.integers(2)))
    rows = named_bronchi(variant, orders)
    ends: dict[str, FloatArray] = {}
    lines: dict[str, FloatArray] = {}
    tubes: dict[str, Tube] = {}
    trunk_mm = sum((np.array(row.course_mm) for row in rows if row.key in ("trachea", "trachea.lower")), np.zeros(3))
    for row in rows:
        start = -trunk_mm if row.parent is None else ends[row.parent]
        course = np.array(row.course_mm) if row.code == "trachea" else _varied(np.array(row.course_mm), row, rng)
        ends[row.key] = start + course
        arriving = unit(course) if row.parent is None else unit(lines[row.parent][-1] - lines[row.parent][-3])
        lines[row.key] = curve(start, ends[row.key], arriving)
        points = to_lps(lines[row.key])
        radius = row.radius_mm * calibre * (1.0 if row.code == "trachea" else rng.uniform(0.94, 1.06))
        parent = None if row.parent is None else tubes[row.parent]
        if parent is not None:
            radius = min(radius, 0.97 * float(parent.radius_mm[-1]))
            points[0] = parent.end
        generation = 0 if parent is None else parent.generation + 1
        tubes[row.key] = Tube(
            len(tubes), None if parent is None else parent.id, row.code, points, _taper(radius, len(points)), generation, row.lobe
        )
    return tubes


def settle_segments(tubes: dict[str, Tube], depth_in_lobe: Clearance) -> dict[str, Tube]:
    """Bend segmental bronchi that end too near the edge of their lobe a few mm inwards; the others stay as they are."""
    settled = dict(tubes)
    for key, tube in tubes.items():
        if not _segmental(tube):
            continue
        end = tube.end.copy()
        for _ in range(12):
            if float(depth_in_lobe(end[None], tube.lobe)[0]) >= SETTLED_MM:
                break
            around = depth_in_lobe(end + 4.0 * np.vstack([np.eye(3), -np.eye(3)]), tube.lobe)
            end = end + unit(around[:3] - around[3:])
        bend = np.linspace(0.0, 1.0, len(tube.points_lps_mm))[:, None] ** 2
        settled[key] = replace(tube, points_lps_mm=tube.points_lps_mm + bend * (end - tube.end))
    return settled


def _varied(course: FloatArray, row: NamedBronchus, rng: np.random.Generator) -> FloatArray:
    spread = 0.05 if row.lobe == 0 else 0.10
    turned = unit(unit(course) + rng.normal(0.0, spread, 3))
    return np.asarray(turned * np.linalg.norm(course) * rng.uniform(0.92, 1.10))


def _taper(radius_mm: float, count: int) -> FloatArray:
    return radius_mm * np.linspace(1.025, 0.975, count)


def grow_segments(
    tubes: dict[str, Tube],
    cloud_lps_mm: FloatArray,
    cloud_lobe: NDArray[np.int_],
    depth_in_lobe: Clearance,
    generations: int,
    rng: np.random.Generator,
) -> list[Tube]:
    """Grow the tree below the segmental bronchi.

    Parameters
    ----------
    tubes
        The named bronchi.
    cloud_lps_mm, cloud_lobe
        (N, 3) points that fill the lobes evenly, and (N,) the lobe of each.
    depth_in_lobe
        How deep points lie in a lobe.
    generations
        The deepest generation to grow, the trachea being 0.

    Returns
    -------
    list of Tube
        All branches, the named ones first.
    """
    everything = list(tubes.values())
    occupied = _Occupied(everything)
    front = _territories([tube for tube in everything if _segmental(tube)], cloud_lps_mm, cloud_lobe)
    while front:
        following: list[tuple[Tube, FloatArray]] = []
        for tube, cloud in front:
            if tube.generation >= generations or len(cloud) < FEWEST_POINTS:
                continue
            for child, half in _children(tube, cloud, len(everything), depth_in_lobe, occupied, rng):
                everything.append(child)
                occupied.add(child)
                following.append((child, half))
        front = following
    return everything


def _segmental(tube: Tube) -> bool:
    return tube.code[:2] in ("RB", "LB") and tube.code[2:3].isdigit()


def _territories(segments: list[Tube], cloud: FloatArray, lobe: NDArray[np.int_]) -> list[tuple[Tube, FloatArray]]:
    """Give every point to the segment of its lobe whose axis, drawn on to the pleura, passes nearest."""
    result: list[tuple[Tube, FloatArray]] = []
    for value in sorted({tube.lobe for tube in segments}):
        own = [tube for tube in segments if tube.lobe == value]
        points = cloud[lobe == value]
        distance = []
        for tube in own:
            axis = unit(tube.end - tube.points_lps_mm[0])
            along = np.clip((points - tube.end) @ axis, 0.0, 35.0)
            distance.append(np.linalg.norm(points - tube.end - along[:, None] * axis, axis=1))
        nearest = np.argmin(distance, axis=0) if own else np.empty(0)
        result.extend((tube, points[nearest == at]) for at, tube in enumerate(own))
    return result


def _children(
    parent: Tube, cloud: FloatArray, next_id: int, depth_in_lobe: Clearance, occupied: _Occupied, rng: np.random.Generator
) -> list[tuple[Tube, FloatArray]]:
    """Return the two children of a branch with their halves of its cloud; none where two do not fit.

    When the fork across the widest direction does not fit, others are tried, wider turns and finer calibres last.
    """
    segmental = _segmental(parent) and child_code(parent.code, 0) == parent.code + "a"
    for attempt in range(8 if segmental else 3):
        halves = _halve(cloud, parent, 1 + attempt % 2)
        if min(len(half) for half in halves) < 2:
            return []
        turn_deg = LARGEST_TURN_DEG + (0.0 if attempt < 2 else 6.0 * attempt)
        made = _fork_into(parent, halves, turn_deg, 0.93**attempt, next_id, depth_in_lobe, occupied, rng)
        if made:
            return made
    return []


def _fork_into(
    parent: Tube,
    halves: list[FloatArray],
    turn_deg: float,
    size: float,
    next_id: int,
    depth_in_lobe: Clearance,
    occupied: _Occupied,
    rng: np.random.Generator,
) -> list[tuple[Tube, FloatArray]]:
    aims = _fork(parent, [half.mean(axis=0) - parent.end for half in halves], turn_deg)
    generation = parent.generation + 1
    made: list[tuple[Tube, FloatArray]] = []
    for number, (half, aim) in enumerate(zip(halves, aims, strict=True)):
        share = len(half) / sum(len(each) for each in halves)
        radius = size * weibel_radius_mm(generation) * (2.0 * share) ** (1.0 / 3.0) * rng.uniform(0.93, 1.07)
        radius = float(np.clip(radius, SMALLEST_RADIUS_MM, 0.90 * parent.radius_mm[-1]))
        away = float(np.linalg.norm(half.mean(axis=0) - parent.end))
        length = float(np.clip(0.45 * away, 3.0 * radius, 9.0 * radius + 3.0)) * rng.uniform(0.9, 1.15)
        line = _fitting_line(parent, aim, length, radius, depth_in_lobe, occupied)
        if line is None:
            return []
        code = child_code(parent.code, number)
        tube = Tube(next_id + number, parent.id, code, line, _taper(radius, len(line)), generation, parent.lobe)
        made.append((tube, half))
    return made


def _halve(cloud: FloatArray, parent: Tube, axis: int) -> list[FloatArray]:
    """Cut the cloud at its middle, across its widest (axis 1) or narrowest (2) direction as seen along the branch."""
    offset = cloud - cloud.mean(axis=0)
    across = offset - (offset @ parent.direction)[:, None] * parent.direction
    _, vectors = np.linalg.eigh(across.T @ across)
    side = across @ vectors[:, -axis]
    middle = np.median(side)
    return [cloud[side < middle], cloud[side >= middle]]


def _fork(parent: Tube, wishes: list[FloatArray], turn_deg: float) -> list[FloatArray]:
    """Limit the turn of both children and keep them apart."""
    aims = []
    for wish in wishes:
        aim = unit(wish)
        turn = float(np.degrees(np.arccos(np.clip(aim @ parent.direction, -1.0, 1.0))))
        if turn > turn_deg:
            across = unit(aim - (aim @ parent.direction) * parent.direction)
            angle = np.radians(turn_deg)
            aim = np.cos(angle) * parent.direction + np.sin(angle) * across
        aims.append(aim)
    between = float(np.degrees(np.arccos(np.clip(aims[0] @ aims[1], -1.0, 1.0))))
    if between < SMALLEST_FORK_DEG:
        middle, apart = unit(aims[0] + aims[1]), unit(wishes[1] - wishes[0])
        apart = unit(apart - (apart @ middle) * middle)
        half = np.radians(SMALLEST_FORK_DEG / 2.0)
        aims = [np.cos(half) * middle - np.sin(half) * apart, np.cos(half) * middle + np.sin(half) * apart]
    return aims


def _fitting_line(
    parent: Tube, aim: FloatArray, length: float, radius: float, depth_in_lobe: Clearance, occupied: _Occupied
) -> FloatArray | None:
    """Return the course that stays in the lobe and clear of all tubes, shortened when it must be; None when too short."""
    outer = radius + float(wall_thickness_mm(np.array(radius)))
    for factor in (1.0, 0.75, 0.55, 0.4):
        if factor * length < SHORTEST_MM:
            return None
        line = curve(parent.end, parent.end + aim * length * factor, parent.direction)
        if (depth_in_lobe(line[2:], parent.lobe) > outer + 1.2).all() and occupied.leaves_room(line, outer, parent):
            return line
    return None


def child_code(code: str, number: int) -> str:
    """Return the code of a child: RB3 to RB3a, RB3a to RB3a-i, then RB3a-i.1 and so on; letters count, they are not Boyden's."""
    if code[-1].isdigit() and "-" not in code:
        return code + "ab"[number]
    if "-" not in code:
        return f"{code}-{ROMAN[number]}"
    return f"{code}.{number + 1}"


def segment_of(code: str) -> str:
    """Return the segment's code of a deeper branch's code (``RB3a-i`` gives ``RB3``); other codes come back unchanged."""
    return code.split("-", maxsplit=1)[0].rstrip("ab") if code[:2] in ("RB", "LB") and code[2:3].isdigit() else code


def to_tree(tubes: list[Tube], notes: tuple[str, ...]) -> Tree:
    """Return the tubes as a Tree: exact radii (their own interval), all labels certain."""
    branches = [
        Branch(
            id=tube.id,
            parent_id=tube.parent_id,
            child_ids=(),
            points_lps_mm=tube.points_lps_mm,
            radius_mm=tube.radius_mm,
            radius_interval_mm=np.stack([tube.radius_mm, tube.radius_mm], axis=1),
            frames=no_frames(len(tube.radius_mm)),
            label=BranchLabel(tube.code, 1.0),
        )
        for tube in tubes
    ]
    return assemble(branches, tubes[0].id, notes=notes)


def course_tangents(tube: Tube) -> FloatArray:
    """Return unit tangents (N, 3) of a branch."""
    return tangents(tube.points_lps_mm)
