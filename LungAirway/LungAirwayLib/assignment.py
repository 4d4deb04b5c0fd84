"""Optimal assignment of a family of names to the branches of a tree, by dynamic programming over sets of names.

Strategy: below a trunk every branch either carries exactly one name with all its descendants, or is itself a common
trunk of the names that its children carry. The cheapest labelling with exactly the set S of names below a branch
follows from the cheapest ones below its children, so that one pass from the tips finds the optimum; trifurcations,
common trunks, absent names and names in two pieces are all in the search space, each at its price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree

PIECE_BASE_COST, PIECE_SHARE_COST = 0.01, 0.5
"""Price of a name that comes in one more piece: a little for a twig on the trunk, much for a large part."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What to assign where.

    Parameters
    ----------
    tree, root_ids
        The forest: one lobe's branches may leave the trunk at several places.
    name_cost
        branch id -> (n,) cost of giving that branch and all below it each of the n names.
    share
        branch id -> share (0 to 1) of the forest's tips below that branch.
    trunk_cost
        (2**n, 2**n) cost, when the names of the first bit mask are present, of a common trunk of those of the second.
    absent_cost
        (n,) cost of not finding each name.
    """

    tree: Tree
    root_ids: Sequence[int]
    name_cost: Mapping[int, FloatArray]
    share: Mapping[int, float]
    trunk_cost: FloatArray
    absent_cost: FloatArray

    @property
    def size(self) -> int:
        """Number of names."""
        return len(self.absent_cost)


@dataclass(frozen=True, eq=False)
class Assignment:
    """The cheapest labelling: bit mask of names of every branch, the branches where a name begins, and the cost."""

    masks: dict[int, int]
    starts: dict[int, int]
    cost: float


def _popcount(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray([bin(int(value)).count("1") for value in values.ravel()], dtype=np.int64).reshape(values.shape)


@dataclass(frozen=True, eq=False)
class _Sets:
    """Sets of names as bit masks, and what joining two of them means."""

    count: int
    pairs: list[NDArray[np.int64]]
    common: NDArray[np.int64]
    fresh_cost: FloatArray
    holds: NDArray[np.bool_]

    @classmethod
    def of(cls, problem: Problem) -> _Sets:
        """Return all sets of the names of a problem."""
        count = 2**problem.size
        sets = np.arange(count)
        union = np.bitwise_or.outer(sets, sets)
        fresh = (union != sets[:, None]) & (union != sets[None, :])
        return cls(
            count=count,
            pairs=[np.flatnonzero(union.ravel() == target) for target in sets],
            common=_popcount(np.bitwise_and.outer(sets, sets)),
            fresh_cost=np.where(fresh, problem.trunk_cost[:, union], 0.0),
            holds=(sets[:, None] >> np.arange(problem.size) & 1).astype(bool),
        )


class _Solver:
    """Holds the tables of one solution; ``forced`` pins branches to one name each.

    Every table has a row for each set of names that may be present at all: what an odd common trunk is depends on what
    the tree holds. All rows are filled together. Subtrees without a pin are taken over from ``free``, a solution of the
    same problem without pins.
    """

    def __init__(self, problem: Problem, forced: Mapping[int, int], free: _Solver | None = None) -> None:
        self.problem, self.forced, self.free = problem, forced, free
        self.sets: _Sets = free.sets if free is not None else _Sets.of(problem)
        self.count = self.sets.count
        self.tables: dict[int, FloatArray] = {}
        self.inside: dict[int, set[int]] = {}
        for branch_id, name in forced.items():
            for ancestor in problem.tree.path_to(branch_id):
                self.inside.setdefault(ancestor, set()).add(name)

    def joined(self, first: FloatArray, second: FloatArray, share: float, charge_trunk: bool) -> FloatArray:
        """Return the cost (present sets, pairs of sets) of two neighbours side by side."""
        piece = PIECE_BASE_COST + PIECE_SHARE_COST * share
        cost = first[:, :, None] + second[:, None, :] + piece * self.sets.common
        if charge_trunk:
            cost = cost + self.sets.fresh_cost
        return np.asarray(cost.reshape(self.count, -1))

    def partial(self, child_ids: Sequence[int], charge_trunk: bool) -> list[FloatArray]:
        """Tables of the first 1, 2, ... children together."""
        running = [self.table(child_ids[0])]
        for index in range(1, len(child_ids)):
            smaller = self.smaller_share(child_ids, index)
            cost = self.joined(running[-1], self.table(child_ids[index]), smaller, charge_trunk)
            running.append(np.stack([cost[:, pairs].min(axis=1) for pairs in self.sets.pairs], axis=1))
        return running

    def smaller_share(self, child_ids: Sequence[int], index: int) -> float:
        """Return the share of tips of a child, or of those before it where that is less: what a name in two pieces pays for."""
        before = sum(self.problem.share[child] for child in child_ids[:index])
        return min(before, self.problem.share[child_ids[index]])

    def table(self, branch_id: int) -> FloatArray:
        """Return the cheapest cost (present sets, sets) below a branch."""
        if self.free is not None and branch_id not in self.inside:
            return self.free.table(branch_id)
        if branch_id not in self.tables and self.free is not None:
            self.tables[branch_id] = self.own(branch_id)
        elif branch_id not in self.tables:
            for below in reversed(self.problem.tree.subtree(branch_id)):
                self.tables[below] = self.own(below)
        return self.tables[branch_id]

    def own(self, branch_id: int) -> FloatArray:
        """Return the costs below a branch that carries one name with all its descendants, or is a common trunk."""
        table = self.mixed(branch_id)
        pinned = self.inside.get(branch_id, set())
        for name in range(self.problem.size):
            if pinned <= {name}:
                cost = np.where(self.sets.holds[:, name], self.problem.name_cost[branch_id][name], np.inf)
                table[:, 1 << name] = np.minimum(table[:, 1 << name], cost)
        return table

    def mixed(self, branch_id: int) -> FloatArray:
        """Return the costs below a branch that is a common trunk of what its children carry."""
        children = self.problem.tree[branch_id].child_ids
        if not children or branch_id in self.forced:
            return np.full((self.count, self.count), np.inf)
        table = self.partial(children, len(children) == 2)[-1]
        return np.asarray(table + self.problem.trunk_cost if len(children) > 2 else table.copy())

    def trace(self, child_ids: Sequence[int], present: int, mask: int, found: Assignment) -> None:
        """Split a set of names among children the way the tables did."""
        charge_trunk = len(child_ids) == 2 and child_ids is not self.problem.root_ids
        running = self.partial(child_ids, charge_trunk)
        for index in range(len(child_ids) - 1, 0, -1):
            smaller = self.smaller_share(child_ids, index)
            cost = self.joined(running[index - 1], self.table(child_ids[index]), smaller, charge_trunk)[present]
            pairs = self.sets.pairs[mask]
            rest, own = divmod(int(pairs[int(np.argmin(cost[pairs]))]), self.count)
            self.follow(child_ids[index], present, own, found)
            mask = rest
        self.follow(child_ids[0], present, mask, found)

    def follow(self, branch_id: int, present: int, mask: int, found: Assignment) -> None:
        """Write down what a branch and all below it carry when they carry the names of ``mask``."""
        one_name = bin(mask).count("1") == 1
        if one_name and self.table(branch_id)[present, mask] < self.mixed(branch_id)[present, mask]:
            found.starts[branch_id] = mask.bit_length() - 1
            for below in self.problem.tree.subtree(branch_id):
                found.masks[below] = mask
            return
        found.masks[branch_id] = mask
        self.trace(self.problem.tree[branch_id].child_ids, present, mask, found)

    def lowest(self) -> tuple[int, float]:
        """Return the best set of names that the whole forest carries, and its cost."""
        total = self.partial(self.problem.root_ids, False)[-1].diagonal() + ~self.sets.holds @ self.problem.absent_cost
        best = int(np.argmin(total[1:])) + 1
        return best, float(total[best])

    def solve(self) -> Assignment:
        """Return the cheapest labelling; without masks where none exists."""
        best, cost = self.lowest()
        found = Assignment({}, {}, cost)
        if np.isfinite(cost):
            self.trace(self.problem.root_ids, best, best, found)
        return found


def assign(problem: Problem, forced: Mapping[int, int] | None = None) -> Assignment:
    """Return the cheapest assignment; with ``forced`` the branches given there carry the name given there.

    An assignment that cannot exist (contradicting pins) has infinite cost and no masks.
    """
    return _Solver(problem, forced or {}).solve()


def alternatives(problem: Problem, branch_ids: Iterable[int], temperature: float) -> dict[int, FloatArray]:
    """Return the probability (n,) of each name for each of some branches.

    The cost of each name is that of the best assignment of the whole family in which the branch carries it, so that a
    name is weighed together with what it would leave for its neighbours; the probability is the Gibbs weight.
    """
    free = _Solver(problem, {})
    return {branch_id: _chances(problem, free, branch_id, temperature) for branch_id in branch_ids}


def _chances(problem: Problem, free: _Solver, branch_id: int, temperature: float) -> FloatArray:
    costs = np.array([_Solver(problem, {branch_id: name}, free).lowest()[1] for name in range(problem.size)])
    if not np.isfinite(costs).any():
        return np.full(problem.size, 1.0 / problem.size)
    weights = np.exp(-(costs - costs.min()) / temperature)
    return np.asarray(weights / weights.sum())
