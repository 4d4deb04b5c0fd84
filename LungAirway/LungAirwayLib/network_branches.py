"""Last pass: what a network sees beyond the airway that the classical passes found.

The classical passes measure walls and grow trees, but see no lumen that blurs with its wall and draw thin branches as thin as
they dare; the network is sure of where a thin bronchus runs, but knows nothing of trees. So nothing of the known airway is
replaced. The network's probability takes the place of the wall's rise as evidence: the same minimal paths under the same
conditions (length, mean evidence, gaps, straightness) go on from the known tree. Where the surface lies is decided last, for
the voxels that touch the tree, by network and CT together: dark beside a bright wall is lumen.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.volume import bounding_box

from .airway_classical import HILUM_MM, cut_loops, one_piece
from .fine_branches import FineRules, aerated, near_mask
from .peripheral import FULL, GrowthRules, grow_paths

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]
SEEN_MM, WALL_MM = 0.7, 1.4
"""Around a voxel on the surface: how far the darkest of the lumen and the brightest of the wall are looked for."""


@dataclass(frozen=True)
class SurfaceModel:
    """Log odds that a voxel which touches the known airway is lumen (logistic regression).

    Fitted on CTs simulated around the training tree atm22_224 (0.7 mm and 25 HU of noise): 26 neighbours of the airway with the
    paths, probability above ``considered``.

    Parameters
    ----------
    log_odds
        Weight of the network's log odds.
    own, brightest, darkest
        Weights of the smoothed CT, per HU, in the voxel, and of its extremes around (:data:`WALL_MM`, :data:`SEEN_MM`).
    constant
        The rest.
    considered
        Less probable voxels are never lumen.
    """

    log_odds: float = 0.307
    own: float = -0.01009
    brightest: float = 0.0046
    darkest: float = -0.00833
    constant: float = -13.1
    considered: float = 0.3


@dataclass(frozen=True)
class NetworkRules:
    """How a probability adds to a tree; chosen on CTs simulated around training trees.

    Parameters
    ----------
    strong
        Probability that counts as full evidence for a path (more counts as more, up to twice as much).
    sure
        Voxels that touch the tree, or a path, are lumen where :class:`SurfaceModel` gives at least this probability,
    certain
        or where the network alone does: in the thinnest lumens no voxel is dark.
    growth
        When a path becomes a branch.
    """

    strong: float = 0.5
    sure: float = 0.6
    certain: float = 0.998
    growth: GrowthRules = field(default_factory=lambda: GrowthRules(minimum_mm=2.5, minimum_evidence=1.7))
    surface: SurfaceModel = field(default_factory=SurfaceModel)


@dataclass(frozen=True, eq=False)
class NetworkAdded:
    """The airway (K, J, I) with what the network adds, and how many paths it took."""

    lumen: BoolArray
    path_count: int


def add_network_branches(
    chance: NDArray[np.float32],
    smooth_hu: NDArray[np.float32],
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
    smooth_hu
        (K, J, I) the CT smoothed as for the classical passes, its air at -1000 HU.
    lumen, lungs
        (K, J, I) bool; the known airway, one piece without loops, and the lungs: branches are sought in them and close by, in
        aerated surroundings: in scarred lung a network takes the holes for bronchi.
    spacing_mm
        Voxel spacing.

    Returns
    -------
    NetworkAdded
        One piece without loops that holds the known airway.
    """
    rules = rules or NetworkRules()
    domain = near_mask(lungs, HILUM_MM, spacing_mm) & aerated(smooth_hu, FineRules(), spacing_mm)
    evidence = np.where(domain, chance, np.float32(0.0))
    evidence /= np.float32(rules.strong)
    whole = with_surface(lumen, chance, smooth_hu, spacing_mm, rules)
    paths = grow_paths(evidence, whole, spacing_mm, rules.growth)
    del evidence
    for path in paths.voxels:
        whole.ravel()[path] = True
    whole = with_surface(whole, chance, smooth_hu, spacing_mm, rules)
    logger.info("network: %d paths", len(paths.voxels))
    return NetworkAdded(cut_loops(one_piece(whole, lumen), lumen), len(paths.voxels))


def with_surface(
    mask: BoolArray,
    chance: NDArray[np.float32],
    smooth_hu: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    rules: NetworkRules,
) -> BoolArray:
    """Return the mask with the voxels that touch it and are lumen by the model of the surface."""
    out, model = mask.copy(), rules.surface
    box = bounding_box(mask, (1, 1, 1))
    beside = ndimage.binary_dilation(mask[box], structure=FULL) & ~mask[box] & (chance[box] >= model.considered)
    index = np.argwhere(beside) + np.array([part.start for part in box])
    likely = np.clip(chance[tuple(index.T)].astype(np.float64), 1e-4, 1.0 - 1e-4)
    odds = model.constant + model.log_odds * np.log(likely / (1.0 - likely))
    odds += model.own * smooth_hu[tuple(index.T)]
    odds += model.brightest * _extreme(smooth_hu, index, WALL_MM, spacing_mm, np.maximum)
    odds += model.darkest * _extreme(smooth_hu, index, SEEN_MM, spacing_mm, np.minimum)
    taken = (odds >= np.log(rules.sure / (1.0 - rules.sure))) | (likely >= rules.certain)
    out[tuple(index[taken].T)] = True
    return np.asarray(out)


def _extreme(
    image: NDArray[np.float32],
    index: NDArray[np.int64],
    reach_mm: float,
    spacing_mm: tuple[float, float, float],
    of: np.ufunc,
) -> NDArray[np.float32]:
    """Return the largest or smallest value in the box of ``reach_mm`` (a voxel at least) around each voxel (N, 3)."""
    last = np.array(image.shape) - 1
    steps = [range(-reach, reach + 1) for reach in (max(1, round(reach_mm / step)) for step in spacing_mm)]
    found = image[tuple(index.T)].copy()
    for offset in product(*steps):
        of(found, image[tuple(np.clip(index + np.array(offset), 0, last).T)], out=found)
    return np.asarray(found)
