"""What a reader's grade of a segment says of its lesions."""

from __future__ import annotations

from .reader_change import GRADES, graded_codes
from .result import CoronaryResult
from .ungraded import why_ungraded


def given_grades(result: CoronaryResult) -> dict[int, tuple[str, ...]]:
    """Return the categories of lesions that a reader's grade of their segment decides, by their places in ``result.lesions``.

    It is the grade of the worst graded lesion there, and no other is graver: what the interval of another leaves beyond it is
    gone. Lesions whose categories stay as measured, and those that are not graded, are not in it.
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
            left = tuple(one for one in lesion.grades if order.index(one) <= order.index(change.after)) or (change.after,)
            if at == worst or left != lesion.grades:
                found[at] = (change.after,) if at == worst else left
    return found
