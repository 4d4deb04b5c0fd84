"""A coronary result against the truth of a digital patient: centrelines, names, stenoses, plaque and category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.phantom.coronary_trees import true_segments
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.tubes.tree import Tree

from .cadrads import CadRads
from .cadrads_category import Category
from .centreline_scores import SAME_SHARE, SAME_WITHIN_MM, centreline_scores, same_patient
from .label_names import OTHER
from .lesion_scores import NEAR_MM, lesion_scores, sign_counts
from .result import CoronaryResult
from .segments import BY_NUMBER
from .true_findings import true_grade

RIGHT_FROM = 0.8
"""A segment is named right from this Dice on, of its true and its found points: its borders may lie some mm apart."""
_STEP_MM = 0.25
_STEPS = ((Category.NONE,), (Category.MINIMAL,), (Category.MILD,), (Category.MODERATE,),
          (Category.SEVERE, Category.SEVERE_EXTENSIVE), (Category.OCCLUDED,))  # fmt: skip
_STEP_OF = {category: step for step, categories in enumerate(_STEPS) for category in categories}
"""Steps of severity: 4A and 4B are one, because they differ by how many vessels are affected."""


def score_result(result: CoronaryResult, truth: CoronaryTruth, courses: bool = True) -> dict[str, Any]:
    """Score a result.

    Parameters
    ----------
    courses
        Score the centrelines too (OV, OF, OT, AI of Schaap et al. 2009, doi:10.1016/j.media.2009.06.003); some seconds each.

    Returns
    -------
    dict
        ``labels``, ``dominance``, ``lesions`` (by number), ``false_lesions``, ``signs``, ``burden``, ``category``, and with
        ``courses`` ``centrelines``.

    Raises
    ------
    InputError
        When the result's arteries do not lie where the truth's do: it is of another patient, or in another frame.
    """
    if not same_patient(result.trees, truth):
        raise InputError(
            "The result and the truth are not of one scan: the arteries that were found do not lie where the truth has them.",
            detail=f"under {SAME_SHARE:.0%} of the centrelines of either lie within {SAME_WITHIN_MM} mm of the other's",
        )
    found: dict[str, Any] = {"centrelines": centreline_scores(result.trees, truth)} if courses else {}
    lesions, taken = lesion_scores(result, truth)
    graded = true_grade(truth)
    found |= {
        "labels": label_scores(result.trees, truth),
        "dominance": {
            "true": truth.dominance,
            "measured": None if result.dominance is None else result.dominance.value,
            "right": result.dominance is not None and result.dominance.value == truth.dominance,
        },
        "lesions": lesions,
        "false_lesions": sum(one.counts and at not in taken for at, one in enumerate(result.lesions)),
        "signs": sign_counts(lesions),
        "burden": _burden(result.grade, graded),
        "category": _category(result.grade, graded),
    }
    return found


def _category(measured: CadRads, true: CadRads) -> dict[str, Any]:
    apart = None
    if measured.category in _STEP_OF and true.category in _STEP_OF:
        apart = abs(_STEP_OF[measured.category] - _STEP_OF[true.category])
    return {
        "true": true.category.value,
        "measured": measured.category.value,
        "steps_apart": apart,
        "possible": [one.value for one in measured.possible],
        "true_is_possible": true.category in measured.possible,
        "text": measured.text,
        "true_text": true.text,
    }


def _burden(measured: CadRads, true: CadRads) -> dict[str, Any]:
    """Return the plaque burden; the true one goes by the segments involved, because no truth of the calcium score is known."""
    return {
        "involved_segments": {"true": true.burden.involved_segments, "measured": measured.burden.involved_segments},
        "by_segments": {"true": true.burden.by_involvement, "measured": measured.burden.by_involvement},
        "by_calcium_score": measured.burden.by_calcium,
        "reported": measured.burden.level,
    }


def label_scores(trees: Sequence[Tree], truth: CoronaryTruth) -> dict[str, Any]:
    """Score the names of trees.

    Returns
    -------
    dict
        ``dice`` of true and found points by SCCT code, how many ``segments`` there are and are right, and whether all are.
    """
    true, found, both = Counter[str](), Counter[str](), Counter[str]()
    for tree in trees:
        for branch in tree:
            points = resample_polyline(branch.points_lps_mm, _STEP_MM)[1:]
            code = branch.label.code if branch.label is not None else OTHER
            for number in true_segments(truth, points, NEAR_MM):
                name = BY_NUMBER[int(number)].code if number > 0 else OTHER
                found[code] += 1
                both[name] += code == name
    for artery in truth.arteries:
        for number in artery.segment[1:]:
            true[BY_NUMBER[int(number)].code if number > 0 else OTHER] += 1
    dice = {
        BY_NUMBER[number].code: 2.0 * min(both[code], true[code]) / max(true[code] + found[code], 1)
        for number in sorted(truth.segments)
        if (code := BY_NUMBER[number].code)
    }
    right = sum(value >= RIGHT_FROM for value in dice.values())
    return {"segments": len(dice), "segments_right": right, "right": right == len(dice), "dice": dice}
