"""What the course of the arteries leaves open: stretches that were bridged, and tips that were not reached."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, runs_of
from SenseCarePlanningLib.tubes.tree import BranchFlag

from .constants import GRADED_ABOVE_MM, SEVERE_FROM
from .heart_segmentation import HeartSegmentation
from .issues import UNNAMED, Consequence, Issue, QualityItem, issue
from .label_paths import Side, longest_below
from .label_sides import BRANCH_MM
from .labels import CoronaryLabels
from .listing import NO_PLAQUE
from .lumen import Measured
from .reference import measured_step
from .scan_model import ScanModel
from .section_model import LUMEN
from .segments import BY_CODE
from .vessel_result import VesselResult
from .vessels import Stretch, code_of

SEEN_SHARE, UNSEEN_MM = 0.55, 1.0
"""Where the middle of a bridged stretch has less than this share of the aorta's contrast along this length, its lumen was not
seen. Chosen: a lumen of 1.5 mm keeps nine tenths after the blur of a usual scan."""
NEAR_MM = 2.0
"""A lesion this near to a bridged stretch explains it. Chosen."""
WIDE_END_MM, END_MM, END_OFF_MM = 2.4, 5.0, 1.0
"""An artery whose last millimetres (less the very end) are wider than the first goes on: it was lost there, not followed to its
end. Chosen: arteries are followed to 1 to 1.5 mm where nothing stands in the way."""
_MIDDLE_MM, _ALONG_MM = 0.5, 1.0


def check_trees(
    found: HeartSegmentation, labels: CoronaryLabels, vessels: Sequence[VesselResult], scan: ScanModel | None
) -> list[QualityItem]:
    """Return stretches that were bridged and tips that were not reached; what of it cannot be assessed.

    A bridged stretch hides what lies there unless a lumen is seen along it after all, or a lesion that was measured explains why
    none is: an occlusion, a severe stenosis, calcium. Branches wide enough to be graded that were not measured are listed too.
    """
    items = [_gap(labels, vessels, scan, one.points_lps_mm, one.gap_mm) for one in found.gaps]
    named = {code for one in items for code in one.segments}
    for tree in labels.trees:
        for one in tree:
            code = code_of(one)[0]
            if BranchFlag.BRIDGED in one.flags and code and code not in named:
                named.add(code)
                items.append(_gap(labels, vessels, scan, one.points_lps_mm, one.length_mm))
    lost = [_lost(labels, vessels, tip.point_lps_mm) for tip in found.tips if not tip.reached]
    said = {code for one in lost for code in one.segments}
    ends = [item for one in vessels if (item := _wide_end(one)) is not None and not said & set(item.segments)]
    return [*items, *lost, *ends, *_unmeasured(labels, vessels)]


def _unmeasured(labels: CoronaryLabels, vessels: Sequence[VesselResult]) -> list[QualityItem]:
    """Say which branches as wide as graded ones were followed and not measured: those that got no segment's name."""
    items = []
    done = {(one.vessel.tree, branch) for one in vessels for branch in one.vessel.branch_ids}
    for at, tree in enumerate(labels.trees):
        for one in tree:
            if (at, one.id) in done or (at, one.parent_id) not in done:
                continue
            way = longest_below(tree, one.id)
            width = Side(0.0, one.id, way).diameter_mm
            if way.length_mm >= BRANCH_MM and width >= GRADED_ABOVE_MM:
                named = [code for code, _ in one.label.alternatives if code in BY_CODE] if one.label else []
                items.append(
                    issue(
                        Issue.UNMEASURED, Consequence.DOUBTFUL if named else Consequence.REMARK, *named,
                        point_lps_mm=way.at(0.5 * way.length_mm), length=f"{way.length_mm:.0f}", width=f"{width:.1f}",
                    )
                )  # fmt: skip
    return items


def _gap(
    labels: CoronaryLabels, vessels: Sequence[VesselResult], scan: ScanModel | None, points: FloatArray, gap_mm: float
) -> QualityItem:
    code = _code_near(labels, points[len(points) // 2])
    kind, consequence = Issue.GAP, Consequence.DOUBTFUL
    place = _stretch(vessels, code)
    measured = None if place is None else place[0].measured
    if place is not None and scan is not None and measured is not None:
        one, part = place
        ends = [int(np.linalg.norm(measured.line_lps_mm - end, axis=1).argmin()) for end in (points[0], points[-1])]
        first, last = min(ends), max(ends)
        if _unseen_mm(measured, scan, first, last) < UNSEEN_MM:
            kind, consequence = Issue.GAP_SEEN, Consequence.REMARK
        elif is_wide(one, part) and not _explained(one, first, last):
            consequence = Consequence.NOT_ASSESSABLE
    return issue(
        kind, consequence, *([code] if code else []), point_lps_mm=0.5 * (points[0] + points[-1]),
        length=f"{gap_mm:.1f}", part=code or UNNAMED,
    )  # fmt: skip


def is_wide(one: VesselResult, part: Stretch) -> bool:
    """Tell whether a segment is wide enough for what hides it to count (CAD-RADS grades above 1.5 mm); unknown widths are."""
    width = one.healthy_mm(part)
    return width is None or width > GRADED_ABOVE_MM


def _stretch(vessels: Sequence[VesselResult], code: str) -> tuple[VesselResult, Stretch] | None:
    return next(((one, part) for one in vessels for part in one.vessel.stretches if part.code == code), None)


def _explained(one: VesselResult, first: int, last: int) -> bool:
    """Tell whether a lesion on or beside sections first to last explains that no lumen is seen there."""
    assert one.measured is not None
    arc = one.measured.walls.arc_mm
    for lesion in one.lesions:
        near = arc[lesion.first] <= arc[last] + NEAR_MM and arc[lesion.last] >= arc[first] - NEAR_MM
        severe = lesion.occluded or lesion.narrowings[0].diameter_stenosis_percent.value >= SEVERE_FROM
        severe = severe and NO_PLAQUE not in lesion.remarks  # else the line may have left the artery, and shows muscle
        if near and (severe or lesion.calcium_arc_deg > 0.0):
            return True
    return False


def _unseen_mm(measured: Measured, scan: ScanModel, first: int, last: int) -> float:
    """Return the longest piece of sections first to last whose middle has lost the contrast of the aorta, mm."""
    step = measured_step(measured.walls)
    middle = ndimage.uniform_filter1d(middle_hu(measured), max(round(_ALONG_MM / step), 1), mode="nearest")
    around = float(np.median(measured.ring_hu))
    weak = (middle - around) / max(scan.lumen_hu - around, 1.0) < SEEN_SHARE
    more = round(0.5 * _ALONG_MM / step)
    runs = runs_of(weak[max(first - more, 0) : last + more + 1])
    return max(((run.stop - run.start) * step for run in runs), default=0.0)


def middle_hu(measured: Measured) -> NDArray[np.float64]:
    """Return the mean (N,) of what each section shows within half a millimetre of the lumen's middle."""
    centre = measured.fit.values[:, LUMEN][:, :2]
    away = np.linalg.norm(measured.places.at_mm[None] - centre[:, None], axis=2)
    near = away <= np.maximum(_MIDDLE_MM, away.min(axis=1, keepdims=True))
    return np.asarray((measured.values_hu * near).sum(axis=1) / near.sum(axis=1), dtype=np.float64)


def _lost(labels: CoronaryLabels, vessels: Sequence[VesselResult], point: FloatArray) -> QualityItem:
    """Say that a tip that the reader marked was not reached."""
    code = _code_near(labels, point)
    place = _stretch(vessels, code)
    hidden = place is not None and is_wide(*place)
    length = 0.0 if place is None else place[0].vessel.ostium_mm + place[0].vessel.length_mm
    return issue(
        Issue.TIP, Consequence.NOT_ASSESSABLE if hidden else Consequence.DOUBTFUL, *([code] if code else []),
        point_lps_mm=point, part=code or UNNAMED, length=f"{length:.0f}",
    )  # fmt: skip


def _wide_end(one: VesselResult) -> QualityItem | None:
    """Say that a vessel ends while it is still wide: within the scan, and not at an occlusion."""
    width = end_width_mm(one)
    if one.measured is None or width is None or width <= WIDE_END_MM or not one.vessel.stretches:
        return None
    arc = one.measured.walls.arc_mm
    whole = float(arc[-1]) >= one.vessel.length_mm - END_MM and bool(one.measured.visible[-1])
    at_end = [lesion for lesion in one.lesions if arc[lesion.last] >= arc[-1] - END_MM]
    if not whole or any(lesion.occluded for lesion in at_end):
        return None
    code, length = one.vessel.stretches[-1].code, one.vessel.ostium_mm + one.vessel.length_mm
    return issue(
        Issue.TIP, Consequence.NOT_ASSESSABLE, code, point_lps_mm=one.measured.line_lps_mm[-1], part=code, length=f"{length:.0f}"
    )


def end_width_mm(one: VesselResult) -> float | None:
    """Return the median lumen of a vessel's last millimetres, the very end left out; None where it was not measured."""
    if one.measured is None:
        return None
    walls = one.measured.walls
    left = walls.arc_mm[-1] - walls.arc_mm
    near = (left >= END_OFF_MM) & (left <= END_OFF_MM + END_MM) & one.measured.visible
    return float(np.median(walls.diameter_mm[near])) if near.any() else None


def _code_near(labels: CoronaryLabels, point: FloatArray) -> str:
    best, code = np.inf, ""
    for tree in labels.trees:
        for one in tree:
            gap = float(np.linalg.norm(one.points_lps_mm - point, axis=1).min())
            if gap < best:
                best, code = gap, code_of(one)[0]
    return code
