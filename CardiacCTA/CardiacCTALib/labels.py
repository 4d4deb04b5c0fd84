"""SCCT names on coronary trees, with confidence, alternatives and abstention, and the dominance that follows.

Strategy: tell the left tree from the right one by its course; find the division of the left main and the main courses (LAD,
LCx, RCA) by how far they get down the anterior groove or round the atrioventricular groove; name what leaves them by where, in
the heart's own axes, it runs (``heart_frame``); divide branches where a segment ends within them (SCCT: Leipsic et al. 2014,
doi:10.1016/j.jcct.2014.07.003). Direction and course decide, never size alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.edit import merge_single_children, relabel
from SenseCarePlanningLib.tubes.tree import BranchFlag, BranchLabel, Tree
from SenseCarePlanningLib.volume import LabelMap

from .heart_frame import HeartFrame, frame_from_chambers, refined, usual_frame
from .issues import Consequence, Issue, QualityItem, issue
from .label_courses import Left, Right, find_left, find_right, sides_of_trees
from .label_left import name_left
from .label_names import OTHER, UNSURE, Draft
from .label_paths import longest_below
from .label_right import name_right
from .segments import BY_CODE, CONSTANT, Dominance, dominance_of, segment_of

_NEAR_MM = 1.0
MOST_MM = 150.0
_DOUBTFUL_BELOW = 0.8
_ROUNDS = 2


@dataclass(frozen=True, eq=False)
class HeartLandmarks:
    """What is known of the heart around the arteries; all of it may be missing.

    Parameters
    ----------
    heart
        Chambers and great vessels by name, see :func:`heart_frame.frame_from_chambers`.
    aorta_lps_mm
        (3,) middle of the aortic root at the height of the ostia.
    """

    heart: LabelMap | None = None
    aorta_lps_mm: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class CoronaryLabels:
    """Named trees.

    Parameters
    ----------
    trees
        As given, divided where segments end within a branch. Every branch has a label: an SCCT code, ``other`` (no SCCT
        segment) or ``unsure`` (its alternatives say what it may be).
    dominance
        None where no posterior descending artery was found.
    doubts
        What is not certain, for the quality list.
    """

    trees: tuple[Tree, ...]
    dominance: Dominance | None
    doubts: tuple[QualityItem, ...] = ()

    @property
    def present(self) -> frozenset[str]:
        """SCCT codes found."""
        return frozenset(one.label.code for tree in self.trees for one in tree if one.label and one.label.code in BY_CODE)


def label_trees(trees: Sequence[Tree], landmarks: HeartLandmarks | None = None) -> CoronaryLabels:
    """Name the branches of coronary trees; names given by hand stay.

    Parameters
    ----------
    trees
        One an ostium, rooted there, LPS mm; in any order.
    landmarks
        Chambers make the names surer; without them the arteries themselves and the usual lie of a heart give the axes.
    """
    landmarks = landmarks or HeartLandmarks()
    by_hand = [_hand_names(tree) for tree in trees]
    whole = [merge_single_children(tree) for tree in trees]
    sides = sides_of_trees(whole)
    left = [at for at, (side, _) in enumerate(sides) if side == "left"]
    right = [at for at, (side, _) in enumerate(sides) if side == "right"]
    lefts, rights, frame = _courses(whole, left, right, landmarks)
    drafts = {at: Draft(tree) for at, tree in enumerate(whole)}
    doubts: list[QualityItem] = []
    for other in rights:
        doubts.extend(name_right(drafts[other.tree], other, frame, sides[other.tree][1]))
    given = frozenset(label.code for other in rights for pieces in drafts[other.tree].pieces.values() for _, label in pieces)
    for one in lefts:
        doubts.extend(name_left(drafts[one.tree], one, frame, sides[one.tree][1], given if rights else None))
    named = tuple(_with_hand_names(drafts[at].named(), by_hand[at]) for at in range(len(whole)))
    doubts.extend(_tree_doubts(whole, lefts, rights, landmarks))
    return _finished(named, tuple(doubts), {"LM"} if any(one.lm_end_mm == 0.0 for one in lefts) else set())


def _courses(
    trees: Sequence[Tree], left: list[int], right: list[int], landmarks: HeartLandmarks
) -> tuple[list[Left], list[Right], HeartFrame]:
    """Find the main courses; without chambers a second time, in axes fitted to what was found first."""
    biggest = sorted(left, key=lambda at: -trees[at].total_length_mm)[:2]
    main_right = sorted(right, key=lambda at: -trees[at].total_length_mm)[:1]
    frame = frame_from_chambers(landmarks.heart)
    rounds = _ROUNDS if frame is None else 0
    usual = usual_frame(_origin(trees, biggest or main_right))
    frame = frame or usual
    lefts, rights = _find(trees, biggest, frame), [find_right(trees, at, frame) for at in main_right]
    for _ in range(rounds):
        lad = next((one.lad for one in lefts if one.lad is not None), None)
        lcx = next((one.lcx for one in lefts if one.lcx is not None), None)
        if lad is None or lcx is None:
            break
        start = max((one.lm_end_mm or 0.0 for one in lefts), default=0.0)
        beyond = [way.points_lps_mm[way.between(start, min(start + MOST_MM, way.length_mm))] for way in (lad, lcx)]
        frame = refined(frame, usual, beyond[0], beyond[1], min(len(one) for one in beyond) // 8)
        lefts, rights = _find(trees, biggest, frame), [find_right(trees, at, frame) for at in main_right]
    return lefts, rights, frame


def _find(trees: Sequence[Tree], left: list[int], frame: HeartFrame) -> list[Left]:
    """Find the left courses; two left trees without a division each are LAD and LCx with ostia of their own."""
    found = [find_left(trees, at, frame) for at in left]
    apart = [one for one in found if one.lm_end_mm is None]
    if len(found) == 2 and len(apart) == 2 and {one.lad is None for one in apart} == {True, False}:
        return [replace(one, lm_end_mm=0.0) for one in found]
    if len(found) == 2:  # one divides: the other is no left main
        return [max(found, key=lambda one: trees[one.tree].total_length_mm)]
    return found


def _origin(trees: Sequence[Tree], order: list[int]) -> FloatArray:
    if not order:
        return np.zeros(3)
    tree = trees[order[0]]
    return np.asarray(tree.root.points_lps_mm[-1 if tree.root.length_mm < 25.0 else 0])


def _hand_names(tree: Tree) -> list[tuple[FloatArray, BranchLabel]]:
    return [
        (one.points_lps_mm, one.label)
        for one in tree
        if one.label is not None and one.label.confidence >= 1.0 and BranchFlag.MANUALLY_EDITED in one.flags
        and one.label.code in (*BY_CODE, OTHER)
    ]  # fmt: skip


def _with_hand_names(tree: Tree, given: list[tuple[FloatArray, BranchLabel]]) -> Tree:
    changed = {}
    for points, label in given:
        for one in tree:
            middle = one.points_lps_mm[len(one.points_lps_mm) // 2]
            if float(np.linalg.norm(points - middle, axis=1).min()) < _NEAR_MM:
                changed[one.id] = replace(one, label=label, flags=one.flags | {BranchFlag.MANUALLY_EDITED})
    return tree.with_branches(changed) if changed else tree


def renamed(labels: CoronaryLabels, tree: int, branch_id: int, code: str) -> CoronaryLabels:
    """Return the labels with one branch named by hand; dominance and doubts follow.

    Parameters
    ----------
    code
        An SCCT code, or ``other``.

    Raises
    ------
    InputError
        For another code.
    SenseCareError
        When there is no such branch.
    """
    if code not in (*BY_CODE, OTHER):
        raise InputError(f"{code!r} is no coronary segment; segments are {', '.join(BY_CODE)}.")
    trees = list(labels.trees)
    trees[tree] = relabel(trees[tree], branch_id, code)
    about_names = (Issue.LABEL_UNSURE, Issue.LABEL_DOUBT, Issue.ANATOMY, Issue.NO_DOMINANCE)
    kept = tuple(one for one in labels.doubts if one.issue not in about_names)
    absent = {"LM"} if any(one.issue is Issue.TWO_LEFT for one in labels.doubts) else set()
    return _finished(tuple(trees), kept, absent)


def _finished(trees: tuple[Tree, ...], doubts: tuple[QualityItem, ...], absent: set[str]) -> CoronaryLabels:
    """Add the doubts that follow from the names themselves."""
    labels = CoronaryLabels(trees, None)
    dominance = dominance_of(labels.present)
    found = list(doubts)
    for tree in trees:
        found.extend(_name_doubts(tree))
    found.extend(
        issue(Issue.ANATOMY, Consequence.NOT_ASSESSABLE, code, part=code)
        for code in sorted(CONSTANT - labels.present - absent, key=lambda code: segment_of(code).number)
    )
    if dominance is None:
        found.append(issue(Issue.NO_DOMINANCE, Consequence.DOUBTFUL))
    return CoronaryLabels(trees, dominance, tuple(found))


def _name_doubts(tree: Tree) -> list[QualityItem]:
    """Say which names are not certain, one sentence a name."""
    found: dict[str, QualityItem] = {}
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
        elif one.label.confidence < _DOUBTFUL_BELOW:
            found.setdefault(
                one.label.code,
                issue(
                    Issue.LABEL_DOUBT, Consequence.DOUBTFUL, one.label.code, point_lps_mm=middle,
                    part=one.label.code, percent=round(100.0 * one.label.confidence),
                ),
            )  # fmt: skip
    return list(found.values())


def _tree_doubts(trees: Sequence[Tree], lefts: list[Left], rights: list[Right], landmarks: HeartLandmarks) -> list[QualityItem]:
    """Say what is missing, or too much, or comes from the wrong side."""
    found = []
    for side, has in (("left", lefts), ("right", rights)):
        if not has:
            found.append(issue(Issue.ONE_SIDE_MISSING, Consequence.NOT_ASSESSABLE, side=side))
    if any(one.lm_end_mm == 0.0 for one in lefts):
        found.append(issue(Issue.TWO_LEFT, Consequence.REMARK))
    extra = len(trees) - len(lefts) - len(rights)
    if extra:
        found.append(issue(Issue.TOO_MANY_TREES, Consequence.DOUBTFUL, count=extra))
    if landmarks.aorta_lps_mm is not None:
        for side, at in [*(("left", one.tree) for one in lefts), *(("right", one.tree) for one in rights)]:
            ostium = longest_below(trees[at], trees[at].root_id).points_lps_mm[0]
            away = ostium - landmarks.aorta_lps_mm
            # the right sinus lies in front, the left one to the left and behind
            if (side == "right") == (float(away[0] + 0.6 * away[1]) > 4.0):
                found.append(issue(Issue.UNUSUAL_ORIGIN, Consequence.DOUBTFUL, point_lps_mm=ostium, side=side))
    return found
