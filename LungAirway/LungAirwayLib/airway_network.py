"""The network that comes with this module: which of its forms runs here, and its probability of airway on a CT's crop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference import shipped
from SenseCarePlanningLib.inference.protocol import PatchSegmenter
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

from .engines import airway_chance
from .fine_branches import near_mask

if TYPE_CHECKING:
    from .segment import SegmentOptions

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]
SHIPPED = Path(__file__).resolve().parents[1] / "Resources" / "Models" / "airway_ct"
SOFT_TISSUE_HU = 40.0
"""Muscle and blood without contrast: where the scaling to the air of the trachea is anchored."""
REACH_MM = 30.0
"""How far from the known airway the network is asked: what lies farther off is pleura and chest wall, or can hardly be reached
by a path that must begin at the airway."""


def shipped_network(folder: Path = SHIPPED) -> tuple[PatchSegmenter | None, str]:
    """Return the runner of the network that comes with this module, or None and the reason; see
    :func:`SenseCarePlanningLib.inference.shipped.shipped_network`."""
    return shipped.shipped_network(folder, "The airway network is not in this installation.")


def network_for(options: SegmentOptions) -> PatchSegmenter | None:
    """Return the shipped network where the options want it: "auto", or "bundle" without a folder; None otherwise.

    Raises
    ------
    InputError
        When it was asked for by name and cannot run here.
    """
    if options.bundle is not None or options.engine not in ("auto", "bundle"):
        return None
    network, reason = shipped_network()
    if network is None:
        if options.engine == "bundle":
            raise InputError(reason)
        logger.info("not used: %s", reason)
    return network


def network_chance(
    hu: NDArray[np.float32],
    lumen: BoolArray,
    spacing_mm: tuple[float, float, float],
    network: PatchSegmenter,
    progress: Progress,
) -> tuple[NDArray[np.float32], str]:
    """Ask a network about the surroundings of the known airway.

    Parameters
    ----------
    hu, lumen
        (K, J, I) CT, its air at -1000 HU (:func:`with_air_at_1000`), and known airway.
    spacing_mm
        (k, j, i) voxel spacing.

    Returns
    -------
    chance, detail
        (K, J, I) probability of airway lumen, 0 where the network was not asked; model and device, for the report.

    Raises
    ------
    Cancelled
        When the user asked to stop.
    """
    volume = Volume(hu, np.diag([*spacing_mm[::-1], 1.0]))
    prediction = network.segment(volume, progress, near_mask(lumen, REACH_MM, spacing_mm))
    return airway_chance(prediction), prediction.detail


def tracheal_air_hu(hu: NDArray[Any], seeds_kji: NDArray[np.int64]) -> float:
    """Return the median HU at voxels (N, 3) of the trachea; those outside the array are left out, -1000 where none is left."""
    valid = np.all((seeds_kji >= 0) & (seeds_kji < np.array(hu.shape)), axis=1)
    return float(np.median(hu[tuple(seeds_kji[valid].T)])) if valid.any() else -1000.0


def with_air_at_1000(hu: NDArray[Any], air_hu: float) -> NDArray[np.float32]:
    """Scale HU linearly so that ``air_hu`` becomes -1000 and soft tissue (40 HU) stays.

    That is where most of the training's airways have their air; real ones range over some 100 HU with scanner and kernel.
    Air brighter than -850 or darker than -1024 HU is no measure of the scanner: then nothing is changed.
    """
    out = hu.astype(np.float32)
    if -1024.0 <= air_hu <= -850.0:
        out -= np.float32(SOFT_TISSUE_HU)
        out *= np.float32((-1000.0 - SOFT_TISSUE_HU) / (air_hu - SOFT_TISSUE_HU))
        out += np.float32(SOFT_TISSUE_HU)
    return out
