"""Names given to stretches of a tree, and the tree divided where a name changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from SenseCarePlanningLib.tubes.edit import divide
from SenseCarePlanningLib.tubes.tree import BranchLabel, Tree

from .label_paths import Way

OTHER, UNSURE = "other", "unsure"
"""Of branches that the SCCT does not number (acute marginal, conus, septal, atrial), and of those whose name is not certain."""
ABSTAIN_BELOW = 0.65
"""No name is given whose confidence is below this; it stays among the alternatives. Chosen."""
BORDER_MM, BORDER_SURE = 12.0, 0.75
"""Borders that no branch marks (the acute margin, half of the way to the apex) are found to about this, and so sure is a name of
a piece that lies no farther from one. Chosen on digital hearts, where the margin was missed by 6 mm (standard deviation)."""
SNAP_MM = 1.0


@dataclass(eq=False)
class Draft:
    """Names of one tree while they are being found: branch id -> (from mm along the branch, name), ascending."""

    tree: Tree
    pieces: dict[int, list[tuple[float, BranchLabel]]] = field(default_factory=dict)

    def give_way(
        self, way: Way, begins: Sequence[tuple[float, BranchLabel]], from_mm: float = 0.0, estimated: Collection[float] = ()
    ) -> None:
        """Name a way from an arc length on: each name holds from its begin to the next one's.

        Parameters
        ----------
        estimated
            Begins that no branch marks: a piece that lies close to one of them may belong to the other side.
        """
        start = 0.0
        for branch_id, end in zip(way.branch_ids, way.ends_mm, strict=True):
            if end > from_mm + 1e-6:
                pieces = self._pieces(start, end, begins)
                ends = [*(at for at, _ in pieces[1:]), end - start]
                self.pieces[branch_id] = [
                    (at, _at_border(label, start + at, start + last, begins, estimated))
                    for (at, label), last in zip(pieces, ends, strict=True)
                ]
            start = end

    def _pieces(self, start: float, end: float, begins: Sequence[tuple[float, BranchLabel]]) -> list[tuple[float, BranchLabel]]:
        here = [label for at, label in begins if at <= start + SNAP_MM]
        found = [(0.0, here[-1] if here else begins[0][1])]
        for at, label in begins:
            if start + SNAP_MM < at < end - SNAP_MM:
                if at - start - found[-1][0] <= SNAP_MM:  # of two names that begin together the later one holds
                    found.pop()
                found.append((at - start, label))
        return found

    def give_below(self, first_id: int, label: BranchLabel) -> None:
        """Name a branch and all below it that have no name yet."""
        for one in self.tree.subtree(first_id):
            self.pieces.setdefault(one, [(0.0, label)])

    def doubt_way(self, way: Way, from_mm: float, sparing: Collection[int], factor: float, code: str) -> None:
        """Make names on a way from an arc length on less sure: it may be another artery, whose first segment is ``code``.

        Parameters
        ----------
        sparing
            Branches that keep their names as they are.
        factor
            What is left of their confidence.
        """
        for branch_id, end in zip(way.branch_ids, way.ends_mm, strict=True):
            if end > from_mm + SNAP_MM and branch_id not in sparing:
                pieces = self.pieces.get(branch_id, [(0.0, BranchLabel(OTHER, 1.0))])
                self.pieces[branch_id] = [(at, _doubted(label, factor, code)) for at, label in pieces]

    def named(self) -> Tree:
        """Return the tree, divided where names change, with its names."""
        tree = self.tree
        labels: dict[int, BranchLabel] = {}
        for branch_id, pieces in self.pieces.items():
            labels[branch_id] = pieces[0][1]
            for at, label in reversed(pieces[1:]):
                tree, distal = divide(tree, branch_id, at)
                labels[distal] = label
        rest = BranchLabel(OTHER, 1.0)
        return tree.with_branches({one.id: replace(one, label=labels.get(one.id, rest)) for one in tree})


def named(code: str, confidence: float, alternatives: Sequence[tuple[str, float]] = ()) -> BranchLabel:
    """Return a name, or :data:`UNSURE` with the name among the alternatives where the confidence is too low."""
    others = tuple(sorted(alternatives, key=lambda pair: -pair[1]))
    if confidence < ABSTAIN_BELOW:
        return BranchLabel(UNSURE, confidence, ((code, confidence), *others))
    return BranchLabel(code, confidence, others)


def _doubted(label: BranchLabel, factor: float, code: str) -> BranchLabel:
    given = label.alternatives[1:] if label.code == UNSURE else label.alternatives
    first = label.alternatives[0][0] if label.code == UNSURE and label.alternatives else label.code
    others = [(other, value * factor) for other, value in given if other != code]
    return named(first, label.confidence * factor, [*others, (code, 1.0 - factor)])


def _at_border(
    label: BranchLabel, from_mm: float, to_mm: float, begins: Sequence[tuple[float, BranchLabel]], estimated: Collection[float]
) -> BranchLabel:
    """Return the name of a piece, less sure where all of it lies close to an estimated border."""
    for (_, before), (at, after) in pairwise(begins):
        if at in estimated and max(abs(from_mm - at), abs(to_mm - at)) < BORDER_MM and label.code in (before.code, after.code):
            other = after.code if label.code == before.code else before.code
            return _doubted(label, BORDER_SURE, other) if label.confidence * BORDER_SURE >= ABSTAIN_BELOW else label
    return label
