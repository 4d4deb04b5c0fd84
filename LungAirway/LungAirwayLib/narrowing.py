"""Central bronchi that are too narrow for their place: the reader is told that their lumen may be filled or compressed."""

from __future__ import annotations

from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .naming import display_name

CENTRAL_BRONCHI = ("RMB", "LMB", "BI", "RULB", "LULB", "LLLB", "RLLB")
LEAST_SHARE_OF_PARENT = 0.5
"""From one generation to the next calibre falls to about 0.7 in the first generations (Weibel 1963: 18, 12.2, 8.3, 5.6 mm)."""
SHORTEST_MM = 5.0
"""Stubs shorter than this are measured inside the junctions at their ends."""


def narrowing_warnings(tree: Tree) -> tuple[str, ...]:
    """Return a sentence for each main or lobar bronchus under half as wide as the airway before it.

    Froth, a plug, a tumour or pressure from outside leave such a lumen; what was measured is the air in it. The middle
    lobe's bronchus is not asked: it is naturally thin.
    """
    told = []
    for branch in tree:
        if branch.parent_id is None or branch.label is None or branch.label.code not in CENTRAL_BRONCHI:
            continue
        before_mm = _before_mm(tree, branch.parent_id)
        if branch.length_mm < SHORTEST_MM or branch.diameter_mm >= LEAST_SHARE_OF_PARENT * before_mm:
            continue
        name = display_name(branch.label.code)
        widths = f"on the whole {branch.diameter_mm:.1f} mm after {before_mm:.1f} mm"
        told.append(
            f"Narrow for its place: {name}, {widths}. It may hold secretion or be compressed; the diameter is that of its air."
        )
    return tuple(told)


def _before_mm(tree: Tree, branch_id: int) -> float:
    """Return the diameter of a bronchus, of its widest part where a side branch or a plug divides it."""
    branch = tree[branch_id]
    widest, base = branch.diameter_mm, _bronchus(branch)
    while base and branch.parent_id is not None and _bronchus(tree[branch.parent_id]) == base:
        branch = tree[branch.parent_id]
        widest = max(widest, branch.diameter_mm)
    return widest


def _bronchus(branch: Branch) -> str:
    return branch.label.code.split(".")[0] if branch.label is not None else ""
