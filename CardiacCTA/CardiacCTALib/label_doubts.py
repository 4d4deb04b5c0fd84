"""What is not certain about the names of coronary trees: names in doubt, arteries missing, from elsewhere, or too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree

from .issues import Consequence, Issue, QualityItem, issue
from .label_courses import lcx_is_elsewhere
from .label_names import OTHER, UNSURE
from .label_roles import Roles
from .segments import BY_CODE, CONSTANT, Artery, segment_of

DOUBTFUL_BELOW = 0.8
"""A name less sure than this is said to be doubtful. Chosen."""


def name_doubts(tree: Tree) -> list[QualityItem]:
    """Say which names are not certain, one sentence a name: of a segment when most of it is not."""
    found: dict[str, QualityItem] = {}
    whole: defaultdict[str, float] = defaultdict(float)
    weak: defaultdict[str, float] = defaultdict(float)
    for one in tree:
        if one.label is not None:
            whole[one.label.code] += one.length_mm
            weak[one.label.code] += one.length_mm if one.label.confidence < DOUBTFUL_BELOW else 0.0
    for one in tree:
        if one.label is None or one.label.code == OTHER:
            continue
        middle, parts = one.points_lps_mm[len(one.points_lps_mm) // 2], tuple(code for code, _ in one.label.alternatives)
        if one.label.code == UNSURE:
            key = "/".join(parts) + str(one.id)
            found[key] = issue(
                Issue.LABEL_UNSURE, Consequence.DOUBTFUL, *(code for code in parts if code in BY_CODE),
                point_lps_mm=middle, length=f"{one.length_mm:.0f}", parts=parts,
            )  # fmt: skip
        elif one.label.confidence < DOUBTFUL_BELOW and weak[one.label.code] > 0.5 * whole[one.label.code]:
            named = tuple(code for code in parts if code in BY_CODE)
            kind = Issue.LABEL_OTHER if named else Issue.LABEL_DOUBT
            others = {"parts": named} if named else {}
            found.setdefault(
                one.label.code,
                issue(
                    kind, Consequence.DOUBTFUL, one.label.code, point_lps_mm=middle,
                    part=one.label.code, percent=round(100.0 * one.label.confidence), **others,
                ),
            )  # fmt: skip
    return list(found.values())


def tree_doubts(trees: Sequence[Tree], roles: Roles | None, aorta_lps_mm: FloatArray | None) -> list[QualityItem]:
    """Say what is missing, or too much, or comes from the wrong side."""
    lad, lcx, rca = (None, None, None) if roles is None else (roles.lad, roles.lcx, roles.rca)
    found = []
    for side, has in (("left", lad or lcx), ("right", rca)):
        if has is None:
            found.append(issue(Issue.ONE_SIDE_MISSING, Consequence.NOT_ASSESSABLE, *_constant_of(side), side=side))
    if (lad is None) != (lcx is None):
        part, other = ("LAD", "LCx") if lad is None else ("LCx", "LAD")
        gone = (code for code in BY_CODE if code in CONSTANT and segment_of(code).artery.value == part)
        found.append(issue(Issue.ARTERY_MISSING, Consequence.NOT_ASSESSABLE, *gone, part=part, other=other))
        found.append(issue(Issue.NO_DIVISION, Consequence.NOT_ASSESSABLE, "LM"))
    used = {one.tree for one in (lad, lcx, rca) if one is not None}
    if roles is not None and lcx_is_elsewhere(trees, roles):
        found.append(issue(Issue.LCX_ELSEWHERE, Consequence.DOUBTFUL, "pLCx", "LCx"))
    elif lad is not None and lcx is not None and lad.tree != lcx.tree:
        found.append(issue(Issue.TWO_LEFT, Consequence.REMARK))
    extra = len(trees) - len(used)
    if extra:
        found.append(issue(Issue.TOO_MANY_TREES, Consequence.DOUBTFUL, count=extra))
    if aorta_lps_mm is not None:
        for side, role in (("left", lad or lcx), ("right", rca)):
            if role is None:
                continue
            ostium = trees[role.tree].root.points_lps_mm[0]
            away = ostium - aorta_lps_mm
            # the right sinus lies in front, the left one to the left and behind
            if (side == "right") == (float(away[0] + 0.6 * away[1]) > 4.0):
                found.append(issue(Issue.UNUSUAL_ORIGIN, Consequence.DOUBTFUL, point_lps_mm=ostium, side=side))
    return found


def _constant_of(side: str) -> list[str]:
    """Return the segments that every heart has of one side's artery."""
    return [code for code in BY_CODE if code in CONSTANT and (segment_of(code).artery is Artery.RCA) == (side == "right")]


def said_missing(doubts: Sequence[QualityItem]) -> set[str]:
    """Return the segments of arteries that are said to be missing, and a left main not delimited: said once is enough."""
    told = (Issue.ONE_SIDE_MISSING, Issue.ARTERY_MISSING, Issue.NO_DIVISION)
    return {code for one in doubts if one.issue in told for code in one.segments}
