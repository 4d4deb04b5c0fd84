"""From a coronary CT angiogram to chambers, aorta, and the trees of the coronary arteries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.protocol import PatchSegmenter
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.run_info import EngineInfo
from SenseCarePlanningLib.volume import LabelMap, Volume

from .aorta_course import far_aorta
from .atlas_fit import fit_heart
from .chambers import BloodLevels, Chambers, find_chambers
from .clicked import Clicks, follow_clicks
from .coronaries import SIDES, Coronaries, HeartPlace, find_coronaries, paint_lumen
from .coronary_evidence import enlarged
from .coronary_network import shipped_network
from .grafts import claimed, find_grafts, tips_of, without_grafts
from .heart_lie import LEAST_FIT, check_lie
from .heart_network import NETWORK, find_structures, network_missing, with_network
from .heart_region import LEAST_AORTA_HU, HeartRegion, find_heart
from .heart_segmentation import CoronaryOstium, Gap, HeartSegmentation, Tip
from .structures import AORTA, FAR_AORTA, HEART_NAMES, LEFT_VENTRICLE, PULMONARY_ARTERY, RIGHT_VENTRICLE

__all__ = ["Clicks", "CoronaryOstium", "EngineInfo", "Gap", "HeartSegmentation", "SegmentOptions", "Tip", "segment"]

logger = logging.getLogger(__name__)

NO_AORTA = "The aorta was not found: only the marked arteries were followed, without chambers and without the aorta."
NO_CONTRAST_HU = 110.0
"""Blood without contrast has 30 to 60 HU; dark blood of the right heart in the arterial phase more than this. Chosen."""
WELL_FILLED_HU = 200.0
"""Brighter than bone in a body without contrast mostly is. Chosen."""
EngineName = Literal["auto", "classical", "bundle", "totalsegmentator"]


@dataclass(frozen=True)
class SegmentOptions:
    """How the heart is segmented.

    Parameters
    ----------
    engine
        ``classical`` needs no weights; ``bundle`` asks the network that comes with this module about the classical evidence;
        ``totalsegmentator`` draws heart, far aorta and caval veins by that network besides, where it is installed; ``auto`` is
        ``classical`` as long as the network does not do better (its card says how it does).
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
        When no ascending aorta filled with contrast is seen, the left heart holds none, an option contradicts the scan, or the
        network was asked for and cannot run here.
    Cancelled
        When the user stopped the run.
    """
    options = options or SegmentOptions()
    progress = progress or Progress()
    network = network_for(options.engine)
    try:
        with progress.step("Aorta"):
            region = find_heart(volume)
    except InputError:
        if not options.clicks:
            raise
        return _clicked_only(volume, options, progress)
    with progress.step("Chambers"):
        fit = fit_heart(region, progress)
        chambers = find_chambers(region.axes.apply(volume.array_kji), region.axes.spacing_mm(volume.grid), region, fit, progress)
        if not options.clicks:
            try:
                check_phase(chambers.levels, fit.agreement, region.blood_hu)
            except InputError:
                if region.blood_hu >= WELL_FILLED_HU:
                    check_lie(region, fit, progress)
                raise
        progress.check()
    heart = label_map(volume, region, chambers, far_aorta(region, region.axes.apply(volume.array_kji).shape))
    with progress.step("Coronary arteries"):
        if options.clicks:
            marked = follow_clicks(volume, options.clicks, region.noise_hu, heart, progress)
            found = Coronaries(marked.trees, marked.ostia, marked.gaps, marked.tips, marked.remarks)
        else:
            found = find_coronaries(volume, region, fit, chambers, network, progress)
            if {one.side for one in found.ostia} != set(SIDES):
                check_lie(region, fit, progress)
        place = HeartPlace(region, chambers, volume.grid, region.axes.spacing_mm(volume.grid))
        grafts, unknown = claimed(find_grafts(place, fit, found.trees, progress), found.ostia)
        trees = without_grafts(found.trees, grafts) if grafts else found.trees
        tips = tips_of(trees) if grafts else found.tips
    if options.engine == NETWORK:
        with progress.step("Heart by TotalSegmentator"):
            heart = with_network(heart, find_structures(volume, progress))
    detail = f"{region.blood_hu:.0f} HU in the aorta"
    return HeartSegmentation(
        heart,
        heart.array_kji == AORTA,
        paint_lumen(trees, volume.grid),
        trees,
        found.ostia,
        found.gaps,
        tips,
        _engine(options, found, detail),
        chambers.levels,
        (*found.remarks, *unknown),
        grafts,
    )


def network_for(engine: str) -> PatchSegmenter | None:
    """Return the network for the arteries that an engine asks, None for an engine without one.

    Raises
    ------
    InputError
        When the engine is unknown, or its network cannot run here.
    """
    if engine not in get_args(EngineName):
        raise InputError(f"The engine {engine!r} is unknown; choose auto, classical, bundle or totalsegmentator.")
    if engine == NETWORK and (missing := network_missing()):
        raise InputError(missing)
    if engine != "bundle":
        return None
    network, reason = shipped_network()
    if network is None:
        raise InputError(reason)
    return network


def _engine(options: SegmentOptions, found: Coronaries, detail: str) -> EngineInfo:
    model = "fitted average heart and cheapest ways"
    if options.engine == NETWORK:
        return EngineInfo(NETWORK, f"TotalSegmentator total for heart, far aorta and caval veins; {model}", "1", detail)
    if found.model and not options.clicks:
        return EngineInfo("classical and network", found.model, "1", detail)
    return EngineInfo("clicks" if options.clicks else "classical", model, "1", detail)


def check_phase(levels: BloodLevels, agreement: float = LEAST_FIT, blood_hu: float = WELL_FILLED_HU) -> None:
    """Refuse a scan whose contrast has not reached the left heart, or in which that is not seen.

    Parameters
    ----------
    levels
        Brightness of blood in the fitted heart.
    agreement
        How well the average heart fits: where it does not, the levels say nothing of the contrast.
    blood_hu
        Of what was taken for the ascending aorta.

    Raises
    ------
    InputError
        When aorta or left ventricle are darker than any coronary CT shows them.
    """
    aorta, ventricle = levels.blood[AORTA], levels.blood[LEFT_VENTRICLE]
    if min(aorta, ventricle) >= LEAST_AORTA_HU:
        return
    right = max(levels.blood[RIGHT_VENTRICLE], levels.blood[PULMONARY_ARTERY])
    if agreement < LEAST_FIT:
        said = _not_made_out(blood_hu)
    elif max(aorta, ventricle, right) < NO_CONTRAST_HU:
        said = "This scan shows no contrast in the heart: it seems to be a series without contrast."
    elif max(aorta, ventricle) < LEAST_AORTA_HU <= right:
        said = "The contrast has filled the right heart, but not the left heart and the aorta: its arteries cannot be read."
    else:
        said = (
            "The left heart and the ascending aorta were not seen well filled with contrast: this is a scan without contrast or "
            "with too little of it, of another phase, or one that does not hold the whole heart with the root of the aorta."
        )
    raise InputError(
        f"{said} Choose the arterial phase of a coronary CT.",
        detail=f"aorta {aorta:.0f}, left ventricle {ventricle:.0f}, right heart {right:.0f} HU; {LEAST_AORTA_HU:.0f} wanted; "
        f"agreement {agreement:.2f} nats",
    )


def _not_made_out(blood_hu: float) -> str:
    if blood_hu < WELL_FILLED_HU:
        return (
            "No heart filled with contrast was made out: this is a scan without contrast, with too little of it, of another "
            "phase, or of a heart as small as a child's."
        )
    return (
        "The heart was not made out in this scan although there is contrast: the root of the aorta or a large part of the heart "
        "may be cut off where the scan ends, or the orientation stored with the images is wrong."
    )


def _clicked_only(volume: Volume, options: SegmentOptions, progress: Progress) -> HeartSegmentation:
    """Follow marked arteries in a scan whose aorta was not found."""
    with progress.step("Coronary arteries"):
        marked = follow_clicks(volume, options.clicks, progress=progress)
    empty = np.zeros(volume.array_kji.shape, dtype=np.uint8)
    return HeartSegmentation(
        LabelMap(empty, volume.affine_ijk_to_lps, HEART_NAMES),
        empty > 0,
        paint_lumen(marked.trees, volume.grid),
        marked.trees,
        marked.ostia,
        marked.gaps,
        marked.tips,
        EngineInfo("clicks", "cheapest ways between marks", "1"),
        None,
        (NO_AORTA, *marked.remarks),
    )


def label_map(volume: Volume, region: HeartRegion, chambers: Chambers, far: NDArray[np.bool_]) -> LabelMap:
    """Put chambers and great vessels on the scan's grid.

    Parameters
    ----------
    far
        (K, J, I) arch and descending aorta, along the patient's axes; where a chamber lies it gives way.
    """
    labels = np.zeros(far.shape, dtype=np.uint8)
    part = labels[chambers.box]
    part[:] = enlarged(chambers.labels, chambers.small.factor, part.shape)
    labels[far & (labels == 0)] = FAR_AORTA
    return LabelMap(region.axes.restore(labels), volume.affine_ijk_to_lps, HEART_NAMES)
