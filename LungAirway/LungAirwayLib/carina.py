"""The trachea, its carina, and what leaves for each lung."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

from .subtrees import COURSE_MM, Territories

MINIMUM_SIDE_SHARE = 0.03
"""A carina has at least this share of the tips on either side."""


@dataclass(frozen=True)
class Trunk:
    """The trachea's branches, and what leaves it for each lung (main bronchus first)."""

    trachea: tuple[int, ...]
    roots: Mapping[str, tuple[int, ...]]
    early: tuple[int, ...]
    carina_lps_mm: FloatArray
    balance: float


def _sides_at(territories: Territories, branch_id: int) -> dict[str, list[int]]:
    tree = territories.tree
    node_x = tree[branch_id].points_lps_mm[-1][0]
    sides: dict[str, list[int]] = {"right": [], "left": []}
    for child in tree[branch_id].child_ids:
        mean_x = float(territories.points([child])[:, 0].mean())
        sides["right" if mean_x < node_x else "left"].append(child)
    return sides


def _lung_share(territories: Territories, children: Sequence[int], node_id: int, total: int) -> float:
    """Return the share of tips, those above the node for a quarter: a tracheal bronchus has few below, a lung many."""
    if not children:
        return 0.0
    level = territories.tree[node_id].points_lps_mm[-1][2]
    heights = territories.points(children)[:, 2] - level
    return float(np.where(heights < 0.0, 1.0, 0.25).sum()) / total


def find_trunk(territories: Territories) -> Trunk | None:
    """Find the carina: the node on the main path where right and left part most evenly, both with tips below it."""
    tree, total = territories.tree, len(territories.tip_points)
    best: tuple[float, list[int]] | None = None
    path = [tree.root_id]
    while True:
        sides = _sides_at(territories, path[-1])
        balance = min(_lung_share(territories, part, path[-1], total) for part in sides.values())
        if best is None or balance > best[0] + 1e-9:
            best = (balance, list(path))
        if not tree[path[-1]].child_ids:
            break
        path.append(max(tree[path[-1]].child_ids, key=lambda child: len(territories.tips_below[child])))
    if best is None or best[0] < MINIMUM_SIDE_SHARE:
        return None
    return _trunk_from(territories, best[1], best[0])


def _trunk_from(territories: Territories, path: Sequence[int], balance: float) -> Trunk:
    tree = territories.tree
    carina = np.asarray(tree[path[-1]].points_lps_mm[-1])
    sides = _sides_at(territories, path[-1])
    early = [child for branch, after in itertools.pairwise(path)
             for child in tree[branch].child_ids if child != after]  # fmt: skip
    for child in early:
        side = "right" if territories.points([child])[:, 0].mean() < carina[0] else "left"
        if float(sum(tree[below].length_mm for below in tree.subtree(child))) >= COURSE_MM:
            sides[side].append(child)
    roots = {side: tuple(sorted(part, key=lambda child: -len(territories.tips_below[child]))) for side, part in sides.items()}
    return Trunk(tuple(path), roots, tuple(early), carina, balance)
