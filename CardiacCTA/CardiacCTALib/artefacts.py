"""Lesions that the scan may have made: on a step by motion or in streaks of metal they are listed with that remark, ungraded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .high_risk import unsure
from .issues import STENTS, Issue, QualityItem
from .stenosis import Lesion
from .vessel_result import VesselResult

APART_MM = 4.0
"""A lesion this far from what hides its segment is graded. Chosen."""
REMARKS = {
    Issue.STEP: "Lies on a step by motion: it may be made by the step and is not graded.",
    Issue.STREAKS: "Lies in metal streaks: it may be made by them and is not graded.",
}
READ_REMARKS = {
    Issue.STEP: "Lies on a step by motion: it may be made by the step; it is graded because a reader graded its segment.",
    Issue.STREAKS: "Lies in metal streaks: it may be made by them; it is graded because a reader graded its segment.",
}
"""What is said instead where a reader graded the segment."""
HIDING = frozenset({Issue.STEP, Issue.GAP, Issue.STREAKS, *STENTS, Issue.STENT_OR_CALCIUM, Issue.CALCIUM})
"""What hides a place and not the whole segment."""
_LONG = frozenset({Issue.GAP, Issue.STREAKS, *STENTS, Issue.STENT_OR_CALCIUM})


def half_mm(item: QualityItem) -> float:
    """Return how far what hides a segment reaches to both sides of its point: half of its length, 0 where it has none."""
    return 0.5 * float(str(dict(item.values)["length"])) if item.issue in _LONG else 0.0


def lies_at(one: VesselResult, lesion: Lesion, item: QualityItem) -> bool:
    """Tell whether a lesion lies on or close to what hides a place."""
    if one.measured is None or item.point_lps_mm is None:
        return False
    inside = one.measured.line_lps_mm[lesion.first : lesion.last + 1]
    return float(np.linalg.norm(inside - np.array(item.point_lps_mm), axis=1).min()) < APART_MM + half_mm(item)


def with_artefacts(vessels: Sequence[VesselResult], quality: Sequence[QualityItem]) -> tuple[VesselResult, ...]:
    """Return the vessels with a remark at every lesion on a step or in streaks, where no sign of plaque is certain."""
    found = [item for item in quality if item.issue in REMARKS]
    return tuple(_marked(one, found) for one in vessels) if found else tuple(vessels)


def is_artefact(lesion: Lesion) -> bool:
    """Tell whether a lesion bears the remark that the scan may have made it."""
    return any(text in lesion.remarks for text in REMARKS.values())


def _marked(one: VesselResult, items: Sequence[QualityItem]) -> VesselResult:
    if one.stenosis is None or not one.lesions:
        return one
    codes = {part.code for part in one.vessel.stretches}
    own = [item for item in items if codes & set(item.segments)]
    changed = []
    for lesion in one.lesions:
        said = [REMARKS[item.issue] for item in own if lies_at(one, lesion, item)]
        fresh = [text for text in dict.fromkeys(said) if text not in lesion.remarks]
        changed.append(replace(lesion, remarks=(*fresh, *lesion.remarks)) if fresh else lesion)
    if all(new is old for new, old in zip(changed, one.lesions, strict=True)):
        return one
    plaques = tuple(
        replace(plaque, features=unsure(plaque.features)) if is_artefact(lesion) else plaque
        for lesion, plaque in zip(changed, one.lesion_plaques, strict=True)
    )
    return replace(one, stenosis=replace(one.stenosis, lesions=tuple(changed)), lesion_plaques=plaques)
