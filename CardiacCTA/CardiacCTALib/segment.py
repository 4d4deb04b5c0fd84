"""From a coronary CT angiogram to chambers, aorta, and the trees of the coronary arteries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap, Volume

from .atlas_fit import fit_heart
from .chambers import Chambers, find_chambers
from .coronaries import find_coronaries, paint_lumen
from .coronary_evidence import enlarged
from .heart_region import HeartRegion, find_heart
from .heart_segmentation import CoronaryOstium, EngineInfo, Gap, HeartSegmentation, Tip
from .structures import AORTA, HEART_NAMES

__all__ = ["CoronaryOstium", "EngineInfo", "Gap", "HeartSegmentation", "SegmentOptions", "Tip", "segment"]

logger = logging.getLogger(__name__)

EngineName = Literal["auto", "classical", "totalsegmentator"]


@dataclass(frozen=True)
class Clicks:
    """What a reader marked: the ostium of one artery and the tips of its branches, LPS mm.

    Parameters
    ----------
    ostium_lps_mm
        (3,) where it leaves the aorta.
    tips_lps_mm
        Far ends, one or more.
    """

    ostium_lps_mm: tuple[float, float, float]
    tips_lps_mm: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class SegmentOptions:
    """How the heart is segmented.

    Parameters
    ----------
    engine
        ``auto`` takes TotalSegmentator's chambers where it is installed, else ``classical``, which needs no weights.
    clicks
        Arteries marked by the reader, one for each ostium: they take the place of the ostia and tips found.
    """

    engine: EngineName = "auto"
    clicks: tuple[Clicks, ...] = ()


def segment(volume: Volume, options: SegmentOptions | None = None, progress: Progress | None = None) -> HeartSegmentation:
    """Segment the heart and its arteries.

    Parameters
    ----------
    volume
        Contrast CT in HU, any storage order.

    Raises
    ------
    InputError
        When no ascending aorta filled with contrast is seen, or an option contradicts the scan.
    Cancelled
        When the user stopped the run.
    """
    options = options or SegmentOptions()
    progress = progress or Progress()
    with progress.step("Aorta"):
        region = find_heart(volume)
    with progress.step("Chambers"):
        fit = fit_heart(region)
        chambers = find_chambers(region.axes.apply(volume.array_kji), region.axes.spacing_mm(volume.grid), region, fit)
    with progress.step("Coronary arteries"):
        found = find_coronaries(volume, region, fit, chambers)
    heart = _label_map(volume, region, chambers)
    return HeartSegmentation(
        heart,
        heart.array_kji == AORTA,
        paint_lumen(found.trees, volume.grid),
        found.trees,
        found.ostia,
        found.gaps,
        found.tips,
        EngineInfo("classical", "fitted average heart and cheapest ways", "1", f"agreement {fit.agreement:.2f} nats"),
        chambers.levels,
        found.remarks,
    )


def _label_map(volume: Volume, region: HeartRegion, chambers: Chambers) -> LabelMap:
    turned = region.axes.apply(volume.array_kji)
    labels = np.zeros(turned.shape, dtype=np.uint8)
    part = labels[chambers.box]
    part[:] = enlarged(chambers.labels, chambers.small.factor, part.shape)
    return LabelMap(region.axes.restore(labels), volume.affine_ijk_to_lps, HEART_NAMES)
