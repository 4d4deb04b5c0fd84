"""An airway mask that the user brings takes the place of the segmentation engine."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.reconnect import bridge_gaps
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box, fill_holes

from .result import EngineInfo
from .segment import AirwaySegmentation, SegmentOptions, segment_airway

TOP_MM = 6.0
"""How far below its highest voxel the trachea's top is looked for: enough slices to average over a ragged end."""


def airway_from_mask(mask: LabelMap, volume: Volume | None, progress: Progress) -> AirwaySegmentation:
    """Prepare the user's airway mask for planning.

    Parameters
    ----------
    mask
        Any label above 0 is airway lumen. Holes are filled. Detached pieces are joined where the four conditions of
        :func:`SenseCarePlanningLib.tubes.reconnect.bridge_gaps` allow it; the others are left out and named in a warning.
    volume
        The CT the mask was drawn on (same grid); lungs and vessels are then found on it.

    Raises
    ------
    InputError
        When the mask is empty.
    """
    binary = mask.mask()
    if not binary.any():
        raise InputError("The airway mask is empty.")
    joined, bridges = bridge_gaps(mask, volume)
    airway, warnings = one_piece(joined)
    root = top_of_trachea(airway)
    engine = EngineInfo("given mask", "none", "1", "the airway was given by the user")
    lungs, vessels = (None, None) if volume is None else _around(airway, volume, progress)
    return AirwaySegmentation(airway, None, lungs, vessels, engine, root, warnings, bridges)


def _around(airway: LabelMap, volume: Volume, progress: Progress) -> tuple[LabelMap, LabelMap | None]:
    """Find lungs, without the user's airway, and vessels on the CT."""
    found = segment_airway(volume, SegmentOptions(engine="classical"), progress)
    assert found.lungs is not None  # there is a CT
    lungs = found.lungs.array_kji.copy()
    lungs[airway.array_kji > 0] = 0
    return LabelMap(lungs, airway.affine_ijk_to_lps, found.lungs.names), found.vessels


def one_piece(mask: LabelMap) -> tuple[LabelMap, tuple[str, ...]]:
    """Return the largest piece of a mask with its holes filled, and a sentence when others were left out."""
    binary = mask.mask()
    box = bounding_box(binary)
    labels, count = ndimage.label(binary[box], structure=np.ones((3, 3, 3)))
    warnings: tuple[str, ...] = ()
    part = labels > 0
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:]
        lost_ml = (sizes.sum() - sizes.max()) * mask.grid.voxel_volume_mm3 / 1000.0
        part = labels == 1 + int(sizes.argmax())
        warnings = (f"The airway mask has {count} pieces; the plan uses the largest and leaves {lost_ml:.1f} ml out.",)
    array = np.zeros(binary.shape, dtype=np.uint8)
    array[box] = fill_holes(part)
    return LabelMap(array, mask.affine_ijk_to_lps, {1: "airway_lumen"}), warnings


def top_of_trachea(airway: LabelMap) -> FloatArray:
    """Return the centre (3,), LPS mm, of the highest end of an airway: the middle of its uppermost millimetres."""
    voxels = np.argwhere(airway.array_kji > 0)
    points = airway.grid.lps_from_kji(voxels)
    height = points[:, 2]
    return np.asarray(points[height >= height.max() - TOP_MM].mean(axis=0), dtype=np.float64)
