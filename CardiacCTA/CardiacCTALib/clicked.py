"""Arteries between places that a reader marked: the cheapest way from the ostium to each tip. Needs no aorta and no chambers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Volume

from .coronary_tree import Course, build_coronary_tree
from .heart_region import block_mean
from .heart_segmentation import CoronaryOstium, Gap, Tip

logger = logging.getLogger(__name__)

ROOM_MM, SEARCH_MM = 20.0, 0.7
"""Room about the marks, and the voxel in which the way is looked for."""
DARK_HU, FLOOR = 50.0, 0.004
"""From this HU on a voxel may be lumen; the speed of everything else: a way may cross an occlusion, at a price."""
SNAP_MM = 1.5
"""A mark moves to the brightest voxel this near."""
TOUCH_MM = 1.2
"""A way leaves another where it is farther than this from it."""
GAP_MM, MOST_DARK_MM = 2.0, 18.0
"""Dark stretches longer than the first are listed; with one longer than the second the tip counts as not reached."""
CLICKED_GAP = "The way to a marked tip crosses a stretch without visible lumen."
NOT_REACHED = "A marked tip could not be reached through visible lumen; check the mark, or mark places between."


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


def follow_clicks(volume: Volume, clicks: Sequence[Clicks], noise_hu: float = 25.0) -> Clicked:
    """Follow marked arteries.

    Parameters
    ----------
    volume
        The scan in HU.
    clicks
        One entry for each ostium.

    Raises
    ------
    InputError
        When a mark lies outside the scan, an artery has no tip, or the ostium is not on bright blood.
    """
    trees: list[Tree] = []
    ostia: list[CoronaryOstium] = []
    gaps: list[Gap] = []
    tips: list[Tip] = []
    remarks: list[str] = []
    for one in clicks:
        _check(volume, one)
        ways, lost = _ways(volume, one)
        tips += [Tip(np.array(place), len(trees), -1, reached=False) for place in lost]
        if lost:
            remarks.append(NOT_REACHED)
        if not ways:
            continue
        number = len(trees)
        tree = build_coronary_tree(volume, _courses([way for way, _ in ways]), noise_hu)
        trees.append(tree)
        ostia.append(CoronaryOstium(one.side, tree.root.points_lps_mm[0], number, marked=True))
        gaps += [Gap(part, number, float(arc_length_mm(part)[-1]), CLICKED_GAP) for _, dark in ways for part in dark]
        tips += [Tip(branch.points_lps_mm[-1], number, branch.id) for branch in tree.tips]
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


def _ways(volume: Volume, clicks: Clicks) -> tuple[list[tuple[FloatArray, list[FloatArray]]], list[tuple[float, float, float]]]:
    """Return ways (N, 3) LPS mm with their dark stretches, longest first, and the tips that were not reached."""
    places = np.array([clicks.ostium_lps_mm, *clicks.tips_lps_mm], dtype=np.float64)
    grid = volume.grid
    index, spacing = grid.kji_from_lps(places), np.array(grid.spacing_kji_mm)
    low = np.maximum(np.floor(index.min(axis=0) - ROOM_MM / spacing), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + ROOM_MM / spacing) + 1, grid.shape_kji).astype(int)
    box = volume.array_kji[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    small = block_mean(box, grid.spacing_kji_mm, SEARCH_MM)
    factor = np.array(small.factor)
    marks = [_snapped(small.array, (one - low + 0.5) / factor - 0.5, np.array(small.spacing_mm)) for one in index]
    blood = float(np.percentile(_around(small.array, marks[0], np.array(small.spacing_mm), 2.5), 90.0))
    if blood < DARK_HU + 60.0:
        raise InputError("The marked ostium does not lie on bright blood.", detail=f"{blood:.0f} HU")
    speed = np.clip((small.array - DARK_HU) / (blood - DARK_HU), 0.0, 1.0) ** 2 + FLOOR
    search = MCP_Geometric(1.0 / speed, fully_connected=True, sampling=small.spacing_mm)
    search.find_costs([marks[0]], marks[1:], find_all_ends=True)
    ways: list[tuple[FloatArray, list[FloatArray]]] = []
    lost = []
    for tip, mark in zip(clicks.tips_lps_mm, marks[1:], strict=True):
        path = np.array(search.traceback(mark))
        line = grid.lps_from_kji((path + 0.5) * factor - 0.5 + low)
        line = np.concatenate([[clicks.ostium_lps_mm], line[1:-1], [tip]]) if len(line) > 2 else line
        dark = _dark_parts(small.array[tuple(path.T)] < DARK_HU + 0.2 * (blood - DARK_HU), line)
        if any(float(arc_length_mm(part)[-1]) > MOST_DARK_MM for part in dark) or len(path) < 4:
            lost.append(tip)
        else:
            ways.append((line, dark))
    return sorted(ways, key=lambda item: -float(arc_length_mm(item[0])[-1])), lost


def _snapped(array: NDArray[np.float32], place: FloatArray, spacing: FloatArray) -> tuple[int, int, int]:
    """Return the brightest voxel within :data:`SNAP_MM` of a place."""
    smooth = ndimage.gaussian_filter(array, 0.3 / spacing)
    middle = np.clip(np.rint(place), 0, np.array(array.shape) - 1).astype(int)
    reach = np.ceil(SNAP_MM / spacing).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, array.shape)
    part = smooth[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    k, j, i = (int(value) for value in np.array(np.unravel_index(int(part.argmax()), part.shape)) + low)
    return (k, j, i)


def _around(array: NDArray[np.float32], place: tuple[int, int, int], spacing: FloatArray, radius_mm: float) -> FloatArray:
    reach = np.ceil(radius_mm / spacing).astype(int)
    low = np.maximum(np.array(place) - reach, 0)
    high = np.array(place) + reach + 1
    return np.asarray(array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float64).ravel()


def _dark_parts(dark: NDArray[np.bool_], line: FloatArray) -> list[FloatArray]:
    """Return stretches (N, 3) longer than :data:`GAP_MM` without visible lumen."""
    pieces, count = ndimage.label(dark)
    rows = [np.flatnonzero(pieces == number) for number in range(1, count + 1)]
    parts = [line[max(int(one[0]) - 1, 0) : int(one[-1]) + 2] for one in rows]
    return [part for part in parts if len(part) > 1 and float(arc_length_mm(part)[-1]) > GAP_MM]


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
