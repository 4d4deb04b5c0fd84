"""What may be said of arteries that were not, or not wholly, assessed: never that nothing is there."""

from __future__ import annotations

from ..cadrads_category import counts_by_size
from ..findings import SegmentFinding
from ..result import CoronaryResult
from ..segments import Artery
from .words import Words

VESSEL_ORDER = (Artery.LM, Artery.LAD, Artery.LCX, Artery.RCA)
"""The order in which the main arteries are named everywhere; the ramus counts for the LCx."""


def any_assessed(result: CoronaryResult) -> bool:
    """Tell whether a segment was assessed at all."""
    return any(one.stenosis is not None for one in result.findings.segments)


def all_assessed(result: CoronaryResult) -> bool:
    """Tell whether nothing that is wide enough to be graded was left out."""
    return not any(one.stenosis is None and counts_by_size(one) for one in result.findings.segments)


def greatest_stenosis(result: CoronaryResult, vessel: Artery, words: Words) -> str:
    """Return the greatest stenosis of a main artery; where there is none, whether all of it was assessed."""
    percent = dict(result.grade.worst_percent).get(vessel, 0)
    if percent:
        return f"{percent} %"
    own = [one for one in result.findings.segments if one.segment.vessel is vessel]
    return _none(own, words)


def _none(own: list[SegmentFinding], words: Words) -> str:
    if not any(one.stenosis is not None for one in own):
        return words.say("not assessed")
    if any(one.stenosis is None and counts_by_size(one) for one in own):
        return words.say("none seen, partly not assessed")
    return words.say("none")
