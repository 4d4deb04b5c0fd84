"""Steps between slabs of a scan: where two heart beats meet, neighbouring slices do not fit together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .structures import FAR_AORTA

LEAST_SHIFT_MM = 0.7
"""Smaller steps are no more than the slope of the heart between two slices. Chosen."""
_TIMES_USUAL = 1.8
_MARGIN_MM = 12.0
_CLIP_HU = (-200.0, 500.0)
_SAMPLE_MM = 0.8


@dataclass(frozen=True)
class Step:
    """One step: between which slices (by the patient's height, S mm), and how far what lies there jumps in the slice plane."""

    height_mm: float
    shift_mm: float


def find_steps(volume: Volume, heart: LabelMap) -> tuple[Step, ...]:
    """Find the heights at which the heart jumps from one slice to the next.

    Strategy: neighbouring slices differ by noise and by the slope of what they cut; where they differ much more than slices
    nearby, the shift in the plane that makes them alike again is sought; it is a step when it is large.
    """
    axes = PatientAxes.of(volume.grid)
    labels = axes.apply(heart.array_kji)
    mask = (labels > 0) & (labels != FAR_AORTA)
    if not mask.any():
        return ()
    spacing = axes.spacing_mm(volume.grid)
    margin = [int(_MARGIN_MM / size) for size in spacing]
    box = bounding_box(mask, (0, margin[1], margin[2]))
    slices = np.clip(axes.apply(volume.array_kji)[box].astype(np.float32), *_CLIP_HU)
    slices = ndimage.gaussian_filter(slices, (0.0, _SAMPLE_MM / spacing[1], _SAMPLE_MM / spacing[2]))
    stride = [max(int(_SAMPLE_MM / size), 1) for size in spacing[1:]]
    slices = slices[:, :: stride[0], :: stride[1]]
    change = np.abs(np.diff(slices, axis=0)).mean(axis=(1, 2))
    if len(change) < 9:
        return ()
    usual = ndimage.median_filter(change, size=min(15, len(change)), mode="nearest")
    found = []
    for at in np.flatnonzero(change > _TIMES_USUAL * usual):
        if change[at] < change[max(at - 2, 0) : at + 3].max():
            continue
        shift = _shift_mm(slices[at], slices[at + 1], spacing[1] * stride[0], spacing[2] * stride[1])
        if shift >= LEAST_SHIFT_MM:
            index = np.array([box[0].start + at + 0.5, 0.0, 0.0])
            found.append(Step(float(axes.lps_from_index(volume.grid, index[None])[0, 2]), shift))
    return tuple(found)


def _shift_mm(first: np.ndarray, second: np.ndarray, row_mm: float, column_mm: float) -> float:
    """Return how far one slice must be moved to look like the other (phase of least squares, to a tenth of a sample)."""
    from skimage.registration import phase_cross_correlation

    shift, _, _ = phase_cross_correlation(first, second, upsample_factor=10, normalization=None)
    return float(np.hypot(shift[0] * row_mm, shift[1] * column_mm))


def crossing_mm(points_lps_mm: FloatArray, step: Step) -> list[float]:
    """Return the arc lengths at which a course crosses a step."""
    height = points_lps_mm[:, 2] - step.height_mm
    at = np.flatnonzero(np.sign(height[:-1]) != np.sign(height[1:]))
    return [float(value) for value in arc_length_mm(points_lps_mm)[at]]
