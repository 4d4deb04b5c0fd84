"""Optimal assignment of a family of names to the branches of a tree, by dynamic programming over sets of names.

Strategy: below a trunk every branch either carries exactly one name with all its descendants, or is itself a common
trunk of the names that its children carry. The cheapest labelling with exactly the set S of names below a branch
follows from the cheapest ones below its children, so that one pass from the tips finds the optimum; trifurcations,
common trunks, absent names and names in two pieces are all in the search space, each at its price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        (2**n,) cost of a common trunk for each set of names, as a bit mask.
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


class _Solver:
    """Holds the tables of one solution; ``forced`` pins branches to one name each."""

    def __init__(self, problem: Problem, forced: Mapping[int, int]) -> None:
        self.problem, self.forced = problem, forced
        sets = np.arange(2**problem.size)
        self.union = np.bitwise_or.outer(sets, sets)
        self.common = _popcount(np.bitwise_and.outer(sets, sets))
        self.fresh = (self.union != sets[:, None]) & (self.union != sets[None, :])
        self.tables: dict[int, FloatArray] = {}
        self.inside: dict[int, set[int]] = {}
        for branch_id, name in forced.items():
            for ancestor in problem.tree.path_to(branch_id):
                self.inside.setdefault(ancestor, set()).add(name)

    def join(self, first: FloatArray, second: FloatArray, share: float, charge_trunk: bool) -> FloatArray:
        cost = first[:, None] + second[None, :] + (PIECE_BASE_COST + PIECE_SHARE_COST * share) * self.common
        if charge_trunk:
            cost = cost + np.where(self.fresh, self.problem.trunk_cost[self.union], 0.0)
        joined = np.full(len(first), np.inf)
        np.minimum.at(joined, self.union, cost)
        return joined

    def partial(self, child_ids: Sequence[int], charge_trunk: bool) -> list[FloatArray]:
        """Tables of the first 1, 2, ... children together."""
        running = [self.table(child_ids[0])]
        shares = [self.problem.share[child] for child in child_ids]
        for index in range(1, len(child_ids)):
            smaller = min(sum(shares[:index]), shares[index])
            running.append(self.join(running[-1], self.table(child_ids[index]), smaller, charge_trunk))
        return running

    def table(self, branch_id: int) -> FloatArray:
        """Return the cheapest cost below a branch for each set of names."""
        if branch_id not in self.tables:
            self.fill(branch_id)
        return self.tables[branch_id]

    def fill(self, root_id: int) -> None:
        for branch_id in reversed(self.problem.tree.subtree(root_id)):
            self.tables[branch_id] = self.own(branch_id)

    def own(self, branch_id: int) -> FloatArray:
        table = self.mixed(branch_id)
        pinned = self.inside.get(branch_id, set())
        for name in range(self.problem.size):
            if pinned <= {name}:
                table[1 << name] = min(table[1 << name], self.problem.name_cost[branch_id][name])
        return table

    def mixed(self, branch_id: int) -> FloatArray:
        children = self.problem.tree[branch_id].child_ids
        if not children or branch_id in self.forced:
            return np.full(2**self.problem.size, np.inf)
        table = self.partial(children, len(children) == 2)[-1]
        return np.asarray(table + self.problem.trunk_cost if len(children) > 2 else table.copy())

    def trace(self, child_ids: Sequence[int], mask: int, charge_trunk: bool, found: Assignment) -> None:
        """Split a set of names among children the way the tables did."""
        running = self.partial(child_ids, charge_trunk)
        shares = [self.problem.share[child] for child in child_ids]
        for index in range(len(child_ids) - 1, 0, -1):
            smaller = min(sum(shares[:index]), shares[index])
            piece = PIECE_BASE_COST + PIECE_SHARE_COST * smaller
            cost = running[index - 1][:, None] + self.table(child_ids[index])[None, :] + piece * self.common
            if charge_trunk:
                cost = cost + np.where(self.fresh, self.problem.trunk_cost[self.union], 0.0)
            cost = np.where(self.union == mask, cost, np.inf)
            rest, own = np.unravel_index(int(np.argmin(cost)), cost.shape)
            self.follow(child_ids[index], int(own), found)
            mask = int(rest)
        self.follow(child_ids[0], mask, found)

    def follow(self, branch_id: int, mask: int, found: Assignment) -> None:
        one_name = bin(mask).count("1") == 1
        if one_name and self.table(branch_id)[mask] < self.mixed(branch_id)[mask]:
            found.starts[branch_id] = mask.bit_length() - 1
            for below in self.problem.tree.subtree(branch_id):
                found.masks[below] = mask
            return
        found.masks[branch_id] = mask
        children = self.problem.tree[branch_id].child_ids
        self.trace(children, mask, len(children) == 2, found)

    def solve(self) -> Assignment:
        names = np.arange(self.problem.size)
        missing = ~(np.arange(2**self.problem.size)[:, None] >> names & 1).astype(bool)
        total = self.partial(self.problem.root_ids, False)[-1] + missing @ self.problem.absent_cost
        total[0] = np.inf
        best = int(np.argmin(total))
        return Assignment({}, {}, float(total[best])) if not np.isfinite(total[best]) else self.traced(best, total[best])

    def traced(self, mask: int, cost: float) -> Assignment:
        found = Assignment({}, {}, float(cost))
        self.trace(self.problem.root_ids, mask, False, found)
        return found


def assign(problem: Problem, forced: Mapping[int, int] | None = None) -> Assignment:
    """Return the cheapest assignment; with ``forced`` the branches given there carry the name given there.

    An assignment that cannot exist (contradicting pins) has infinite cost and no masks.
    """
    return _Solver(problem, forced or {}).solve()


def alternatives(problem: Problem, branch_id: int, temperature: float) -> FloatArray:
    """Return the probability (n,) of each name for one branch.

    The cost of each name is that of the best assignment of the whole family in which the branch carries it, so that a
    name is weighed together with what it would leave for its neighbours; the probability is the Gibbs weight.
    """
    costs = np.array([assign(problem, {branch_id: name}).cost for name in range(problem.size)])
    if not np.isfinite(costs).any():
        return np.full(problem.size, 1.0 / problem.size)
    weights = np.exp(-(costs - costs.min()) / temperature)
    return np.asarray(weights / weights.sum())
