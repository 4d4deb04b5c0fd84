"""From separate branches to a consistent tree: children, generation, orders, shared junction points and frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..errors import SenseCareError
from ..geometry import FloatArray, unit
from .frames import filled_tangents, minimal_rotation, rotation_minimising_frames
from .orders import generations, horsfield_orders, parents_first, strahler_orders
from .tree import Branch, Bridge, RemovedLoop, Tree


def assemble(
    branches: Iterable[Branch],
    root_id: int,
    *,
    loops_removed: tuple[RemovedLoop, ...] = (),
    bridges: tuple[Bridge, ...] = (),
    notes: tuple[str, ...] = (),
    first_up: FloatArray | None = None,
) -> Tree:
    """Make a tree from branches whose ``id``, ``parent_id``, points and radii are right; the rest is recomputed.

    Parameters
    ----------
    branches
        In any order; ``child_ids``, orders and frames need not be valid.
    first_up
        (3,) "up" at the root's start; anterior by default.

    Raises
    ------
    SenseCareError
        When ids repeat, a parent is unknown, or a branch cannot be reached from the root.
    """
    by_id = _indexed(branches, root_id)
    children: dict[int, list[int]] = {branch_id: [] for branch_id in by_id}
    for branch in by_id.values():
        if branch.parent_id is not None:
            children[branch.parent_id].append(branch.id)
    order = parents_first(children, root_id)
    if len(order) != len(by_id):
        lost = sorted(set(by_id) - set(order))
        raise SenseCareError("The tree falls apart: some branches cannot be reached from the root.", f"unreachable ids: {lost}")
    generation = generations(children, root_id)
    strahler, horsfield = strahler_orders(children, root_id), horsfield_orders(children, root_id)
    done: dict[int, Branch] = {}
    for branch_id in order:
        branch = by_id[branch_id]
        parent = None if branch.parent_id is None else done[branch.parent_id]
        done[branch_id] = replace(
            branch,
            child_ids=tuple(children[branch_id]),
            frames=_frames(branch, parent, first_up),
            generation=generation[branch_id],
            strahler_order=strahler[branch_id],
            horsfield_order=horsfield[branch_id],
        )
    return Tree(done, root_id, loops_removed, bridges, notes)


def _indexed(branches: Iterable[Branch], root_id: int) -> dict[int, Branch]:
    by_id: dict[int, Branch] = {}
    for branch in branches:
        if branch.id in by_id:
            raise SenseCareError("The tree is inconsistent: a branch number is used twice.", f"branch id {branch.id}")
        by_id[branch.id] = branch
    if root_id not in by_id or by_id[root_id].parent_id is not None:
        raise SenseCareError("The tree is inconsistent: its root is missing.", f"root id {root_id}, ids {sorted(by_id)}")
    for branch in by_id.values():
        if branch.parent_id is None and branch.id != root_id:
            raise SenseCareError("The tree is inconsistent: it has two roots.", f"ids {root_id} and {branch.id}")
        if branch.parent_id is not None and branch.parent_id not in by_id:
            raise SenseCareError(
                "The tree is inconsistent: a parent is missing.", f"branch {branch.id}, parent {branch.parent_id}"
            )
    return by_id


def _frames(branch: Branch, parent: Branch | None, first_up: FloatArray | None) -> FloatArray:
    if parent is None:
        return rotation_minimising_frames(branch.points_lps_mm, first_up)
    start = filled_tangents(branch.points_lps_mm)[0]
    up = minimal_rotation(parent.frames[-1, 1], parent.frames[-1, 0], start)
    return rotation_minimising_frames(branch.points_lps_mm, unit(up))


def no_frames(count: int) -> FloatArray:
    """Return a place holder (N, 3, 3) for frames that :func:`assemble` will compute."""
    return np.zeros((count, 3, 3))
