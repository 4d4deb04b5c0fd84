"""The calcium score of a patient whose coronary arteries are known from the contrast CT of the same examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .calcium import CalciumScore, arteries_from_map, find_lesions, score_calcium
from .calcium_series import calcium_rule, check_same_patient
from .heart_segmentation import HeartSegmentation
from .segments import Artery, segment_of
from .vessels import code_of

WITHIN_MM = 3.0
"""Calcium this near to the lumen's edge is coronary. Chosen: the wall's thickness, and the heart lies a little differently in a
scan of its own."""
LEAST_COVERED = 0.95
"""Least share of the arteries that a scored series covers. Chosen: what is cut off would be missing in the score."""
DARK_HU, MOST_DARK = -30.0, 0.25
"""Blood is brighter, fat and lung are darker than the first. Where more of the aorta than the second is dark the series does not
show it there. Chosen: noise makes no such share, a shift by a breath of 5 mm an eighth."""
_AORTA_SAMPLES = 4000
_TO_SD = 1.4826
"""Standard deviation over the median distance from the median, of a normal distribution."""


def score_series(
    series: Volume,
    found: HeartSegmentation,
    trees: Sequence[Tree],
    calibration_mg_per_cm3_hu: float | None = None,
    studies: tuple[StudyInfo, StudyInfo] | None = None,
) -> CalciumScore:
    """Score a non-contrast series.

    Parameters
    ----------
    series
        CT without contrast, in the patient coordinates of the contrast CT.
    found
        Its aorta tells the blood's HU in the series, which betrays contrast.
    trees
        Named; calcium goes to the artery it lies beside, that of unnumbered branches to the artery they come from.
    calibration_mg_per_cm3_hu
        Factor of the mass score; None gives no mass.
    studies
        Whose the contrast CT and the series are; None where that is not known.

    Raises
    ------
    InputError
        When the series cannot be scored, is of another patient, or does not show this heart.
    """
    if studies is not None:
        check_same_patient(*studies)
    aorta = _aorta_hu(series, found)
    if problems := _elsewhere(series, aorta, trees):
        raise InputError("The calcium score cannot be taken from this series.", problems)
    rule = calcium_rule(series, calibration_mg_per_cm3_hu, blood_hu=float(np.median(aorta)) if len(aorta) else None)
    if len(aorta):  # by the median: the wall, where the heart lies a little differently in this scan, is no noise
        rule = replace(rule, noise_hu=_TO_SD * float(np.median(np.abs(aorta - np.median(aorta)))))
    arteries = _artery_map(series, trees)
    lesions = find_lesions(series, rule, arteries.array_kji > 0)
    # a lesion is scored whole, beyond the reach of the arteries too
    whole = find_lesions(series, rule)
    touched = np.unique(whole.labels_kji[lesions.labels_kji > 0])
    near = arteries_from_map(whole, arteries)
    return score_calcium(series, rule, whole, {number: near[number] for number in near if number in touched})


def _aorta_hu(series: Volume, found: HeartSegmentation) -> FloatArray:
    """Return the HU (N,) of a series where the contrast CT shows the ascending aorta; none where it does not reach."""
    where = np.argwhere(found.aorta_kji)
    if not len(where):
        return np.empty(0)
    points = found.heart.grid.lps_from_kji(where[:: max(len(where) // _AORTA_SAMPLES, 1)].astype(np.float64))
    index = np.rint(series.grid.kji_from_lps(points)).astype(int)
    inside = ((index >= 0) & (index < np.array(series.array_kji.shape))).all(axis=1)
    return np.asarray(series.array_kji[tuple(index[inside].T)], dtype=np.float64)


def _elsewhere(series: Volume, aorta_hu: FloatArray, trees: Sequence[Tree]) -> list[str]:
    """Return why a series does not show this heart, one sentence each: a score of what lies there would be invented."""
    points = [branch.points_lps_mm for tree in trees for branch in tree]
    if points:
        index = np.rint(series.grid.kji_from_lps(np.concatenate(points)))
        covered = float(((index >= 0) & (index < np.array(series.array_kji.shape))).all(axis=1).mean())
        if covered < LEAST_COVERED:
            return [
                f"It covers {100.0 * covered:.0f} % of the coronary arteries: a part of the heart is missing, or it is of "
                "another patient or position."
            ]
    if len(aorta_hu) and float((aorta_hu < DARK_HU).mean()) > MOST_DARK:
        return ["It does not show the aorta where the contrast CT has it: it is of another patient or position."]
    return []


def _artery_map(series: Volume, trees: Sequence[Tree]) -> LabelMap:
    order = list(Artery)
    points, radius, artery = [], [], []
    for tree in trees:
        names: dict[int, Artery | None] = {}
        for branch in tree:
            code, _ = code_of(branch)
            above = None if branch.parent_id is None else names[branch.parent_id]
            names[branch.id] = segment_of(code).artery if code else above
            own = names[branch.id]
            if own is not None:
                points.append(branch.points_lps_mm)
                radius.append(branch.radius_mm)
                artery.append(np.full(len(branch.radius_mm), order.index(own) + 1, dtype=np.uint8))
    labels = np.zeros(series.array_kji.shape, dtype=np.uint8)
    names_of = {at + 1: one.value for at, one in enumerate(order)}
    if not points:
        return LabelMap(labels, series.affine_ijk_to_lps, names_of)
    place, reach, number = np.concatenate(points), np.concatenate(radius) + WITHIN_MM, np.concatenate(artery)
    index = series.grid.kji_from_lps(place)
    margin = np.ceil(float(reach.max()) / np.array(series.grid.spacing_kji_mm)).astype(int) + 1
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - margin, 0, labels.shape)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + margin + 1, 0, labels.shape)
    box = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), axis=-1).reshape(-1, 3)
    gap, nearest = cKDTree(place).query(series.grid.lps_from_kji(box.astype(np.float64)), distance_upper_bound=float(reach.max()))
    hit = np.flatnonzero(np.isfinite(gap))
    hit = hit[gap[hit] <= reach[nearest[hit]]]
    labels[tuple(box[hit].T)] = number[nearest[hit]]
    return LabelMap(labels, series.affine_ijk_to_lps, names_of)
