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

from .heart_frame import HeartFrame, frame_from_chambers, usual_frame
from .issues import NO_LEFT_MAIN, Consequence, Issue, QualityItem, issue
from .label_courses import ROLE_SCALE, find_left, find_right, sure
from .label_doubts import name_doubts, said_missing, tree_doubts
from .label_left import name_left
from .label_names import OTHER, Draft
from .label_right import name_right
from .label_roles import Roles, find_roles
from .segments import BY_CODE, CONSTANT, Dominance, dominance_of, segment_of

_NEAR_MM = 1.0
STRANGE = 20.0
"""From this cost of the main courses on (``course_model``) it is asked whether they lie better in a mirrored heart; one that lies
better by as much is held for mirrored. Chosen: whole trees cost 4 to 25, mirrored ones over 40."""
MIRROR = np.array([-1.0, 1.0, 1.0])
MIRRORED_SURE = 0.7
"""Confidence of names in a heart that seems mirrored: whether the patient or the image is, must be seen by a reader. Chosen."""
FIRST_SEGMENT = {"LAD": "pLAD", "LCx": "pLCx", "RCA": "pRCA"}


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
    whole = [merge_single_children(tree) for tree in trees]
    found = _lie(whole, landmarks)
    if found is None:
        return _finished(tuple(trees), tuple(tree_doubts(whole, None, landmarks.aorta_lps_mm)))
    if found.roles.fit.cost > STRANGE:
        swapped, other = [_mirrored_tree(tree) for tree in whole], _mirrored(landmarks)
        turned = _lie(swapped, other)
        if turned is not None and turned.roles.fit.cost < found.roles.fit.cost - STRANGE:
            named, doubts = _named(swapped, turned, other)
            named = [_less_sure(_mirrored_tree(tree), MIRRORED_SURE) for tree in named]
            doubts = [issue(Issue.MIRRORED, Consequence.DOUBTFUL), *(_mirrored_item(one) for one in doubts)]
            return _finished(_by_hand(trees, named), tuple(doubts))
    named, doubts = _named(whole, found, landmarks)
    return _finished(_by_hand(trees, named), tuple(doubts))


@dataclass(frozen=True, eq=False)
class _Lie:
    """Which courses are the main arteries, and the heart's axes: the chambers', or those that the courses give."""

    roles: Roles
    frame: HeartFrame


def _lie(trees: Sequence[Tree], landmarks: HeartLandmarks) -> _Lie | None:
    chambers = frame_from_chambers(landmarks.heart)
    roles = find_roles(trees, chambers or usual_frame(np.zeros(3)))
    if roles is None:
        return None
    return _Lie(roles, roles.fit.frame if chambers is None else replace(chambers, size=roles.fit.frame.size))


def _named(trees: Sequence[Tree], lie: _Lie, landmarks: HeartLandmarks) -> tuple[list[Tree], list[QualityItem]]:
    """Name the branches of trees whose main courses are known; returns what is not certain too."""
    roles, frame = lie.roles, lie.frame
    rights, lefts = find_right(trees, roles, frame), find_left(trees, roles, frame)
    drafts = [Draft(tree) for tree in trees]
    doubts: list[QualityItem] = []
    for other in rights:
        doubts.extend(name_right(drafts[other.tree], other, frame))
    given = frozenset(label.code for other in rights for pieces in drafts[other.tree].pieces.values() for _, label in pieces)
    for one in lefts:
        doubts.extend(name_left(drafts[one.tree], one, frame, given if rights else None))
    main = [(one.tree, way) for one in lefts for way in (one.lad, one.lcx) if way is not None]
    main += [(one.tree, one.rca) for one in rights]
    for name, rival in roles.rivals.items():
        sparing = {branch_id for at, way in main if at == rival.tree for branch_id in way.branch_ids}
        certain = sure(roles.margins[name], ROLE_SCALE)
        drafts[rival.tree].doubt_way(rival.course.way, rival.course.start_mm, sparing, certain, FIRST_SEGMENT[name])
    doubts.extend(tree_doubts(trees, roles, landmarks.aorta_lps_mm))
    return [draft.named() for draft in drafts], doubts


def _mirrored(landmarks: HeartLandmarks) -> HeartLandmarks:
    """Return the landmarks with left and right swapped."""
    heart, aorta = landmarks.heart, landmarks.aorta_lps_mm
    swap = np.diag([*MIRROR, 1.0])
    return HeartLandmarks(
        None if heart is None else LabelMap(heart.array_kji, swap @ heart.affine_ijk_to_lps, heart.names),
        None if aorta is None else aorta * MIRROR,
    )


def _mirrored_tree(tree: Tree) -> Tree:
    return tree.with_branches({one.id: replace(one, points_lps_mm=one.points_lps_mm * MIRROR) for one in tree})


def _mirrored_item(item: QualityItem) -> QualityItem:
    point = item.point_lps_mm
    return item if point is None else replace(item, point_lps_mm=(-point[0], point[1], point[2]))


def _less_sure(tree: Tree, most: float) -> Tree:
    """Return a tree none of whose names is surer than ``most``."""
    labels = {one.id: one.label for one in tree if one.label is not None and one.label.confidence > most}
    return tree.with_branches(
        {at: replace(tree[at], label=BranchLabel(label.code, most, label.alternatives)) for at, label in labels.items()}
    )


def _by_hand(trees: Sequence[Tree], named: Sequence[Tree]) -> tuple[Tree, ...]:
    return tuple(_with_hand_names(one, _hand_names(tree)) for one, tree in zip(named, trees, strict=True))


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
    return _finished(tuple(trees), kept)


def _finished(trees: tuple[Tree, ...], doubts: tuple[QualityItem, ...]) -> CoronaryLabels:
    """Add the doubts that follow from the names themselves."""
    absent = {"LM"} if any(one.issue in NO_LEFT_MAIN for one in doubts) else set()
    labels = CoronaryLabels(trees, None)
    dominance = dominance_of(labels.present)
    found = list(doubts)
    for tree in trees:
        found.extend(name_doubts(tree))
    found.extend(
        issue(Issue.ANATOMY, Consequence.NOT_ASSESSABLE, code, part=code)
        for code in sorted(CONSTANT - labels.present - absent - said_missing(doubts), key=lambda code: segment_of(code).number)
    )
    if dominance is None:
        found.append(issue(Issue.NO_DOMINANCE, Consequence.DOUBTFUL))
    return CoronaryLabels(trees, dominance, tuple(found))
