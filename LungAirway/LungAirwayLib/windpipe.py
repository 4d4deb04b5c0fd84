"""Whether a tree begins as an airway does: a windpipe of plausible calibre that parts into two main bronchi."""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .carina import Trunk, find_trunk
from .given_mask import top_of_trachea
from .subtrees import Territories, in_fixed_order

CALIBRE_MM = (8.0, 30.0)
"""Adult windpipes are 10 to 27 mm wide (Breatnach 1984, doi:10.2214/ajr.142.5.903); widened for masks that stay inside."""
MOST_TRUNK_BRANCHES = 4
"""A tracheal bronchus and a spur or two part the windpipe; a tree that goes through more junctions first has none."""

SOLID_MM2 = 700.0
"""Volume over length of the centrelines: the section of a 30 mm windpipe without any bronchus. Airway masks have 10 to 45."""
FEWEST_LOOPS, LOOPS_PER_BRANCH = 10, 0.08
"""Airways have no loops; those of a mask come from touching walls (at hand: at most 4, and 0.07 a branch). Arteries and
veins touch everywhere (39 to 131 loops, 0.09 to 0.15 a branch, in the vessel masks of three patients)."""
THIN_MM2, MANY_BRANCHES = 6.0, 100
"""Vessel masks of the lungs alone are thin throughout (4 to 5 mm2 where airways and their parts have 10 and more)."""

REFUSED = "The mask is no airway that can be planned on: {reason}. Give a mask of the windpipe and the bronchi."
SOLID = "it is a solid block"
NO_DIVISION = "it is one tube that divides nowhere"
NETWORK = "it has no windpipe, and is thin and netted as vessels are"
UPSIDE_DOWN = "its windpipe ends at the foot, so that the mask seems to be stored upside down"
PARTIAL = (
    "The airway mask shows no windpipe that divides into two main bronchi: only part of the airway is there, so that sides, "
    "names and routes from the mouth are unreliable."
)


def windpipe(tree: Tree) -> Trunk | None:
    """Return the windpipe and what leaves it, or None where the tree does not begin with one."""
    trunk = find_trunk(Territories(in_fixed_order(tree)))
    if trunk is None or len(trunk.trachea) > MOST_TRUNK_BRANCHES or not (trunk.roots["right"] and trunk.roots["left"]):
        return None
    diameters = np.concatenate([2.0 * tree[branch].radius_mm for branch in trunk.trachea])
    falls = tree.root.points_lps_mm[0][2] > trunk.carina_lps_mm[2]
    return trunk if falls and CALIBRE_MM[0] <= float(np.median(diameters)) <= CALIBRE_MM[1] else None


def check_given_airway(tree: Tree, airway: LabelMap) -> tuple[str, ...]:
    """Refuse a mask that is no airway; warn where it is only part of one.

    Parameters
    ----------
    tree
        Built from ``airway``, rooted at its upper end.
    airway
        The mask, in one piece.

    Returns
    -------
    tuple of str
        One sentence for part of an airway, none for a whole one.

    Raises
    ------
    InputError
        For a solid block, a tube without a division, a network of vessels and an airway upside down.
    """
    section_mm2 = 1000.0 * airway.volume_ml() / max(tree.total_length_mm, 1.0)
    reason = None
    if section_mm2 > SOLID_MM2:
        reason = SOLID
    elif len(tree.tips) < 2:
        reason = NO_DIVISION
    elif windpipe(tree) is not None:
        return ()
    elif _is_network(tree, section_mm2):
        reason = NETWORK
    elif _stands_on_its_head(airway):
        reason = UPSIDE_DOWN
    if reason is None:
        return (PARTIAL,)
    detail = f"{section_mm2:.0f} mm2 mean section, {len(tree)} branches, {len(tree.loops_removed)} loops"
    raise InputError(REFUSED.format(reason=reason), detail=detail)


def _is_network(tree: Tree, section_mm2: float) -> bool:
    loops = len(tree.loops_removed)
    netted = loops >= FEWEST_LOOPS and loops > LOOPS_PER_BRANCH * len(tree)
    return netted or (section_mm2 < THIN_MM2 and len(tree) > MANY_BRANCHES)


def _stands_on_its_head(airway: LabelMap) -> bool:
    """Tell whether the mask begins with a windpipe when it is turned head over heels."""
    turned = LabelMap(airway.array_kji, np.diag([1.0, 1.0, -1.0, 1.0]) @ airway.affine_ijk_to_lps, airway.names)
    return windpipe(build_tree(turned, root_lps_mm=top_of_trachea(turned))) is not None
