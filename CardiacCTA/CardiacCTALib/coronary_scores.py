"""A coronary result against the truth of a digital patient: centrelines, names, stenoses, plaque and category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.evaluation.centreline import evaluate_centreline
from SenseCarePlanningLib.geometry import FloatArray, resample_polyline
from SenseCarePlanningLib.phantom.coronary_lesions import Composition
from SenseCarePlanningLib.phantom.coronary_trees import artery_paths, true_segments
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, LesionTruth
from SenseCarePlanningLib.tubes.tree import Tree

from .cadrads import CadRads, grade
from .cadrads_category import Category
from .findings import OPEN, CoronaryFindings, SegmentFinding, Stenosis
from .label_names import OTHER
from .label_paths import way_to
from .result import CoronaryResult
from .segments import BY_NUMBER

RIGHT_FROM = 0.8
"""A segment is named right from this Dice on, of its true and its found points: its borders may lie some mm apart."""
NEAR_MM = 3.0
_STEP_MM = 0.25
_ORDER = [one for one in Category if one is not Category.NON_DIAGNOSTIC]


def score_result(result: CoronaryResult, truth: CoronaryTruth, courses: bool = True) -> dict[str, Any]:
    """Score a result.

    Parameters
    ----------
    courses
        Score the centrelines too (OV, OF, OT, AI of Schaap et al. 2009, doi:10.1016/j.media.2009.06.003); some seconds each.

    Returns
    -------
    dict
        ``labels``, ``dominance``, ``lesions`` (by number), ``false_lesions``, ``category``, and with ``courses`` ``centrelines``.
    """
    found: dict[str, Any] = {"centrelines": _courses(result.trees, truth)} if courses else {}
    lesions, taken = _lesions(result, truth)
    graded = true_grade(truth)
    found |= {
        "labels": _labels(result.trees, truth),
        "dominance": {
            "true": truth.dominance,
            "measured": None if result.dominance is None else result.dominance.value,
            "right": result.dominance is not None and result.dominance.value == truth.dominance,
        },
        "lesions": lesions,
        "false_lesions": sum(one.counts and at not in taken for at, one in enumerate(result.lesions)),
        "category": _category(result.grade, graded),
    }
    return found


def true_findings(truth: CoronaryTruth) -> CoronaryFindings:
    """Return the findings that a reader who knew the truth would make: one a segment, with its worst stenosis and its plaque."""
    segments = []
    for number in sorted(truth.segments):
        own = [one for one in truth.lesions if one.segment == number]
        percent = max((one.stenosis_percent for one in own), default=0.0)
        widths = np.concatenate([2.0 * one.reference_radius_mm[one.segment == number] for one in truth.arteries])
        segments.append(
            SegmentFinding(
                BY_NUMBER[number].code,
                Stenosis(min(percent, 100.0)) if percent else OPEN,
                plaque=any(one.composition is not Composition.STENT for one in own),
                diameter_mm=round(float(np.median(widths)), 2),
                stent=any(one.composition is Composition.STENT for one in own),
            )
        )
    return CoronaryFindings(tuple(segments))


def true_grade(truth: CoronaryTruth) -> CadRads:
    """Return the CAD-RADS that follows from the truth."""
    return grade(true_findings(truth))


def _category(measured: CadRads, true: CadRads) -> dict[str, Any]:
    apart = None
    if measured.category in _ORDER and true.category in _ORDER:
        apart = abs(_ORDER.index(measured.category) - _ORDER.index(true.category))
    return {
        "true": true.category.value,
        "measured": measured.category.value,
        "steps_apart": apart,
        "possible": [one.value for one in measured.possible],
        "true_is_possible": true.category in measured.possible,
        "text": measured.text,
        "true_text": true.text,
    }


def _labels(trees: Sequence[Tree], truth: CoronaryTruth) -> dict[str, Any]:
    """Return by segment the Dice of true and found points, and how many are right."""
    true, found, both = Counter[str](), Counter[str](), Counter[str]()
    seen: list[FloatArray] = []
    for tree in trees:
        for branch in tree:
            points = resample_polyline(branch.points_lps_mm, _STEP_MM)[1:]
            code = branch.label.code if branch.label is not None else OTHER
            for number in true_segments(truth, points, NEAR_MM):
                name = BY_NUMBER[int(number)].code if number > 0 else OTHER
                found[code] += 1
                both[name] += code == name
            seen.append(points)
    for artery in truth.arteries:
        for number in artery.segment[1:]:
            true[BY_NUMBER[int(number)].code if number > 0 else OTHER] += 1
    dice = {
        BY_NUMBER[number].code: 2.0 * both[code] / max(true[code] + found[code], 1)
        for number in sorted(truth.segments)
        if (code := BY_NUMBER[number].code)
    }
    right = sum(value >= RIGHT_FROM for value in dice.values())
    return {"segments": len(dice), "segments_right": right, "right": right == len(dice), "dice": dice}


def _lesions(result: CoronaryResult, truth: CoronaryTruth) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """Return each true lesion beside what was measured there, and which measured lesions were matched."""
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
        rows[lesion.number] = _lesion_row(result, lesion, reference, near)
    return rows, taken


def _lesion_row(result: CoronaryResult, lesion: LesionTruth, reference_mm: float, near: list[int]) -> dict[str, Any]:
    plaque = sum(lesion.volumes_mm3[name] for name in ("plaque", "lipid", "calcium"))
    row: dict[str, Any] = {
        "segment": BY_NUMBER[lesion.segment].code if lesion.segment else OTHER,
        "composition": lesion.composition.value,
        "reference_mm": reference_mm,
        "true_percent": lesion.stenosis_percent,
        "true_mla_mm2": lesion.minimal_area_mm2,
        "true_plaque_mm3": plaque,
        "true_remodelling": lesion.remodelling_index,
        "measured_percent": None,
    }
    if not near:
        return row
    numbers = {at: {one.name: one for one in result.lesion_measurements[at]} for at in near}
    worst = max(near, key=lambda at: _percent(numbers[at]).value or 0.0)
    stenosis = _percent(numbers[worst])
    low, high = stenosis.interval or (stenosis.value, stenosis.value)
    return row | {
        "measured_segment": result.lesions[worst].code,
        "measured_percent": stenosis.value,
        "low": low,
        "high": high,
        "measured_mla_mm2": numbers[worst]["minimum_lumen_area"].value,
        "measured_plaque_mm3": sum(one["plaque_volume"].value or 0.0 for one in numbers.values()),
        "measured_remodelling": numbers[worst]["remodelling_index"].value,
    }


def _percent(numbers: dict[str, Any]) -> Any:
    return next(one for name, one in numbers.items() if name.startswith("diameter_stenosis_"))


def _courses(trees: Sequence[Tree], truth: CoronaryTruth) -> dict[str, Any]:
    """Return the Rotterdam measures of each artery from the aorta to its tip, and how much of the tree was found."""
    ways = [way_to(tree, tip.id).points_lps_mm for tree in trees for tip in tree.tips]
    rows: dict[str, Any] = {}
    for name, points, radius in artery_paths(truth):
        best = min(ways, key=lambda way: _apart(points, way), default=np.empty((0, 3)))
        rows[name] = vars(evaluate_centreline(points, np.maximum(radius, 0.1), best))
    rows["whole_tree"] = _whole(trees, truth)
    return rows


def _apart(points: FloatArray, way: FloatArray) -> float:
    """Return how far a way is from a course: the mean distance of the course's points from it."""
    return float(cKDTree(way).query(points[::4])[0].mean())


def _whole(trees: Sequence[Tree], truth: CoronaryTruth) -> dict[str, float]:
    """Return which share of the true length was found within the radius, and which share of the found length is true."""
    true = [(one.points_lps_mm, one.reference_radius_mm) for one in truth.arteries]
    points, radius = (np.concatenate([pair[at] for pair in true]) for at in range(2))
    lines = [resample_polyline(one.points_lps_mm, _STEP_MM) for tree in trees for one in tree]
    if not lines:
        return {"found": 0.0, "true_of_found": 0.0}
    found = np.concatenate(lines)
    gap, _ = cKDTree(found).query(points)
    back, nearest = cKDTree(points).query(found)
    return {"found": float((gap < radius).mean()), "true_of_found": float((back < radius[nearest]).mean())}
