"""From a chest CT to airway, lungs and vessels, by the best engine that is present."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.inference.protocol import PatchSegmenter, Segmenter
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.reconnect import bridge_gaps
from SenseCarePlanningLib.tubes.tree import Bridge
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .airway_classical import cut_loops, find_airway
from .airway_network import network_chance, network_for, tracheal_air_hu, with_air_at_1000
from .branch_evidence import CutPiece, Judged
from .constants import LUNG_LEFT, LUNG_NAMES, LUNG_RIGHT
from .engines import airway_chance, choose_engine
from .lungs import CoarseChest, coarse_trunk, separate_lungs, survey, upsample
from .network_branches import add_network_branches
from .result import EngineInfo
from .vessels import find_vessels

logger = logging.getLogger(__name__)

EngineName = Literal["auto", "classical", "bundle", "totalsegmentator"]


@dataclass(frozen=True)
class SegmentOptions:
    """Which engine finds the airway.

    Parameters
    ----------
    engine
        "auto" and "bundle" take the network that comes with this module, on top of the classical engine; "auto" falls back
        to TotalSegmentator, then to "classical", which needs no weights.
    bundle
        Folder of another MONAI bundle, for "bundle" and "auto".
    """

    engine: EngineName = "auto"
    bundle: Path | None = None


@dataclass(frozen=True, eq=False)
class AirwaySegmentation:
    """The airway and what else of the chest is known, found by :func:`segment_airway` or around a mask that the user gave.

    Label maps lie on the input grid; ``lungs`` and ``vessels`` are None only for a mask without a CT.

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
    bridges
        Gaps that were joined.
    removed
        What was followed and then cut, because the CT does not show it to be an airway.
    grown
        The airway was grown on evidence, path by path: what the CT does not show to be an airway is to be cut.
    """

    airway: LabelMap
    probability: Volume | None
    lungs: LabelMap | None
    vessels: LabelMap | None
    engine: EngineInfo
    root_lps_mm: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    removed: tuple[CutPiece, ...] = ()
    grown: bool = False


def without_pieces(found: AirwaySegmentation, judged: Judged) -> AirwaySegmentation:
    """Return the segmentation with the mask that is left after false airways were cut; the engine's line says so.

    Where lung surrounds what was cut, the lung takes it back.
    """
    length_mm = sum(piece.length_mm for piece in judged.cut)
    detail = f"{found.engine.detail}; {len(judged.cut)} pieces ({length_mm:.0f} mm) cut that show no air and no wall"
    lungs = None if found.lungs is None else _given_back(found.lungs, found.airway, judged.airway)
    engine = replace(found.engine, detail=detail)
    return replace(found, airway=judged.airway, lungs=lungs, removed=judged.cut, engine=engine)


def _given_back(lungs: LabelMap, before: LabelMap, after: LabelMap) -> LabelMap:
    """Give voxels that left the airway to the lung that fills more than half of what else lies within 2.5 mm of them."""
    gone = (before.array_kji > 0) & (after.array_kji == 0)
    if not gone.any():
        return lungs
    slices, rows, columns = (int(np.ceil(2.5 / step)) for step in lungs.grid.spacing_kji_mm)
    box = bounding_box(gone, (slices, rows, columns))
    part, open_place = lungs.array_kji[box].copy(), gone[box]
    size = (2 * slices + 1, 2 * rows + 1, 2 * columns + 1)
    known = ndimage.uniform_filter((~open_place).astype(np.float32), size)
    for side in np.unique(part[part > 0]):
        share = ndimage.uniform_filter((part == side).astype(np.float32), size)
        part[open_place & (lungs.array_kji[box] == 0) & (share > 0.5 * known)] = side
    array = lungs.array_kji.copy()
    array[box] = part
    return replace(lungs, array_kji=array)


def segment_airway(
    volume: Volume,
    options: SegmentOptions,
    progress: Progress,
    check_lungs: Callable[[LabelMap, LabelMap], None] | None = None,
) -> AirwaySegmentation:
    """Segment airway, lungs and vessels of a chest CT.

    ``check_lungs`` hears lungs and trunk (trachea, main bronchi), both coarse, as soon as they are known, and may raise.

    Raises
    ------
    SenseCareError
        When no lungs or no trachea are found.
    InputError
        When an engine asked for by name is not available.
    """
    network = network_for(options)
    engine = None if network is not None else choose_engine(options)
    axes = PatientAxes.of(volume.grid)
    hu = axes.apply(volume.array_kji)
    spacing = axes.spacing_mm(volume.grid)
    with progress.step("Lungs"):
        chest = survey(hu, spacing)
        trunk = coarse_trunk(chest)
        lungs = np.asarray(upsample(separate_lungs(chest, trunk), chest.factor, hu.shape)).copy()
        box = _crop(lungs, chest, spacing, hu.shape)
        if check_lungs is not None:
            check_lungs(*_lungs_and_trunk(lungs, trunk, chest, axes, volume))
    with progress.step("Airway"):
        crop = np.clip(hu[box], -1024, 300).astype(np.float32)
        top = int((chest.trachea.centres[0, 0] + 1) * chest.factor[0])
        crop[max(top - box[0].start, 0) :] = 0.0
        offset = np.array([part.start for part in box])
        seeds = (chest.trachea.voxels * chest.factor + np.array(chest.factor) // 2) - offset
        if engine is None:
            found = _by_paths(crop, lungs[box] > 0, seeds, spacing, progress)
        else:
            found = _by_engine(engine, crop, volume, axes, box, seeds, progress)
    if network is not None:
        with progress.step("Airway network"):
            found = _with_network(found, crop, lungs[box] > 0, seeds, spacing, network, progress)
    airway = np.zeros(hu.shape, dtype=np.uint8)
    airway[box] = found.lumen
    lungs[airway > 0] = 0
    with progress.step("Vessels"):
        vessels = np.zeros(hu.shape, dtype=np.uint8)
        vessels[box] = find_vessels(found.smooth_hu, lungs[box] > 0, found.lumen, spacing)

    def label_map(array: NDArray[Any], names: dict[int, str]) -> LabelMap:
        """Return labels along the patient's axes on the scan's own grid."""
        return LabelMap(axes.restore(array), volume.affine_ijk_to_lps, names)

    root = axes.lps_from_index(volume.grid, chest.trachea.centres[0] * chest.factor + (np.array(chest.factor) - 1) / 2.0)
    return AirwaySegmentation(
        airway=label_map(airway, {1: "airway_lumen"}),
        probability=_cropped(found.chance, box, axes, volume),
        lungs=label_map(lungs, LUNG_NAMES),
        vessels=label_map(vessels, {1: "vessel"}),
        engine=found.info,
        root_lps_mm=root,
        warnings=_warnings(chest, lungs, volume),
        bridges=found.bridges,
        grown=engine is None,
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """The airway in the box around the lungs: lumen, chance of being airway, smoothed HU, how it was found, gaps joined."""

    lumen: NDArray[np.bool_]
    chance: NDArray[np.float32]
    smooth_hu: NDArray[np.float32]
    info: EngineInfo
    bridges: tuple[Bridge, ...] = ()


def _by_paths(
    crop: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    spacing: tuple[float, float, float],
    progress: Progress,
) -> _Found:
    """Find the airway without a network."""
    found = find_airway(crop, lungs, seeds, spacing, progress)
    info = EngineInfo(
        "classical",
        "walled-in dark paths",
        "1",
        f"trunk below {found.trunk_threshold_hu:.0f} HU, "
        f"walls from {found.wall_threshold_hu:.0f} HU above the lumen, {found.path_count} peripheral paths",
    )
    return _Found(found.lumen, found.evidence, found.smooth_hu, info)


def _by_engine(
    engine: Segmenter,
    crop: NDArray[np.float32],
    volume: Volume,
    axes: PatientAxes,
    box: tuple[slice, slice, slice],
    seeds: NDArray[np.int64],
    progress: Progress,
) -> _Found:
    """Find the airway by a segmentation engine alone."""
    prediction = engine.segment(volume, progress)
    chance = axes.apply(airway_chance(prediction))[box]
    lumen, bridges = _lumen_of(_cropped(chance, box, axes, volume), axes, seeds)
    return _Found(lumen, chance, crop, EngineInfo(engine.name, prediction.detail, "1"), bridges)


def _with_network(
    found: _Found,
    crop: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    spacing: tuple[float, float, float],
    network: PatchSegmenter,
    progress: Progress,
) -> _Found:
    """Add the branches that a network sees beyond those found without it."""
    air = tracheal_air_hu(crop, seeds)
    likely, model = network_chance(with_air_at_1000(crop, air), found.lumen, spacing, network, progress)
    added = add_network_branches(likely, with_air_at_1000(found.smooth_hu, air), found.lumen, lungs, spacing)
    chance = np.maximum(found.chance, likely, out=found.chance)
    chance[added.lumen] = 1.0
    info = EngineInfo("classical and network", model, "1", f"{found.info.detail}; {added.path_count} paths of the network")
    return _Found(added.lumen, chance, found.smooth_hu, info)


def _lungs_and_trunk(
    lungs: NDArray[np.uint8], trunk: NDArray[np.bool_], chest: CoarseChest, axes: PatientAxes, volume: Volume
) -> tuple[LabelMap, LabelMap]:
    whole = np.asarray(upsample(trunk, chest.factor, lungs.shape)).astype(np.uint8)
    affine = volume.affine_ijk_to_lps
    return LabelMap(axes.restore(lungs), affine, LUNG_NAMES), LabelMap(axes.restore(whole), affine, {1: "trunk"})


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


def _lumen_of(chance: Volume, axes: PatientAxes, seeds: NDArray[np.int64]) -> tuple[NDArray[np.bool_], tuple[Bridge, ...]]:
    """Return a network's airway (probability over one half) along the patient's axes, and the gaps that were joined.

    Detached pieces are joined where the four conditions of :func:`bridge_gaps` hold on the probability; of the rest the
    piece that holds most of the trachea is kept, with the bridges in it. ``seeds`` are voxels of the turned array.
    """
    likely = chance.array_kji > 0.5
    if not likely.any():
        raise SenseCareError("The model found no airway in this scan; take the classical engine instead.")
    joined, bridges = bridge_gaps(LabelMap(likely.astype(np.uint8), chance.affine_ijk_to_lps, {1: "airway_lumen"}), chance)
    labels, count = ndimage.label(axes.apply(joined.array_kji) > 0, structure=np.ones((3, 3, 3)))
    inside = seeds[np.all((seeds >= 0) & (seeds < labels.shape), axis=1)]
    hits = np.bincount(labels[tuple(inside.T)], minlength=count + 1)
    hits[0] = 0
    if hits.sum() == 0:
        raise SenseCareError("The model found no airway that starts at the trachea; take the classical engine instead.")
    lumen = cut_loops(labels == int(np.argmax(hits)))
    stored = axes.restore(lumen)
    kept = []
    for bridge in bridges:
        middle = np.rint(chance.grid.kji_from_lps(bridge.points_lps_mm[len(bridge.points_lps_mm) // 2])).astype(int)
        if stored[tuple(middle)]:
            kept.append(bridge)
    return lumen, tuple(kept)


def _cropped(chance: NDArray[np.float32], box: tuple[slice, slice, slice], axes: PatientAxes, volume: Volume) -> Volume:
    """Return evidence as a volume in storage order on its crop of the input grid."""
    stored: list[slice] = [slice(0)] * 3
    for axis, (source, flip) in enumerate(zip(axes.order, axes.flips, strict=True)):
        size = volume.array_kji.shape[source]
        part = box[axis]
        stored[source] = slice(size - part.stop, size - part.start) if flip else part
    affine = volume.grid.cropped((stored[0], stored[1], stored[2])).affine_ijk_to_lps
    return Volume(axes.restore(chance), affine, modality="probability")


def _warnings(chest: CoarseChest, lungs: NDArray[np.uint8], volume: Volume) -> tuple[str, ...]:
    found = []
    if chest.trachea.centres[0, 0] >= chest.hu.shape[0] - 2 and len(chest.trachea.centres) * chest.spacing_mm[0] < 25.0:
        found.append("The scan shows only the lowest part of the trachea; the route's first part is not measured.")
    voxel_ml = volume.grid.voxel_volume_mm3 / 1000.0
    for side, name in ((LUNG_RIGHT, "right"), (LUNG_LEFT, "left")):
        if np.count_nonzero(lungs == side) * voxel_ml < 100.0:
            found.append(f"Almost no aerated {name} lung was found; its airways and routes are incomplete.")
    return tuple(found)
