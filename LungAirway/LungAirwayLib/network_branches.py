"""Last pass: what a network sees beyond the airway that the classical passes found.

The classical passes measure walls and grow trees, but see no lumen that blurs with its wall and draw thin branches as thin as
they dare; the network is sure of where a thin bronchus runs, but knows nothing of trees. So nothing of the known airway is
replaced. The network's probability takes the place of the wall's rise as evidence: the same minimal paths under the same
conditions (length, mean evidence, gaps, straightness) go on from the known tree. Then what touches the tree and is lumen almost
surely is filled in.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.volume import bounding_box

from .airway_classical import HILUM_MM, cut_loops, one_piece
from .fine_branches import near_mask
from .peripheral import FULL, GrowthRules, grow_paths

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class NetworkRules:
    """How a probability adds to a tree; chosen on CTs simulated around training trees.

    Parameters
    ----------
    strong
        Probability that counts as full evidence for a path.
    filled
        Voxels that touch the tree, or a path, are lumen where the probability is at least this.
    growth
        When a path becomes a branch.
    """

    strong: float = 0.5
    filled: float = 0.99
    growth: GrowthRules = field(default_factory=lambda: GrowthRules(minimum_mm=2.5, minimum_evidence=0.9))


@dataclass(frozen=True, eq=False)
class NetworkAdded:
    """The airway (K, J, I) with what the network adds, and how many paths it took."""

    lumen: BoolArray
    path_count: int


def add_network_branches(
    chance: NDArray[np.float32],
    lumen: BoolArray,
    lungs: BoolArray,
    spacing_mm: tuple[float, float, float],
    rules: NetworkRules | None = None,
) -> NetworkAdded:
    """Let the known airway go on where a network says lumen.

    Parameters
    ----------
    chance
        (K, J, I) probability of airway lumen.
    lumen, lungs
        (K, J, I) bool; the known airway, one piece without loops, and the lungs: branches are sought in them and close by.
    spacing_mm
        Voxel spacing.

    Returns
    -------
    NetworkAdded
        One piece without loops that holds the known airway.
    """
    rules = rules or NetworkRules()
    whole = filled(lumen, chance, rules.filled)
    evidence = np.where(near_mask(lungs, HILUM_MM, spacing_mm), chance, np.float32(0.0))
    evidence /= np.float32(rules.strong)
    paths = grow_paths(evidence, whole, spacing_mm, rules.growth)
    del evidence
    for path in paths.voxels:
        whole.ravel()[path] = True
    whole = filled(whole, chance, rules.filled)
    logger.info("network: %d paths", len(paths.voxels))
    return NetworkAdded(cut_loops(one_piece(whole, lumen), lumen), len(paths.voxels))


def filled(mask: BoolArray, chance: NDArray[np.float32], least: float) -> BoolArray:
    """Return the mask with the voxels that touch it and are at least so probable."""
    out = mask.copy()
    box = bounding_box(mask, (1, 1, 1))
    out[box] |= ndimage.binary_dilation(mask[box], structure=FULL) & (chance[box] >= least)
    return np.asarray(out)
