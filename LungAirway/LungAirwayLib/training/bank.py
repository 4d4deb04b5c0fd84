"""The bank of training cases: each a CT crop and a map of labels at one spacing, as arrays that are read piece by piece."""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import bounding_box

from .cases import CaseSpec, refuse_held_out

logger = logging.getLogger(__name__)

SPACING_MM = 0.7
"""The network's voxels: about the plane of a chest CT of 360 mm at 512 columns, and of the validation."""
LUMEN, WALL, VESSEL, LUNG, SKELETON, IGNORE, LUMEN_ONLY = 1, 2, 4, 8, 16, 32, 64
"""Bits of a label voxel. SKELETON is the middle of the lumen, thickened; IGNORE marks voxels of unknown truth;
LUMEN_ONLY voxels whose wall and vessels are unknown."""
SMALL_RADIUS_MM = 1.6
POINTS = 6000


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """A case of the bank, opened without reading it.

    Parameters
    ----------
    hu
        (K, J, I) int16.
    labels
        (K, J, I) uint8, bits as above.
    points
        Kind ("small", "large", "vessel", "lung") -> (N, 3) int16 voxel indices where patches may be centred.
    """

    name: str
    source: str
    hu: NDArray[np.int16]
    labels: NDArray[np.uint8]
    points: dict[str, NDArray[np.int16]]


def build_bank(specs: tuple[CaseSpec, ...], data: Path | None, folder: Path, progress: Progress) -> None:
    """Make the cases that are not in the bank yet; each appears whole or not at all."""
    from .simulated import make_arrays

    folder.mkdir(parents=True, exist_ok=True)
    for number, spec in enumerate(specs):
        refuse_held_out(spec.subject)
        progress.update(number / max(len(specs), 1))
        if (folder / spec.name / "case.json").is_file():
            continue
        hu, labels = make_arrays(spec, data)
        write_case(folder, spec, hu, labels)
        logger.info("training case %s: %s voxels", spec.name, hu.shape)


def write_case(folder: Path, spec: CaseSpec, hu: NDArray[np.int16], labels: NDArray[np.uint8]) -> None:
    """Add a case (arrays at the network's spacing, labels without the skeleton) to the bank."""
    marked, points = with_skeleton(labels, spec.seed)
    partial = folder / f".{spec.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "hu.npy", hu)
    np.save(partial / "labels.npy", marked)
    np.savez(partial / "points.npz", **points)  # type: ignore[arg-type]
    scanner: Any = (
        None
        if spec.scanner is None
        else {
            "spacing_mm": spec.scanner.spacing_mm,
            "noise_hu": spec.scanner.noise_hu,
            "kernel": spec.scanner.kernel,
        }
    )
    about = {"source": spec.source, "subject": spec.subject, "seed": spec.seed, "scanner": scanner, "spacing_mm": SPACING_MM}
    about["scale"] = spec.scale
    (partial / "case.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    target = folder / spec.name
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


def open_bank(folder: Path, real: bool = True) -> tuple[TrainingCase, ...]:
    """Open the cases of a bank, in the order of their names.

    Parameters
    ----------
    real
        Take the cases with real texture, too.
    """
    found = []
    for path in sorted(folder.glob("*/case.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        refuse_held_out(str(about["subject"]))
        refuse_held_out(path.parent.name)
        if about["source"] == "real" and not real:
            continue
        with np.load(path.parent / "points.npz") as stored:
            points = {key: stored[key] for key in stored.files}
        hu = open_memmap(path.parent / "hu.npy", mode="r")
        labels = open_memmap(path.parent / "labels.npy", mode="r")
        found.append(TrainingCase(path.parent.name, str(about["source"]), hu, labels, points))
    return tuple(found)


def with_skeleton(labels: NDArray[np.uint8], seed: int) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.int16]]]:
    """Return the labels with the thickened skeleton of the lumen, and where patches may be centred."""
    marked = labels.copy()
    lumen = (labels & LUMEN) > 0
    points: dict[str, NDArray[np.int16]] = {}
    rng = np.random.default_rng([seed, 5])
    small = large = np.empty((0, 3), dtype=np.int64)
    if lumen.any():
        box = bounding_box(lumen, (2, 2, 2))
        inner = lumen[box]
        middle = skeletonize(inner)
        radius = ndimage.distance_transform_edt(inner)[middle] * SPACING_MM
        tube = ndimage.binary_dilation(middle, structure=np.ones((3, 3, 3)), iterations=2) & inner
        marked[box][tube] |= SKELETON
        at = np.argwhere(middle) + np.array([part.start for part in box])
        small, large = at[radius < SMALL_RADIUS_MM], at[radius >= SMALL_RADIUS_MM]
    points["small"], points["large"] = _some(small, 4 * POINTS, rng), _some(large, POINTS, rng)
    points["vessel"] = _some(np.argwhere((labels & VESSEL) > 0), POINTS, rng)
    inside = (labels & LUNG) > 0
    points["lung"] = _some(np.argwhere(inside[::3, ::3, ::3]) * 3, POINTS, rng)
    return marked, points


def _some(points: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int16]:
    if len(points) > most:
        points = points[rng.choice(len(points), most, replace=False)]
    return points.astype(np.int16)
