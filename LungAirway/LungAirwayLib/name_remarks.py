"""What a reader is told of the names: variants, common trunks, bronchi that were not found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.tubes.tree import BranchLabel, Tree

from .assignment import Assignment
from .bronchus_templates import Family, names_of
from .carina import Trunk
from .constants import INTERMEDIATE, LLL, LUL, RIGHT_MAIN, RLL, RML, RUL
from .naming import lobe_of
from .subtrees import Territories, first_course

ACCESSORY_COURSE, ACCESSORY_COSINE, ACCESSORY_SHARE = (0.70, -0.20, -0.68), 0.8, 0.06
"""An accessory cardiac bronchus leaves the medial wall towards the heart and down, and is small: its course, how closely it
must be kept to, and the largest share of the right lung's tips (Ghaye et al. 2001, doi:10.1148/radiographics.21.1.g01ja06105)."""


HIGHEST = {RML: RUL, RLL: RUL, LLL: LUL}
"""No bronchus of the lobes on the left begins above the bronchus of the lobe on the right."""
MISPLACED_SHARE = 0.1
"""The largest share of all tips that a misplaced branch may have: with more of them it is a part of the tree read wrongly."""


@dataclass
class Draft:
    """What is known while labelling: labels so far, the names of trunks above the segments, and remarks for the reader."""

    labels: dict[int, BranchLabel | None] = field(default_factory=dict)
    trunks: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


OWN_NOTE = re.compile(
    r"no carina found:|no branch found for |common trunk |tracheal bronchus: |accessory cardiac |misplaced branch "
    r"|[RL]B\S+ not found:"
)
"""What the remarks of this module begin with: naming a tree again replaces them."""


_TOLD = (
    (re.compile(r"tracheal bronchus: (\S+) leaves .*"), "Variant: {} leaves the trachea (tracheal bronchus)."),
    (re.compile(r"(accessory cardiac bronchus): .*"), "Variant: {}."),
    (re.compile(r"common trunk (.+)"), "Variant: common trunk of {}."),
)


def variant_sentences(tree: Tree) -> tuple[str, ...]:
    """Return a sentence for each anatomical variant among the remarks of a named tree: whoever goes there must expect it."""
    found = []
    for note in tree.notes:
        for pattern, sentence in _TOLD:
            match = pattern.fullmatch(note)
            if match is not None:
                found.append(sentence.format(match[1].replace(" and ", ", ")))
    return tuple(found)


def note_segments(side: str, group: str, family: Family, found: Assignment, draft: Draft) -> None:
    """Note segments of a group that were not found, and trunks that segments unusually share."""
    codes = [template.code for template in family.templates]
    present = {codes[name] for name in found.starts.values()}
    for code in codes:
        if code not in present and len(present) > 1:
            draft.notes.append(f"{code} not found: absent, or its trunk is not in the tree")
    trunks = {names for names in (names_of(family, mask) for mask in found.masks.values()) if 1 < len(names) < len(present)}
    unusual = [names for names in trunks if family.trunks.get(names, family.odd_trunk_cost) > 0.0]
    for names in sorted(unusual, key=sorted):
        ordered = [code for code in codes if code in names]
        draft.notes.append("common trunk " + " and ".join(ordered))


def note_variants(tree: Tree, trunk: Trunk, draft: Draft) -> None:
    """Note upper lobe bronchi that leave the trachea above the carina."""
    for child in trunk.early:
        label = draft.labels.get(child)
        if label is not None and any(child in part for part in trunk.roots.values()):
            draft.notes.append(f"tracheal bronchus: {label.code} leaves the trachea above the carina")


def find_accessory(territories: Territories, roots: Sequence[int], draft: Draft) -> dict[int, float]:
    """Return the small branches of the medial wall of the right main or intermediate bronchus that set out for the heart."""
    tree, total = territories.tree, sum(len(territories.tips_below[root]) for root in roots)
    found = {}
    for branch in tree:
        above, own = (draft.labels.get(number) if number is not None else None for number in (branch.parent_id, branch.id))
        trunks = [label is not None and label.code in (RIGHT_MAIN, INTERMEDIATE) for label in (above, own)]
        small = not branch.child_ids or territories.share(branch.id, total) <= ACCESSORY_SHARE
        likeness = float(unit(np.array(ACCESSORY_COURSE)) @ first_course(tree, branch.id))
        if trunks == [True, False] and small and likeness >= ACCESSORY_COSINE:
            found[branch.id] = likeness
    return found


def find_misplaced(territories: Territories, draft: Draft) -> tuple[int, ...]:
    """Return the small branches called middle or lower lobe that leave the main bronchus above the upper lobe's bronchus.

    A missing name drifts to whatever is left over; there, that is a stub of mucus, a diverticulum or an accessory bronchus.
    """
    tree = territories.tree

    def lobe(branch_id: int | None) -> int | None:
        """Return the lobe that a branch's name stands for; None without a name."""
        label = draft.labels.get(branch_id) if branch_id is not None else None
        return lobe_of(label.code) if label is not None else None

    tops = [branch for branch in tree if lobe(branch.id) is not None and lobe(branch.id) != lobe(branch.parent_id)]
    found = []
    for upper in set(HIGHEST.values()):
        pieces = [branch.id for branch in tops if lobe(branch.id) == upper]
        if not pieces:
            continue
        way = set(tree.path_to(max(pieces, key=lambda key: len(territories.tips_below[key])))[:-1])
        for branch in tops:
            beside = tree[branch.parent_id].child_ids if branch.parent_id is not None else ()
            small = territories.share(branch.id, len(territories.tip_points)) <= MISPLACED_SHARE
            if HIGHEST.get(lobe(branch.id) or 0) == upper and small and branch.parent_id in way and way.intersection(beside):
                found.append(branch.id)
    return tuple(found)


def without(tree: Tree, branch_ids: Iterable[int]) -> Tree:
    """Return the tree without some subtrees; names do not need what this breaks (generations, orders)."""
    gone = {below for branch_id in branch_ids for below in tree.subtree(branch_id)}
    left = {branch.id: replace(branch, child_ids=tuple(child for child in branch.child_ids if child not in gone))
            for branch in tree if branch.id not in gone}  # fmt: skip
    return replace(tree, branches=left)
