"""Metal in and about the heart that is no stent: how far its streaks reach, and which stretches of arteries they spoil."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, runs_of
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import Volume, bounding_box

from .coronary_evidence import FAT_HU
from .heart_segmentation import HeartSegmentation
from .issues import Consequence, Issue, QualityItem, issue
from .scan_model import ScanModel
from .structures import CAVA, MYOCARDIUM
from .tree_checks import is_wide
from .vessel_result import VesselResult

BoolArray = NDArray[np.bool_]

METAL_HU, RIM_HU, LEAST_MM3 = 2500.0, 1500.0, 5.0
"""Brighter than bone, calcium and contrast; down to the second it is the same piece; smaller pieces are none. Chosen."""
NEAR_HEART_MM, STENT_MM, STENT_SHARE = 20.0, 3.0, 0.8
"""Metal so near to the heart in its slices is looked at; a piece of which so much lies so near to an artery's line is a stent."""
RING_MM, REACH_MM = 4.0, 48.0
"""Rings about the metal in which what streaks add to the noise is measured, and how far."""
HIDES, DOUBTS = 0.2, 0.1
"""Deviation by streaks as a share of the contrast between blood and fat from which a lumen cannot be assessed, and from which
what is seen may be made by streaks. Chosen: a dark streak twice as strong as the second has taken a fifth off a lumen's contrast,
which is where soft plaque begins."""
LEAST_RUN_MM = 2.0
_OFF_METAL_MM, _EDGE_MM, _SLOW_MM, _QUIET_MM, _LEAST_VOXELS, _SLICES = 2.0, 1.5, 12.0, 0.8, 150, 16


@dataclass(frozen=True, eq=False)
class Streaks:
    """Metal (N, 3) LPS mm, thinned to the slices that hold it, half a slice's height, and the deviation (R,) HU by distance."""

    metal_lps_mm: FloatArray
    slice_mm: float
    deviation_hu: FloatArray

    def at(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return the deviation (N,) HU that streaks make at points: 0 in slices without metal, for streaks run in the slice."""
        scale = np.array([1.0, 1.0, 1e3])
        slices = np.round(self.metal_lps_mm[:, 2] / self.slice_mm)
        found = np.full(len(points_lps_mm), np.inf)
        for aside in (-1, 0, 1):
            tree = cKDTree(np.column_stack([self.metal_lps_mm[:, :2], slices]) * scale)
            own = np.round(points_lps_mm[:, 2] / self.slice_mm) + aside
            away, _ = tree.query(np.column_stack([points_lps_mm[:, :2], own]) * scale, distance_upper_bound=REACH_MM)
            found = np.minimum(found, away)
        middles = RING_MM * (np.arange(len(self.deviation_hu)) + 0.5)
        near = np.minimum(found, 2.0 * REACH_MM)
        return np.asarray(np.where(np.isfinite(found), np.interp(near, middles, self.deviation_hu, right=0.0), 0.0))


def find_streaks(volume: Volume, found: HeartSegmentation) -> Streaks | None:
    """Find metal in and about the heart, and measure its streaks in the blood and muscle of the slices that hold it.

    Strategy: within each chamber voxels differ by noise alone, slow changes apart; how much more they differ near the metal than
    in slices without any is the streaks' work. It never grows with the distance.

    Returns
    -------
    Streaks | None
        None without metal.
    """
    axes = PatientAxes.of(volume.grid)
    labels = axes.apply(found.heart.array_kji)
    if not (labels > 0).any():
        return None
    spacing = axes.spacing_mm(volume.grid)
    box = bounding_box(labels > 0, (0, int(NEAR_HEART_MM / spacing[1]), int(NEAR_HEART_MM / spacing[2])))
    hu, labels = axes.apply(volume.array_kji)[box], labels[box]
    start = np.array([part.start for part in box], dtype=np.float64)

    def places(mask: BoolArray) -> FloatArray:
        """Return where the voxels of a mask lie, LPS mm."""
        return np.asarray(axes.lps_from_index(volume.grid, np.argwhere(mask) + start))

    metal = _pieces(hu, spacing, found, places)
    if not metal.any():
        return None
    return Streaks(places(metal), spacing[0], _deviation_hu(hu, labels, metal, spacing))


def _pieces(
    hu: NDArray[Any], spacing: tuple[float, float, float], found: HeartSegmentation, places: Callable[[BoolArray], FloatArray]
) -> BoolArray:
    """Return the voxels of metal that is no stent."""
    bright = hu > RIM_HU
    metal = np.zeros(hu.shape, dtype=bool)
    if not (hu > METAL_HU).any():
        return metal
    pieces, _ = ndimage.label(bright, np.ones((3, 3, 3)))
    least = LEAST_MM3 / float(np.prod(spacing))
    lines = [one.points_lps_mm for tree in found.trees for one in tree]
    courses = cKDTree(np.concatenate(lines)) if lines else None
    for one in np.unique(pieces[hu > METAL_HU]):
        own = pieces == one
        if int(own.sum()) < least:
            continue
        if courses is not None:
            away, _ = courses.query(places(own))
            if float((away <= STENT_MM).mean()) >= STENT_SHARE:
                continue
        metal |= own
    return metal


def _deviation_hu(hu: NDArray[Any], labels: NDArray[Any], metal: BoolArray, spacing: tuple[float, float, float]) -> FloatArray:
    """Return what streaks add to the noise in each ring about the metal (standard deviation, HU), never growing outward."""
    holds = metal.any(axis=(1, 2))
    with_metal = np.flatnonzero(holds)
    without = np.flatnonzero(~ndimage.binary_dilation(holds, iterations=max(round(5.0 / spacing[0]), 1)))
    rings: list[list[NDArray[np.float32]]] = [[] for _ in range(int(REACH_MM / RING_MM))]
    far: list[NDArray[np.float32]] = []
    for at in with_metal[:: max(len(with_metal) // _SLICES, 1)]:
        away = ndimage.distance_transform_edt(~metal[at], sampling=spacing[1:])
        rest, seen = _rest(hu[at], labels[at], away > _OFF_METAL_MM, spacing)
        ring = (away / RING_MM).astype(int)
        for number, values in enumerate(rings):
            values.append(rest[seen & (ring == number)])
        far.append(rest[seen & (ring >= len(rings))])
    for at in without[:: max(len(without) // _SLICES, 1)]:
        rest, seen = _rest(hu[at], labels[at], np.ones(labels[at].shape, dtype=bool), spacing)
        far.append(rest[seen])
    usual = _spread(np.concatenate(far)) if far else np.nan
    more = [_spread(np.concatenate(values)) if values else np.nan for values in rings]
    squares = np.array(more) ** 2 - (0.0 if np.isnan(usual) else usual) ** 2
    known = np.where(np.isnan(squares), -np.inf, squares)
    outward = np.maximum.accumulate(known[::-1])[::-1]
    return np.asarray(np.sqrt(np.clip(outward, 0.0, None)))


def _rest(
    plane: NDArray[Any], labels: NDArray[Any], use: BoolArray, spacing: tuple[float, float, float]
) -> tuple[NDArray[np.float32], BoolArray]:
    """Return what is left of a slice without the level and the slow changes of each chamber, and where it is known."""
    pixel = np.array(spacing[1:])
    quiet = ndimage.gaussian_filter(plane.astype(np.float32), _QUIET_MM / pixel)
    rest, seen = np.zeros(plane.shape, dtype=np.float32), np.zeros(plane.shape, dtype=bool)
    for value in range(MYOCARDIUM, CAVA):
        own = labels == value
        if not own.any():
            continue
        own = (ndimage.distance_transform_edt(own, sampling=pixel) > _EDGE_MM) & use
        if int(own.sum()) < _LEAST_VOXELS:
            continue
        weight = own.astype(np.float32)
        slow = ndimage.gaussian_filter(quiet * weight, _SLOW_MM / pixel) / np.maximum(
            ndimage.gaussian_filter(weight, _SLOW_MM / pixel), 1e-6
        )
        rest[own] = (quiet - slow)[own]
        seen |= own
    return rest, seen


def _spread(values: NDArray[np.float32]) -> float:
    if len(values) < _LEAST_VOXELS:
        return float("nan")
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def check_metal(volume: Volume, found: HeartSegmentation, vessels: Sequence[VesselResult], scan: ScanModel) -> list[QualityItem]:
    """Return the stretches of arteries that streaks of metal cross.

    They cannot be assessed where the streaks are strong, or where a lesion lies in them that may be a streak; else they are
    doubtful.
    """
    streaks = find_streaks(volume, found)
    if streaks is None:
        return []
    items = []
    for one in vessels:
        if one.measured is None:
            continue
        deviation = streaks.at(one.measured.line_lps_mm)
        share = deviation / max(scan.lumen_hu - FAT_HU, 1.0)
        arc = one.measured.walls.arc_mm
        for part in one.vessel.stretches:
            inside = (arc >= part.from_mm) & (arc <= part.to_mm)
            for first, last in _runs(inside & (share >= DOUBTS), arc):
                lesion = any(first <= lesion.last and lesion.first <= last for lesion in one.lesions)
                strong = any(True for _ in _runs(inside & (share >= HIDES), arc, first, last))
                hidden = (lesion or strong) and is_wide(one, part)
                items.append(
                    issue(
                        Issue.STREAKS, Consequence.NOT_ASSESSABLE if hidden else Consequence.DOUBTFUL, part.code,
                        point_lps_mm=one.measured.line_lps_mm[(first + last) // 2], part=part.code,
                        length=f"{arc[last] - arc[first]:.0f}", level=round(float(deviation[first : last + 1].max())),
                    )
                )  # fmt: skip
    return items


def _runs(mask: BoolArray, arc_mm: FloatArray, first: int = 0, last: int | None = None) -> list[tuple[int, int]]:
    """Return first and last section of the runs of at least two millimetres within first to last."""
    runs = runs_of(mask[first : None if last is None else last + 1])
    ends = [(first + one.start, first + one.stop - 1) for one in runs]
    return [(begin, end) for begin, end in ends if arc_mm[end] - arc_mm[begin] >= LEAST_RUN_MM]
