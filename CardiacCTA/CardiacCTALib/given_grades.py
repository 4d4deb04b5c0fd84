"""What a reader's grade of a segment says of its lesions."""

from __future__ import annotations

from .constants import STENT_IMPLIES_PLAQUE
from .findings import SegmentFinding
from .high_risk import present_features
from .patient_findings import is_plaque
from .reader_change import GRADES, graded_codes
from .result import CoronaryResult
from .ungraded import why_ungraded

NO_STENOSIS, PLAQUE_ONLY = "0", "1"
"""What a reader grades who sees no stenosis, and what that makes of a plaque: category 0 is neither stenosis nor plaque, plaque
without stenosis is category 1 (CAD-RADS 2.0, Cury et al. 2022, doi:10.1016/j.jcmg.2022.07.002, table 2)."""


def given_grades(result: CoronaryResult) -> dict[int, tuple[str, ...]]:
    """Return the categories of lesions that a reader's grade of their segment decides, by their places in ``result.lesions``.

    It is the grade of the worst graded lesion there, and no other is graver: what the interval of another leaves beyond it is
    gone. A grade is of the stenosis and takes no plaque away: without stenosis, a lesion that has plaque is 1, as the patient is
    by it. Who sees no plaque either draws the walls so. Lesions whose categories stay as measured, and those that are not graded,
    are not in it.
    """
    found: dict[int, tuple[str, ...]] = {}
    order = list(GRADES)
    by_code = {finding.code: finding for finding in result.findings.segments}
    for code, change in graded_codes(result.changes).items():
        if change.after not in GRADES:
            continue
        lesions = {}
        for at, one in enumerate(result.lesions):
            vessel = result.vessel(one.vessel)
            if one.code == code and one.counts and not why_ungraded(vessel, one, by_code.get(code)):
                lesions[at] = vessel.lesions[one.number]
        worst = max(lesions, key=lambda at: lesions[at].narrowings[0].diameter_stenosis_percent.value, default=None)
        for at, lesion in lesions.items():
            if change.after == NO_STENOSIS:
                found[at] = (_without_stenosis(result, at, by_code.get(code)),)
                continue
            left = tuple(one for one in lesion.grades if order.index(one) <= order.index(change.after)) or (change.after,)
            if at == worst or left != lesion.grades:
                found[at] = (change.after,) if at == worst else left
    return found


def without_stenosis(result: CoronaryResult) -> frozenset[str]:
    """Return the segments in which a reader sees no stenosis."""
    return frozenset(code for code, change in graded_codes(result.changes).items() if change.after == NO_STENOSIS)


def _without_stenosis(result: CoronaryResult, at: int, finding: SegmentFinding | None) -> str:
    """Return the category of a lesion that is no stenosis: by its plaque, and under a stent, which is disease.

    What is plaque here is so for the patient: see :func:`plaque_burden.has_plaque`.
    """
    plaque = result.vessel(result.lesions[at].vessel).lesion_plaques[result.lesions[at].number]
    if finding is not None and finding.stent:
        return PLAQUE_ONLY if STENT_IMPLIES_PLAQUE else NO_STENOSIS
    return PLAQUE_ONLY if is_plaque(plaque) or present_features(plaque.features) else NO_STENOSIS
