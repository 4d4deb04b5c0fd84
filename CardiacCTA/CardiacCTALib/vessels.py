"""Named trees as lines to measure: one a vessel, from its origin to its tip, with its segments and the branches that leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .branching import Bifurcation
from .label_names import UNSURE
from .segments import BY_CODE

LEAST_MM = 8.0
"""Shorter vessels are not measured: too little of them lies beyond the mother's lumen. Chosen."""
_TRUNKS = ("dLAD", "mLAD", "pLAD", "dRCA", "mRCA", "pRCA", "LCx", "pLCx", "LM")
_SIDE_FROM_MM, _SIDE_TO_MM = 3.0, 10.0
"""Where a side branch's width is read, from where its line has left the mother's lumen on: a tree's radii are smooth, and a fork
may be found a few millimetres early. Chosen."""
_END_WITHIN_MM = 6.0


@dataclass(frozen=True)
class Stretch:
    """A segment on a vessel: its code and where it begins and ends, mm along the vessel; ``assumed`` where not certain."""

    code: str
    from_mm: float
    to_mm: float
    assumed: bool = False


@dataclass(frozen=True, eq=False)
class Vessel:
    """A line to measure.

    Parameters
    ----------
    name
        ``LAD`` (with the left main), ``LCx``, ``RCA``, or the code of a branch.
    tree, branch_ids
        Which tree it runs in, and through which branches, proximal first.
    points_lps_mm, radius_mm
        (N, 3), (N,) the tree's.
    stretches
        Its segments, proximal first.
    bifurcations
        What leaves it, and at 0 what it comes from.
    ostium_mm
        Length of artery between the aorta and its start.
    """

    name: str
    tree: int
    branch_ids: tuple[int, ...]
    points_lps_mm: FloatArray
    radius_mm: FloatArray
    stretches: tuple[Stretch, ...]
    bifurcations: tuple[Bifurcation, ...]
    ostium_mm: float

    @property
    def arc_mm(self) -> FloatArray:
        """Length (N,) from its start."""
        return arc_length_mm(self.points_lps_mm)

    @property
    def length_mm(self) -> float:
        """Length of the line."""
        return float(self.arc_mm[-1])

    def stretch_at(self, arc_mm: float) -> Stretch | None:
        """Return the segment at a place; the last one beyond its end, None on a stretch without a name."""
        inside = [one for one in self.stretches if one.from_mm <= arc_mm < one.to_mm]
        if inside:
            return inside[0]
        return self.stretches[-1] if self.stretches and arc_mm >= self.stretches[-1].to_mm else None


def vessels_of(trees: Sequence[Tree]) -> tuple[Vessel, ...]:
    """Return the vessels of named trees, main arteries first; what has no SCCT name is not among them."""
    return tuple(vessel for at, tree in enumerate(trees) for vessel in _vessels(at, tree))


def code_of(branch: Branch) -> tuple[str, bool]:
    """Return the code that findings on a branch count for, and whether it is assumed: the likeliest of an unsure name."""
    label = branch.label
    if label is None:
        return "", False
    if label.code == UNSURE:
        likeliest = next((code for code, _ in label.alternatives if code in BY_CODE), "")
        return likeliest, True
    return (label.code if label.code in BY_CODE else ""), False


def _vessels(at: int, tree: Tree) -> Iterator[Vessel]:
    """Take lines off the tree: the root's first, then whatever begins on them; each goes on where its name leads."""
    starts = [tree.root_id]
    done: set[int] = set()
    given: set[str] = set()
    while starts:
        first = starts.pop(0)
        path = _onward(tree, first)
        starts.extend(child for one in path for child in tree[one].child_ids if child not in path)
        vessel = _vessel(at, tree, path)
        done.update(path)
        codes = {one.code for one in vessel.stretches}
        if codes and not codes & given and vessel.length_mm >= LEAST_MM:
            given |= codes
            yield vessel


def _onward(tree: Tree, first: int) -> tuple[int, ...]:
    """Return the branches of a line: at each division the child of the same artery that goes on, else the longest."""
    path = [first]
    while tree[path[-1]].child_ids:
        path.append(max(tree[path[-1]].child_ids, key=lambda one: _goes_on(tree, path[-1], one)))
        if code_of(tree[path[-1]])[0] == "" and code_of(tree[path[-2]])[0] != "":
            path.pop()
            break
    return tuple(path)


def _goes_on(tree: Tree, parent: int, child: int) -> tuple[bool, bool, float]:
    code, mother = code_of(tree[child])[0], code_of(tree[parent])[0]
    same = bool(code and mother) and (code == mother or BY_CODE[code].parent == BY_CODE[mother].number)
    follows = code in _TRUNKS and (BY_CODE[code].artery.value in ("LAD", "RCA") or mother not in ("LM", ""))
    return follows, same, max(_length_below(tree, child), 0.0)


def _length_below(tree: Tree, first: int) -> float:
    return tree[first].length_mm + max((_length_below(tree, one) for one in tree[first].child_ids), default=0.0)


def _vessel(at: int, tree: Tree, path: tuple[int, ...]) -> Vessel:
    points, radius = [tree[path[0]].points_lps_mm[:1]], [tree[path[0]].radius_mm[:1]]
    stretches: list[Stretch] = []
    forks: list[Bifurcation] = []
    parent = tree[path[0]].parent_id
    if parent is not None:
        forks.append(Bifurcation(0.0, _end_diameter(tree[parent])))
    length = 0.0
    for one in path:
        branch = tree[one]
        points.append(branch.points_lps_mm[1:])
        radius.append(branch.radius_mm[1:])
        code, assumed = code_of(branch)
        begin, length = length, length + branch.length_mm
        if stretches and stretches[-1].code == code:
            stretches[-1] = Stretch(code, stretches[-1].from_mm, length, assumed or stretches[-1].assumed)
        elif code:
            stretches.append(Stretch(code, begin, length, assumed))
        for child in branch.child_ids:
            if child not in path and length > 0.0 and one != path[-1]:
                mother = _end_diameter(branch)
                forks.append(Bifurcation(length, mother, _start_diameter(tree, child, mother)))
    codes = [one.code for one in stretches]
    above = 0.0 if parent is None else sum(tree[one].length_mm for one in tree.path_to(parent))
    joined = np.concatenate(points)
    return Vessel(_name(codes), at, path, joined, np.concatenate(radius), tuple(stretches), tuple(forks), above)


def _name(codes: Sequence[str]) -> str:
    """Return the trunk's name where a line runs through one, else its first code."""
    for trunk in ("LAD", "RCA", "LCx", "LM"):
        if any(code in _TRUNKS and code.endswith(trunk) for code in codes):
            return trunk
    return codes[0] if codes else ""


def _end_diameter(branch: Branch) -> float:
    return float(2.0 * np.median(branch.radius_mm[branch.arc_mm >= branch.length_mm - _END_WITHIN_MM]))


def _start_diameter(tree: Tree, child: int, mother_mm: float) -> float:
    """Return how wide a side branch begins: behind where its line has left the mother's lumen."""
    path = _onward(tree, child)
    radius = np.concatenate([tree[one].radius_mm for one in path])
    # lines of branches that follow each other meet in a point: its length is none
    arc = np.concatenate([sum(tree[before].length_mm for before in path[:at]) + tree[one].arc_mm for at, one in enumerate(path)])
    leaves = 0.5 * mother_mm
    near = (arc >= leaves + _SIDE_FROM_MM) & (arc <= leaves + _SIDE_TO_MM)
    return float(2.0 * np.median(radius[near if near.any() else slice(len(arc) // 2, None)]))
