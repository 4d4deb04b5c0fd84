"""The airway's cases in the bank: what their label bits mean, and where patches may be centred."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import POINTS, SKELETON, TrainingCase, case_files, open_case, some_points, write_arrays
from SenseCarePlanningLib.volume import bounding_box

from .cases import CaseSpec, refuse_held_out

logger = logging.getLogger(__name__)

SPACING_MM = 0.7
"""The network's voxels: about the plane of a chest CT of 360 mm at 512 columns, and of the validation."""
LUMEN, WALL, VESSEL, LUNG, LUMEN_ONLY = 1, 2, 4, 8, 64
"""Bits of a label voxel beside the shared SKELETON (of the lumen) and IGNORE; LUMEN_ONLY marks voxels whose wall and vessels
are unknown."""
SMALL_RADIUS_MM = 1.6


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
    write_arrays(folder, spec.name, about, hu, marked, points)


def open_bank(folder: Path, real: bool = True) -> tuple[TrainingCase, ...]:
    """Open the cases of a bank, in the order of their names.

    Parameters
    ----------
    real
        Take the cases with real texture, too.
    """
    found = []
    for path, about in case_files(folder):
        refuse_held_out(str(about["subject"]))
        refuse_held_out(path.name)
        if about["source"] != "real" or real:
            found.append(open_case(path, about))
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
    points["small"], points["large"] = some_points(small, 4 * POINTS, rng), some_points(large, POINTS, rng)
    points["vessel"] = some_points(np.argwhere((labels & VESSEL) > 0), POINTS, rng)
    inside = (labels & LUNG) > 0
    points["lung"] = some_points(np.argwhere(inside[::3, ::3, ::3]) * 3, POINTS, rng)
    return marked, points
