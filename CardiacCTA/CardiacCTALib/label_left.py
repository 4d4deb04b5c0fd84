"""Segments of the left coronary artery: left main, LAD with diagonals, ramus, LCx with marginals and posterior branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.tubes.tree import BranchLabel

from .heart_frame import HeartFrame
from .issues import Consequence, Issue, QualityItem, issue
from .label_courses import Left
from .label_names import OTHER, SNAP_MM, UNSURE, Draft, named
from .label_paths import Side, Way, sides_of
from .label_sides import (
    LATERAL_SHIFT_DEG,
    SEPTAL_WIDE_MM,
    THIRD_SHIFT_DEG,
    Kind,
    is_worth_naming,
    kind_on_groove,
    kind_on_lad,
    lateral_or_marginal,
)
from .label_tail import groove_end_mm, part_from
from .segments import RAMUS

USUAL_PROXIMAL_MM, USUAL_PROXIMAL = 30.0, 1.0 / 3.0
"""Where a proximal LAD, and by its share of the groove a proximal LCx, is taken to end that no branch ends. Chosen; said among
the doubts."""
APEX_REACH_MM = 15.0
TAIL_MM = 15.0
SETTLED_MM = 10.0
ALONE, TAIL_ALONE = 0.75, 0.75
"""What is left of the confidence of names that follow from the left main's end where LAD or LCx was found without the other (a
ramus may be taken for the first side branch), and of an LCx that seems to end as a marginal though nothing leaves it. Chosen."""
_MARGINALS = ("OM1", "OM2")
_ORDERED = 0.95
"""Confidence that a branch of the LCx is a marginal where another one leaves behind it. Chosen."""


@dataclass(frozen=True)
class Sure:
    """Confidence along a main course.

    Parameters
    ----------
    before, course, split_mm
        ``before`` the second best course leaves it at ``split_mm``, and times ``course`` beyond.
    sides
        What is left of it for names that follow from the number of side branches before them.
    shift
        What else these numbers may be: -1 where the first branch may be the ramus, 1 where the ramus may be the first branch.
    """

    before: float
    course: float
    split_mm: float
    sides: float = 1.0
    shift: int = -1

    def at(self, arc_mm: float) -> float:
        """Return the confidence at a place."""
        return self.before * (self.course if arc_mm > self.split_mm + 0.5 else 1.0)

    def other(self, rank: int, codes: Sequence[str]) -> tuple[tuple[str, float], ...]:
        """Return what else the branch at a place of the order may be; nothing where the order is certain."""
        at = rank + self.shift
        code = RAMUS if at < 0 else codes[at] if at < len(codes) else OTHER
        return ((code, 1.0 - self.sides),) if self.sides < 1.0 else ()


def name_left(draft: Draft, left: Left, frame: HeartFrame, right_has: frozenset[str] | None = None) -> list[QualityItem]:
    """Name the left arteries of one tree; returns what is not certain.

    Parameters
    ----------
    right_has
        Posterior branches that the right coronary artery gives; None where it was not found.
    """
    doubts: list[QualityItem] = []
    ramus = [one for one in left.ramus if one.certain >= 0.5]
    gone = [one.branch_id for one in ramus]
    start = left.lm_end_mm or 0.0
    trunk = left.lad or left.lcx
    sure_trunk = min(left.is_lad, left.is_lcx)
    if start > 0.0 and trunk is not None:
        draft.give_way(trunk, [(0.0, named("LM", sure_trunk))])
    if left.lcx is not None:
        certain = Sure(left.is_lcx, left.sure_lcx, left.lcx_split_mm, *_order(left, "LCx"))
        begin = max(left.lcx_from_mm, left.open_mm)
        doubts.extend(_name_lcx(draft, left.lcx, begin, gone, frame, certain, right_has))
        _leave_open(draft, left.lcx, left.open_mm, "pLCx")
    if left.lad is not None:
        certain = Sure(left.is_lad, left.sure_lad, left.lad_split_mm, *_order(left, "LAD"))
        doubts.extend(_name_lad(draft, left.lad, max(start, left.open_mm), gone, frame, certain))
        _leave_open(draft, left.lad, left.open_mm, "pLAD")
    if start > 0.0 and trunk is not None:
        for branch_id, end in zip(trunk.branch_ids, trunk.ends_mm, strict=True):
            if end <= start + 1e-6:
                draft.pieces[branch_id] = [(0.0, named("LM", sure_trunk))]
    by_length = sorted(ramus, key=lambda one: -sum(draft.tree[below].length_mm for below in draft.tree.subtree(one.branch_id)))
    for rank, one in enumerate(by_length):
        first = "OM1" if one.leaves == "LCx" else "D1"
        certain_one = sure_trunk * one.certain
        draft.give_below(one.branch_id, named(RAMUS if rank == 0 else OTHER, certain_one, ((first, 1.0 - certain_one),)))
    return doubts


def _order(left: Left, name: str) -> tuple[float, int]:
    """Return how sure the numbers of an artery's side branches are, and by how much they may be wrong: see :class:`Sure`."""
    if left.lm_end_mm is None:
        return ALONE, 1 if left.ramus else -1
    for one in left.ramus:
        if one.leaves == name and one.certain < 1.0:
            return (one.certain, 1) if one.certain >= 0.5 else (1.0 - one.certain, -1)
    return 1.0, -1


def _leave_open(draft: Draft, way: Way, until_mm: float, code: str) -> None:
    """Say of the beginning of a lone artery that it may be the left main: nothing shows where that would end."""
    if until_mm <= 0.0:
        return
    either = BranchLabel(UNSURE, 0.5, (("LM", 0.5), (code, 0.5)))
    begin = 0.0
    for branch_id, end in zip(way.branch_ids, way.ends_mm, strict=True):
        pieces = draft.pieces.get(branch_id, [(0.0, named(code, 1.0))])
        if end <= until_mm + SNAP_MM:
            draft.pieces[branch_id] = [(0.0, either)]
        elif begin < until_mm - SNAP_MM:
            rest = [(at, label) for at, label in pieces if at > until_mm - begin + SNAP_MM]
            here = [label for at, label in pieces if at <= until_mm - begin + SNAP_MM][-1]
            draft.pieces[branch_id] = [(0.0, either), (until_mm - begin, here), *rest]
        begin = end


def _name_lad(draft: Draft, way: Way, start: float, ramus: Sequence[int], frame: HeartFrame, certain: Sure) -> list[QualityItem]:
    """Name LAD and diagonals: proximal to the first large septal or diagonal, middle to half the distance to the apex."""
    doubts = []
    leaving = [side for side in sides_of(draft.tree, way) if side.arc_mm > start + 0.5 and side.branch_id not in ramus]
    sides = [(side, kind_on_lad(side, way, frame)) for side in leaving]
    diagonals = [pair for pair in sides if pair[1].name == "D" and is_worth_naming(pair[0])]
    septals = [side for side, kind in sides if kind.name == "S" and side.diameter_mm >= SEPTAL_WIDE_MM]
    ends = [side.arc_mm for side, _ in diagonals] + [side.arc_mm for side in septals]
    first = min(ends) if ends else min(start + USUAL_PROXIMAL_MM, way.length_mm)
    if not ends:
        doubts.append(issue(Issue.CUT_UNKNOWN, Consequence.DOUBTFUL, "pLAD", "mLAD", part="pLAD", other="mLAD"))
    middle = 0.5 * (first + _apex_mm(way, frame))
    begins = [
        (0.0, named("pLAD", certain.before * certain.sides)),
        (first, named("mLAD", certain.at(first) * certain.sides)),
        (middle, named("dLAD", certain.at(middle))),
    ]
    draft.give_way(way, begins, start, (middle,))
    _name_order(draft, diagonals, ("D1", "D2"), certain)
    return doubts


def _apex_mm(way: Way, frame: HeartFrame) -> float:
    """Return the arc length at which the LAD is nearest to the apex, extrapolated where it ends well before it."""
    if frame.apex_lps_mm is None:
        return float(way.arc_mm[int(frame.depth_mm(way.points_lps_mm).argmax())])
    gap = np.linalg.norm(way.points_lps_mm - frame.apex_lps_mm, axis=1)
    at = int(gap.argmin())
    short = at == len(gap) - 1 and gap[at] > APEX_REACH_MM
    return float(way.arc_mm[at] + (gap[at] if short else 0.0))


def _name_order(draft: Draft, sides: Sequence[tuple[Side, Kind]], codes: tuple[str, str], certain: Sure) -> None:
    """Name branches of one kind by the order of their origins; a third one has no number in the SCCT's model."""
    for rank, (side, kind) in enumerate(sides):
        if rank >= len(codes):
            draft.give_below(side.branch_id, named(OTHER, 1.0, ((codes[-1], 0.3),)))
            continue
        other = {"S": OTHER, "PLB": "L-PLB", "PDA": "L-PDA"}.get(kind.second, kind.second)
        confidence = certain.at(side.arc_mm) * certain.sides * kind.confidence
        others = ((other, 1.0 - kind.confidence), *certain.other(rank, codes))
        draft.give_below(side.branch_id, named(codes[rank], confidence, others))


def _likeliest(label: BranchLabel) -> tuple[str, ...]:
    """Return the likeliest code of an unsure name; none of a sure one."""
    return tuple(code for code, _ in label.alternatives[:1]) if label.code == UNSURE else ()


@dataclass(frozen=True, eq=False)
class _OnLcx:
    """What leaves the LCx: where, its first branch (None: the LCx's own end), its course."""

    begin_mm: float
    branch_id: int | None
    way: Way


def _name_lcx(
    draft: Draft,
    way: Way,
    start: float,
    ramus: Sequence[int],
    frame: HeartFrame,
    certain: Sure,
    right_has: frozenset[str] | None,
) -> list[QualityItem]:
    """Name LCx and what leaves it: marginals by order, posterior branches by where they run."""
    every = [side for side in sides_of(draft.tree, way) if side.arc_mm > start + 0.5 and side.branch_id not in ramus]
    found = [_OnLcx(side.arc_mm, side.branch_id, side.way) for side in every if is_worth_naming(side)]
    tail_from = groove_end_mm(way, frame, start + SETTLED_MM, [side.arc_mm for side in every])
    if way.length_mm - tail_from >= TAIL_MM:
        found.append(_OnLcx(tail_from, None, part_from(way, tail_from)))
    kinds = [kind_on_groove(one.way, frame) for one in found]
    posterior = [(one, kind) for one, kind in zip(found, kinds, strict=True) if kind.name == "PDA"]
    lateral = [one for one, kind in zip(found, kinds, strict=True) if kind.name in ("OM", "PLB", "D")]
    labels = [
        (one, named("L-PDA", certain.before * kind.confidence, (("L-PLB", 1.0 - kind.confidence),))) for one, kind in posterior
    ]
    labels += _lateral_labels(lateral, frame, certain, right_has)
    doubts = []
    ends = [one.begin_mm for one, label in labels if _MARGINALS[0] in (label.code, *_likeliest(label))]
    if not ends:
        doubts.append(issue(Issue.CUT_UNKNOWN, Consequence.DOUBTFUL, "pLCx", "LCx", part="pLCx", other="LCx"))
    groove = min(tail_from, way.length_mm)
    first = min(ends) if ends else start + USUAL_PROXIMAL * (groove - start)
    begins = [(0.0, named("pLCx", certain.before * certain.sides)), (first, named("LCx", certain.at(first)))]
    taken: set[str] = set()
    for one, label in sorted(labels, key=lambda pair: pair[0].branch_id is not None):
        given = label if label.code not in taken else named(OTHER, 1.0, ((label.code, 0.3),))
        taken |= {label.code} - {OTHER, UNSURE}
        if one.branch_id is None:
            begins.append((one.begin_mm, given))
        else:
            draft.give_below(one.branch_id, given)
    draft.give_way(way, sorted(begins, key=lambda pair: pair[0]), start)
    return doubts


def _lateral_labels(
    lateral: list[_OnLcx], frame: HeartFrame, certain: Sure, right_has: frozenset[str] | None
) -> list[tuple[_OnLcx, BranchLabel]]:
    """Name the branches on the free wall by order; the last one may be the posterolateral branch.

    A posterolateral branch that the RCA gives makes one from the LCx less likely, none makes it likelier, the more so for a
    third branch, for which the SCCT has no marginal's number.
    """
    shift = 0.0
    if right_has is not None:
        shift = -LATERAL_SHIFT_DEG if "R-PLB" in right_has else 0.5 * LATERAL_SHIFT_DEG
        shift += THIRD_SHIFT_DEG if len(lateral) > len(_MARGINALS) and "R-PLB" not in right_has else 0.0
    found = []
    for rank, one in enumerate(lateral):
        last = rank == len(lateral) - 1
        kind = lateral_or_marginal(one.way, frame, shift) if last else Kind("OM", _ORDERED, "PLB")
        marginal = _MARGINALS[rank] if rank < len(_MARGINALS) else OTHER
        code, second = ("L-PLB", marginal) if kind.name == "PLB" else (marginal, "L-PLB")
        confidence = certain.at(one.begin_mm) * certain.sides * kind.confidence
        confidence *= TAIL_ALONE if one.branch_id is None and len(lateral) == 1 else 1.0
        others = certain.other(rank, _MARGINALS) if code == marginal else ()
        found.append((one, named(code, confidence, ((second, 1.0 - kind.confidence), *others))))
    return found
