"""The colour of an artery section by section: its stenoses, grey where nothing was assessed, striped where it is not graded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.render.overlay import Colour

from .given_grades import given_grades
from .reader_change import GRADES, graded_codes
from .result import CoronaryResult
from .segments import BY_CODE
from .ungraded import why_ungraded
from .vessel_result import VesselResult
from .views import GRADE_COLOURS, grade_colour

NOT_ASSESSED: Colour = (150, 160, 174)
STRIPE_MM = 1.3
"""Width of the stripes of a lesion that is not graded: its colour and grey in turn, seen where a heart is printed 87 mm wide."""


def artery_colours(result: CoronaryResult, one: VesselResult) -> NDArray[np.uint8]:
    """Return the colour (N, 3) of each section of a vessel, or of each point of its line where it was not measured.

    A graded lesion has that of the gravest category that its interval, or a reader's grade, leaves possible. A segment that is
    not assessable, even in part, is grey beside its lesions, and so is what lies outside the scan: nothing is known of it. One
    that a reader graded though no lesion is graded there has that grade's colour.
    """
    if one.measured is None:
        return _all(len(one.vessel.points_lps_mm), NOT_ASSESSED)
    arc = one.measured.walls.arc_mm
    found = _all(len(arc), GRADE_COLOURS[""])
    found[unseen_sections(result, one)] = NOT_ASSESSED
    by_code = {finding.code: finding for finding in result.findings.segments}
    given = given_grades(result)
    decided = {result.lesions[at].code for at in given}
    for code, change in graded_codes(result.changes).items():
        if change.after in GRADES and code not in decided:  # graded without a lesion that it would be the grade of
            found[_inside(one, code)] = grade_colour((change.after,))
    for at, listed in enumerate(result.lesions):
        if listed.vessel != one.vessel.name:
            continue
        lesion = one.lesions[listed.number]
        inside = slice(lesion.first, lesion.last + 1)
        found[inside] = grade_colour(given.get(at, lesion.grades))
        if why_ungraded(one, listed, by_code.get(listed.code)):
            stripe = ((arc[inside] - arc[lesion.first]) / STRIPE_MM).astype(np.int64)
            found[inside][stripe % 2 == 1] = NOT_ASSESSED
    return found


def unassessed_codes(result: CoronaryResult) -> frozenset[str]:
    """Return the segments that were not assessed, or not wholly; what has no finding was not."""
    clear = {one.code for one in result.findings.segments if not one.not_assessable}
    return frozenset(set(BY_CODE) - clear)


def unseen_sections(result: CoronaryResult, one: VesselResult) -> NDArray[np.bool_]:
    """Return which sections (N,) of a measured vessel lie outside the scan or in a segment that is not assessable."""
    assert one.measured is not None
    unseen = ~one.measured.visible
    for code in unassessed_codes(result):
        unseen |= _inside(one, code)
    return np.asarray(unseen)


def _inside(one: VesselResult, code: str) -> NDArray[np.bool_]:
    """Return which sections (N,) of a measured vessel lie in a segment."""
    assert one.measured is not None
    arc = one.measured.walls.arc_mm
    inside = np.zeros(len(arc), dtype=bool)
    for part in one.vessel.stretches:
        if part.code == code:
            inside |= (arc >= part.from_mm) & (arc <= part.to_mm)
    return inside


def _all(count: int, colour: Colour) -> NDArray[np.uint8]:
    return np.tile(np.array(colour, dtype=np.uint8), (count, 1))
