"""A name of its own for every branch: letters, Roman numerals and numbers below the segments, parts of a trunk, side branches.

The rules, which depend on the tree alone and so give the same names every time:

* ``RB3``: the segmental bronchus, to its first real division. ``RB3*`` is a further, smaller piece of the same segment
  with an origin of its own.
* ``RB3a``, ``RB3b``: its subsegments, by the directions of Boyden 1955 (``bronchus_templates.SUBSEGMENTS``).
* ``RB3ai``, ``RB3aii``: their children, and ``RB3aii-1``, ``RB3aii-2``, ``RB3aii-2-1`` all below. Where the books define no
  order the first is the one whose tips lie more posterior, superior and lateral (the three directions counting alike).
* ``RB3-1``: a side branch with too few tips to be a division; beyond it the bronchus goes on as ``RB3.2``.
* ``RB9+10``: the common trunk of segments; ``BI.2``: the second part of a trunk, beyond a side branch.
* ``below RLLB 1-2``: a branch whose segment is not certain, by the nearest named bronchus above it in its lobe,
  else by its lobar bronchus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import BranchLabel, Tree

from .bronchus_templates import SUBSEGMENTS
from .constants import ACCESSORY_CARDIAC, TRACHEA
from .naming import lobe_of, segment_of, side_of

TWIG_SHARE = 0.12
"""A child with less of the tips than this is a side branch, not one side of a division."""
LETTERS = "abcdef"
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")

Labels = Mapping[int, BranchLabel | None]


def trunk_name(codes: Sequence[str]) -> str:
    """Return the name of the common trunk of some segments of one lobe: ``RB9`` and ``RB10`` give ``RB9+10``."""
    numbers = sorted((number for code in codes for number in code[2:].split("+")), key=int)
    return codes[0][:2] + "+".join(numbers)


def with_unique_names(tree: Tree, labels: Labels, trunks: Mapping[int, str]) -> dict[int, BranchLabel | None]:
    """Return the labels with a code of its own for every branch.

    Parameters
    ----------
    labels
        branch id -> label whose code is that of a segment for the whole subtree of a segmental bronchus, of the lobar
        bronchus where the segment is not certain, None where not even the lobe is.
    trunks
        branch id -> name of the trunks above the segments.
    """
    names = _Names(tree, labels, trunks).all()
    return {
        branch_id: replace(label, code=names[branch_id]) if label is not None and branch_id in names else label
        for branch_id, label in labels.items()
    }


class _Names:
    """Gives names from the root down."""

    def __init__(self, tree: Tree, labels: Labels, trunks: Mapping[int, str]) -> None:
        self.tree, self.labels, self.trunks = tree, labels, trunks
        self.names: dict[int, str] = {}
        self.tips: dict[int, int] = {}
        self.middle: dict[int, FloatArray] = {}
        for branch_id in reversed(tree.subtree(tree.root_id)):
            below = tree[branch_id].child_ids
            self.tips[branch_id] = sum(self.tips[child] for child in below) or 1
            ends = [self.tips[child] * self.middle[child] for child in below] or [tree[branch_id].points_lps_mm[-1]]
            self.middle[branch_id] = np.asarray(np.sum(ends, axis=0) / self.tips[branch_id])

    def all(self) -> dict[int, str]:
        """Return branch id -> name."""
        order = [self.tree.root_id]
        for branch_id in order:
            order.extend(self.ordered(branch_id, self.tree[branch_id].child_ids, self.plain(branch_id) or TRACHEA))
        parts: Counter[str] = Counter()
        pieces: dict[str, list[int]] = {}
        for branch_id in order:
            code = self.plain(branch_id)
            if branch_id in self.trunks:
                code = self.trunks[branch_id]
                parts[code] += 1
                self.names[branch_id] = code if parts[code] == 1 else f"{code}.{parts[code]}"
            elif code is not None and (segment_of(code) or code == ACCESSORY_CARDIAC):
                parent = self.tree[branch_id].parent_id
                if parent is None or parent in self.trunks or self.plain(parent) != code:
                    pieces.setdefault(code, []).append(branch_id)
        for code, starts in pieces.items():
            for number, start in enumerate(sorted(starts, key=lambda start: (-self.tips[start], start))):
                self.line(start, code + "*" * number, 0)
        self.uncertain(order)
        return self.names

    def plain(self, branch_id: int) -> str | None:
        """Return the name that the branch was given, before numbers and letters."""
        label = self.labels.get(branch_id)
        return None if label is None else label.code

    def line(self, start: int, code: str, level: int) -> None:
        """Name a bronchus to its first real division, and all below it."""
        self.names[start] = code
        if level > 1 or code.startswith(ACCESSORY_CARDIAC):
            self.numbered(start, code)
            return
        current, part, aside = start, 1, 0
        while children := self.tree[current].child_ids:
            large = [child for child in children if self.tips[child] >= TWIG_SHARE * self.tips[start]]
            large = large or [max(children, key=lambda child: self.tips[child])]
            for twig in self.ordered(current, [child for child in children if child not in large], code):
                aside += 1
                self.names[twig] = f"{code}-{aside}"
                self.numbered(twig, self.names[twig])
            if len(large) > 1:
                self.divide(current, large, code, level)
                return
            current, part = large[0], part + 1
            self.names[current] = f"{code}.{part}"

    def divide(self, branch_id: int, children: Sequence[int], code: str, level: int) -> None:
        """Name the children of a branch and go on along each."""
        ordered = self.ordered(branch_id, children, code)
        if level == 0:
            suffixes = self.letters(branch_id, ordered, code)
        else:
            suffixes = {child: ROMAN[number] for number, child in enumerate(ordered[: len(ROMAN)])}
        for child in ordered:
            self.line(child, code + suffixes[child], level + 1)

    def letters(self, branch_id: int, children: Sequence[int], code: str) -> dict[int, str]:
        """Give Boyden's letters where they fit best; children beyond those get the next ones."""
        known = SUBSEGMENTS.get(code.rstrip("*"), ())
        directions = np.array([self.direction(branch_id, child) for child in children])
        cost = 1.0 - directions @ unit(np.array([vector for _, vector in known])).T
        rows, columns = linear_sum_assignment(cost)
        found = {children[int(row)]: known[int(column)][0] for row, column in zip(rows, columns, strict=True)}
        free = iter(letter for letter in LETTERS if letter not in found.values())
        return {child: found[child] if child in found else next(free) for child in children}

    def numbered(self, branch_id: int, name: str) -> None:
        """Number all below a branch, generation by generation."""
        for number, child in enumerate(self.ordered(branch_id, self.tree[branch_id].child_ids, name), start=1):
            self.names[child] = f"{name}-{number}"
            self.numbered(child, self.names[child])

    def uncertain(self, order: Sequence[int]) -> None:
        """Name branches without a certain segment after the nearest named bronchus above."""
        count: Counter[str] = Counter()
        for branch_id in order:
            code = self.plain(branch_id)
            if code is None or branch_id in self.names:
                continue
            named = [above for above in self.tree.path_to(branch_id) if above in self.names]
            above = self.names[named[-1]] if named else code
            if lobe_of(above) != lobe_of(code):  # the lobe, which is certain, must stay in the name
                above = code
            count[above] += 1
            self.names[branch_id] = f"below {above} {count[above]}"
            self.numbered(branch_id, self.names[branch_id])

    def direction(self, branch_id: int, child: int) -> FloatArray:
        """Return the unit vector (3,) from the end of a branch to the middle of its child."""
        return unit(self.middle[child] - self.tree[branch_id].points_lps_mm[-1])

    def ordered(self, branch_id: int, children: Sequence[int], code: str) -> list[int]:
        """Sort children: posterior, superior and lateral first."""
        lateral = -1.0 if side_of(code) == "right" else 1.0
        axis = np.array([lateral, 1.0, 1.0])
        return sorted(children, key=lambda child: (-round(float(self.direction(branch_id, child) @ axis), 6), child))
