"""What the anatomy itself says about right and left: a mirrored image looks as good as any other.

Strategy: two cues that do not see each other's evidence, the main bronchi in the tree and the heart between the lungs. A
warning only where one is clear and the other does not contradict it. Head and foot are judged in ``orientation``.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .constants import LUNG_LEFT, LUNG_RIGHT
from .windpipe import windpipe

logger = logging.getLogger(__name__)

MAIN_BRONCHUS_TIMES = 1.4
"""The left main bronchus is about twice as long as the right (47 against 22 mm, Gray's Anatomy, 41st edition, chapter 54);
the masks and trees at hand have 1.9 to 2.8 times."""

HEART_MM, HEART_ALONE_MM = 3.0, 6.0
"""How far the middle of what lies between the lungs, in front and below, is from the middle of the chest: two thirds of
the heart lie left of it (Gray's Anatomy, 41st edition, chapter 57). 8 to 9 mm in patients with two healthy lungs, 2 mm in
one whose lungs differ twofold. The first is needed to contradict the main bronchi, the second to speak without them."""

SIDES_EXCHANGED = (
    "Right and left seem exchanged: {reasons}. Either the series is mirrored, or the patient has situs inversus; names "
    "of bronchi and lobes are wrong in both cases, so check the side before anything else."
)
SIGN_BRONCHI = "the main bronchus on the right is the longer one"
SIGN_HEART = "the heart lies on the right"


def side_warnings(tree: Tree, lungs: LabelMap | None) -> tuple[str, ...]:
    """Return a warning where main bronchi and heart say that right and left are exchanged; none where they disagree.

    Parameters
    ----------
    tree
        The airway tree, LPS mm.
    lungs
        1 right, 2 left; None for a plan on a mask, where the main bronchi speak alone.
    """
    ratio, heart_mm = main_bronchus_ratio(tree), None if lungs is None else heart_to_left_mm(lungs)
    logger.info("left over right main bronchus %s, heart to the left by %s mm", ratio, heart_mm)
    by_bronchi = ratio is not None and ratio <= 1.0 / MAIN_BRONCHUS_TIMES
    usual_bronchi = ratio is not None and ratio >= MAIN_BRONCHUS_TIMES
    heart = 0.0 if heart_mm is None else heart_mm
    if by_bronchi and heart < HEART_MM:
        signs = [SIGN_BRONCHI, *([SIGN_HEART] if heart <= -HEART_MM else [])]
    elif heart <= -HEART_ALONE_MM and not usual_bronchi:
        signs = [SIGN_HEART]
    else:
        return ()
    return (SIDES_EXCHANGED.format(reasons="; ".join(signs)),)


def main_bronchus_ratio(tree: Tree) -> float | None:
    """Return the length of the left main bronchus over the right, or None where the tree has no two of them."""
    trunk = windpipe(tree)
    if trunk is None:
        return None
    right, left = (tree[trunk.roots[side][0]] for side in ("right", "left"))
    if not (right.child_ids and left.child_ids):
        return None  # a main bronchus that is cut short has no length
    return float(left.length_mm / max(right.length_mm, 1.0))


def heart_to_left_mm(lungs: LabelMap) -> float | None:
    """Return how far the middle of the space between the lungs, in front and below, lies left of the chest's middle.

    None where the two lungs do not face each other there.
    """
    axes = PatientAxes.of(lungs.grid)
    steps = [max(1, int(2.4 / step)) for step in axes.spacing_mm(lungs.grid)]
    array = axes.apply(lungs.array_kji)[:: steps[0], :: steps[1], :: steps[2]]
    column_mm = axes.spacing_mm(lungs.grid)[2] * steps[2]
    height = np.nonzero(array.any(axis=(1, 2)))[0]
    if not len(height):
        return None
    low, count = int(height[0]), int(height[-1] - height[0] + 1)
    offsets: list[float] = []
    widths: list[float] = []
    for section in array[low + int(0.15 * count) : low + int(0.55 * count)]:
        right, left = section == LUNG_RIGHT, section == LUNG_LEFT
        if right.any() and left.any():
            _add_gaps(right, left, offsets, widths)
    return float(np.average(offsets, weights=widths)) * column_mm if offsets else None


def _add_gaps(right: NDArray[np.bool_], left: NDArray[np.bool_], offsets: list[float], widths: list[float]) -> None:
    """Collect, for each row in front of the lungs' middle, the gap between them: its offset to the left and its width."""
    middle = (np.nonzero(right.any(axis=0))[0][0] + np.nonzero(left.any(axis=0))[0][-1]) / 2.0
    rows: FloatArray = np.nonzero((right | left).any(axis=1))[0].astype(np.float64)
    for row in np.nonzero(right.any(axis=1) & left.any(axis=1))[0]:
        start, end = int(np.nonzero(right[row])[0][-1]), int(np.nonzero(left[row])[0][0])
        if row <= rows.mean() and end > start:
            offsets.append((start + end) / 2.0 - middle)
            widths.append(float(end - start))
