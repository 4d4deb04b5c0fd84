"""Steps between slabs of a scan: where two heart beats meet, neighbouring slices do not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .structures import FAR_AORTA, LEFT_VENTRICLE, MYOCARDIUM

BoolArray = NDArray[np.bool_]

LEAST_SHIFT_MM = 0.35
"""Least jump of all edges together; what does not move with the heart makes it look smaller than it is. Chosen on three digital
hearts: steps of 0.8 mm show as 0.4 mm and more, the rest under 0.15 mm."""
LEAST_TIMES = 6.0
"""So many times what the pairs of slices about it scatter a step is at least: a scan has hundreds of pairs. Chosen; on ten
digital hearts without a step and one with, what is none reaches 5 times."""
_AROUND_MM, _SMOOTH_MM, _SAMPLE_MM = 3.0, 2.0, 0.8
_CLIP_HU = (-200.0, 500.0)
_LEAST_SLOPE_HU = 15.0
"""Edges of at least so many HU a millimetre count."""
_METAL_HU, _OFF_METAL_MM = 1500.0, 20.0
"""What lies so near to metal is left out: its streaks begin and end with it."""
_LEAST_PAIRS, _BESIDE, _LEAST_SIDE, _ROUNDS, _LEAST_PIXELS = 9, 5, 2, 3, 500


@dataclass(frozen=True)
class Step:
    """One step: between which slices (by the patient's height, S mm), and how far what lies there jumps in the slice plane."""

    height_mm: float
    shift_mm: float


@dataclass(frozen=True, eq=False)
class _Slices:
    """The slices about the heart, smoothed (K, R, C), what of them is looked at, the left ventricle, and a sample's mm."""

    hu: NDArray[np.float32]
    around: BoolArray
    ventricle: BoolArray
    sample_mm: tuple[float, float]

    def moved(self, at: int, where: BoolArray) -> FloatArray:
        """Return (2,) how far what slice ``at`` shows lies aside in the next one, by row and column; NaN where too little.

        Noise in the slopes would make a shift look smaller: they are weighed by those of the slices beside, whose noise is
        another.
        """
        total, pixel = np.zeros(2), np.array(self.sample_mm)
        first, second = self.hu[at], self.hu[at + 1]
        beside = 0.5 * (self.hu[max(at - 1, 0)] + self.hu[min(at + 2, len(self.hu) - 1)])
        outer = np.stack(np.gradient(beside, *self.sample_mm))
        here = where[at] & where[at + 1] & (np.linalg.norm(outer, axis=0) >= _LEAST_SLOPE_HU)
        if int(here.sum()) < _LEAST_PIXELS:
            return np.full(2, np.nan)
        weigh = np.stack([one[here] for one in outer]).astype(np.float64)
        for _ in range(_ROUNDS):
            back = ndimage.shift(second, -total / pixel, order=1, mode="nearest") if total.any() else second
            slopes = np.gradient(0.5 * (first + back), *self.sample_mm)
            slope = np.stack([one[here] for one in slopes], axis=1).astype(np.float64)
            rest = (first - back)[here].astype(np.float64)
            total = total + np.linalg.lstsq(weigh @ slope, weigh @ rest, rcond=None)[0]
        return total

    def aside_mm(self, at: int, where: BoolArray) -> float:
        """Return how far a pair moves otherwise than the pairs beside it."""
        pairs = [one for one in range(max(at - _BESIDE, 0), min(at + _BESIDE + 1, len(self.hu) - 1)) if one != at]
        shifts = np.array([self.moved(one, where) for one in (at, *pairs)])
        known = ~np.isnan(shifts[:, 0])
        if not known[0] or known.sum() <= _BESIDE:
            return 0.0
        return float(np.linalg.norm(shifts[0] - np.median(shifts[known], axis=0)))


def find_steps(volume: Volume, heart: LabelMap) -> tuple[Step, ...]:
    """Find the heights at which the heart jumps from one slice to the next.

    Strategy: for every pair of neighbouring slices all edges in and around the heart say together how far the second lies aside
    from the first (least squares of the optical flow, Lucas and Kanade 1981). The slope of the heart moves it a little from slice
    to slice, evenly over some slices; a pair that moves otherwise than those around it is a step. How large it is the left
    ventricle says, where it is there: what surrounds the heart stands still.
    """
    axes = PatientAxes.of(volume.grid)
    labels = axes.apply(heart.array_kji)
    spacing = axes.spacing_mm(volume.grid)
    box = _heart_box(labels, [int(2.0 * _AROUND_MM / size) for size in spacing[1:]])
    if box is None:
        return ()
    slices, below = _slices_of(axes.apply(volume.array_kji)[box], labels[box], spacing), box[0].start
    if len(slices.hu) <= _LEAST_PAIRS:
        return ()
    moved = np.array([slices.moved(at, slices.around) for at in range(len(slices.hu) - 1)])
    aside = np.linalg.norm(moved - _of_neighbours(moved, _BESIDE), axis=1)
    # At the heart's rounded ends slices differ much without a step: there the scatter of the pairs nearby says so.
    scatter = np.maximum(*(_of_neighbours(aside[:, None], reach)[:, 0] for reach in (_BESIDE, 3 * _BESIDE)))
    found = []
    for at in (int(one) for one in np.flatnonzero(aside >= np.maximum(LEAST_SHIFT_MM, LEAST_TIMES * scatter))):
        if aside[at] >= np.nanmax(aside[max(at - 2, 0) : at + 3]):
            index = np.array([[below + at + 0.5, 0.0, 0.0]])
            shift = max(float(aside[at]), slices.aside_mm(at, slices.ventricle))
            found.append(Step(float(axes.lps_from_index(volume.grid, index)[0, 2]), shift))
    return tuple(found)


def _heart_box(labels: NDArray[Any], margin: list[int]) -> tuple[slice, slice, slice] | None:
    """Return the box of the heart without the far aorta, wider by a margin in the slices; None where there is no heart."""
    if not labels.any():
        return None
    whole = bounding_box(labels)
    heart = (labels[whole] > 0) & (labels[whole] != FAR_AORTA)
    if not heart.any():
        return None
    found = []
    for outer, inner, more, size in zip(whole, bounding_box(heart), (0, *margin), labels.shape, strict=True):
        found.append(slice(max(outer.start + inner.start - more, 0), min(outer.start + inner.stop + more, size)))
    return (found[0], found[1], found[2])


def _slices_of(hu: NDArray[Any], labels: NDArray[Any], spacing: tuple[float, float, float]) -> _Slices:
    """Return the slices about the heart, thinned out."""
    stride = [max(int(_SAMPLE_MM / size), 1) for size in spacing[1:]]
    thin = (slice(None), slice(None, None, stride[0]), slice(None, None, stride[1]))
    sample = (spacing[1] * stride[0], spacing[2] * stride[1])
    smooth = np.stack([_smooth(plane, spacing[1:], stride) for plane in hu])
    own = labels[thin]
    own = np.where(np.stack([_near(plane > _METAL_HU, sample, _OFF_METAL_MM) for plane in hu[thin]]), 0, own)
    around = np.stack([_near((plane > 0) & (plane != FAR_AORTA), sample) for plane in own])
    ventricle = np.stack([_near((plane == LEFT_VENTRICLE) | (plane == MYOCARDIUM), sample) for plane in own])
    return _Slices(smooth, around, ventricle, sample)


def _smooth(plane: NDArray[Any], pixel_mm: tuple[float, float], stride: list[int]) -> NDArray[np.float32]:
    """Return a slice smoothed and thinned out: rows that are left out are not smoothed along themselves."""
    clipped = np.clip(plane.astype(np.float32), *_CLIP_HU)
    down = ndimage.gaussian_filter1d(clipped, _SMOOTH_MM / pixel_mm[0], axis=0)[:: stride[0]]
    return np.asarray(ndimage.gaussian_filter1d(down, _SMOOTH_MM / pixel_mm[1], axis=1)[:, :: stride[1]])


def _near(plane: BoolArray, sample_mm: tuple[float, float], reach_mm: float = _AROUND_MM) -> BoolArray:
    """Return a slice of a mask, grown."""
    if not plane.any():
        return plane
    return np.asarray(ndimage.distance_transform_edt(~plane, sampling=sample_mm) <= reach_mm)


def _of_neighbours(values: FloatArray, reach: int) -> FloatArray:
    """Return the median (N, D) of the values before and behind each, itself left out.

    NaN where fewer than half are known, or all on one side: where the heart begins there is nothing to compare with.
    """
    found = np.full(values.shape, np.nan)
    for at in range(len(values)):
        sides = [values[max(at - reach, 0) : at], values[at + 1 : at + 1 + reach]]
        before, behind = (one[~np.isnan(one[:, 0])] for one in sides)
        if len(before) + len(behind) >= reach and min(len(before), len(behind)) >= _LEAST_SIDE:
            found[at] = np.median(np.concatenate([before, behind]), axis=0)
    return found


def crossing_mm(points_lps_mm: FloatArray, step: Step) -> list[float]:
    """Return the arc lengths at which a course crosses a step."""
    height = points_lps_mm[:, 2] - step.height_mm
    at = np.flatnonzero(np.sign(height[:-1]) != np.sign(height[1:]))
    return [float(value) for value in arc_length_mm(points_lps_mm)[at]]
