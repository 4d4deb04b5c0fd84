"""Segments of the right coronary artery: proximal, middle and distal part, posterior descending and posterolateral branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.tubes.tree import BranchLabel

from .heart_frame import HeartFrame
from .issues import Consequence, Issue, QualityItem, issue
from .label_courses import Right, sure
from .label_names import OTHER, Draft, named
from .label_paths import Way, sides_of
from .label_sides import Borders, Kind, borders_of, is_worth_naming, kind_on_groove, mean_turn_deg
from .label_tail import groove_end_mm, part_from

MARGIN_SHORT_MM = 6.0
MARGIN_TOWARDS, PATIENT_RIGHT = (-0.09, 0.86, 0.51), np.array([-0.5, 0.0, 0.0])
"""The acute margin is the place of the RCA farthest this way, across the heart's axis towards the right ventricle and the
diaphragm (opposite the obtuse margin), and to the patient's right: readers see both. Chosen on digital hearts."""
MARGIN_SOFT_MM = 3.0
"""Places this much less far count little: a margin found by the farthest point alone would follow every bend. Chosen."""
USUAL_MARGIN_MM, CUT_SURE = 52.0, 0.75
"""Course of the RCA to the acute margin in a usual heart, for one that ends before it, and how sure the half of it is. Chosen on
digital hearts, 52 +- 6 mm."""
BEYOND_MARGIN_MM = 10.0
TAIL_MM = 12.0
_POSTERIOR = ("PDA", "PLB", "OM")


@dataclass(frozen=True, eq=False)
class _Distal:
    """A branch beyond the crux: where it begins on the RCA, its first branch (None: the RCA's own end), what it is."""

    begin_mm: float
    branch_id: int | None
    kind: Kind
    turn_deg: float


def name_right(draft: Draft, right: Right, frame: HeartFrame) -> list[QualityItem]:
    """Name the right coronary artery of one tree; returns what is not certain."""
    way, sure_side = right.rca, right.is_rca
    margin = margin_mm(way, right.crux_mm, frame)
    if margin is None:  # it ends before the margin, which must be where it usually is
        half = 0.5 * max(USUAL_MARGIN_MM * frame.size, way.length_mm)
        draft.give_way(way, [(0.0, named("pRCA", sure_side)), (half, named("mRCA", CUT_SURE * sure_side))])
        return [
            issue(Issue.TIP, Consequence.DOUBTFUL, "dRCA", part="RCA", length=f"{way.length_mm:.0f}"),
            issue(Issue.CUT_UNKNOWN, Consequence.DOUBTFUL, "pRCA", "mRCA", part="pRCA", other="mRCA"),
        ]
    begins = [(0.0, named("pRCA", sure_side)), (0.5 * margin, named("mRCA", sure_side))]
    certain = sure_side * (right.sure_rca if margin > right.split_mm - 0.5 else 1.0)
    begins.append((margin, named("dRCA", certain)))
    distal = _distal(draft, way, margin, frame)
    labels = _labels(distal, certain, borders_of(frame))
    for one, label in zip(distal, labels, strict=True):
        if one.branch_id is None:
            begins.append((one.begin_mm, label))
        else:
            draft.give_below(one.branch_id, label)
    draft.give_way(way, begins, estimated=(0.5 * margin, margin))
    return []


def margin_mm(way: Way, crux_mm: float, frame: HeartFrame) -> float | None:
    """Return the arc length at which the RCA rounds the acute margin; None where it ends before it.

    It is the middle of the part that lies farthest towards the margin.
    """
    before = way.between(0.0, crux_mm)
    axis, side, down = MARGIN_TOWARDS
    towards = unit(axis * frame.axis + side * frame.towards_rv + down * frame.inferior + PATIENT_RIGHT)
    height, arc = way.points_lps_mm[before] @ towards, way.arc_mm[before]
    if arc[int(height.argmax())] > way.length_mm - MARGIN_SHORT_MM:
        return None
    share = np.exp((height - height.max()) / MARGIN_SOFT_MM) * np.gradient(arc)
    return float((share * arc).sum() / share.sum())


def _distal(draft: Draft, way: Way, margin_mm: float, frame: HeartFrame) -> list[_Distal]:
    """Return the branches on the posterior wall, the RCA's own end among them."""
    near = [side for side in sides_of(draft.tree, way) if side.arc_mm > margin_mm + BEYOND_MARGIN_MM]
    found = []
    for side in near:
        kind = kind_on_groove(side.way, frame)
        if is_worth_naming(side) and kind.name in _POSTERIOR:
            found.append(_Distal(side.arc_mm, side.branch_id, kind, mean_turn_deg(side.way, frame)))
    begin = min((one.begin_mm for one in found), default=0.0)
    if not found:
        begin = groove_end_mm(way, frame, margin_mm, [side.arc_mm for side in near])
    if way.length_mm - begin >= TAIL_MM:
        tail = part_from(way, begin)
        kind = kind_on_groove(tail, frame)
        if kind.name in _POSTERIOR or (found and kind.name != "atrial"):
            found.append(_Distal(begin, None, kind, mean_turn_deg(tail, frame)))
    return found


def _labels(distal: list[_Distal], certain: float, borders: Borders) -> list[BranchLabel]:
    """Name the posterior branches: of several the one nearest to the right ventricle is the posterior descending artery."""
    if not distal:
        return []
    order = sorted(range(len(distal)), key=lambda at: distal[at].turn_deg)
    first = distal[order[0]]
    codes = ["R-PLB"] * len(distal)
    confidence = [one.kind.confidence for one in distal]
    if len(distal) > 1:
        gap = distal[order[1]].turn_deg - first.turn_deg
        both = sure(gap + borders.pda_plb - first.turn_deg, borders.scale)
        if both >= 0.5:
            codes[order[0]] = "R-PDA"
        confidence = [both] * len(distal)
    elif first.kind.name == "PDA":
        codes[0] = "R-PDA"
    # of several posterolateral branches the longest bears the number; the tail of the RCA goes before them
    lateral = [at for at in order if codes[at] == "R-PLB"]
    lateral.sort(key=lambda at: (distal[at].branch_id is not None, -distal[at].begin_mm))
    found = []
    for at in range(len(distal)):
        code, sure_one = codes[at], certain * confidence[at]
        if at in lateral[1:]:
            found.append(named(OTHER, 1.0, (("R-PLB", 0.3),)))
            continue
        second = "R-PLB" if code == "R-PDA" else "R-PDA"
        found.append(named(code, sure_one, ((second, 1.0 - confidence[at]),)))
    return found
