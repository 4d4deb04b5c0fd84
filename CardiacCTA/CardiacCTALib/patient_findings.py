"""From measured vessels and the quality list to what grading needs: one finding a segment, with what cannot be assessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .constants import GRADED_ABOVE_MM, MODERATE_FROM
from .findings import OPEN, CoronaryFindings, GraftFinding, SegmentFinding, Stenosis
from .heart_segmentation import Graft
from .high_risk import present_features
from .issues import Consequence, Issue, QualityItem
from .labels import CoronaryLabels
from .plaque import LesionPlaque
from .segments import SEGMENTS, Artery, segment_of
from .stenosis import LESION_FROM, Lesion, finding_of
from .vessel_result import VesselResult
from .vessels import Stretch, code_of

PLAQUE_MM3 = 3.0
"""Least volume of a plaque that is said to be there. Chosen: what noise feigns along 3 mm of a small artery."""
APART_MM = 4.0
EDGE_MM, EDGE_LESION_MM = 1.5, 5.0
"""A short narrowing whose narrowest place lies this near to an end of its line is none: lines begin in the aorta. Chosen."""
REASONS = {
    Issue.GAP: "a gap was bridged",
    Issue.STEP: "motion",
    Issue.THICK: "slices too thick",
    Issue.WEAK_CONTRAST: "weak contrast",
    Issue.WEAK_VESSEL: "weak contrast",
    Issue.OUTSIDE: "outside the scan",
    Issue.STENT: "stent",
    Issue.STENT_OR_CALCIUM: "stent or calcium all round",
    Issue.CALCIUM: "calcium all round",
    Issue.NOT_MEASURED: "not measured",
    Issue.NO_SCAN_MODEL: "sharpness of the scan not known",
    Issue.NO_DIVISION: "left main not delimited",
}
"""Why a segment cannot be assessed, in a few words (message ids)."""
NOT_FOLLOWED = "not measured"
GRAFT_SEEN, FED_WITHIN_MM = "seen, not graded", 8.0


@dataclass(frozen=True)
class SegmentLesion:
    """A lesion with its place: vessel, number on it (from 0), segment, and whether it counts for grading."""

    vessel: str
    number: int
    code: str
    counts: bool


def is_plaque(plaque: LesionPlaque) -> bool:
    """Tell whether a lesion holds plaque beyond what noise feigns."""
    return plaque.volumes.total >= PLAQUE_MM3


def counts(one: VesselResult, lesion: Lesion, plaque: LesionPlaque) -> bool:
    """Tell whether a narrowing is a lesion for grading.

    It has plaque, or is narrow beyond doubt; lies in an artery over 1.5 mm; and is more than the end of the line, where a
    section meets the aorta's wall or has no lumen left.
    """
    first = lesion.narrowings[0]
    if one.measured is not None:
        arc = float(one.measured.walls.arc_mm[lesion.narrowest])
        end = float(one.measured.walls.arc_mm[-1])
        if min(arc, end - arc) < EDGE_MM and lesion.length_mm < EDGE_LESION_MM:
            return False
    sure = first.diameter_stenosis_percent.low >= 100.0 * LESION_FROM
    return (sure or is_plaque(plaque) or lesion.occluded) and first.reference_mm.value > GRADED_ABOVE_MM


def lesions_of(vessels: Sequence[VesselResult]) -> tuple[SegmentLesion, ...]:
    """Return every lesion with the segment it counts for; those on unnamed stretches have none."""
    found = []
    for one in vessels:
        for number, (lesion, plaque) in enumerate(zip(one.lesions, one.lesion_plaques, strict=True)):
            part = one.stretch_of(lesion)
            code = "" if part is None else part.code
            found.append(SegmentLesion(one.vessel.name, number, code, bool(code) and counts(one, lesion, plaque)))
    return tuple(found)


def patient_findings(
    labels: CoronaryLabels,
    vessels: Sequence[VesselResult],
    quality: Sequence[QualityItem],
    agatston: float | None = None,
    stents: Collection[str] = (),
    grafts: tuple[GraftFinding, ...] = (),
) -> CoronaryFindings:
    """Return the findings of a patient.

    Parameters
    ----------
    stents
        Codes of segments that are known to hold a stent: graded as they are measured, and said.
    grafts
        Bypass grafts that were seen.

    Segments that every heart has and that were not found are missing here, and grading takes them for not assessable.
    """
    blocked = _blocked(quality)
    whole = next((REASONS[one.issue] for one in quality if _blocks(one) and not one.segments and one.issue in REASONS), "")
    segments: dict[str, SegmentFinding] = {}
    for one in vessels:
        for part in one.vessel.stretches:
            segments.setdefault(part.code, _segment(one, part, blocked.get(part.code, []), whole))
    for code in labels.present - set(segments):
        segments[code] = SegmentFinding(code, None, NOT_FOLLOWED, diameter_mm=_tree_width(labels, code))
    order = {segment.code: segment.number for segment in SEGMENTS}
    absent = frozenset({"LM"} if any(one.issue is Issue.TWO_LEFT for one in quality) else ())
    for code in set(stents) & set(segments):
        segments[code] = replace(segments[code], stent=True, plaque=False)
    found = tuple(sorted(segments.values(), key=lambda finding: order[finding.code]))
    return CoronaryFindings(found, absent - set(segments), grafts, agatston)


def graft_finding(graft: Graft, labels: CoronaryLabels) -> GraftFinding:
    """Return the finding of a graft: seen, never graded."""
    fed = fed_by(graft, labels)
    return GraftFinding("graft" if fed is None else f"graft to the {fed.value}", fed, None, GRAFT_SEEN)


def fed_by(graft: Graft, labels: CoronaryLabels) -> Artery | None:
    """Return the artery that a graft meets: that of the nearest named branch; None where none is near."""
    end = graft.points_lps_mm[-1]
    best, found = FED_WITHIN_MM, None
    for tree in labels.trees:
        for one in tree:
            code = code_of(one)[0]
            gap = float(np.linalg.norm(one.points_lps_mm - end, axis=1).min())
            if code and gap < best:
                best, found = gap, segment_of(code).artery
    return None if found is Artery.LM else found


def _blocks(item: QualityItem) -> bool:
    return item.consequence is Consequence.NOT_ASSESSABLE


def _blocked(quality: Sequence[QualityItem]) -> dict[str, list[QualityItem]]:
    found: dict[str, list[QualityItem]] = {}
    for one in quality:
        if _blocks(one) and one.issue in REASONS:
            for code in one.segments:
                found.setdefault(code, []).append(one)
    return found


def _segment(one: VesselResult, part: Stretch, blocked: list[QualityItem], whole: str) -> SegmentFinding:
    width = one.healthy_mm(part)
    pairs = [
        (lesion, plaque)
        for lesion, plaque in zip(one.lesions, one.lesion_plaques, strict=True)
        if (place := one.stretch_of(lesion)) is not None and place.code == part.code and counts(one, lesion, plaque)
    ]
    stent = any(item.issue is Issue.STENT for item in blocked)
    features = tuple(present_features(plaque.features) for _, plaque in pairs if present_features(plaque.features))
    plaque_seen = any(is_plaque(plaque) for _, plaque in pairs) and not stent
    clear = [lesion for lesion, _ in pairs if _apart(one, lesion, blocked)]
    stenoses = [finding_of(lesion) for lesion in (clear if blocked else [lesion for lesion, _ in pairs])]
    worst = max(stenoses, key=lambda found: found.percent, default=OPEN)
    reason = whole or (REASONS[blocked[0].issue] if blocked else "") or ("" if one.measured is not None else NOT_FOLLOWED)
    if blocked and not whole and worst.percent >= MODERATE_FROM:
        reason = ""  # beside what is hidden there is a stenosis that counts whatever is hidden
    stenosis: Stenosis | None = None if reason else worst
    return SegmentFinding(
        part.code, stenosis, reason, plaque_seen, () if stent or reason else features,
        None if width is None else round(width, 2), stent,
    )  # fmt: skip


def _apart(one: VesselResult, lesion: Lesion, blocked: Sequence[QualityItem]) -> bool:
    """Tell whether a lesion lies away from all that hides its segment."""
    if one.measured is None:
        return False
    inside = one.measured.line_lps_mm[lesion.first : lesion.last + 1]
    for item in blocked:
        if item.point_lps_mm is None or item.issue not in (
            Issue.STEP,
            Issue.GAP,
            Issue.STENT,
            Issue.STENT_OR_CALCIUM,
            Issue.CALCIUM,
        ):
            return False
        if float(np.linalg.norm(inside - np.array(item.point_lps_mm), axis=1).min()) < APART_MM:
            return False
    return True


def _tree_width(labels: CoronaryLabels, code: str) -> float | None:
    widths = [one.diameter_mm for tree in labels.trees for one in tree if one.label is not None and one.label.code == code]
    return round(max(widths), 2) if widths else None
