"""Agatston, volume and mass of coronary calcium on a CT without contrast, per lesion and artery.

Definitions, and what was chosen where they leave room:

* Threshold and weights by tube voltage (``CALCIUM_HU_BY_KVP``), all ends inclusive; 120 kV has Agatston's 130, 200, 300, 400.
* A *slice lesion* is a 4-connected region at or above the threshold in one slice, of at least 1 mm2. Its score is its area in
  mm2 times the weight of its brightest voxel; the sum is scaled by slice interval over 3 mm.
* A *lesion* is a 6-connected region in space; its slice lesions are those inside it, and it goes to one artery as a whole.
* Volume is that of the voxels of the slice lesions; mass is their volume times mean HU times the calibration factor.

Agatston et al. 1990, doi:10.1016/0735-1097(90)90282-T; the connectivity in space is that of the orCaScore challenge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import LabelMap, Volume

from .calcium_series import CalciumRule, slice_area_mm2, whole_score
from .constants import CALCIUM_ABOVE_ALL, CALCIUM_CATEGORIES, CALCIUM_LEAST_AREA_MM2
from .segments import Artery

_IN_SLICE = np.zeros((3, 3, 3), dtype=bool)
_IN_SLICE[1] = ndimage.generate_binary_structure(2, 1)
_IN_SPACE = ndimage.generate_binary_structure(3, 1)
_AREA_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class CalciumLesions:
    """Candidate lesions of a series: everything bright enough, bone included, until an artery is given to it.

    Parameters
    ----------
    labels_kji
        (K, J, I) int32 on the series' grid; 0 outside, 1 to ``count`` inside.
    """

    labels_kji: NDArray[np.int32] = field(repr=False)
    count: int


@dataclass(frozen=True)
class LesionScore:
    """One scored lesion; ``mass_mg`` is None without a calibration factor."""

    number: int
    artery: Artery
    agatston: float
    volume_mm3: float
    mass_mg: float | None
    peak_hu: float
    slices: int
    centre_lps_mm: tuple[float, float, float]


@dataclass(frozen=True)
class CalciumScore:
    """Scores of a patient: lesions, sums per artery and in all.

    Parameters
    ----------
    rule
        Threshold, weights and scale that were used, and what the reader must know about them.
    """

    lesions: tuple[LesionScore, ...]
    rule: CalciumRule

    def agatston(self, artery: Artery | None = None) -> float:
        """Return the Agatston score of an artery, or of the patient."""
        return sum(lesion.agatston for lesion in self._of(artery))

    def volume_mm3(self, artery: Artery | None = None) -> float:
        """Return the calcium volume of an artery, or of the patient."""
        return sum(lesion.volume_mm3 for lesion in self._of(artery))

    def mass_mg(self, artery: Artery | None = None) -> float | None:
        """Return the calcium mass of an artery, or of the patient; None without a calibration factor."""
        if self.rule.calibration_mg_per_cm3_hu is None:
            return None
        return sum(lesion.mass_mg or 0.0 for lesion in self._of(artery))

    @property
    def category(self) -> str:
        """The six-level category of the patient's Agatston score in whole numbers: ``0`` to ``>1000``."""
        total = whole_score(self.agatston())
        return next((name for highest, name in CALCIUM_CATEGORIES if total <= highest), CALCIUM_ABOVE_ALL)

    def _of(self, artery: Artery | None) -> list[LesionScore]:
        return [lesion for lesion in self.lesions if artery is None or lesion.artery is artery]


def find_lesions(volume: Volume, rule: CalciumRule, region_kji: NDArray[np.bool_] | None = None) -> CalciumLesions:
    """Label the 6-connected regions at or above the threshold.

    Parameters
    ----------
    region_kji
        (K, J, I) where to look, such as the heart with its fat; all by default, bones included.

    Raises
    ------
    ValueError
        When the region has another shape than the volume.
    """
    bright = np.asarray(volume.array_kji >= rule.threshold_hu)
    if region_kji is not None:
        if region_kji.shape != bright.shape:
            raise ValueError(f"expected a region of shape {bright.shape}, got {region_kji.shape}")
        bright &= region_kji
    labels, count = ndimage.label(bright, structure=_IN_SPACE, output=np.int32)
    return CalciumLesions(labels, int(count))


def arteries_from_map(lesions: CalciumLesions, arteries: LabelMap) -> dict[int, Artery]:
    """Give each lesion the artery that most of its labelled voxels have; a lesion that meets no artery is not coronary.

    Parameters
    ----------
    arteries
        On the grid of the series; its names are artery codes (``LM``, ``LAD``, ``LCx``, ``RCA``, ``RI``). A tie goes to the
        artery that stands first there.

    Raises
    ------
    ValueError
        When a name is no artery.
    InputError
        When the grids differ in shape.
    """
    if arteries.array_kji.shape != lesions.labels_kji.shape:
        raise InputError(
            "The artery labels do not lie on the grid of the calcium series; resample them first.",
            detail=f"shapes {arteries.array_kji.shape} and {lesions.labels_kji.shape}",
        )
    order = list(Artery)
    votes = np.zeros((lesions.count + 1, len(order)), dtype=np.int64)
    for value, name in arteries.names.items():
        inside = lesions.labels_kji[arteries.array_kji == value]
        votes[:, order.index(Artery(name))] += np.bincount(inside, minlength=lesions.count + 1)
    return {number: order[int(votes[number].argmax())] for number in range(1, lesions.count + 1) if votes[number].any()}


def score_calcium(volume: Volume, rule: CalciumRule, lesions: CalciumLesions, artery_of: Mapping[int, Artery]) -> CalciumScore:
    """Score the lesions that belong to an artery.

    Parameters
    ----------
    rule
        From ``calcium_series.calcium_rule``, which refuses series that cannot be scored.
    artery_of
        Lesion number -> artery; lesions without one are not coronary and are left out.

    Raises
    ------
    ValueError
        For a number that is no lesion.
    """
    unknown = sorted(set(artery_of) - set(range(1, lesions.count + 1)))
    if unknown:
        raise ValueError(f"expected lesion numbers from 1 to {lesions.count}, got {unknown}")
    boxes = ndimage.find_objects(lesions.labels_kji)
    scored = []
    for number in sorted(artery_of):
        box = boxes[number - 1]
        part = volume.cropped(box)
        score = _score_lesion(part, lesions.labels_kji[box] == number, rule, number, artery_of[number])
        scored.extend([score] if score is not None else [])
    return CalciumScore(tuple(scored), rule)


def _score_lesion(part: Volume, mask: NDArray[np.bool_], rule: CalciumRule, number: int, artery: Artery) -> LesionScore | None:
    """Score one lesion inside its box; None when none of its slice lesions is large enough."""
    pieces, count = ndimage.label(mask, structure=_IN_SLICE)
    area = np.bincount(pieces.ravel(), minlength=count + 1) * slice_area_mm2(part)
    large = area >= CALCIUM_LEAST_AREA_MM2 - _AREA_SLACK
    large[0] = False
    counted = large[pieces]
    if not counted.any():
        return None
    peaks = np.asarray(ndimage.maximum(part.array_kji, pieces, index=np.arange(count + 1)), dtype=np.float64)
    weights = np.searchsorted(np.asarray(rule.weight_from_hu, dtype=np.float64), peaks, side="right")
    values = part.array_kji[counted].astype(np.float64)
    volume_mm3 = len(values) * part.grid.voxel_volume_mm3
    factor = rule.calibration_mg_per_cm3_hu
    where = np.argwhere(counted)
    x, y, z = part.grid.lps_from_kji(where.mean(axis=0))
    return LesionScore(
        number=number,
        artery=artery,
        agatston=float((area * weights)[large].sum() * rule.interval_scale),
        volume_mm3=volume_mm3,
        mass_mg=None if factor is None else factor * float(values.mean()) * volume_mm3 / 1000.0,
        peak_hu=float(values.max()),
        slices=len(np.unique(where[:, 0])),
        centre_lps_mm=(float(x), float(y), float(z)),
    )
