"""The airway from a network: lung crop, patches, soft probability, and the rules that turn it into one tree."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.inference.bundle import BundleSegmenter
from SenseCarePlanningLib.inference.device import choose_device
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.inference.protocol import Prediction
from SenseCarePlanningLib.inference.registry import read_registry
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.reconnect import bridge_gaps
from SenseCarePlanningLib.tubes.tree import Bridge
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box, fill_holes

from .airway_classical import cut_loops
from .engines import airway_chance
from .lungs import coarse_trunk, separate_lungs, survey, upsample
from .patient_axes import PatientAxes

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]
SHIPPED = Path(__file__).resolve().parents[1] / "Resources" / "Models" / "airway_ct"
MARGIN_MM = 8.0
SOFT_TISSUE_HU = 40.0
"""Muscle and blood without contrast: where the scaling to the air of the trachea is anchored."""
TOUCHING = np.ones((3, 3, 3), dtype=bool)


class PatchSegmenter(Protocol):
    """A network's runner that can leave out patches: the two forms of a bundle."""

    def segment(self, volume: Volume, progress: Progress, wanted: BoolArray | None = None) -> Prediction:
        """Segment a volume."""


def shipped_network(folder: Path = SHIPPED) -> tuple[PatchSegmenter | None, str]:
    """Return the runner of the network that comes with this module: torch on a GPU, the ONNX form on a CPU.

    Returns
    -------
    network, reason
        None, and why, where it cannot run here.
    """
    listed = folder.parent / "models.json"
    if not listed.is_file():
        return None, "The airway network is not in this installation."
    registry = read_registry(listed)
    torch_form, onnx_form = BundleSegmenter(folder, registry), OnnxSegmenter(folder, registry)
    if importlib.util.find_spec("torch") is not None and torch_form.available() is None and choose_device() != "cpu":
        return torch_form, ""
    reason = onnx_form.available()
    if reason is None:
        return onnx_form, ""
    return (torch_form, "") if torch_form.available() is None else (None, reason)


@dataclass(frozen=True)
class NetworkRules:
    """How a probability becomes a tree; chosen on training trees.

    Parameters
    ----------
    sure
        Voxels at least this probable are airway.
    likely
        So are voxels at least this probable that such ones reach (hysteresis): thin branches fade towards their ends. Only
        what goes on beyond the surface counts; the surface itself lies where ``sure`` says.
    piece_mm3
        Smaller detached pieces are dropped before gaps are joined.
    """

    sure: float = 0.5
    likely: float = 0.35
    piece_mm3: float = 6.0


@dataclass(frozen=True, eq=False)
class NetworkAirway:
    """What :func:`segment_airway_network` found, on the grid of the volume that was given.

    Parameters
    ----------
    lumen
        (K, J, I) one piece without holes or loops.
    probability
        On a cropped grid, 0 to 1.
    vessels
        Probability of vessels on that grid, or None where the network has no such channel.
    bridges
        Gaps that were joined.
    detail
        Model and device, for the report.
    """

    lumen: BoolArray
    probability: Volume
    vessels: Volume | None
    bridges: tuple[Bridge, ...]
    detail: str


def segment_airway_network(
    volume: Volume,
    inside: BoolArray,
    seeds_kji: NDArray[np.int64],
    network: PatchSegmenter,
    progress: Progress,
    rules: NetworkRules = NetworkRules(),
    body: BoolArray | None = None,
) -> NetworkAirway:
    """Find the airway with a network.

    The scan is first scaled so that the air of its trachea lies at -1000 HU, soft tissue staying where it is: that is where
    the training's airways have it, and real ones range over some 100 HU with scanner and kernel.

    Parameters
    ----------
    inside
        (K, J, I) lungs and trachea: only what lies about them is looked at.
    seeds_kji
        (N, 3) voxels of the trachea.
    body
        (K, J, I) the trunk with its air; what lies outside is no airway. None takes all.

    Raises
    ------
    SenseCareError
        When the network finds no airway that begins at the trachea.
    Cancelled
        When the user asked to stop.
    """
    inside = inside.copy()
    inside[tuple(seeds_kji.T)] = True
    margin = [int(np.ceil(MARGIN_MM / step)) for step in volume.grid.spacing_kji_mm]
    box = bounding_box(inside, (margin[0], margin[1], margin[2]))
    part = volume.cropped(box)
    scaled = replace(part, array_kji=with_air_at_1000(part.array_kji, float(np.median(volume.array_kji[tuple(seeds_kji.T)]))))
    prediction = network.segment(scaled, progress, inside[box])
    found = airway_chance(prediction)
    chance = Volume(found if body is None else found * body[box], part.affine_ijk_to_lps)
    start = np.array([one.start for one in box])
    lumen, bridges = tree_of_probability(chance, seeds_kji - start, rules)
    whole = np.zeros(volume.array_kji.shape, dtype=bool)
    whole[box] = lumen
    vessels = vessel_chance(prediction)
    return NetworkAirway(
        whole, chance, None if vessels is None else Volume(vessels, part.affine_ijk_to_lps), bridges, prediction.detail
    )


def find_airway_network(
    volume: Volume, network: PatchSegmenter, progress: Progress, rules: NetworkRules = NetworkRules()
) -> NetworkAirway:
    """Find lungs and trachea, then the airway with a network; see :func:`segment_airway_network`.

    Raises
    ------
    SenseCareError
        When there are no lungs, no trachea, or the network finds no airway.
    """
    axes = PatientAxes.of(volume.grid)
    hu = axes.apply(volume.array_kji)
    chest = survey(hu, axes.spacing_mm(volume.grid))
    lungs = np.asarray(upsample(separate_lungs(chest, coarse_trunk(chest)), chest.factor, hu.shape), dtype=bool)
    trachea = np.zeros(hu.shape, dtype=bool)
    seeds = chest.trachea.voxels * chest.factor + np.array(chest.factor) // 2
    trachea[tuple(np.minimum(seeds, np.array(hu.shape) - 1).T)] = True
    body = np.asarray(upsample(chest.body, chest.factor, hu.shape), dtype=bool)
    return segment_airway_network(
        volume, axes.restore(lungs), np.argwhere(axes.restore(trachea)), network, progress, rules, axes.restore(body)
    )


def with_air_at_1000(hu: NDArray[Any], air_hu: float) -> NDArray[np.float32]:
    """Scale HU linearly so that ``air_hu`` becomes -1000 and soft tissue (40 HU) stays.

    Air brighter than -850 or darker than -1024 HU is no measure of the scanner: then nothing is changed.
    """
    out = hu.astype(np.float32)
    if -1024.0 <= air_hu <= -850.0:
        out -= np.float32(SOFT_TISSUE_HU)
        out *= np.float32((-1000.0 - SOFT_TISSUE_HU) / (air_hu - SOFT_TISSUE_HU))
        out += np.float32(SOFT_TISSUE_HU)
    return out


def tree_of_probability(
    chance: Volume, seeds_kji: NDArray[np.int64], rules: NetworkRules = NetworkRules()
) -> tuple[BoolArray, tuple[Bridge, ...]]:
    """Turn a probability into one airway tree.

    Strategy: hysteresis, then the detached pieces that are large enough are offered to :func:`bridge_gaps`; the piece
    that holds most of the trachea is kept, its cavities are filled and its loops cut.

    Raises
    ------
    SenseCareError
        When nothing reaches the trachea.
    """
    array = chance.array_kji
    labels, count = ndimage.label(_with_extensions(array, rules), structure=TOUCHING)
    if count == 0:
        raise SenseCareError("The model found no airway in this scan; run the engine classical instead.")
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sure = np.bincount(labels[array >= rules.sure], minlength=count + 1)
    least = rules.piece_mm3 / chance.grid.voxel_volume_mm3
    keep = (sizes >= least) & (sure > 0)
    keep[0] = False
    mask = LabelMap(keep[labels].astype(np.uint8), chance.affine_ijk_to_lps, {1: "airway_lumen"})
    _holding(mask.array_kji > 0, seeds_kji)
    joined, bridges = bridge_gaps(mask, chance)
    tree = _holding(joined.array_kji > 0, seeds_kji)
    box = bounding_box(tree, (1, 1, 1))
    tree[box] = cut_loops(fill_holes(tree[box]), (array >= rules.sure)[box])
    kept = tuple(bridge for bridge in bridges if _starts_in(bridge, tree, chance))
    logger.info("network airway: %d pieces, %d joined", int(keep.sum()), len(kept))
    return tree, kept


def _with_extensions(chance: NDArray[np.float32], rules: NetworkRules) -> BoolArray:
    """Return the sure voxels, and the course of the likely ones; not the shell of likely voxels about all sure ones."""
    sure, likely = chance >= rules.sure, chance >= rules.likely
    if not likely.any():
        return sure
    box = bounding_box(likely, (1, 1, 1))
    course = ndimage.binary_dilation(skeletonize(likely[box]), structure=TOUCHING)
    sure[box] |= course & likely[box]
    return sure


def vessel_chance(prediction: Prediction) -> NDArray[np.float32] | None:
    """Return the probability of vessels, or None where the network has no such channel."""
    for number, name in enumerate(prediction.channel_names):
        if "vessel" in name.lower():
            return np.asarray(prediction.probabilities[number])
    return None


def _holding(mask: BoolArray, seeds_kji: NDArray[np.int64]) -> BoolArray:
    """Return the piece of a mask that holds most of the trachea.

    Raises
    ------
    SenseCareError
        When none does.
    """
    labels, count = ndimage.label(mask, structure=TOUCHING)
    valid = np.all((seeds_kji >= 0) & (seeds_kji < np.array(mask.shape)), axis=1)
    hits: NDArray[Any] = np.bincount(labels[tuple(seeds_kji[valid].T)], minlength=count + 1)
    hits[0] = 0
    if hits.sum() == 0:
        raise SenseCareError("The model found no airway that starts at the trachea; run the engine classical instead.")
    return np.asarray(labels == int(np.argmax(hits)))


def _starts_in(bridge: Bridge, tree: BoolArray, chance: Volume) -> bool:
    index = np.rint(chance.grid.kji_from_lps(bridge.points_lps_mm[len(bridge.points_lps_mm) // 2])).astype(int)
    return bool(np.all((index >= 0) & (index < tree.shape))) and bool(tree[tuple(index)])
