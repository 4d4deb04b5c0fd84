"""Edits of a tree: each returns a new tree in which everything downstream is recomputed and the rest keeps its ids."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SenseCareError
from ..geometry import FloatArray, arc_length_mm, resample_polyline
from .assemble import assemble, no_frames
from .tree import Branch, BranchFlag, BranchLabel, Bridge, Tree

_EDITED = frozenset({BranchFlag.MANUALLY_EDITED})
_STEP_MM = 0.5
_SHORTEST_MM = 0.1


@dataclass(frozen=True, eq=False)
class Cut:
    """What a cut leaves: the tree, and the part that came off (a tree of its own) so that it can be bridged back."""

    tree: Tree
    detached: Tree


def cut(tree: Tree, branch_id: int, at_mm: float) -> Cut:
    """Cut a branch ``at_mm`` from its proximal end; what lies beyond comes off.

    At 0 the whole branch comes off with its subtree; a cut of the root needs a position within it. The detached
    tree keeps the ids, its first branch being the rest of the cut one.

    Raises
    ------
    SenseCareError
        When the branch is unknown, or the position is no single number or lies outside it.
    """
    branch = _branch(tree, branch_id)
    at_mm = _one_length(at_mm, "at_mm")
    if not 0.0 <= at_mm < branch.length_mm:
        raise SenseCareError(
            f"Branch {branch_id} cannot be cut there: choose a position between 0 and {branch.length_mm:.1f} mm.",
            f"at_mm = {at_mm}",
        )
    beyond = {one: tree[one] for one in tree.subtree(branch_id)}
    rest = [one for one in tree if one.id not in beyond]
    if at_mm < _SHORTEST_MM:
        if branch.parent_id is None:
            raise SenseCareError("The whole tree cannot be cut off its own root: choose a position along the branch.")
        distal = branch
    else:
        proximal, distal = _split(branch, at_mm)
        rest.append(replace(proximal, flags=branch.flags | _EDITED))
    detached = [replace(distal, parent_id=None, flags=branch.flags | _EDITED), *(b for b in beyond.values() if b.id != branch_id)]
    up = _up_at(branch, at_mm)
    kept = _assembled(tree, rest, tree.root_id)
    if at_mm < _SHORTEST_MM:
        kept = merge_single_children(kept)
    return Cut(kept, assemble(detached, branch_id, first_up=up, notes=(f"cut from branch {branch_id} at {at_mm:.1f} mm",)))


def bridge(
    tree: Tree, from_branch: int, onward: Tree | ArrayLike, *, at_mm: float | None = None, reason: str = "by hand"
) -> Tree:
    """Join a detached tree, or a course drawn by hand, to a branch.

    Parameters
    ----------
    from_branch
        The branch to start from, ``at_mm`` along it (its end by default; elsewhere it is split there).
    onward
        A detached :class:`Tree` (its ids are kept where free, renumbered where taken), or points (N, 3) LPS mm.

    Raises
    ------
    SenseCareError
        When the branch is unknown, the position lies outside it, or the points are no course.
    """
    start = _branch(tree, from_branch)
    at = start.length_mm if at_mm is None else _one_length(at_mm, "at_mm")
    if not _SHORTEST_MM <= at <= start.length_mm:
        raise SenseCareError(
            f"Branch {from_branch} ends at {start.length_mm:.1f} mm: a bridge cannot start at {at:.1f} mm.", f"at_mm = {at_mm}"
        )
    branches = {one.id: one for one in tree}
    if at < start.length_mm - _SHORTEST_MM:
        _split_in_place(branches, start, at)
    start = branches[from_branch]
    branches[from_branch] = replace(start, flags=start.flags | _EDITED)
    origin, radius = start.points_lps_mm[-1], start.radius_mm[-1]
    path, gap_mm = _hang(branches, start, onward, origin, float(radius))
    joined = Bridge(path, gap_mm, 1.0, reason)
    return merge_single_children(replace(_assembled(tree, branches.values(), tree.root_id), bridges=(*tree.bridges, joined)))


def divide(tree: Tree, branch_id: int, at_mm: float) -> tuple[Tree, int]:
    """Divide a branch ``at_mm`` from its proximal end into two, the distal one its only child; the course stays as it is.

    Returns
    -------
    tree, distal_id
        The proximal part keeps the id, the distal part, which keeps the children, gets a new one.

    Raises
    ------
    SenseCareError
        When the branch is unknown, or the position is no single number or not within it.
    """
    branch = _branch(tree, branch_id)
    at = _one_length(at_mm, "at_mm")
    if not _SHORTEST_MM <= at <= branch.length_mm - _SHORTEST_MM:
        raise SenseCareError(
            f"Branch {branch_id} cannot be divided there: choose a position within its {branch.length_mm:.1f} mm.",
            f"at_mm = {at_mm}",
        )
    branches = {one.id: one for one in tree}
    distal_id = max(branches) + 1
    _split_in_place(branches, branch, at)
    return _assembled(tree, branches.values(), tree.root_id), distal_id


def delete(tree: Tree, branch_id: int) -> Tree:
    """Remove a branch and everything beyond it; the root cannot be deleted.

    Raises
    ------
    SenseCareError
        When the branch is unknown or is the root.
    """
    if _branch(tree, branch_id).parent_id is None:
        raise SenseCareError("The first branch of a tree cannot be deleted: nothing would be left.", f"branch {branch_id}")
    gone = set(tree.subtree(branch_id))
    parent = tree[branch_id].parent_id
    rest = [replace(one, flags=one.flags | _EDITED) if one.id == parent else one for one in tree if one.id not in gone]
    return merge_single_children(_assembled(tree, rest, tree.root_id))


def relabel(tree: Tree, branch_id: int, code: str | None) -> Tree:
    """Give a branch an anatomical name by hand (confidence 1), or take its name away with None.

    Raises
    ------
    SenseCareError
        When the branch is unknown or the name is empty.
    """
    branch = _branch(tree, branch_id)
    if code is not None and not code.strip():
        raise SenseCareError("A branch name cannot be empty.", f"branch {branch_id}")
    label = None if code is None else BranchLabel(code, 1.0)
    return tree.with_branches({branch_id: replace(branch, label=label, flags=branch.flags | _EDITED)})


def reroot(tree: Tree, branch_id: int) -> Tree:
    """Let the tree begin at the far end of a tip branch: the branches on the way to the old root turn round.

    Raises
    ------
    SenseCareError
        When the branch is unknown or does not end freely.
    """
    branch = _branch(tree, branch_id)
    if branch.child_ids:
        raise SenseCareError(f"Branch {branch_id} does not end freely: a tree can only begin at a free end.")
    if branch.parent_id is None:
        turned = [replace(_reversed(branch), flags=branch.flags | _EDITED)]
        return _assembled(tree, turned, branch_id)
    path = tree.path_to(branch_id)
    branches = {one.id: one for one in tree}
    for position, current in enumerate(path):
        above = path[position + 1] if position + 1 < len(path) else None
        turned_branch = _reversed(tree[current])
        branches[current] = replace(turned_branch, parent_id=above, flags=turned_branch.flags | _EDITED)
        for sibling in tree[current].child_ids:
            if sibling != above and above is not None:
                branches[sibling] = replace(branches[sibling], parent_id=above)
    return merge_single_children(_assembled(tree, branches.values(), branch_id))


def merge_single_children(tree: Tree) -> Tree:
    """Make one branch of a parent and its only child, keeping the parent's id; its name goes before the child's."""
    branches = {one.id: one for one in tree}
    changed = False
    for branch_id in reversed(list(tree.branches)):
        if len(tree[branch_id].child_ids) == 1:
            child = branches.pop(tree[branch_id].child_ids[0])
            branches[branch_id] = _merged(branches[branch_id], child)
            for grandchild in [one for one in branches.values() if one.parent_id == child.id]:
                branches[grandchild.id] = replace(grandchild, parent_id=branch_id)
            changed = True
    return _assembled(tree, branches.values(), tree.root_id) if changed else tree


def _one_length(value: object, name: str) -> float:
    """Return a position along a branch as a float; a point in space, a text or a list is none."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != ():
        raise SenseCareError(
            "A place on a branch is one length in mm from the start of the branch, not a point in space.", f"{name} = {value!r}"
        )
    return float(array)


def _branch(tree: Tree, branch_id: int) -> Branch:
    if not isinstance(branch_id, (int, np.integer)) or branch_id not in tree.branches:
        raise SenseCareError(f"There is no branch {branch_id} in this tree.", f"known ids: {sorted(tree.branches)}")
    return tree[branch_id]


def _assembled(tree: Tree, branches: object, root_id: int) -> Tree:
    up = tree.root.frames[0, 1] if root_id == tree.root_id else None
    return assemble(
        branches,  # type: ignore[arg-type]
        root_id,
        loops_removed=tree.loops_removed,
        bridges=tree.bridges,
        notes=tree.notes,
        first_up=up,
    )


def _up_at(branch: Branch, at_mm: float) -> FloatArray:
    return np.asarray(branch.frames[int(np.argmin(np.abs(branch.arc_mm - at_mm))), 1])


def _split(branch: Branch, at_mm: float) -> tuple[Branch, Branch]:
    """Divide a branch at an arc length, with a new sample there unless one lies within 0.1 micrometre."""
    arc = branch.arc_mm
    place = int(np.searchsorted(arc, at_mm))
    exact = abs(arc[min(place, len(arc) - 1)] - at_mm) < 1e-4
    point = np.array([np.interp(at_mm, arc, branch.points_lps_mm[:, axis]) for axis in range(3)])
    radius = np.interp(at_mm, arc, branch.radius_mm)
    interval = np.array([np.interp(at_mm, arc, branch.radius_interval_mm[:, side]) for side in range(2)])
    after = place + 1 if exact else place
    proximal = _part(branch, slice(0, place), None, (point, radius, interval))
    return proximal, _part(branch, slice(after, None), (point, radius, interval), None)


def _part(branch: Branch, part: slice, before: tuple[object, ...] | None, after: tuple[object, ...] | None) -> Branch:
    columns = []
    for at, values in enumerate((branch.points_lps_mm, branch.radius_mm, branch.radius_interval_mm)):
        pieces = [values[part]]
        if before is not None:
            pieces.insert(0, np.asarray(before[at])[None])
        if after is not None:
            pieces.append(np.asarray(after[at])[None])
        columns.append(np.concatenate(pieces))
    return replace(
        branch, points_lps_mm=columns[0], radius_mm=columns[1], radius_interval_mm=columns[2], frames=no_frames(len(columns[1]))
    )


def _split_in_place(branches: dict[int, Branch], branch: Branch, at_mm: float) -> None:
    proximal, distal = _split(branch, at_mm)
    new_id = max(branches) + 1
    for child in branch.child_ids:
        branches[child] = replace(branches[child], parent_id=new_id)
    branches[branch.id] = proximal
    branches[new_id] = replace(distal, id=new_id, parent_id=branch.id)


def _hang(
    branches: dict[int, Branch], start: Branch, onward: Tree | ArrayLike, origin: FloatArray, radius: float
) -> tuple[FloatArray, float]:
    """Add what comes after ``start``; returns the joining path and its length."""
    bridged = frozenset({BranchFlag.BRIDGED, BranchFlag.MANUALLY_EDITED})
    if isinstance(onward, Tree):
        return _hang_tree(branches, start, onward, origin, bridged)
    drawn = np.asarray(onward, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != 3 or len(drawn) < 1 or not np.isfinite(drawn).all():
        raise SenseCareError("A bridge needs at least one point in space.", f"got an array of shape {drawn.shape}")
    path = np.concatenate([origin[None], drawn]) if np.linalg.norm(drawn[0] - origin) > 1e-6 else drawn
    if arc_length_mm(path)[-1] < _SHORTEST_MM:
        raise SenseCareError("The drawn bridge has no length: its points lie on the end of the branch.")
    points = resample_polyline(path, _STEP_MM)
    new_id = max(branches) + 1
    radii = np.full(len(points), radius)
    branches[new_id] = Branch(
        new_id, start.id, (), points, radii, np.stack([0.0 * radii, 2.0 * radii], axis=1), no_frames(len(points)), flags=bridged
    )
    return points, float(arc_length_mm(path)[-1])


def _hang_tree(
    branches: dict[int, Branch], start: Branch, piece: Tree, origin: FloatArray, bridged: frozenset[BranchFlag]
) -> tuple[FloatArray, float]:
    taken = set(branches)
    free = max(taken | set(piece.branches)) + 1
    new_ids: dict[int, int] = {}
    for one in piece:
        new_ids[one.id] = one.id if one.id not in taken else free
        free += one.id in taken
    first = piece.root
    gap = float(np.linalg.norm(first.points_lps_mm[0] - origin))
    path = np.stack([origin, first.points_lps_mm[0]])
    for one in piece:
        parent = start.id if one.parent_id is None else new_ids[one.parent_id]
        branches[new_ids[one.id]] = replace(one, id=new_ids[one.id], parent_id=parent)
    if gap > 1e-6:
        lead = resample_polyline(path, _STEP_MM)[:-1]
        share = np.linspace(0.0, 1.0, len(lead) + 1)[:-1]
        radii = start.radius_mm[-1] * (1.0 - share) + first.radius_mm[0] * share
        interval = start.radius_interval_mm[-1] * (1.0 - share[:, None]) + first.radius_interval_mm[0] * share[:, None]
        own = branches[new_ids[first.id]]
        branches[own.id] = replace(
            own,
            points_lps_mm=np.concatenate([lead, own.points_lps_mm]),
            radius_mm=np.concatenate([radii, own.radius_mm]),
            radius_interval_mm=np.concatenate([interval, own.radius_interval_mm]),
        )
    own = branches[new_ids[first.id]]
    branches[own.id] = replace(own, flags=own.flags | bridged)
    return path, gap


def _reversed(branch: Branch) -> Branch:
    return replace(
        branch,
        points_lps_mm=branch.points_lps_mm[::-1].copy(),
        radius_mm=branch.radius_mm[::-1].copy(),
        radius_interval_mm=branch.radius_interval_mm[::-1].copy(),
        frames=no_frames(len(branch.radius_mm)),
    )


def _merged(parent: Branch, child: Branch) -> Branch:
    share = parent.length_mm / max(parent.length_mm + child.length_mm, 1e-9)
    return replace(
        parent,
        points_lps_mm=np.concatenate([parent.points_lps_mm, child.points_lps_mm[1:]]),
        radius_mm=np.concatenate([parent.radius_mm, child.radius_mm[1:]]),
        radius_interval_mm=np.concatenate([parent.radius_interval_mm, child.radius_interval_mm[1:]]),
        frames=no_frames(len(parent.radius_mm) + len(child.radius_mm) - 1),
        label=parent.label or child.label,
        flags=parent.flags | child.flags,
        confidence=share * parent.confidence + (1.0 - share) * child.confidence,
    )
