"""From a chest CT to airway, lungs and vessels, by the best engine that is present."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .airway_classical import find_airway
from .constants import LUNG_NAMES
from .lungs import CoarseChest, coarse_trunk, separate_lungs, survey, upsample
from .patient_axes import PatientAxes
from .result import EngineInfo

logger = logging.getLogger(__name__)

EngineName = Literal["auto", "classical", "bundle", "totalsegmentator"]


@dataclass(frozen=True)
class SegmentOptions:
    """Which engine finds the airway.

    Parameters
    ----------
    engine
        "auto" takes the best that is present and falls back to "classical", which needs no weights.
    bundle
        Folder of a MONAI bundle, for "bundle" and "auto".
    """

    engine: EngineName = "auto"
    bundle: Path | None = None


@dataclass(frozen=True, eq=False)
class AirwaySegmentation:
    """What :func:`segment_airway` found; label maps on the input grid.

    Parameters
    ----------
    airway
        {1: "airway_lumen"}: one piece, no holes.
    probability
        Evidence for airway (0 to 1, float32) on a cropped grid, or None.
    lungs
        1 right, 2 left, without trachea and main bronchi.
    vessels
        {1: "vessel"}: arteries and veins in the lungs and hila.
    root_lps_mm
        (3,) top of the trachea.
    warnings
        Sentences for the reader.
    """

    airway: LabelMap
    probability: Volume | None
    lungs: LabelMap
    vessels: LabelMap
    engine: EngineInfo
    root_lps_mm: NDArray[np.float64]
    warnings: tuple[str, ...] = ()


def segment_airway(volume: Volume, options: SegmentOptions, progress: Progress) -> AirwaySegmentation:
    """Segment airway, lungs and vessels of a chest CT.

    Raises
    ------
    SenseCareError
        When no lungs or no trachea are found.
    InputError
        When an engine asked for by name is not available.
    """
    axes = PatientAxes.of(volume.grid)
    hu = axes.apply(volume.array_kji)
    spacing = axes.spacing_mm(volume.grid)
    with progress.step("Lungs"):
        chest = survey(hu, spacing)
        coarse = separate_lungs(chest, coarse_trunk(chest))
        lungs = np.asarray(upsample(coarse, chest.factor, hu.shape)).copy()
        top = int((chest.trachea.centres[0, 0] + 1) * chest.factor[0])
        box = _crop(lungs, chest, spacing, hu.shape)
    with progress.step("Airway"):
        crop = np.clip(hu[box], -1024, 300).astype(np.float32)
        crop[max(top - box[0].start, 0) :] = 0.0
        offset = np.array([part.start for part in box])
        seeds = (chest.trachea.voxels * chest.factor + np.array(chest.factor) // 2) - offset
        found = find_airway(crop, lungs[box] > 0, seeds, spacing, progress)
        airway = np.zeros(hu.shape, dtype=np.uint8)
        airway[box] = found.lumen
        lungs[airway > 0] = 0
    with progress.step("Vessels"):
        vessels = ((hu > -500) & (lungs > 0)).astype(np.uint8)

    def label_map(array: NDArray[Any], names: dict[int, str]) -> LabelMap:
        return LabelMap(axes.restore(array), volume.affine_ijk_to_lps, names)

    root = axes.lps_from_index(volume.grid, chest.trachea.centres[0] * chest.factor + (np.array(chest.factor) - 1) / 2.0)
    return AirwaySegmentation(
        airway=label_map(airway, {1: "airway_lumen"}),
        probability=None,
        lungs=label_map(lungs, LUNG_NAMES),
        vessels=label_map(vessels, {1: "vessel"}),
        engine=EngineInfo("classical", "", "1"),
        root_lps_mm=root,
    )


def _crop(
    lungs: NDArray[np.uint8], chest: CoarseChest, spacing_mm: tuple[float, float, float], shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """Return the box around lungs and trachea, with room for rays."""
    low, high = [], []
    lung_box = bounding_box(lungs)
    trachea = chest.trachea.voxels * np.array(chest.factor)
    for axis in range(3):
        margin = int(np.ceil(6.0 / spacing_mm[axis]))
        low.append(max(min(lung_box[axis].start, int(trachea[:, axis].min())) - margin, 0))
        high.append(min(max(lung_box[axis].stop, int(trachea[:, axis].max()) + chest.factor[axis]) + margin, shape[axis]))
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
