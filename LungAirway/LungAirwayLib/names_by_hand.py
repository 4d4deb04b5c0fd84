"""Names that a person gave to branches stay when all others are found anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.tree import BranchFlag, BranchLabel, Tree

from .naming import split_code


def check_names(tree: Tree) -> None:
    """Refuse a tree with names that are none of ours: no table, page or route could say what they are.

    Raises
    ------
    InputError
        Naming every branch and its code.
    """
    problems = []
    for branch in tree:
        for code in () if branch.label is None else (branch.label.code, *(code for code, _ in branch.label.alternatives)):
            try:
                split_code(code)
            except ValueError:
                problems.append(
                    f"branch {branch.id} is named {code!r}, which is no bronchus; codes are such as RMB, RULB, RB6 or RB3a"
                )
    if problems:
        raise InputError("The edited airway tree holds unknown names.", problems)


def names_by_hand(tree: Tree) -> dict[int, BranchLabel]:
    """Return branch id -> name of the branches that a person named (certain, on an edited branch)."""
    return {
        branch.id: branch.label
        for branch in tree
        if branch.label is not None and branch.label.confidence >= 1.0 and BranchFlag.MANUALLY_EDITED in branch.flags
    }


def with_names(tree: Tree, names: Mapping[int, BranchLabel]) -> Tree:
    """Return the tree with these names; a found name that repeats one of them is taken away.

    Two branches of one name would make every instruction that uses it ambiguous; the person's word counts.
    """
    taken = {label.code for label in names.values()}
    changed = {}
    for branch in tree:
        if branch.id in names:
            changed[branch.id] = replace(branch, label=names[branch.id])
        elif branch.label is not None and branch.label.code in taken:
            changed[branch.id] = replace(branch, label=None)
    return tree.with_branches(changed) if changed else tree
