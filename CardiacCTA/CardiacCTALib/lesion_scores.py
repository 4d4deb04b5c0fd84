"""Lesions of a coronary result against those of a digital patient: stenosis, lumen, plaque by kind, signs of high-risk plaque."""

from __future__ import annotations

from typing import Any

import numpy as np

from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, LesionTruth

from .constants import HIGH_RISK_FEATURES
from .findings import Feature
from .high_risk import Answer, HighRiskFeature, high_risk_answer
from .label_names import OTHER
from .result import CoronaryResult
from .segments import BY_NUMBER
from .true_findings import true_features, true_volumes_mm3

NEAR_MM = 3.0
KINDS = {
    "total": "plaque_volume",
    "calcified": "calcified_plaque_volume",
    "non_calcified": "non_calcified_plaque_volume",
    "low_attenuation": "low_attenuation_plaque_volume",
}
"""Kind of plaque -> its measurement."""


def lesion_scores(result: CoronaryResult, truth: CoronaryTruth) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """Return each true lesion, by its number, beside what was measured there; and which measured lesions were matched."""
    places = [
        np.array(numbers[0].evidence.point_lps_mm) if numbers else np.full(3, np.inf) for numbers in result.lesion_measurements
    ]
    rows: dict[int, dict[str, Any]] = {}
    taken: set[int] = set()
    for lesion in truth.lesions:
        artery = next(one for one in truth.arteries if one.name == lesion.artery)
        inside = artery.lesion == lesion.number
        tightest = artery.points_lps_mm[inside][int(artery.stenosis_percent[inside].argmax())]
        reference = 2.0 * float(artery.reference_radius_mm[inside][int(artery.stenosis_percent[inside].argmax())])
        reach = 0.5 * (lesion.end_mm - lesion.start_mm) + NEAR_MM
        near = [at for at, place in enumerate(places) if float(np.linalg.norm(place - tightest)) <= reach]
        taken |= set(near)
        rows[lesion.number] = _row(result, lesion, reference, near)
    return rows, taken


def _row(result: CoronaryResult, lesion: LesionTruth, reference_mm: float, near: list[int]) -> dict[str, Any]:
    signs = true_features(lesion)
    volumes = true_volumes_mm3(lesion)
    row: dict[str, Any] = {
        "segment": BY_NUMBER[lesion.segment].code if lesion.segment else OTHER,
        "composition": lesion.composition.value,
        "reference_mm": reference_mm,
        "true_percent": lesion.stenosis_percent,
        "true_mla_mm2": lesion.minimal_area_mm2,
        "true_plaque_mm3": volumes["total"],
        "true_remodelling": lesion.remodelling_index,
        "measured_percent": None,
    }
    numbers = {at: {one.name: one for one in result.lesion_measurements[at]} for at in near}
    found: dict[str, Any] = {}
    worst = max(near, key=lambda at: _percent(numbers[at]).value or 0.0) if near else None
    if worst is not None:
        stenosis = _percent(numbers[worst])
        low, high = stenosis.interval or (stenosis.value, stenosis.value)
        found = {
            "measured_segment": result.lesions[worst].code,
            "measured_percent": stenosis.value,
            "low": low,
            "high": high,
            "measured_mla_mm2": numbers[worst]["minimum_lumen_area"].value,
            "measured_plaque_mm3": sum(one["plaque_volume"].value or 0.0 for one in numbers.values()),
            "measured_remodelling": numbers[worst]["remodelling_index"].value,
        }
    measured = {kind: sum(one[name].value or 0.0 for one in numbers.values()) for kind, name in KINDS.items()} if near else {}
    plaque = {kind: {"true": value, "measured": measured.get(kind)} for kind, value in volumes.items()}
    return row | found | {"plaque_mm3": plaque, **_signs(result, signs, worst)}


def _percent(numbers: dict[str, Any]) -> Any:
    return next(one for name, one in numbers.items() if name.startswith("diameter_stenosis_"))


def _signs(result: CoronaryResult, true: frozenset[Feature], at: int | None) -> dict[str, Any]:
    """Return each sign, and whether the plaque is a high-risk one, true and as it was told of a measured lesion (None: none)."""
    features: tuple[HighRiskFeature, ...] = ()
    if at is not None:
        features = result.vessel(result.lesions[at].vessel).lesion_plaques[result.lesions[at].number].features
    told = {one.feature: one.answer for one in features}
    signs = {feature.value: _answer(feature in true, told.get(feature)) for feature in Feature}
    high = None if at is None else high_risk_answer(features)
    return {"signs": signs, "high_risk": _answer(len(true) >= HIGH_RISK_FEATURES, high)}


def _answer(true: bool, told: Answer | None) -> dict[str, Any]:
    """Return the truth and what was told; ``right`` is None where nothing was told, or that it is not certain."""
    right = None if told in (None, Answer.NOT_CERTAIN) else (told is Answer.YES) == true
    return {
        "true": (Answer.YES if true else Answer.NO).value,
        "measured": None if told is None else told.value,
        "right": right,
    }


def sign_counts(lesions: dict[int, dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return for each sign, over all true lesions that were found, how often the answer was right, wrong and not certain."""
    counts: dict[str, dict[str, int]] = {}
    for feature in Feature:
        answers = [row["signs"][feature.value] for row in lesions.values()]
        counts[feature.value] = {
            "right": sum(one["right"] is True for one in answers),
            "wrong": sum(one["right"] is False for one in answers),
            "not_certain": sum(one["measured"] == Answer.NOT_CERTAIN.value for one in answers),
        }
    return counts
