"""The network that comes with this module, and what its probability of artery and vein does to the classical evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.inference import shipped
from SenseCarePlanningLib.inference.protocol import PatchSegmenter
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

from .coronary_evidence import FAT_HU, Evidence

SHIPPED = Path(__file__).resolve().parents[1] / "Resources" / "Models" / "coronary_ct"
ABSENT = "The coronary network is not in this installation."
SPACING_MM = 0.6
"""The network's voxels."""
BLOOD_HU = 400.0
"""The aorta's blood after :func:`with_blood_at_level`."""
WINDOW_HU = (-200.0, 800.0)
OPEN = 0.05
"""Chance left to either side when a network is sure of artery and vein at once; chosen on the hard hearts 0 and 1."""
ARTERY_CHANNEL, VEIN_CHANNEL = "coronary_lumen", "cardiac_vein"


def shipped_network(folder: Path = SHIPPED) -> tuple[PatchSegmenter | None, str]:
    """Return the runner of the network that comes with this module, or None and the reason; see
    :func:`SenseCarePlanningLib.inference.shipped.shipped_network`."""
    return shipped.shipped_network(folder, ABSENT)


def with_blood_at_level(hu: NDArray[np.float32], blood_hu: float) -> NDArray[np.float32]:
    """Scale HU linearly so that the aorta's blood becomes 400 HU and fat stays: contrast and tube voltage differ widely."""
    scale = (BLOOD_HU - FAT_HU) / (blood_hu - FAT_HU)
    return np.asarray((hu - np.float32(FAT_HU)) * np.float32(scale) + np.float32(FAT_HU), dtype=np.float32)


def network_chances(
    array: NDArray[np.int16], evidence: Evidence, network: PatchSegmenter, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Ask a network about the surroundings of all voxels with evidence.

    Parameters
    ----------
    array
        (K, J, I) HU: the box of the heart, along the patient's axes.

    Returns
    -------
    artery, vein, detail
        (K, J, I) probabilities, 0 where the network was not asked; model and device, for the report.

    Raises
    ------
    InputError
        When the network cannot run here.
    Cancelled
        When the user asked to stop.
    """
    hu = with_blood_at_level(array.astype(np.float32), evidence.blood_hu)
    prediction = network.segment(Volume(hu, np.diag([*evidence.spacing_mm[::-1], 1.0])), progress, evidence.rise_hu > 0)
    names = prediction.channel_names
    artery, vein = (prediction.probabilities[names.index(name)] for name in (ARTERY_CHANNEL, VEIN_CHANNEL))
    return artery, vein, prediction.detail


def with_network(evidence: Evidence, artery: NDArray[np.float32], vein: NDArray[np.float32]) -> Evidence:
    """Return the evidence as a network's probabilities change it: the classical rise times how likely a voxel is artery.

    Veins beside arteries are what the classical evidence takes for arteries. Where the network sees both in one place the odds of
    the one against the other decide, and where it is sure of both, half of the rise stays. The scan's own brightness, by which
    the tracking judges a tube, stays.

    Parameters
    ----------
    artery, vein
        (K, J, I) probabilities on the evidence's grid.
    """
    for_artery, for_vein = artery * (1.0 - vein) + OPEN, vein * (1.0 - artery) + OPEN
    against_vein = for_artery / (for_artery + for_vein)
    return replace(evidence, rise_hu=np.asarray(evidence.rise_hu * np.minimum(artery, against_vein), dtype=np.float32))
