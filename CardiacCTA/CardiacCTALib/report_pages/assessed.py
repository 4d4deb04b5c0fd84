"""What may be said of arteries that were not, or not wholly, assessed: never that nothing is there."""

from __future__ import annotations

from ..cadrads_category import counts_by_size
from ..findings import SegmentFinding
from ..patient_findings import is_plaque
from ..result import CoronaryResult
from ..segments import SEGMENTS, Artery, Segment
from ..vessel_result import VesselResult
from .rows import LesionRow, lesion_rows
from .words import Words, label_of

VESSEL_ORDER = (Artery.LM, Artery.LAD, Artery.LCX, Artery.RCA)
"""The order in which the main arteries are named everywhere; the ramus counts for the LCx."""
NOT_FOUND = label_of("not found")


def any_assessed(result: CoronaryResult) -> bool:
    """Tell whether a segment was assessed at all."""
    return any(one.stenosis is not None for one in result.findings.segments)


def all_assessed(result: CoronaryResult) -> bool:
    """Tell whether nothing that is wide enough to be graded was left out, and nothing is missing that every heart has."""
    left_out = any(one.stenosis is None and counts_by_size(one) for one in result.findings.segments)
    return not left_out and not missing_segments(result)


def missing_segments(result: CoronaryResult) -> tuple[Segment, ...]:
    """Return the segments that every heart has and that were not found in this one."""
    known = {one.code for one in result.findings.segments} | result.findings.absent
    return tuple(one for one in SEGMENTS if one.constant and one.code not in known)


def unassessed(result: CoronaryResult) -> tuple[tuple[str, str], ...]:
    """Return code and reason (message id) of all that was not assessed or not wholly, by SCCT number; what is missing too."""
    reasons = {one.code: one.not_assessable for one in result.findings.segments if one.not_assessable}
    reasons |= {one.code: NOT_FOUND for one in missing_segments(result)}
    return tuple((one.code, reasons[one.code]) for one in SEGMENTS if one.code in reasons)


def greatest_stenosis(result: CoronaryResult, vessel: Artery, words: Words) -> str:
    """Return the greatest graded stenosis of a main artery, what of it was not assessed, and what lies there ungraded."""
    percent = dict(result.grade.worst_percent).get(vessel, 0)
    own = [one for one in result.findings.segments if one.segment.vessel is vessel]
    assessed = any(one.stenosis is not None for one in own)
    listed = [row for row in lesion_rows(result) if row.reason]
    rows = [row for row in listed if row.code in {one.code for one in own}]
    if not assessed:
        return _joined((words.say("not assessed"), *_beside(rows, words)), words)
    blind = [one for one in own if one.not_assessable and counts_by_size(one) and not one.bypassed]
    said = [_blind(one, [row for row in rows if row.code == one.code], words) for one in blind]
    missing = [one for one in missing_segments(result) if one.vessel is vessel]
    said += [words.say("{segment} not found", segment=one.code) for one in missing]
    rest = [row for row in rows if row.code not in {one.code for one in blind}]
    if percent:
        return _joined((f"{percent} %", *said, *_beside([row for row in rest if row.percent > percent], words)), words)
    beside = _beside(rest, words)
    if not said:
        return _joined((words.say("none graded") if beside else words.say("none"), *beside), words)
    return _joined((*said, *beside, words.say("none elsewhere")), words)


def _joined(parts: tuple[str, ...], words: Words) -> str:
    return words.say(", ").join(parts)


def _blind(one: SegmentFinding, rows: list[LesionRow], words: Words) -> str:
    """Return that a segment is not assessable, why, and the greatest lesion that lies there ungraded."""
    reason = words.reason(one.not_assessable)
    if not rows:
        if one.stenosis is None:
            return words.say("{segment} not assessable: {reason}", segment=one.code, reason=reason)
        return words.say("{segment} in part not assessable: {reason}", segment=one.code, reason=reason)
    worst = max(rows, key=lambda row: row.percent)
    return words.say(
        "{segment} not assessable: {reason} ({lesion} of {percent} lies there, not graded)",
        segment=one.code, reason=reason, lesion=worst.name, percent=words.with_unit(worst.percent, "%"),
    )  # fmt: skip


def _beside(rows: list[LesionRow], words: Words) -> tuple[str, ...]:
    """Return the greatest of some ungraded lesions with the reason; nothing without any."""
    if not rows:
        return ()
    worst = max(rows, key=lambda row: row.percent)
    return (
        words.say(
            "{lesion} {segment} of {percent} not graded: {reason}",
            lesion=worst.name, segment=worst.code, percent=words.with_unit(worst.percent, "%"), reason=words.reason(worst.reason),
        ),
    )  # fmt: skip


def ungraded_plaque(result: CoronaryResult) -> tuple[LesionRow, ...]:
    """Return the ungraded lesions that hold plaque which no segment is credited with."""
    credited = {one.code for one in result.findings.segments if one.plaque}
    return tuple(row for row in lesion_rows(result) if row.reason and is_plaque(row.plaque) and row.code not in credited)


def blind_codes(result: CoronaryResult, one: VesselResult) -> tuple[str, ...]:
    """Return the segments of a vessel that were not assessed, or not wholly."""
    blind = {code for code, _ in unassessed(result)}
    return tuple(part.code for part in one.vessel.stretches if part.code in blind)
