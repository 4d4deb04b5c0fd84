"""What follows from a suspected leak: no name of its own, and a word to the reader where a route runs through it."""

from __future__ import annotations

from dataclasses import replace

from SenseCarePlanningLib.tubes.tree import BranchFlag, Tree

from .plan import Plan


def without_names_on_suspects(tree: Tree) -> Tree:
    """Take the name off every suspected leak that leads nowhere: a segment must not be named after a false branch.

    A suspect with branches beyond it keeps its name; what hangs on it was named by where it leads.
    """
    suspects = [
        branch for branch in tree if BranchFlag.LEAK_SUSPECTED in branch.flags and not branch.child_ids and branch.generation > 1
    ]
    return tree.with_branches({branch.id: replace(branch, label=None) for branch in suspects})


def suspect_warnings(tree: Tree, plan: Plan | None) -> tuple[str, ...]:
    """Return sentences on suspected leaks: how many there are, and which routes use one."""
    suspects = {branch.id for branch in tree if BranchFlag.LEAK_SUSPECTED in branch.flags}
    if not suspects:
        return ()
    told = [
        f"Route {route.rank} runs through an airway that may be a leak: check it on the CT."
        for route in (plan.routes if plan is not None else ())
        if suspects.intersection(route.branch_ids[1:])
    ]
    return (*told, f"{len(suspects)} of {len(tree)} airways may be leaks; they are marked in the table of all branches.")
