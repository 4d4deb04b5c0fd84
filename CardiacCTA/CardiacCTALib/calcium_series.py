"""Which series can be scored for calcium, and by which threshold, weights and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.report.words import label_of
from SenseCarePlanningLib.volume import Volume

from .constants import CALCIUM_BLOOD_LIMIT_HU, CALCIUM_HU_BY_KVP, CALCIUM_SLICE_MM, CALCIUM_SLICE_RANGE_MM

STANDARD_KVP = 120
_GAP_SLACK_MM = 0.05
CALIBRATION_MG_PER_CM3_HU = (0.2, 2.0)
"""Factors that are believed. Chosen: 200 mg/cm3 of hydroxyapatite then have 100 to 1000 HU; a factor in g/cm3 per HU, or HU per
g/cm3, lies outside."""
GIVEN_BY_USER = label_of("given by the user")


@dataclass(frozen=True)
class CalciumRule:
    """How a series is scored.

    Parameters
    ----------
    weight_from_hu
        Lowest HU of the weights 1 to 4; the first is the threshold.
    interval_scale
        Slice interval over 3 mm, the factor of the Agatston score.
    calibration_mg_per_cm3_hu
        Calcium (hydroxyapatite) in mg/cm3 per HU, from a calibration phantom; None without one, and then no mass is given.
    calibration_source
        Where the factor comes from (message id); empty without one.
    notes
        What the reader must know, one sentence each (message ids).
    noise_hu
        Standard deviation of blood in this series; None where the series does not show the aorta, and in older results.
    """

    weight_from_hu: tuple[int, int, int, int]
    interval_scale: float
    calibration_mg_per_cm3_hu: float | None = None
    calibration_source: str = ""
    notes: tuple[str, ...] = ()
    noise_hu: float | None = None

    @property
    def threshold_hu(self) -> int:
        """Lowest HU that is calcium."""
        return self.weight_from_hu[0]


NOTE_VOLTAGE = "The tube voltage is not 120 kV: thresholds for this voltage were used, which are less well proven."
NOTE_INTERVAL = "The slice interval is not 3 mm: the Agatston score was scaled to it."
NOTE_THICKNESS = "The series does not say how thick its slices are: the slice interval was taken."
NOTE_CONTRAST = "The series does not say whether contrast was given."
NOTE_MASS = "No mass: the calibration factor of the scanner is not known."


def check_same_patient(ccta: StudyInfo, calcium: StudyInfo) -> None:
    """Refuse a calcium series that says it is of another patient than the contrast CT.

    Raises
    ------
    InputError
        When both say whose they are, and differ.
    """
    if ccta.patient_id is not None and calcium.patient_id is not None and ccta.patient_id != calcium.patient_id:
        raise InputError("The calcium series belongs to another patient than the contrast CT; their patient IDs differ.")


def whole_score(agatston: float) -> int:
    """Return an Agatston score as it is reported: a whole number, at least 1 when above 0."""
    return max(int(agatston + 0.5), 1) if agatston > 0 else 0


def slice_area_mm2(volume: Volume) -> float:
    """Return the area of one pixel in its slice, for a slice stack along k, tilted or not."""
    affine = volume.affine_ijk_to_lps
    return float(np.linalg.norm(np.cross(affine[:3, 0], affine[:3, 1])))


def slice_interval_mm(volume: Volume) -> float:
    """Return the distance of neighbouring slices across their plane."""
    return volume.grid.voxel_volume_mm3 / slice_area_mm2(volume)


def calcium_rule(volume: Volume, calibration_mg_per_cm3_hu: float | None = None, blood_hu: float | None = None) -> CalciumRule:
    """Return how a series is scored, or refuse it.

    Parameters
    ----------
    volume
        CT with its acquisition; slices along k.
    calibration_mg_per_cm3_hu
        Factor of the mass score, given by the user.
    blood_hu
        Mean HU of blood in the aorta where it was measured: it betrays contrast that the header does not tell of.

    Raises
    ------
    InputError
        For a series that cannot be scored, with every reason.
    ValueError
        For a calibration factor that cannot be, see :func:`calibration_problem`.
    """
    if calibration_mg_per_cm3_hu is not None and (problem := calibration_problem(calibration_mg_per_cm3_hu)):
        raise ValueError(problem)
    facts, interval = volume.acquisition, slice_interval_mm(volume)
    thickness = interval if facts.slice_thickness_mm is None else facts.slice_thickness_mm
    problems = _problems(volume, thickness, interval, blood_hu)
    if problems or facts.kvp is None:
        raise InputError("The calcium score cannot be taken from this series.", problems)
    unknown_contrast = facts.contrast is None and blood_hu is None
    notes = (
        (round(facts.kvp) != STANDARD_KVP, NOTE_VOLTAGE),
        (abs(interval - CALCIUM_SLICE_MM) > _GAP_SLACK_MM, NOTE_INTERVAL),
        (facts.slice_thickness_mm is None, NOTE_THICKNESS),
        (unknown_contrast, NOTE_CONTRAST),
        (calibration_mg_per_cm3_hu is None, NOTE_MASS),
    )
    return CalciumRule(
        weight_from_hu=CALCIUM_HU_BY_KVP[round(facts.kvp)],
        interval_scale=interval / CALCIUM_SLICE_MM,
        calibration_mg_per_cm3_hu=calibration_mg_per_cm3_hu,
        calibration_source="" if calibration_mg_per_cm3_hu is None else GIVEN_BY_USER,
        notes=tuple(note for holds, note in notes if holds),
    )


def calibration_problem(factor_mg_per_cm3_hu: float) -> str:
    """Return why a calibration factor cannot be one of a CT, as a sentence; empty where it can."""
    least, most = CALIBRATION_MG_PER_CM3_HU
    if least <= factor_mg_per_cm3_hu <= most:
        return ""
    return f"a calibration factor is {least:g} to {most:g} mg/cm3 of hydroxyapatite per HU, got {factor_mg_per_cm3_hu:g}"


def calibration_problems(factor_mg_per_cm3_hu: float, has_series: bool) -> list[str]:
    """Return why a calibration factor cannot be used, one sentence each: what it is, and that there is nothing to use it on."""
    problem = calibration_problem(factor_mg_per_cm3_hu)
    missing = [] if has_series else ["a calibration factor of the calcium needs the calcium series"]
    return [problem, *missing] if problem else missing


def _problems(volume: Volume, thickness: float, interval: float, blood_hu: float | None) -> list[str]:
    """Return why a series cannot be scored, one sentence each."""
    facts = volume.acquisition
    thinnest, thickest = CALCIUM_SLICE_RANGE_MM
    known = ", ".join(map(str, CALCIUM_HU_BY_KVP))
    voltage = "an unknown tube voltage" if facts.kvp is None else f"{facts.kvp:g} kV"
    found = (
        (volume.modality != "CT", "It is not a CT."),
        (bool(facts.contrast), "It was taken with contrast; calcium is scored on a series without."),
        (
            blood_hu is not None and blood_hu > CALCIUM_BLOOD_LIMIT_HU,
            f"The blood has {blood_hu or 0.0:.0f} HU, so contrast was given; calcium is scored on a series without.",
        ),
        (
            facts.kvp is None or round(facts.kvp) not in CALCIUM_HU_BY_KVP,
            f"It was taken with {voltage}; thresholds are known for {known} kV.",
        ),
        (
            not thinnest <= thickness <= thickest,
            f"Its slices are {thickness:.2g} mm thick; the score needs {thinnest:g} to {thickest:g} mm.",
        ),
        (interval > thickness + _GAP_SLACK_MM, f"There are gaps of {interval - thickness:.2g} mm between its slices."),
    )
    return [sentence for holds, sentence in found if holds]
