"""From measured vessels and the quality list to what grading needs: one finding a segment, with what cannot be assessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from .artefacts import HIDING, is_artefact, lies_at
from .bypass import is_bypassed, with_left_main
from .constants import GRADED_ABOVE_MM, HIGH_RISK_FEATURES, MODERATE_FROM
from .findings import OPEN, CoronaryFindings, Feature, GraftFinding, SegmentFinding, Stenosis
from .high_risk import doubtful_features, present_features
from .issues import LABELS, NO_LEFT_MAIN, STENTS, Consequence, Issue, QualityItem
from .labels import CoronaryLabels
from .listing import NEAR_END, sure_narrowing
from .plaque import LesionPlaque
from .segments import SEGMENTS
from .stenosis import Lesion, finding_of
from .vessel_result import VesselResult
from .vessels import Stretch

PLAQUE_MM3 = 3.0
"""Least volume of a plaque that is said to be there. Chosen: what noise feigns along 3 mm of a small artery."""
REASONS = {
    Issue.GAP: "a gap was bridged",
    Issue.TIP: "not followed to its end",
    Issue.STEP: "motion",
    Issue.STREAKS: "metal streaks",
    **dict.fromkeys(LABELS, "name not certain"),
    Issue.THICK: "slices too thick",
    Issue.WEAK_CONTRAST: "weak contrast",
    Issue.WEAK_VESSEL: "weak contrast",
    Issue.OUTSIDE: "outside the scan",
    Issue.STENT: "stent",
    Issue.STENT_LIKELY: "stent",
    Issue.STENT_TOLD: "stent",
    Issue.STENT_OR_CALCIUM: "stent or calcium all round",
    Issue.CALCIUM: "calcium all round",
    Issue.NOT_MEASURED: "not measured",
    Issue.NO_SCAN_MODEL: "sharpness of the scan not known",
    Issue.NO_DIVISION: "left main not delimited",
}
"""Why a segment cannot be assessed, in a few words (message ids)."""
NOT_FOLLOWED = "not measured"


@dataclass(frozen=True)
class SegmentLesion:
    """A lesion with its place: vessel, number on it (from 0), segment, and whether it counts for grading."""

    vessel: str
    number: int
    code: str
    counts: bool


def is_plaque(plaque: LesionPlaque) -> bool:
    """Tell whether a lesion holds plaque beyond what noise feigns: enough of it, and an interval that leaves some."""
    total = plaque.volumes.estimate("total")
    return plaque.volumes.total >= PLAQUE_MM3 and (total is None or total.low > 0.0)


def counts(lesion: Lesion, plaque: LesionPlaque, read: bool = False) -> bool:
    """Tell whether a listed lesion counts for grading.

    It has plaque, or is narrow beyond doubt; and lies in an artery over 1.5 mm. At the end of a line, where a section meets the
    aorta's wall or has no lumen left, plaque must be seen. What a step or streaks of metal may have made counts where the segment
    was ``read``: a reader who grades it says what is there.
    """
    made = read and is_artefact(lesion)
    return lesion.narrowings[0].reference_mm.value > GRADED_ABOVE_MM and (made or _is_lesion(lesion, plaque))


def _is_lesion(lesion: Lesion, plaque: LesionPlaque) -> bool:
    """Tell whether what is listed is a lesion beyond doubt, however wide its artery."""
    if is_artefact(lesion):
        return False
    if is_plaque(plaque) or lesion.occluded:
        return True
    percent = lesion.narrowings[0].diameter_stenosis_percent
    return sure_narrowing(percent.value, percent.low) and NEAR_END not in lesion.remarks


def lesions_of(vessels: Sequence[VesselResult], read: Collection[str] = ()) -> tuple[SegmentLesion, ...]:
    """Return every lesion with the segment it counts for; those on unnamed stretches have none.

    Parameters
    ----------
    read
        Codes of segments that a reader graded.
    """
    found = []
    for one in vessels:
        for number, (lesion, plaque) in enumerate(zip(one.lesions, one.lesion_plaques, strict=True)):
            part = one.stretch_of(lesion)
            code = "" if part is None else part.code
            found.append(SegmentLesion(one.vessel.name, number, code, bool(code) and counts(lesion, plaque, code in read)))
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
        Codes of segments that are known to hold a stent.
    grafts
        Bypass grafts that were seen.

    Segments that every heart has and that were not found are missing here, and grading takes them for not assessable.
    """
    segments: dict[str, SegmentFinding] = {}
    for one in vessels:
        for finding in vessel_findings(one, quality):
            segments.setdefault(finding.code, finding)
    for code in labels.present - set(segments):
        segments[code] = SegmentFinding(code, None, NOT_FOLLOWED, diameter_mm=_tree_width(labels, code))
    order = {segment.code: segment.number for segment in SEGMENTS}
    absent = frozenset({"LM"} if any(one.issue in NO_LEFT_MAIN for one in quality) else ())
    for code in set(stents) & set(segments):
        segments[code] = replace(segments[code], stent=True, plaque=False)
    found = tuple(sorted(segments.values(), key=lambda finding: order[finding.code]))
    return with_left_main(CoronaryFindings(found, absent - set(segments), grafts, agatston))


def vessel_findings(one: VesselResult, quality: Sequence[QualityItem]) -> tuple[SegmentFinding, ...]:
    """Return the findings of one vessel's segments, proximal first; stents that only the user knows of are not in them."""
    blocked = _blocked(quality)
    whole = next((REASONS[item.issue] for item in quality if _blocks(item) and not item.segments and item.issue in REASONS), "")
    return tuple(_segment(one, part, blocked.get(part.code, []), whole) for part in one.vessel.stretches)


def _blocks(item: QualityItem) -> bool:
    return item.consequence is Consequence.NOT_ASSESSABLE


def _blocked(quality: Sequence[QualityItem]) -> dict[str, list[QualityItem]]:
    found: dict[str, list[QualityItem]] = {}
    for one in quality:
        if _blocks(one) and one.issue in REASONS:
            for code in one.segments:
                found.setdefault(code, []).append(one)
    return found


@dataclass(frozen=True, eq=False)
class Held:
    """What the lesions that count in a segment hold: see :class:`findings.SegmentFinding`; plaque, in arteries of 1.5 mm and less
    too, where it is disease although no stenosis is graded. ``narrow`` are those lesions with plaque that their artery's width
    keeps from counting."""

    lesions: tuple[Lesion, ...]
    narrow: tuple[Lesion, ...]
    plaque: bool
    features: tuple[frozenset[Feature], ...]
    doubtful: tuple[frozenset[Feature], ...]
    width_mm: float | None


def held_in(one: VesselResult, part: Stretch, read: bool = False) -> Held:
    """Return what the lesions that count in a segment hold.

    Parameters
    ----------
    read
        Whether a reader graded the segment: see :func:`counts`.
    """
    inside = [
        (lesion, plaque)
        for lesion, plaque in zip(one.lesions, one.lesion_plaques, strict=True)
        if (place := one.stretch_of(lesion)) is not None and place.code == part.code
    ]
    pairs = [(lesion, plaque) for lesion, plaque in inside if counts(lesion, plaque, read)]
    seen = [lesion for lesion, plaque in inside if is_plaque(plaque) and (read or not is_artefact(lesion))]
    narrow = tuple(lesion for lesion in seen if lesion.narrowings[0].reference_mm.value <= GRADED_ABOVE_MM)
    # a segment tapers: where a lesion lies in a wide enough part of it, it is graded
    widths = [one.healthy_mm(part), *(lesion.narrowings[0].reference_mm.value for lesion, _ in pairs)]
    width = max((mm for mm in widths if mm is not None), default=None)
    doubtful = tuple(
        both
        for _, plaque in pairs
        if len(both := present_features(plaque.features) | doubtful_features(plaque.features)) >= HIGH_RISK_FEATURES
        and len(present_features(plaque.features)) < HIGH_RISK_FEATURES
    )
    return Held(
        tuple(lesion for lesion, _ in pairs), narrow, bool(seen),
        tuple(present_features(plaque.features) for _, plaque in pairs if present_features(plaque.features)), doubtful,
        None if width is None else round(width, 2),
    )  # fmt: skip


def _segment(one: VesselResult, part: Stretch, blocked: list[QualityItem], whole: str) -> SegmentFinding:
    bypassed, held = is_bypassed(one, part.to_mm, part.code), held_in(one, part)
    stent = any(item.issue in STENTS for item in blocked)
    small = held.width_mm is not None and held.width_mm <= GRADED_ABOVE_MM
    listed = held.narrow if small else held.lesions  # in a small segment no stenosis is graded, and what was measured is told
    graded = [lesion for lesion in listed if bypassed or part.code == "LM" or one.arc_of(lesion) >= one.bypassed_mm]
    clear = [lesion for lesion in graded if _apart(one, lesion, blocked)]
    stenoses = [finding_of(lesion) for lesion in (clear if blocked else graded)]
    worst = _worst(stenoses)
    sure = _worst([finding_of(lesion) for lesion in (clear if blocked else graded) if not at_border(lesion)])
    reason = whole or (REASONS[blocked[0].issue] if blocked else "") or ("" if one.measured is not None else NOT_FOLLOWED)
    # a stenosis beside what is hidden counts whatever is hidden, which is said all the same
    beside = bool(blocked) and not whole and worst.percent >= MODERATE_FROM
    stenosis: Stenosis | None = worst if beside or not reason else None
    unseen = stent or stenosis is None
    return SegmentFinding(
        part.code, stenosis, reason, held.plaque and not stent, () if unseen else held.features,
        () if unseen else held.doubtful, held.width_mm, stent, bypassed, _at_limit(one, part),
        None if stenosis is not worst or small or sure.percent == worst.percent else sure,
    )  # fmt: skip


def _worst(stenoses: Sequence[Stenosis]) -> Stenosis:
    return max(stenoses, key=lambda found: found.percent, default=OPEN)


def at_border(lesion: Lesion) -> bool:
    """Tell whether a lesion's artery is wide enough for it to be graded, and by its interval may not be."""
    width = lesion.narrowings[0].reference_mm
    return width.low <= GRADED_ABOVE_MM < width.value


def _at_limit(one: VesselResult, part: Stretch) -> Stenosis | None:
    """Return the worst stenosis that only a width of about 1.5 mm keeps from being graded."""
    found = [
        finding_of(lesion)
        for lesion, plaque in zip(one.lesions, one.lesion_plaques, strict=True)
        if (place := one.stretch_of(lesion)) is not None
        and place.code == part.code
        and lesion.narrowings[0].reference_mm.value <= GRADED_ABOVE_MM < lesion.narrowings[0].reference_mm.high
        and _is_lesion(lesion, plaque)
    ]
    return max(found, key=lambda stenosis: stenosis.percent, default=None)


def _apart(one: VesselResult, lesion: Lesion, blocked: Sequence[QualityItem]) -> bool:
    """Tell whether a lesion lies away from all that hides its segment; names and ends hide nothing seen."""
    hiding = [item for item in blocked if item.issue not in (*LABELS, Issue.TIP, Issue.OUTSIDE)]
    if one.measured is None or any(item.issue not in HIDING or item.point_lps_mm is None for item in hiding):
        return False
    return not any(lies_at(one, lesion, item) for item in hiding)


def _tree_width(labels: CoronaryLabels, code: str) -> float | None:
    widths = [one.diameter_mm for tree in labels.trees for one in tree if one.label is not None and one.label.code == code]
    return round(max(widths), 2) if widths else None
