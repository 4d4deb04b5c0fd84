"""What a bypass graft feeds, and which parts of the native arteries it makes needless: those are not graded.

CAD-RADS 2.0 (Cury et al. 2022, doi:10.1016/j.jcmg.2022.07.002) grades the graft, the artery beyond its anastomosis and arteries
without a graft; a stenosis that an open graft leads round does not count. Here a graft is seen from the aorta to where it meets
an artery, filled with contrast, but its lumen is not measured: the parts that it leads round are left out, and it makes N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

from .findings import CoronaryFindings, GraftFinding, SegmentFinding
from .heart_segmentation import Graft
from .labels import CoronaryLabels
from .segments import Artery, segment_of
from .vessel_result import VesselResult
from .vessels import code_of

GRAFT_SEEN, FED_WITHIN_MM = "seen, not graded", 8.0
SLACK_MM = 2.0
"""A segment of which no more than this lies beyond the anastomosis is bypassed whole. Chosen: so exact is the place."""
LEFT_MAIN_FEEDS = frozenset({Artery.LAD, Artery.LCX})


@dataclass(frozen=True, eq=False)
class Anastomosis:
    """Where a graft meets an artery: the point (3,) on it, LPS mm, its tree and branch, and which artery it is."""

    point_lps_mm: FloatArray
    tree: int
    branch: int
    artery: Artery


def anastomosis_of(graft: Graft, labels: CoronaryLabels) -> Anastomosis | None:
    """Return where a graft meets the nearest branch; None where none is near, or it is the left main.

    A branch without a name is the graft's own end, followed backwards from the artery: that is met where the branch leaves it.
    """
    end = graft.points_lps_mm[-1]
    best, at = FED_WITHIN_MM, None
    for number, tree in enumerate(labels.trees):
        for one in tree:
            away = np.linalg.norm(one.points_lps_mm - end, axis=1)
            if float(away.min()) < best:
                best, at = float(away.min()), (number, one.id, one.points_lps_mm[int(away.argmin())])
    if at is None:
        return None
    number, branch, point = at
    tree = labels.trees[number]
    while not code_of(tree[branch])[0]:
        parent = tree[branch].parent_id
        if parent is None:
            return None
        branch, point = parent, tree[branch].points_lps_mm[0]
    artery = segment_of(code_of(tree[branch])[0]).artery
    return None if artery is Artery.LM else Anastomosis(point, number, branch, artery)


def fed_by(graft: Graft, labels: CoronaryLabels) -> Artery | None:
    """Return the artery that a graft meets; None where it meets none that has a name."""
    place = anastomosis_of(graft, labels)
    return None if place is None else place.artery


def graft_finding(graft: Graft, labels: CoronaryLabels) -> GraftFinding:
    """Return the finding of a graft: seen, never graded."""
    fed = fed_by(graft, labels)
    return GraftFinding("graft" if fed is None else f"graft to the {fed.value}", fed, None, GRAFT_SEEN)


def with_bypassed(vessels: Sequence[VesselResult], grafts: Sequence[Graft], labels: CoronaryLabels) -> tuple[VesselResult, ...]:
    """Return the vessels with how far a graft leads round each: to the farthest anastomosis on it."""
    places = [place for graft in grafts if (place := anastomosis_of(graft, labels)) is not None]
    found = []
    for one in vessels:
        own = [place for place in places if place.tree == one.vessel.tree and place.branch in one.vessel.branch_ids]
        away = [np.linalg.norm(one.vessel.points_lps_mm - place.point_lps_mm, axis=1) for place in own]
        reach = max((float(one.vessel.arc_mm[int(gap.argmin())]) for gap in away), default=0.0)
        found.append(replace(one, bypassed_mm=reach) if reach > 0.0 else one)
    return tuple(found)


def is_bypassed(one: VesselResult, to_mm: float, code: str) -> bool:
    """Tell whether a segment that ends ``to_mm`` along a vessel lies before the anastomosis; the left main feeds others too."""
    return one.bypassed_mm > 0.0 and to_mm <= one.bypassed_mm + SLACK_MM and segment_of(code).artery is not Artery.LM


def with_left_main(findings: CoronaryFindings) -> CoronaryFindings:
    """Return the findings with the left main bypassed where both arteries that it feeds have a graft round their beginning."""
    round_ = {one.segment.artery for one in findings.segments if one.bypassed and one.code in ("pLAD", "pLCx")}
    if round_ != LEFT_MAIN_FEEDS or any(one.code == "RI" for one in findings.segments):
        return findings
    return replace(findings, segments=tuple(_bypassed(one) if one.code == "LM" else one for one in findings.segments))


def _bypassed(one: SegmentFinding) -> SegmentFinding:
    return replace(one, bypassed=True)
