"""Where the heart is: the ascending aorta found without a click, the level of its blood, and whether this scan can be read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import Volume

from .great_circles import CircleChain, find_chains

logger = logging.getLogger(__name__)

COARSE_MM = 2.0
"""Voxel of the image in which the heart is looked for."""
LEAST_AORTA_HU = 150.0
"""Darker blood in the aorta shows no coronary artery. Chosen: coronary CT aims at 300 HU and more in the aorta (Abbara 2016,
doi:10.1016/j.jcct.2016.10.002); the brightest muscle has 120 to 130 HU."""
LEAST_ROUND, MOST_SPREAD = 0.55, 0.32
"""Of an aorta: share of the rim that is an edge, and spread of its blood over its level. Chosen on digital hearts, two CTs with
contrast and one with streaks from a lead."""
BEHIND_MM = 22.0
"""The descending aorta lies at least this far behind the ascending one."""


@dataclass(frozen=True, eq=False)
class CoarseImage:
    """The scan along the patient's axes in voxels of about 2 mm: block means.

    Parameters
    ----------
    array
        (K, J, I) float32, HU.
    factor, spacing_mm
        Voxels of the scan in one, and its size, along k, j, i.
    """

    array: NDArray[np.float32]
    factor: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def fine_index(self, index: FloatArray) -> FloatArray:
        """Return places (..., 3) of the coarse array in the fine one."""
        factor = np.array(self.factor)
        return np.asarray((np.asarray(index) + 0.5) * factor - 0.5)


@dataclass(frozen=True, eq=False)
class HeartRegion:
    """The found ascending aorta.

    Parameters
    ----------
    axes
        How the array was turned to the patient's axes.
    coarse
        The small image.
    ascending
        Chain of circles in the coarse image.
    blood_hu, noise_hu
        Level and spread of the blood in it.
    chains
        All round bright vessels that were seen.
    """

    axes: PatientAxes
    coarse: CoarseImage
    ascending: CircleChain
    blood_hu: float
    noise_hu: float
    chains: tuple[CircleChain, ...] = ()


def block_mean(array: NDArray[Any], spacing_mm: tuple[float, float, float], wanted_mm: float = COARSE_MM) -> CoarseImage:
    """Average blocks of voxels to about ``wanted_mm``; what is left over at the far ends is dropped."""
    factor = tuple(max(1, round(wanted_mm / size)) for size in spacing_mm)
    size = [count // by for count, by in zip(array.shape, factor, strict=True)]
    k, j, i = factor
    small = np.empty(size, dtype=np.float32)
    for row in range(size[0]):
        slab = array[row * k : (row + 1) * k, : size[1] * j, : size[2] * i].astype(np.float32).mean(axis=0)
        small[row] = slab.reshape(size[1], j, size[2], i).mean(axis=(1, 3))
    spacing = (spacing_mm[0] * k, spacing_mm[1] * j, spacing_mm[2] * i)
    return CoarseImage(small, (k, j, i), spacing)


def find_heart(volume: Volume) -> HeartRegion:
    """Find the ascending aorta of a contrast CT.

    Parameters
    ----------
    volume
        CT in HU, any storage order.

    Raises
    ------
    InputError
        When no ascending aorta filled with contrast is seen: a scan without contrast, of the wrong phase, or of another part
        of the body.
    """
    axes = PatientAxes.of(volume.grid)
    return find_aorta(axes, block_mean(axes.apply(volume.array_kji), axes.spacing_mm(volume.grid)))


def find_aorta(axes: PatientAxes, coarse: CoarseImage) -> HeartRegion:
    """Find the ascending aorta in a small image; errors as in :func:`find_heart`."""
    if min(count * size for count, size in zip(coarse.array.shape, coarse.spacing_mm, strict=True)) < 50.0:
        raise InputError(
            "This series is too small to hold a heart: a coronary CT covers it from the aorta to the diaphragm.",
            detail=f"{coarse.array.shape} voxels of {coarse.spacing_mm} mm",
        )
    chains = find_chains(coarse.array, coarse.spacing_mm, least_hu=60.0)
    ascending = choose_ascending(chains, coarse.spacing_mm)
    if ascending is None:
        raise InputError(
            "No ascending aorta filled with contrast was found: this may be a scan without contrast, of another phase, or "
            "one that does not hold the root of the aorta. Choose the contrast series of a coronary CT, or mark the ostia.",
            detail=_described(chains),
        )
    logger.info("aorta: %d slices, %.0f HU", ascending.slices, ascending.level_hu)
    return HeartRegion(axes, coarse, ascending, ascending.level_hu, ascending.spread_hu, tuple(chains))


def choose_ascending(chains: list[CircleChain], spacing_mm: tuple[float, float, float]) -> CircleChain | None:
    """Return the chain that is the ascending aorta, or None.

    Strategy: of the round, even and bright vessels the longest that has no other such vessel well in front of it: the
    descending aorta is as long and as round, but lies behind.
    """
    good = [
        one
        for one in chains
        if float(one.score.mean()) >= LEAST_ROUND
        and one.level_hu >= LEAST_AORTA_HU
        and one.spread_hu <= MOST_SPREAD * one.level_hu
        and float(np.median(one.radius_mm)) >= 10.5
    ]
    best: CircleChain | None = None
    for one in good:
        front = [other for other in good if other is not one and _in_front(other, one, spacing_mm)]
        if not front and (best is None or _weight(one) > _weight(best)):
            best = one
    return best


def _weight(chain: CircleChain) -> float:
    return float((chain.score**2).sum()) * chain.level_hu


def _in_front(first: CircleChain, second: CircleChain, spacing: tuple[float, float, float]) -> bool:
    """Tell whether the first vessel runs in front of the second, in slices they share and as bright."""
    shared = np.intersect1d(first.centres[:, 0], second.centres[:, 0])
    if len(shared) * spacing[0] < 10.0 or first.level_hu < 0.6 * second.level_hu:
        return False
    behind = np.interp(shared, second.centres[:, 0], second.centres[:, 1])
    own = np.interp(shared, first.centres[:, 0], first.centres[:, 1])
    return float(np.median(behind - own)) * spacing[1] >= BEHIND_MM


def _described(chains: list[CircleChain]) -> str:
    lines = [
        f"{one.slices} slices, radius {np.median(one.radius_mm):.0f} mm, rim {one.score.mean():.2f}, {one.level_hu:.0f} HU, "
        f"spread {one.spread_hu:.0f} HU"
        for one in chains[:6]
    ]
    return "; ".join(lines) or "no round vessel at all"
