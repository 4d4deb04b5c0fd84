"""Arteries that the run missed: marked by a reader, they are looked for together with those that it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree

from .clicked import Clicks

JOINED_MM = 5.0
"""A mark that begins this near to an artery found is a branch of it. Chosen: more than the widest artery's diameter."""


def with_missed(trees: Sequence[Tree], marked: Sequence[FloatArray]) -> tuple[Clicks, ...]:
    """Return the marks that lead to all arteries found and to those marked besides.

    Parameters
    ----------
    trees
        What was found: each is looked for again from its ostium to its tips.
    marked
        (K, 3) LPS mm each, K >= 2: where an artery leaves the aorta, or an artery found, and then its tips.

    Raises
    ------
    InputError
        When an artery marked has no tip.
    """
    if any(len(one) < 2 for one in marked):
        raise InputError("A marked artery needs at least one tip besides its ostium.")
    found = [
        Clicks(_point(tree.root.points_lps_mm[0]), tuple(_point(one.points_lps_mm[-1]) for one in tree.tips)) for tree in trees
    ]
    for one in marked:
        away = [_away_mm(tree, one[0]) for tree in trees]
        tips = tuple(_point(tip) for tip in one[1:])
        if away and min(away) <= JOINED_MM:
            at = int(np.argmin(away))
            found[at] = replace(found[at], tips_lps_mm=(*found[at].tips_lps_mm, *tips))
        else:
            found.append(Clicks(_point(one[0]), tips))
    return tuple(found)


def _away_mm(tree: Tree, point_lps_mm: FloatArray) -> float:
    return min(float(np.linalg.norm(branch.points_lps_mm - point_lps_mm, axis=1).min()) for branch in tree)


def _point(values: FloatArray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
