"""Digital hearts as training cases: scanned about their arteries, scaled to the aorta's blood, labelled by their truth."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.grids import nearest, resample, resized
from SenseCarePlanningLib.phantom.coronary import make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_random import random_heart
from SenseCarePlanningLib.phantom.coronary_scan import TISSUE_LABELS, CoronaryScan, scan_coronary
from SenseCarePlanningLib.phantom.coronary_scene import CHAMBERS, VEIN_LABEL
from SenseCarePlanningLib.phantom.coronary_sections import Tissue
from SenseCarePlanningLib.phantom.scanner import Kernel, Scanner
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import (
    IGNORE,
    POINTS,
    SKELETON,
    TrainingCase,
    case_files,
    open_case,
    some_points,
    write_arrays,
)
from SenseCarePlanningLib.volume import Grid

from ..coronary_network import BLOOD_HU, SPACING_MM, with_blood_at_level

logger = logging.getLogger(__name__)

ARTERY, VEIN = 1, 2
"""Bits of a label voxel; see :mod:`SenseCarePlanningLib.training.bank` for the others."""
FIRST_SEED = 1000
"""Hearts of lower numbers are for tests, tuning and evaluation, and are refused."""
NORMAL, HARD = "normal", "hard"
"""Sources of a case."""
HARD_EVERY = 3
"""Every third heart is a hard one: weak contrast, noise, veins as bright as arteries, a step, a lead."""
MARGIN_MM = 16.0
KERNELS: tuple[Kernel, ...] = ("soft", "standard", "standard", "sharp")
NOISE_TIMES = (0.7, 1.6)
SMALL_RADIUS_MM = 0.9
LEAST_RADIUS_MM = 0.15
"""A lumen narrower than this is closed."""
AORTA_LABEL = next(label for label, name, _ in CHAMBERS if name == "aorta")
LEAST_HU, MOST_HU = -1024, 3000


@dataclass(frozen=True)
class HeartSpec:
    """One training heart before it is made: its seed, and whether it is a hard one (:func:`.random_heart`)."""

    seed: int
    hard: bool

    @property
    def name(self) -> str:
        """Folder in the bank."""
        return f"{HARD if self.hard else NORMAL}_{self.seed}"


def refuse_held_out(seed: int) -> None:
    """Refuse a heart that must not be trained on.

    Raises
    ------
    InputError
        When the seed is under :data:`FIRST_SEED`.
    """
    if seed < FIRST_SEED:
        raise InputError(f"The digital heart {seed} is held out of training: seeds from {FIRST_SEED} on are for training.")


def plan_hearts(seed: int, count: int) -> tuple[HeartSpec, ...]:
    """Plan the bank: ``count`` hearts, every third of them hard; another ``seed`` gives others."""
    first = FIRST_SEED + 1000 * seed
    return tuple(HeartSpec(first + number, number % HARD_EVERY == HARD_EVERY - 1) for number in range(count))


def build_bank(specs: tuple[HeartSpec, ...], folder: Path, progress: Progress) -> None:
    """Make the hearts that are not in the bank yet; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, spec in enumerate(specs):
        refuse_held_out(spec.seed)
        progress.update(number / max(len(specs), 1))
        if (folder / spec.name / "case.json").is_file():
            continue
        made, scanner = scan_heart(spec)
        hu, labels, points = case_arrays(made, spec.seed)
        about = {"source": HARD if spec.hard else NORMAL, **asdict(spec), "scanner": asdict(scanner), "spacing_mm": SPACING_MM}
        write_arrays(folder, spec.name, about, hu, labels, points)
        logger.info("training heart %s: %s voxels", spec.name, hu.shape)


def open_hearts(folder: Path, real: bool = True) -> tuple[TrainingCase, ...]:
    """Open the hearts of a bank, in the order of their names; there are none with real texture, whatever ``real`` says."""
    found = []
    for path, about in case_files(folder):
        refuse_held_out(int(about["seed"]))
        found.append(open_case(path, about))
    return tuple(found)


def scan_heart(spec: HeartSpec) -> tuple[CoronaryScan, Scanner]:
    """Scan a heart about its arteries and veins, with more or less noise and another kernel than it was drawn with."""
    drawn = random_heart(spec.seed, spec.hard)
    rng = np.random.default_rng([spec.seed, 53, int(spec.hard)])
    noise = round(drawn.scanner.noise_hu * float(rng.uniform(*NOISE_TIMES)), 1)
    scanner = replace(drawn.scanner, noise_hu=noise, kernel=KERNELS[int(rng.integers(len(KERNELS)))])
    patient = make_coronary_patient(drawn.options)
    arteries = [one.points_lps_mm for one in patient.arteries]
    places = np.concatenate([*arteries, *(one.points_lps_mm for one in patient.veins)])
    box = np.stack([places.min(axis=0) - MARGIN_MM, places.max(axis=0) + MARGIN_MM])
    return scan_coronary(patient, scanner, box), scanner


def case_arrays(scan: CoronaryScan, seed: int) -> tuple[NDArray[np.int16], NDArray[np.uint8], dict[str, NDArray[np.int16]]]:
    """Return HU (K, J, I) scaled to the aorta's blood, label bits and points at the network's voxels.

    Calcium and stents lie in the vessel but are no lumen: they are left out of the loss.
    """
    tissue, values = scan.tissue.array_kji, scan.volume.array_kji
    blood = float(np.median(values[tissue == AORTA_LABEL]))
    shape = tuple(
        max(1, round(size * step / SPACING_MM)) for size, step in zip(values.shape, scan.volume.grid.spacing_kji_mm, strict=True)
    )
    grid = resized(scan.volume.grid, (shape[0], shape[1], shape[2]))
    hu = np.clip(with_blood_at_level(resample(values.astype(np.float32), shape), blood), LEAST_HU, MOST_HU)
    kinds = nearest(tissue, shape)
    labels = np.where(kinds == TISSUE_LABELS[Tissue.LUMEN], ARTERY, 0).astype(np.uint8)
    labels[kinds == VEIN_LABEL] |= VEIN
    labels[np.isin(kinds, (TISSUE_LABELS[Tissue.CALCIUM], TISSUE_LABELS[Tissue.STENT]))] |= IGNORE
    points = _mark_middle(labels, kinds, scan, grid, np.random.default_rng([seed, 5]))
    rng = np.random.default_rng([seed, 6])
    points["vein"] = some_points(np.argwhere((labels & VEIN) > 0), POINTS, rng)
    other = (hu > 0.25 * BLOOD_HU) & (labels == 0)
    points["other"] = some_points(np.argwhere(other[::3, ::3, ::3]) * 3, POINTS, rng)
    return np.rint(hu).astype(np.int16), labels, points


def _mark_middle(
    labels: NDArray[np.uint8], kinds: NDArray[np.uint8], scan: CoronaryScan, grid: Grid, rng: np.random.Generator
) -> dict[str, NDArray[np.int16]]:
    """Mark the true middle of the open lumen, which is artery however thin it is; return points on it."""
    free = ~np.isin(kinds, [label for label, _, _ in CHAMBERS])
    small, large = [], []
    for artery in scan.truth.arteries:
        index = np.rint(grid.kji_from_lps(artery.points_lps_mm)).astype(np.int64)
        inside = ((index >= 0) & (index < np.array(labels.shape))).all(axis=1) & (artery.lumen_radius_mm > LEAST_RADIUS_MM)
        index, radius = index[inside], artery.lumen_radius_mm[inside]
        outside = free[tuple(index.T)]
        index, radius = index[outside], radius[outside]
        labels[tuple(index.T)] = ARTERY | SKELETON
        small.append(index[radius < SMALL_RADIUS_MM])
        large.append(index[radius >= SMALL_RADIUS_MM])
    thick = ndimage.binary_dilation((labels & SKELETON) > 0, structure=np.ones((3, 3, 3)))
    labels[thick & ((labels & ARTERY) > 0)] |= SKELETON
    return {
        "small": some_points(np.unique(np.concatenate(small), axis=0), POINTS, rng),
        "large": some_points(np.unique(np.concatenate(large), axis=0), POINTS, rng),
    }
