"""Sharp turns of an artery, which centring rounds off: the line is led through the corner where the lumen reaches it."""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, resample_polyline, unit
from SenseCarePlanningLib.tubes.section_planes import SplineBox

from .coronary_evidence import FAT_HU

ARM_MM = (1.75, 4.5)
"""Part of the line before and after a turn that gives its directions: centring rounds a right angle over about 1.7 mm."""
SHARP = 0.2
"""Cosine between both directions below which a turn is sharp: 78 degrees."""
MOST_GAP_MM, MOST_LENGTH_MM, LEAST_MM = 1.0, 5.0, 0.3
"""Both arms run straight on meet within the gap, so far on at most; what the line would move by less is left."""
LUMEN_SHARE = 0.7
"""Of the arms' brightness over fat: what the line is led through is lumen; round ends of a tube keep 0.8 after blur."""


def through_corners(
    points_lps_mm: FloatArray, radius_mm: FloatArray, box: SplineBox, step_mm: float
) -> tuple[FloatArray, FloatArray]:
    """Lead a centred line through its sharp corners.

    Strategy: where the line turns sharply, both arms are run straight on; where they meet and all on the way is lumen, the line
    goes there. Otherwise, as in a smooth bend through fat, it stays.

    Parameters
    ----------
    points_lps_mm, radius_mm
        (N, 3) and (N,), ``step_mm`` apart.
    box
        The scan around the line.

    Returns
    -------
    points_lps_mm, radius_mm
        (M, 3) and (M,), about as far apart.
    """
    near, far = (round(mm / step_mm) for mm in ARM_MM)
    at, turns = far, _cosines(points_lps_mm, near, far)
    while at < len(points_lps_mm) - far:
        ahead = turns[at - far : at]
        if ahead[0] >= SHARP:
            at += 1
            continue
        at += int(np.argmin(ahead))
        corner = _corner(points_lps_mm, at, near, far, box)
        if corner is not None:
            before, after = at - near, at + near
            led = resample_polyline(np.stack([points_lps_mm[before], corner, points_lps_mm[after]]), step_mm)
            inner = np.interp(np.linspace(before, after, len(led)), np.arange(len(radius_mm)), radius_mm)
            points_lps_mm = np.concatenate([points_lps_mm[:before], led, points_lps_mm[after + 1 :]])
            radius_mm = np.concatenate([radius_mm[:before], inner, radius_mm[after + 1 :]])
            at, turns = before + len(led), _cosines(points_lps_mm, near, far)
        at += near
    return points_lps_mm, radius_mm


def _cosines(points: FloatArray, near: int, far: int) -> FloatArray:
    """Return the cosine (N - 2 far,) between the directions before and after each point from number ``far`` on."""
    count = max(len(points) - 2 * far, 0)
    before = points[far - near : far - near + count] - points[:count]
    after = points[2 * far : 2 * far + count] - points[far + near : far + near + count]
    return np.asarray((unit(before) * unit(after)).sum(axis=1))


def _corner(points: FloatArray, at: int, near: int, far: int, box: SplineBox) -> FloatArray | None:
    """Return where both arms of a turn meet, None when they do not or what lies between is no lumen."""
    first, last = points[at - near], points[at + near]
    onward, back = unit(first - points[at - far]), unit(last - points[at + far])
    lines = np.stack([onward, -back], axis=1)
    lengths, *_ = np.linalg.lstsq(lines, last - first, rcond=None)
    ends = first + lengths[0] * onward, last + lengths[1] * back
    corner = np.asarray(0.5 * (ends[0] + ends[1]))
    if not (lengths.min() > 0.0 and lengths.max() <= MOST_LENGTH_MM and np.linalg.norm(ends[0] - ends[1]) <= MOST_GAP_MM):
        return None
    if np.linalg.norm(points[at - near : at + near + 1] - corner, axis=1).min() < LEAST_MM:
        return None
    arms = np.concatenate([points[at - far : at - near + 1], points[at + near : at + far + 1]])
    level = float(np.median(np.nan_to_num(box.sample(arms), nan=FAT_HU))) - FAT_HU
    way = resample_polyline(np.stack([first, corner, last]), 0.2)
    values = np.nan_to_num(box.sample(way), nan=FAT_HU) - FAT_HU
    return corner if float(np.percentile(values, 10.0)) >= LUMEN_SHARE * level else None
