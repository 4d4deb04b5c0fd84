"""Make the arrays of a training case: simulate or read the CT, crop it to the lungs, bring it to the network's spacing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.dicomio.files import read_label_map, read_volume_file
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.grids import nearest, resample
from SenseCarePlanningLib.phantom.nodules import NoduleSpec
from SenseCarePlanningLib.phantom.simulate import SimulatedCT, simulate_ct
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax, scan
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import IGNORE
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .bank import LUMEN, LUMEN_ONLY, LUNG, SPACING_MM, VESSEL, WALL
from .cases import CaseSpec, mask_files, real_files

MARGIN_MM = 8.0
LOBES = ("RUL", "RML", "RLL", "LUL", "LLL")
UNSURE_MM = 1.8
"""Width of the band around disagreement of the two engines that is left out of the loss."""
WALLED = 0.8
"""Share of the classical engine's own threshold from which its evidence for an airway leaves the truth open."""
LEAST_HU, MOST_HU = -1024, 1500

Arrays = tuple[NDArray[np.int16], NDArray[np.uint8]]


def make_arrays(spec: CaseSpec, data: Path | None) -> Arrays:
    """Return HU (int16) and label bits (uint8) of a case, cropped to the lungs and the airway, at the network's spacing.

    Raises
    ------
    InputError
        When the case's data are not there.
    """
    if spec.source == "thorax":
        return _of_simulation(_thorax(spec))
    if data is None:
        raise InputError(f"The training case {spec.name} needs the folder with the development data.")
    return _of_simulation(_around_mask(spec, data)) if spec.source == "mask" else _real(data)


def _thorax(spec: CaseSpec) -> SimulatedCT:
    """A procedural patient with plugs, nodules and, now and then, holes that open into the lung."""
    rng = np.random.default_rng([spec.seed, 3])
    segments = rng.permutation(["RB1", "RB3", "RB6", "RB9", "LB3", "LB6", "LB10"])
    density = ("solid", "part_solid", "ground_glass")
    nodules = tuple(
        NoduleSpec(str(segment), float(rng.uniform(7.0, 22.0)), density[int(rng.integers(3))])  # type: ignore[arg-type]
        for segment in segments[: int(rng.integers(0, 3))]
    )
    variant = str(rng.choice(["", "", "tracheal_bronchus", "missing_lb7", "accessory_cardiac"])) or None
    options = ThoraxOptions(
        seed=spec.seed,
        generations=int(rng.integers(10, 14)),
        mucus_plugs=int(rng.integers(0, 4)),
        leaks=int(rng.integers(0, 3)),
        variant=variant,
        nodules=nodules,
    )
    try:
        thorax = make_thorax(options)
    except InputError:  # a nodule did not fit: the patient has none
        thorax = make_thorax(replace(options, nodules=()))
    return scan(thorax, spec.scanner)


def _around_mask(spec: CaseSpec, data: Path) -> SimulatedCT:
    files = mask_files(data, spec.subject)
    if files is None:
        raise InputError(f"The airway mask {spec.subject} is not in the data folder.")
    airway = scaled(files["airway"], spec.scale)
    vessels = scaled(files["vessels"], spec.scale) if "vessels" in files else None
    lungs = scaled(files["lungs"], spec.scale) if "lungs" in files else None
    lobes = None
    if "RUL" in files:
        parts = [scaled(files[name], spec.scale) for name in LOBES]
        array = np.zeros(parts[0].array_kji.shape, dtype=np.uint8)
        for value, part in enumerate(parts, start=1):
            array[part.mask()] = value
        lobes = LabelMap(array, parts[0].affine_ijk_to_lps)
    return simulate_ct(airway, scanner=spec.scanner, vessels=vessels, lungs=lungs, lobes=lobes, seed=spec.seed)


def scaled(path: Path, scale: float) -> LabelMap:
    """Read a mask as that of a smaller or larger patient."""
    labels = read_label_map(path)
    return replace(labels, affine_ijk_to_lps=np.diag([scale, scale, scale, 1.0]) @ labels.affine_ijk_to_lps)


def _of_simulation(made: SimulatedCT) -> Arrays:
    labels = made.airway_truth.mask().astype(np.uint8) * np.uint8(LUMEN)
    if made.walls_truth is not None:
        labels[made.walls_truth.mask()] |= WALL
    if made.vessels_truth is not None:
        labels[made.vessels_truth.mask() & ((labels & (LUMEN | WALL)) == 0)] |= VESSEL
    labels[made.lungs_truth.mask()] |= LUNG
    return to_network_grid(made.volume.array_kji, labels, made.volume.grid.spacing_kji_mm)


def _real(data: Path) -> Arrays:
    """A real CT: airway where the classical engine and the peer agree, unknown about where they differ."""
    from ..segment import SegmentOptions, segment_airway

    files = real_files(data)
    if files is None:
        raise InputError("The real training CT and its peer mask are not in the data folder.")
    volume = read_volume_file(files["ct"])
    peer = read_label_map(files["peer"]).mask()
    found = segment_airway(volume, SegmentOptions("classical"), Progress())
    own = found.airway.mask()
    if peer.shape != own.shape:
        raise InputError("The peer mask lies on another grid than the real training CT.")
    spacing = volume.grid.spacing_kji_mm
    agreed = own & peer
    differ = own ^ peer
    unsure = ndimage.distance_transform_edt(~differ, sampling=spacing) <= UNSURE_MM
    labels = agreed.astype(np.uint8) * np.uint8(LUMEN) | np.uint8(LUMEN_ONLY)
    labels[(unsure | _walled(found.probability, volume)) & ~agreed] |= IGNORE
    if found.lungs is None:
        raise InputError("No lungs were found in the real training CT.")
    labels[found.lungs.mask()] |= LUNG
    return to_network_grid(volume.array_kji, labels, spacing)


def _walled(evidence: Volume | None, volume: Volume) -> NDArray[np.bool_]:
    """Tell where the classical engine sees dark voxels with a wall about them: airways, perhaps, that neither engine took."""
    out = np.zeros(volume.array_kji.shape, dtype=bool)
    if evidence is None:
        return out
    start = np.rint(volume.grid.kji_from_lps(evidence.affine_ijk_to_lps[:3, 3])).astype(int)
    box = tuple(slice(int(low), int(low) + size) for low, size in zip(start, evidence.array_kji.shape, strict=True))
    out[box] = evidence.array_kji >= WALLED
    return out


def to_network_grid(hu: NDArray[Any], labels: NDArray[np.uint8], spacing_kji_mm: tuple[float, float, float]) -> Arrays:
    """Crop to lungs and lumen with a margin, and resample: HU linearly, labels to the nearest voxel."""
    margin = [int(np.ceil(MARGIN_MM / step)) for step in spacing_kji_mm]
    box = bounding_box((labels & (LUMEN | LUNG)) > 0, (margin[0], margin[1], margin[2]))
    image, bits = np.clip(hu[box], LEAST_HU, MOST_HU), labels[box]
    factor = [step / SPACING_MM for step in spacing_kji_mm]
    shape = tuple(max(1, round(size * part)) for size, part in zip(image.shape, factor, strict=True))
    resampled = resample(image.astype(np.float32), shape)
    return np.rint(resampled).astype(np.int16), np.ascontiguousarray(nearest(bits, shape))
