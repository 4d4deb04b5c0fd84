"""Arteries between places that a reader marked: the cheapest way from the ostium to each tip, past chambers and great vessels.

Where the heart was not found it works without chambers: then only the width of bright blood tells what is no artery.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .click_room import REACH_MM, SEEN, Room, Voxel, in_structure, is_dark, nearest_wall, on_lumen, room_about
from .coronary_tree import Course, build_coronary_tree
from .heart_region import CoarseImage, block_mean
from .heart_segmentation import CoronaryOstium, Gap, Tip

logger = logging.getLogger(__name__)

ROOM_LPS_MM, SEARCH_MM = (40.0, 50.0, 15.0), 0.7
"""Room about the marks along L, P, S, and the voxel in which the way is looked for. Chosen: between ostium and tips the arteries
of three digital hearts swing out by up to 28, 40 and 4 mm, the right one round the crux of the heart."""
MOVED_MM = 1.0
"""A mark beside the lumen that moves farther than this onto it is told: nearer is how a hand clicks."""
TOUCH_MM = 1.2
"""A way leaves another where it is farther than this from it."""
GAP_MM, MOST_DARK_MM, ALL_DARK_MM = 2.0, 18.0, 30.0
"""Dark stretches longer than the first are listed; with one longer than the second, or more in all than the third, the tip
counts as not reached."""
FROM_WALL_MM, WALL_MM = 11.0, 4.0
"""So far along a way at most the wall of the aorta is looked for, and so far beside one that begins outside it. Chosen: marks lie
up to 2.8 mm from the blood that the way begins in, and the aorta is open 8 mm about that."""
ALONG_MM = 6.0
"""A way that runs so far in the border of a chamber is no artery."""
CLICKED_GAP = "The way to a marked tip crosses a stretch without visible lumen."
NOT_REACHED = (
    "The tip marked at {x}, {y}, {z} (L, P, S mm) could not be reached through lumen as narrow as an artery and was left out; "
    "check the mark."
)
IN_STRUCTURE = (
    "The tip marked at {x}, {y}, {z} (L, P, S mm) lies in a chamber or a great vessel, not in an artery, and was left out."
)
NO_LUMEN = "The tip marked at {x}, {y}, {z} (L, P, S mm) has no lumen within {away} mm and was left out."
MOVED = "The tip marked at {x}, {y}, {z} (L, P, S mm) was moved by {away} mm onto the nearest lumen."
Point = tuple[float, float, float]
_Way = tuple[FloatArray, list[FloatArray]]
"""A way (N, 3) LPS mm, and its stretches without visible lumen."""


@dataclass(frozen=True)
class Clicks:
    """What a reader marked: the ostium of one artery and the tips of its branches, LPS mm.

    Parameters
    ----------
    ostium_lps_mm
        (3,) where it leaves the aorta.
    tips_lps_mm
        Far ends, one or more.
    side
        ``left`` or ``right``.
    """

    ostium_lps_mm: tuple[float, float, float]
    tips_lps_mm: tuple[tuple[float, float, float], ...]
    side: str = "left"


@dataclass(frozen=True, eq=False)
class Clicked:
    """The arteries of all marks; see :class:`.heart_segmentation.HeartSegmentation`."""

    trees: tuple[Tree, ...]
    ostia: tuple[CoronaryOstium, ...]
    gaps: tuple[Gap, ...]
    tips: tuple[Tip, ...]
    remarks: tuple[str, ...]


def follow_clicks(
    volume: Volume,
    clicks: Sequence[Clicks],
    noise_hu: float = 25.0,
    heart: LabelMap | None = None,
    progress: Progress | None = None,
) -> Clicked:
    """Follow marked arteries; a tip that cannot be reached is left out and said.

    Parameters
    ----------
    volume
        The scan in HU.
    clicks
        One entry for each ostium.
    heart
        Chambers and great vessels on the scan's grid, through which no artery runs; None where they are not known.
    progress
        May stop it.

    Raises
    ------
    InputError
        When a mark lies outside the scan, an artery has no tip, the ostium is not on bright blood, or no tip at all was reached.
    Cancelled
        When the user stopped the run.
    """
    progress = progress or Progress()
    trees: list[Tree] = []
    ostia: list[CoronaryOstium] = []
    gaps: list[Gap] = []
    tips: list[Tip] = []
    remarks: list[str] = []
    for one in clicks:
        progress.check()
        _check(volume, one)
        ways, lost, moved = _ways(volume, heart, one)
        tips += [Tip(np.array(place), len(trees), -1, reached=False) for place, _ in lost]
        remarks += [*moved, *(why for _, why in lost)]
        if not ways:
            continue
        number = len(trees)
        tree = build_coronary_tree(volume, _courses([way for way, _ in ways]), noise_hu, progress=progress)
        trees.append(tree)
        ostia.append(CoronaryOstium(one.side, tree.root.points_lps_mm[0], number, marked=True))
        gaps += [Gap(part, number, float(arc_length_mm(part)[-1]), CLICKED_GAP) for _, dark in ways for part in dark]
        tips += [Tip(branch.points_lps_mm[-1], number, branch.id) for branch in tree.tips]
    if clicks and not trees:
        raise InputError("No marked artery could be followed from its ostium to a tip.", list(dict.fromkeys(remarks)))
    return Clicked(tuple(trees), tuple(ostia), tuple(gaps), tuple(tips), tuple(dict.fromkeys(remarks)))


def _check(volume: Volume, clicks: Clicks) -> None:
    if not clicks.tips_lps_mm:
        raise InputError("A marked artery needs at least one tip besides its ostium.")
    places = np.array([clicks.ostium_lps_mm, *clicks.tips_lps_mm], dtype=np.float64)
    index = volume.grid.kji_from_lps(places)
    outside = ((index < 0) | (index > np.array(volume.grid.shape_kji) - 1)).any(axis=1)
    if outside.any():
        raise InputError(
            "A marked ostium or tip lies outside the scan.", detail=f"{int(outside.sum())} of {len(places)} marks, LPS mm"
        )


def _ways(volume: Volume, heart: LabelMap | None, clicks: Clicks) -> tuple[list[_Way], list[tuple[Point, str]], list[str]]:
    """Return the ways, longest first, the tips that were not reached with the sentence why, and what was moved."""
    places = np.array([clicks.ostium_lps_mm, *clicks.tips_lps_mm], dtype=np.float64)
    grid = volume.grid
    index, spacing = grid.kji_from_lps(places), np.array(grid.spacing_kji_mm)
    room_kji = (np.abs(grid.affine_ijk_to_lps[:3, :3] / grid.spacing_ijk_mm).T @ np.array(ROOM_LPS_MM))[::-1] / spacing
    low = np.maximum(np.floor(index.min(axis=0) - room_kji), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + room_kji) + 1, grid.shape_kji).astype(int)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    small = block_mean(volume.array_kji[box], grid.spacing_kji_mm, SEARCH_MM)
    factor = np.array(small.factor)
    marks = (index - low + 0.5) / factor - 0.5
    labels = None if heart is None else _labels(heart.array_kji[box], small)
    room = room_about(small.array, labels, marks[0], np.array(small.spacing_mm))
    ends, lost, moved = _ends(room, marks[1:], clicks)
    search = MCP_Geometric(room.cost, fully_connected=True, sampling=small.spacing_mm)
    cost = search.find_costs([room.start], [end for end, _, _ in ends], find_all_ends=True)[0] if ends else np.empty(0)
    ways: list[_Way] = []

    def to_lps(voxels: NDArray[Any]) -> FloatArray:
        return grid.lps_from_kji((voxels + 0.5) * factor - 0.5 + low)

    for end, tip, far in ends:
        path = np.array(search.traceback(end)) if np.isfinite(cost[end]) else np.empty((0, 3), dtype=int)
        line = to_lps(path)
        if len(path) >= 4:
            line = np.concatenate([line[:-1], line[-1:] if far else [tip]])
        dark = _dark_parts(room, path, line) if len(path) >= 4 else None
        if dark is None:
            lost.append((tip, NOT_REACHED.format(**_said(tip))))
        else:
            ways.append((_from_wall(room, path, line, places[0], to_lps), dark))
    return sorted(ways, key=lambda item: -float(arc_length_mm(item[0])[-1])), lost, moved


def _from_wall(
    room: Room, path: NDArray[np.int_], line: FloatArray, mark: FloatArray, to_lps: Callable[[NDArray[Any]], FloatArray]
) -> FloatArray:
    """Return a way (N, 3) from where it leaves the wall of the aorta on; from its mark on where no wall is near.

    A mark lies a little within the aorta or a little without, and the way is looked for from the brightest blood beside it.
    """
    arc = arc_length_mm(line)
    begin = int(np.searchsorted(arc, FROM_WALL_MM))
    beyond = room.beyond_mm[tuple(path[:begin].T)]
    inside = np.flatnonzero(beyond <= 0.0)
    if len(inside):
        last = int(inside[-1])
        if last + 1 >= min(begin, len(line) - 3):
            return line
        share = -beyond[last] / (beyond[last + 1] - beyond[last])
        return np.concatenate([(line[last] + share * (line[last + 1] - line[last]))[None], line[last + 1 :]])
    first = int(np.argmin(np.linalg.norm(line[:begin] - mark, axis=1)))
    wall = nearest_wall(room, path[0], WALL_MM)
    return np.concatenate([mark[None] if wall is None else to_lps(wall)[None], line[first + 1 :] if wall is None else line])


def _labels(labels: NDArray[np.uint8], small: CoarseImage) -> NDArray[np.uint8]:
    """Return the labels at the middle of each voxel of a small image of the same box."""
    rows = [np.arange(size) * by + by // 2 for size, by in zip(small.array.shape, small.factor, strict=True)]
    return np.asarray(labels[np.ix_(*rows)])


def _ends(
    room: Room, marks: FloatArray, clicks: Clicks
) -> tuple[list[tuple[Voxel, Point, bool]], list[tuple[Point, str]], list[str]]:
    """Return the voxel of lumen that each tip means, and whether it is far, the tips that mean none and why, what was moved."""
    ends: list[tuple[Voxel, Point, bool]] = []
    lost: list[tuple[Point, str]] = []
    moved: list[str] = []
    for tip, mark in zip(clicks.tips_lps_mm, marks, strict=True):
        if in_structure(room, mark):
            lost.append((tip, IN_STRUCTURE.format(**_said(tip))))
            continue
        end = on_lumen(room, mark)
        if end is None:
            lost.append((tip, NO_LUMEN.format(**_said(tip), away=f"{REACH_MM:.0f}")))
            continue
        away = float(np.linalg.norm((np.array(end) - mark) * room.spacing))
        stray = away > MOVED_MM and is_dark(room, mark)
        if stray:
            moved.append(MOVED.format(**_said(tip), away=f"{away:.1f}"))
        ends.append((end, tip, stray))
    return ends, lost, moved


def _dark_parts(room: Room, path: NDArray[np.int_], line: FloatArray) -> list[FloatArray] | None:
    """Return stretches (N, 3) of a way without visible lumen; None for a way that is no artery.

    It is none when too much of it is dark, or when it runs along in the border of a chamber or ends there.
    """
    at = tuple(path.T)
    dark = _stretches(room.share[at] < SEEN, line, GAP_MM)
    lengths = [float(arc_length_mm(part)[-1]) for part in dark]
    if max(lengths, default=0.0) > MOST_DARK_MM or sum(lengths) > ALL_DARK_MM or _stretches(room.rim[at], line, ALONG_MM):
        return None
    return dark


def _stretches(mask: NDArray[np.bool_], line: FloatArray, least_mm: float) -> list[FloatArray]:
    """Return stretches (N, 3) of a line longer than this."""
    pieces, count = ndimage.label(mask)
    rows = [np.flatnonzero(pieces == number) for number in range(1, count + 1)]
    parts = [line[max(int(one[0]) - 1, 0) : int(one[-1]) + 2] for one in rows]
    return [part for part in parts if len(part) > 1 and float(arc_length_mm(part)[-1]) > least_mm]


def _said(place: Point) -> dict[str, str]:
    return {name: f"{value:.1f}" for name, value in zip("xyz", place, strict=True)}


def _courses(ways: list[FloatArray]) -> list[Course]:
    """Cut each way where it leaves those before it."""
    courses: list[Course] = []
    for way in ways:
        if not courses:
            courses.append(Course(way, -1))
            continue
        distances = [cKDTree(course.points_lps_mm).query(way)[0] for course in courses]
        together = np.min(distances, axis=0) <= TOUCH_MM
        last = int(np.flatnonzero(together)[-1]) if together.any() else 0
        parent = int(np.argmin([distance[last] for distance in distances]))
        if len(way) - last > 3:
            courses.append(Course(way[last:], parent))
    return courses
