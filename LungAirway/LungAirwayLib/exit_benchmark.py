"""How often the planned exit branch is right: hide the far part of a real tree, aim at its tips, see where the plan leaves.

A tree is cut by generation (5, 6) or by diameter (3.0, 2.2, 1.7 mm). What remains is what a CT would have shown: branches
whose sibling is hidden are one branch with what follows, since a hidden bifurcation leaves no trace. Every hidden tip is a
target; the truth is the visible branch from which its path leaves. Targets nearer than 4 mm to that exit are not counted.
``strict`` repeats the count with the bifurcations of the full tree kept, where the branch above a hidden side branch and
the branch after it count as different answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap

from .exit_cost import (
    Candidates,
    ExitCostParameters,
    cheapest_of_each_branch,
    exit_candidates,
    exit_costs,
    shares,
)

GENERATIONS = (5, 6)
DIAMETERS_MM = (3.0, 2.2, 1.7)
NEAREST_COUNTED_MM = 4.0
DISTANCE_BINS_MM = ((4.0, 10.0), (10.0, 20.0), (20.0, 40.0), (40.0, float("inf")))
NEAREST_POINT = ExitCostParameters(direction_weight=0.0, not_tip_factor=1.0, side_branch_angle_deg=0.0, radius_exponent=0.0)
"""The rule to beat: leave where the visible tree comes nearest to the target."""
FEWEST_BRANCHES = 3


@dataclass(frozen=True, eq=False)
class Trial:
    """One hidden tip aimed at from one visible tree."""

    truncation: str
    candidates: Candidates
    target_lps_mm: FloatArray
    exit_branch_id: int
    exit_lps_mm: FloatArray

    @property
    def distance_mm(self) -> float:
        """From the true exit to the target."""
        return float(np.linalg.norm(self.target_lps_mm - self.exit_lps_mm))


@dataclass(frozen=True)
class Answer:
    """What the cost said in one trial: the truth's rank (1 is right), the share given to the first, the exit's error."""

    rank: int
    confidence: float
    exit_error_mm: float
    truth_share: float


def evaluate_exit_branch(mask: LabelMap) -> dict[str, Any]:
    """Build the tree of an airway mask and run the hidden-tree benchmark on it.

    Returns
    -------
    dict
        ``targets``; ``planned`` and ``nearest_point``, each with ``top1``, ``top3`` (fractions), ``exit_within_10_mm`` and
        ``by_distance``; ``strict`` with the same two; ``by_truncation``; ``calibration`` of the stated confidence;
        ``tree`` facts. Fractions are None where no target falls.

    Raises
    ------
    InputError
        When the mask is empty, or its tree has no branch that could be hidden.
    """
    scores = evaluate_tree(build_tree(mask, root_lps_mm=superior_end(mask)))
    if not scores["targets"]:
        raise InputError("The benchmark needs an airway tree with several generations; this mask has no branch to hide.")
    return scores


def superior_end(mask: LabelMap) -> FloatArray:
    """Return the centre (3,) of the mask's topmost 3 mm: the trachea of an airway mask.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    voxels = np.argwhere(mask.array_kji > 0)
    if not len(voxels):
        raise ValueError("the mask is empty")
    points = mask.grid.lps_from_kji(voxels)
    return np.asarray(points[points[:, 2] >= points[:, 2].max() - 3.0].mean(axis=0))


def evaluate_tree(tree: Tree, parameters: ExitCostParameters | None = None) -> dict[str, Any]:
    """Run the benchmark on a tree that is already built; see :func:`evaluate_exit_branch`."""
    parameters = parameters or ExitCostParameters()
    seen, strict = list(trials(tree)), list(trials(tree, merge=False))
    answers = [answer(trial, parameters) for trial in seen]
    nearest = [answer(trial, NEAREST_POINT) for trial in seen]
    names = list(dict.fromkeys(trial.truncation for trial in seen))
    return {
        "tree": {"branches": len(tree), "tips": len(tree.tips), "length_mm": round(tree.total_length_mm, 1)},
        "targets": len(seen),
        "planned": _summary(seen, answers),
        "nearest_point": _summary(seen, nearest),
        "strict": {
            "planned": _summary(strict, [answer(trial, parameters) for trial in strict]),
            "nearest_point": _summary(strict, [answer(trial, NEAREST_POINT) for trial in strict]),
        },
        "by_truncation": {
            name: _rates([item for trial, item in zip(seen, answers, strict=True) if trial.truncation == name]) for name in names
        },
        "calibration": _calibration(answers),
    }


def trials(tree: Tree, merge: bool = True) -> Iterator[Trial]:
    """Yield every trial of a tree; ``merge`` joins what a hidden bifurcation would not have split."""
    for name, keep in _truncations(tree):
        visible, owner = visible_tree(tree, keep, merge)
        if len(visible) < FEWEST_BRANCHES:
            continue
        candidates = exit_candidates(visible)
        for tip in tree.tips:
            if tip.id in keep:
                continue
            last = next(above for above in reversed(tree.path_to(tip.id)) if above in keep)
            trial = Trial(name, candidates, tip.points_lps_mm[-1], owner[last], tree[last].points_lps_mm[-1])
            if trial.distance_mm >= NEAREST_COUNTED_MM:
                yield trial


def _truncations(tree: Tree) -> Iterator[tuple[str, frozenset[int]]]:
    for generation in GENERATIONS:
        yield f"generation {generation}", _kept(tree, lambda branch, limit=generation: branch.generation <= limit)
    for diameter in DIAMETERS_MM:
        yield f"diameter {diameter} mm", _kept(tree, lambda branch, floor=diameter: branch.diameter_mm >= floor)


def _kept(tree: Tree, seen: Callable[..., bool]) -> frozenset[int]:
    """Return the branches that are seen and whose ancestors all are; the root always."""
    keep: set[int] = set()
    for branch in tree:
        if branch.parent_id is None or (branch.parent_id in keep and seen(branch)):
            keep.add(branch.id)
    return frozenset(keep)


def visible_tree(tree: Tree, keep: frozenset[int], merge: bool = True) -> tuple[Tree, dict[int, int]]:
    """Return the tree of the kept branches and, for each of them, the id of the visible branch that it is part of."""
    branches: dict[int, Branch] = {}
    owner: dict[int, int] = {}
    waiting: list[tuple[int, int | None, int]] = [(tree.root_id, None, 0)]
    for first, parent, generation in waiting:
        chain = [first]
        while merge and len(following := _kept_children(tree, chain[-1], keep)) == 1:
            chain.append(following[0])
        owner.update(dict.fromkeys(chain, first))
        children = _kept_children(tree, chain[-1], keep)
        branches[first] = _joined([tree[item] for item in chain], parent, children, generation)
        waiting.extend((child, first, generation + 1) for child in children)
    return Tree(branches, tree.root_id), owner


def _kept_children(tree: Tree, branch_id: int, keep: frozenset[int]) -> tuple[int, ...]:
    return tuple(child for child in tree[branch_id].child_ids if child in keep)


def _joined(chain: Sequence[Branch], parent: int | None, children: tuple[int, ...], generation: int) -> Branch:
    def column(pick: Callable[[Branch], FloatArray]) -> FloatArray:
        """Return one quantity along the chain, points shared by two branches once."""
        return np.concatenate([pick(chain[0]), *(pick(item)[1:] for item in chain[1:])])

    return replace(
        chain[0],
        parent_id=parent,
        child_ids=children,
        generation=generation,
        points_lps_mm=column(lambda item: item.points_lps_mm),
        radius_mm=column(lambda item: item.radius_mm),
        radius_interval_mm=column(lambda item: item.radius_interval_mm),
        frames=column(lambda item: item.frames),
    )


def answer(trial: Trial, parameters: ExitCostParameters) -> Answer:
    """Ask the cost for the exit of one trial. A truth among the branches that offer no exit has rank 0."""
    found = trial.candidates
    cost = exit_costs(found, trial.target_lps_mm[None], parameters).cost
    best = cheapest_of_each_branch(found.branch_ids, cost)
    hit = np.flatnonzero(found.branch_ids[best] == trial.exit_branch_id)
    share = shares(cost[best], parameters.temperature)
    return Answer(
        rank=int(hit[0]) + 1 if len(hit) else 0,
        confidence=float(share[0]),
        exit_error_mm=float(np.linalg.norm(found.points_lps_mm[best[0]] - trial.exit_lps_mm)),
        truth_share=float(share[hit[0]]) if len(hit) else 0.0,
    )


def _rates(answers: Sequence[Answer]) -> dict[str, Any]:
    count = len(answers)
    if not count:
        return {"targets": 0, "top1": None, "top3": None, "exit_within_10_mm": None}
    return {
        "targets": count,
        "top1": sum(item.rank == 1 for item in answers) / count,
        "top3": sum(1 <= item.rank <= 3 for item in answers) / count,
        "exit_within_10_mm": sum(item.exit_error_mm <= 10.0 for item in answers) / count,
    }


def _summary(asked: Sequence[Trial], answers: Sequence[Answer]) -> dict[str, Any]:
    distance = np.array([trial.distance_mm for trial in asked])
    bins = {}
    for low, high in DISTANCE_BINS_MM:
        name = f"{low:.0f}-{high:.0f} mm" if np.isfinite(high) else f"over {low:.0f} mm"
        bins[name] = _rates([item for item, gap in zip(answers, distance, strict=True) if low <= gap < high])
    return {**_rates(answers), "by_distance": bins}


def _calibration(answers: Sequence[Answer]) -> list[dict[str, float]]:
    """Compare the stated confidence of the first answer with how often it is right, in five equal bins."""
    rows = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        part = [item for item in answers if low <= item.confidence < low + 0.2 or (low == 0.8 and item.confidence >= 1.0)]
        if part:
            right = sum(item.rank == 1 for item in part) / len(part)
            stated = sum(item.confidence for item in part) / len(part)
            rows.append({"from": low, "targets": float(len(part)), "stated": stated, "right": right})
    return rows
