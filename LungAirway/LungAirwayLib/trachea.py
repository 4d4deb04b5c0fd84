"""Find the trachea without a click: a chain of round dark sections near the mid-line, above the middle of the lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import SenseCareError

AIR_HU = -700.0
"""Threshold of air at 1 to 2 mm: half-way between tracheal air and soft tissue would be -500; lower keeps lung out."""
AREA_MM2 = (60.0, 750.0)
"""Cross-section of the adult trachea, about 80 to 530 mm2 (coronal 10 to 25 mm, sagittal 10 to 27 mm, Breatnach 1984,
doi:10.2214/ajr.142.5.903), widened for partial volume and expiration."""
MIDLINE_MM = 60.0
STEP_MM = 7.0


@dataclass(frozen=True, eq=False)
class Trachea:
    """A chain of sections (N, 3) from top to bottom, as indices of the searched array, and their areas in mm2 (N,)."""

    centres: NDArray[np.float64]
    areas_mm2: NDArray[np.float64]
    voxels: NDArray[np.int64]


@dataclass
class _Section:
    k: int
    centre: NDArray[np.float64]
    area_mm2: float
    roundness: float
    voxels: NDArray[np.int64]


def find_trachea(
    air: NDArray[np.bool_], body: NDArray[np.bool_], k_middle: float, spacing_mm: tuple[float, float, float]
) -> Trachea:
    """Find the trachea in a coarse volume along the patient's axes.

    Parameters
    ----------
    air
        (K, J, I); voxels inside the body below :data:`AIR_HU`.
    body
        (K, J, I); the body with its air filled.
    k_middle
        The middle height of the lungs: the trachea has to reach above it.
    spacing_mm
        Voxel spacing along k (up), j (back), i (left).

    Raises
    ------
    SenseCareError
        When no chain of sections looks like a trachea.
    """
    midline_mm = float(np.mean(np.nonzero(body.any(axis=(0, 1)))[0])) * spacing_mm[2]
    chains: list[list[_Section]] = []
    open_chains: list[list[_Section]] = []
    lowest = max(int(k_middle), 0)
    for k in range(air.shape[0] - 1, lowest - 1, -1):
        sections = _sections(air[k], k, midline_mm, spacing_mm)
        open_chains = _extend(open_chains, sections, chains, spacing_mm)
    chains.extend(open_chains)
    best = max(chains, key=lambda chain: _score(chain, midline_mm, spacing_mm), default=None)
    if best is None or len(best) * spacing_mm[0] < 8.0:
        raise SenseCareError(
            "No trachea was found in this scan; choose a chest CT that shows the windpipe above its division, with the lungs.",
            detail=f"{len(chains)} chains of round dark sections above slice {lowest}, longest "
            f"{max((len(chain) for chain in chains), default=0) * spacing_mm[0]:.0f} mm, at least 8 mm needed",
        )
    return Trachea(
        np.array([[section.k, *section.centre] for section in best]),
        np.array([section.area_mm2 for section in best]),
        np.concatenate([section.voxels for section in best]),
    )


def _sections(air: NDArray[np.bool_], k: int, midline_mm: float, spacing_mm: tuple[float, float, float]) -> list[_Section]:
    labels, count = ndimage.label(air)
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    found = []
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        area = sizes[label] * pixel_mm2
        if not AREA_MM2[0] <= area <= AREA_MM2[1]:
            continue
        j, i = np.nonzero(labels[box] == label)
        j, i = j + box[0].start, i + box[1].start
        centre = np.array([j.mean(), i.mean()])
        if abs(centre[1] * spacing_mm[2] - midline_mm) > MIDLINE_MM:
            continue
        radius_mm = np.hypot((j - centre[0]) * spacing_mm[1], (i - centre[1]) * spacing_mm[2])
        # 1 for a filled disc: the second moment of a disc of the same area over the section's own
        roundness = area / (2.0 * np.pi) / (np.mean(radius_mm**2) + pixel_mm2 / 6.0)
        if roundness >= 0.6:
            found.append(_Section(k, centre, float(area), float(roundness), np.stack([np.full_like(j, k), j, i], axis=1)))
    return found


def _extend(
    open_chains: list[list[_Section]],
    sections: list[_Section],
    closed: list[list[_Section]],
    spacing_mm: tuple[float, float, float],
) -> list[list[_Section]]:
    """Give each open chain its nearest section one slice further down; close chains that miss 4 mm; start new ones."""
    left = list(sections)
    still_open = []
    scale = np.array(spacing_mm[1:])
    for chain in sorted(open_chains, key=len, reverse=True):
        last = chain[-1]
        near = [
            section
            for section in left
            if np.linalg.norm((section.centre - last.centre) * scale) <= STEP_MM + spacing_mm[0]
            and 0.5 <= section.area_mm2 / last.area_mm2 <= 2.0
        ]
        if near:
            chosen = min(near, key=lambda section: float(np.linalg.norm((section.centre - last.centre) * scale)))
            left = [section for section in left if section is not chosen]
            chain.append(chosen)
            still_open.append(chain)
        elif sections and (last.k - sections[0].k) * spacing_mm[0] <= 4.0:
            still_open.append(chain)
        else:
            closed.append(chain)
    return still_open + [[section] for section in left]


def _score(chain: list[_Section], midline_mm: float, spacing_mm: tuple[float, float, float]) -> float:
    length_mm = (chain[0].k - chain[-1].k + 1) * spacing_mm[0]
    roundness = float(np.mean([section.roundness for section in chain]))
    offset_mm = abs(float(np.mean([section.centre[1] for section in chain])) * spacing_mm[2] - midline_mm)
    area = float(np.median([section.area_mm2 for section in chain]))
    return min(length_mm, 120.0) * roundness * (1.0 - offset_mm / (2.0 * MIDLINE_MM)) * min(area / 150.0, 1.0)
