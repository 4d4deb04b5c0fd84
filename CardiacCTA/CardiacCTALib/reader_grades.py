"""A reader's grade of a segment in a result: the stenosis that it gives, and what was measured there and counts again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .artefacts import is_artefact
from .findings import CoronaryFindings, SegmentFinding, Stenosis
from .patient_findings import counts, held_in
from .reader_change import GRADES, NOT_ASSESSED, ReaderChange
from .result import CoronaryResult
from .vessel_result import VesselResult

BY_READER = "by the reader"


def regraded(result: CoronaryResult, plain: CoronaryResult, change: ReaderChange) -> CoronaryResult:
    """Give a segment the reader's grade: the measured value where it lies within it, else the nearest that does.

    Parameters
    ----------
    plain
        The result with all other changes and no grade by hand.
    """
    was = next(one for one in plain.findings.segments if one.code == change.subject)
    new = _not_assessed(was) if change.after == NOT_ASSESSED else read_again(_graded(was, change.after), result.vessels)
    segments = tuple(new if one.code == change.subject else one for one in result.findings.segments)
    lesions = tuple(
        replace(one, counts=True) if new.by_reader and one.code == new.code and _made(result, one.vessel, one.number) else one
        for one in result.lesions
    )
    return replace(result, findings=replace(result.findings, segments=segments), lesions=lesions)


def read_codes(findings: CoronaryFindings) -> frozenset[str]:
    """Return the segments that a reader graded."""
    return frozenset(one.code for one in findings.segments if one.by_reader)


def read_again(finding: SegmentFinding, vessels: Sequence[VesselResult]) -> SegmentFinding:
    """Return the finding of a segment that a reader graded, with the plaque and its signs that were measured there.

    Who grades a segment says that it can be assessed, and says nothing of plaque: what was measured counts as certain as it was
    measured, no more. Signs that lie on a step or in streaks of metal were made "not certain" (``artefacts``), because such signs
    are a matter of single voxels, which no grade vouches for: they stay so and are listed. Under a stent nothing is taken for
    plaque.
    """
    places = ((one, part) for one in vessels for part in one.vessel.stretches if part.code == finding.code)
    place = next(places, None)
    if place is None or finding.stent:
        return finding
    held = held_in(*place, read=True)
    widths = [mm for mm in (finding.diameter_mm, held.width_mm) if mm is not None]
    return replace(
        finding, plaque=held.plaque, plaque_features=held.features, doubtful_features=held.doubtful,
        diameter_mm=max(widths, default=None),
    )  # fmt: skip


def _not_assessed(was: SegmentFinding) -> SegmentFinding:
    unseen = replace(was, plaque_features=(), doubtful_features=(), at_limit=None, if_narrow=None, by_reader=False)
    return replace(unseen, stenosis=None, not_assessable=BY_READER)


def _graded(was: SegmentFinding, grade: str) -> SegmentFinding:
    low, high = GRADES[grade]
    measured = low if was.stenosis is None else was.stenosis.percent
    stenosis = Stenosis(min(max(measured, low), high), (low, high))
    return replace(was, stenosis=stenosis, not_assessable="", at_limit=None, if_narrow=None, by_reader=True)


def _made(result: CoronaryResult, vessel: str, number: int) -> bool:
    """Tell whether a lesion that the scan may have made counts once its segment was read."""
    one = result.vessel(vessel)
    lesion = one.lesions[number]
    return is_artefact(lesion) and counts(lesion, one.lesion_plaques[number], read=True)
