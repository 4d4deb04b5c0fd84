"""Last pass: what a network sees beyond the airway that the classical passes found.

The classical passes measure walls and grow trees, but see no lumen that blurs with its wall and draw thin branches as thin as
they dare; the network is sure of where a thin bronchus runs, but knows nothing of trees. So nothing of the known airway is
replaced. The network's probability takes the place of the wall's rise as evidence: the same minimal paths under the same
conditions (length, mean evidence, gaps, straightness) go on from the known tree. Where the surface lies is decided for the
voxels that touch the tree, before and after, by network and CT together: dark beside a bright wall is lumen, and what looks like
the middle of a thin branch counts more than one more voxel of a wide one.
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
LEAST_CHANCE = 1e-4
"""Probabilities count as at least this far from 0 and 1: their log odds from -9.2 to 9.2."""


@dataclass(frozen=True)
class LogOdds:
    """Weights of what speaks for a voxel that touches the known airway (logistic regression).

    Parameters
    ----------
    chance
        Of the network's log odds.
    own, brightest, darkest
        Of the smoothed CT, per HU, in the voxel, and of its extremes around (:data:`WALL_MM`, :data:`SEEN_MM`).
    over_known
        Of how far the network's log odds exceed the greatest in the known airway that the voxel touches: a branch that was drawn
        beside its middle has the better voxels outside.
    constant
        The rest.
    """

    chance: float
    own: float
    brightest: float
    darkest: float
    over_known: float
    constant: float

    def of(self, seen: _Seen) -> NDArray[np.float64]:
        """Return the log odds (N,)."""
        odds = self.constant + self.chance * seen.odds + self.over_known * (seen.odds - seen.known_odds)
        odds += self.own * seen.own_hu + self.brightest * seen.brightest_hu + self.darkest * seen.darkest_hu
        return np.asarray(odds)


@dataclass(frozen=True)
class SurfaceModel:
    """Whether a voxel that touches the known airway is taken: as lumen, and, counting more, as the lumen's middle.

    A voxel of the surface makes a wide lumen a little truer; one of the middle of a thin branch makes the branch. Both are
    fitted on CTs simulated around the training tree atm22_224 (0.7 mm with 25 and 60 HU of noise, 1.25 mm slices with 25): the
    voxels that touch the classical airway, and those that touch it with the network's paths.

    Parameters
    ----------
    lumen, middle
        Log odds that the voxel is lumen, and that it lies on the lumen's skeleton.
    middle_worth
        How much the odds of the middle count against those of the lumen.
    least
        Log of the sum from which a voxel is taken.
    considered
        Where the network gives less than this probability it is not.
    """

    lumen: LogOdds = LogOdds(0.3823, -0.008531, 0.004035, -0.007007, 0.0264, -11.2693)
    middle: LogOdds = LogOdds(-0.0128, -0.019597, 0.001711, 0.025872, 0.2293, 4.8073)
    middle_worth: float = 15.0
    least: float = 0.2
    considered: float = 0.3


@dataclass(frozen=True)
class NetworkRules:
    """How a probability adds to a tree; chosen on CTs simulated around training trees.

    Parameters
    ----------
    strong
        Probability that counts as full evidence for a path (more counts as more, up to twice as much).
    growth
        When a path becomes a branch.
    surface
        Which voxels that touch the tree, or a path, are lumen.
    """

    strong: float = 0.5
    growth: GrowthRules = field(default_factory=lambda: GrowthRules(minimum_mm=2.5, minimum_evidence=1.7))
    surface: SurfaceModel = field(default_factory=SurfaceModel)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is seen of voxels (N,): the network's log odds, their greatest in the known airway beside, and the smoothed CT."""

    odds: NDArray[np.float64]
    known_odds: NDArray[np.float64]
    own_hu: NDArray[np.float32]
    brightest_hu: NDArray[np.float32]
    darkest_hu: NDArray[np.float32]


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
    whole = with_surface(lumen, chance, smooth_hu, spacing_mm, rules.surface)
    paths = grow_paths(evidence, whole, spacing_mm, rules.growth)
    del evidence
    for path in paths.voxels:
        whole.ravel()[path] = True
    whole = with_surface(whole, chance, smooth_hu, spacing_mm, rules.surface)
    logger.info("network: %d paths", len(paths.voxels))
    return NetworkAdded(cut_loops(one_piece(whole, lumen), lumen), len(paths.voxels))


def with_surface(
    mask: BoolArray,
    chance: NDArray[np.float32],
    smooth_hu: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    model: SurfaceModel | None = None,
) -> BoolArray:
    """Return the mask with the voxels that touch it and are lumen by the model of the surface."""
    model = model or SurfaceModel()
    out = mask.copy()
    box = bounding_box(mask, (1, 1, 1))
    beside = ndimage.binary_dilation(mask[box], structure=FULL) & ~mask[box] & (chance[box] >= model.considered)
    index = np.argwhere(beside) + np.array([part.start for part in box])
    seen = _Seen(
        odds=_log_odds(chance[tuple(index.T)]),
        known_odds=_log_odds(_known_beside(chance, mask, index)),
        own_hu=smooth_hu[tuple(index.T)],
        brightest_hu=_extreme(smooth_hu, index, WALL_MM, spacing_mm, np.maximum),
        darkest_hu=_extreme(smooth_hu, index, SEEN_MM, spacing_mm, np.minimum),
    )
    taken = np.logaddexp(model.lumen.of(seen), np.log(model.middle_worth) + model.middle.of(seen)) >= model.least
    out[tuple(index[taken].T)] = True
    return np.asarray(out)


def _log_odds(chance: NDArray[np.float32]) -> NDArray[np.float64]:
    likely = np.clip(chance.astype(np.float64), LEAST_CHANCE, 1.0 - LEAST_CHANCE)
    return np.asarray(np.log(likely / (1.0 - likely)))


def _known_beside(chance: NDArray[np.float32], mask: BoolArray, index: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the greatest probability in the mask among the 26 neighbours of each voxel (N, 3)."""
    last = np.array(mask.shape) - 1
    found = np.zeros(len(index), dtype=np.float32)
    for offset in product((-1, 0, 1), repeat=3):
        at = tuple(np.clip(index + np.array(offset), 0, last).T)
        np.maximum(found, np.where(mask[at], chance[at], np.float32(0.0)), out=found)
    return found


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
