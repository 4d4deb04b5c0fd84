"""From followed ways to trees: centred courses, divisions, radii and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, smooth_polyline, unit
from SenseCarePlanningLib.pieces import in_threads
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.section_planes import SplineBox, spline_box
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, Tree
from SenseCarePlanningLib.volume import Volume

from .corners import through_corners
from .recentre import STEP_MM, centre_line

MERGE_MM = 0.8
"""Divisions nearer to each other than this are one."""
RADIUS_ERROR_MM = 0.2
"""Half of the 95 % interval given to a radius found by half height: about half a voxel. The gradings measure anew."""
CLEAR_RADII, AHEAD_MM, BACK_RADII = 0.8, 2.5, 3.0
"""Nearer to its parent's wall than so many of its own radii, a branch's sections hold parts of the parent, which draw its middle
aside: its course is taken from there on, its direction is that of the first millimetres there, and its origin lies at most so
many radii of the parent back along it."""
LEAST_MM = 3.0
"""A branch that is shorter past its division is dropped."""


@dataclass(frozen=True, eq=False)
class Course:
    """A rough artery.

    Parameters
    ----------
    points_lps_mm
        (N, 3) from its start outward.
    parent
        Number of the course it leaves, -1 at the aorta.
    bridged
        Whether it starts with a gap that was joined.
    """

    points_lps_mm: FloatArray
    parent: int
    bridged: bool = False


@dataclass(frozen=True, eq=False)
class _Line:
    points: FloatArray
    radius: FloatArray
    parent: int
    at: int
    bridged: bool = False


def build_coronary_tree(
    volume: Volume,
    courses: Sequence[Course],
    noise_hu: float,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Tree:
    """Make the tree of one coronary ostium.

    Parameters
    ----------
    volume
        The scan (any part of it that holds the courses).
    courses
        Parents before children; the first starts at the aorta.
    noise_hu
        Of a voxel.
    progress
        May stop it.

    Returns
    -------
    Tree
        Root at the ostium; centrelines every 0.25 mm, centred on the lumen; radii are half the equivalent diameter at half
        height.

    Raises
    ------
    ValueError
        When there is no course.
    Cancelled
        When the user stopped the run.
    """
    if not courses:
        raise ValueError("a tree needs at least one course")
    places = np.concatenate([one.points_lps_mm for one in courses])
    box = spline_box(volume, places, 7.0)
    lines: list[_Line | None] = []
    centred = in_threads(lambda course, told: _centred(box, course, noise_hu, told), courses, progress or Progress())
    for course, (points, radius) in zip(courses, centred, strict=True):
        parent = lines[course.parent] if course.parent >= 0 else None
        if course.parent >= 0 and parent is None:
            lines.append(None)
            continue
        lines.append(_joined(points, radius, course, parent))
    return assemble(_branches(lines), 0, notes=notes)


def _centred(box: SplineBox, course: Course, noise_hu: float, progress: Progress) -> tuple[FloatArray, FloatArray]:
    found = centre_line(box, course.points_lps_mm, noise_hu, progress=progress)
    return through_corners(found.points_lps_mm, found.radius_mm, box, STEP_MM)


def _joined(points: FloatArray, radius: FloatArray, course: Course, parent: _Line | None) -> _Line | None:
    """Join a centred course to the line that it leaves; None when too little of it lies outside."""
    if parent is None:
        return _Line(points, radius, -1, 0)
    distance, near = cKDTree(parent.points).query(points)
    inside = distance < 0.6 * parent.radius[near]
    first = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
    if len(points) - first < 4 or arc_length_mm(points[first:])[-1] < LEAST_MM:
        return None
    outside = np.flatnonzero(distance[first:] >= parent.radius[near[first:]] + CLEAR_RADII * radius[first:])
    first += int(outside[0]) if len(outside) and len(points) - first - int(outside[0]) >= 8 else 0
    at = _away_from_ends(_origin(points[first:], parent), parent)
    joined = np.concatenate([parent.points[at][None], points[first:]])
    own = np.concatenate([radius[first : first + 1], radius[first:]])
    smooth = smooth_polyline(joined, 0.3, STEP_MM)
    share = np.linspace(0.0, 1.0, len(smooth)) * arc_length_mm(joined)[-1]
    return _Line(smooth, np.interp(share, arc_length_mm(joined), own), course.parent, at, course.bridged)


def _origin(points: FloatArray, parent: _Line) -> int:
    """Return the point of the parent that the branch, run straight back from where it leaves the lumen, comes nearest to."""
    ahead = points[min(round(AHEAD_MM / STEP_MM), len(points) - 1)]
    direction = unit(ahead - points[0])
    offset = parent.points - points[0]
    back = -offset @ direction
    aside = np.linalg.norm(offset + back[:, None] * direction, axis=1)
    gap = np.linalg.norm(offset, axis=1)
    nearest = int(np.argmin(gap))
    possible = (back >= 0.0) & (gap <= BACK_RADII * parent.radius[nearest])
    return int(np.argmin(np.where(possible, aside, np.inf))) if possible.any() else nearest


def _away_from_ends(at: int, parent: _Line) -> int:
    """Keep a division off the ends of its parent, which would leave an empty piece."""
    room = min(max(round(MERGE_MM / STEP_MM), 1), (len(parent.points) - 1) // 2)
    return int(np.clip(at, room, len(parent.points) - 1 - room))


def _branches(lines: Sequence[_Line | None]) -> list[Branch]:
    """Split courses at their divisions; divisions close to each other become one."""
    found: list[Branch] = []
    ends: dict[int, list[tuple[int, int]]] = {}
    moved: dict[int, FloatArray] = {}
    for number, line in enumerate(lines):
        if line is None:
            continue
        children = [(one.at, child) for child, one in enumerate(lines) if one is not None and one.parent == number]
        cuts = _merged(sorted({at for at, _ in children}), len(line.points))
        first_parent: int | None = None
        points = line.points
        if line.parent >= 0:
            first_parent, start = _piece_ending_at(ends[line.parent], line.at), moved[number]
            points = np.concatenate([start[None], points[1:]])
        pieces = []
        bounds = [0, *sorted(set(cuts.values())), len(points) - 1]
        for low, high in pairwise(bounds):
            own = len(found)
            radius = line.radius[low : high + 1]
            interval = np.stack([np.maximum(radius - RADIUS_ERROR_MM, 0.0), radius + RADIUS_ERROR_MM], axis=1)
            part = points[low : high + 1]
            flags = frozenset({BranchFlag.BRIDGED}) if line.bridged and low == 0 else frozenset()
            found.append(Branch(own, first_parent, (), part, radius, interval, no_frames(len(part)), flags=flags))
            first_parent = own
            pieces.append((high, own))
        ends[number] = pieces
        for at, child in children:
            place = cuts[at]
            moved[child] = points[place]
    return found


def _merged(places: list[int], count: int) -> dict[int, int]:
    """Map each division to the first of its group."""
    found: dict[int, int] = {}
    last = -count
    for place in places:
        last = last if (place - last) * STEP_MM < MERGE_MM else place
        found[place] = last
    return found


def _piece_ending_at(pieces: list[tuple[int, int]], at: int) -> int:
    """Return the piece that ends at a division, or at the nearest one before it."""
    before = [(end, own) for end, own in pieces if end <= at]
    return before[-1][1] if before else pieces[0][1]
