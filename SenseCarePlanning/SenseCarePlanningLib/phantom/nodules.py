"""Nodules with exact size: placed in the lung near a named segment, painted as shares of voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from ..geometry import FloatArray, unit
from ..volume import Grid
from .airway_tree import Tube, segment_of
from .compose import Lesion
from .fields import Float32Array
from .tubepaint import paint_segments

Density = Literal["solid", "part_solid", "ground_glass"]

DENSITY_HU = {"solid": 38.0, "part_solid": -560.0, "ground_glass": -600.0}
CORE_HU = 20.0
"""Attenuation: soft tissue for solid parts and a value between lung and soft tissue for ground glass. Chosen: the Fleischner
glossary (Hansell 2008, doi:10.1148/radiol.2462070712) defines ground glass by the vessels that stay visible, not in HU."""


@dataclass(frozen=True)
class NoduleSpec:
    """A nodule to make.

    Parameters
    ----------
    segment
        Code of the segment in whose periphery it lies, such as ``"RB3"``.
    diameter_mm
        Of the sphere.
    density
        ``"solid"``, ``"part_solid"`` or ``"ground_glass"``.
    core_diameter_mm
        Of the solid core of a part-solid nodule; 40 % of the diameter when None.
    spiculated
        Whether fine strands run out from it (not part of its volume).
    """

    segment: str
    diameter_mm: float
    density: Density = "solid"
    core_diameter_mm: float | None = None
    spiculated: bool = False

    def __post_init__(self) -> None:
        if not 2.0 <= self.diameter_mm <= 60.0:
            raise ValueError(f"a nodule must be 2 to 60 mm wide, got {self.diameter_mm}")
        if self.density not in DENSITY_HU:
            raise ValueError(f"the density must be one of {sorted(DENSITY_HU)}, got {self.density!r}")
        if self.core_diameter_mm is not None and not 0.0 < self.core_diameter_mm < self.diameter_mm:
            raise ValueError(f"the core must be smaller than the nodule, got {self.core_diameter_mm} in {self.diameter_mm} mm")

    @property
    def core_mm(self) -> float:
        """Diameter of the solid core: of the whole nodule when solid, 0 for ground glass."""
        if self.density == "solid":
            return self.diameter_mm
        if self.density == "ground_glass":
            return 0.0
        return self.core_diameter_mm if self.core_diameter_mm is not None else 0.4 * self.diameter_mm


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule in its place.

    Parameters
    ----------
    centre_lps_mm
        (3,).
    spikes_lps_mm
        (N, 2, 3) start and end of the strands.
    """

    spec: NoduleSpec
    centre_lps_mm: FloatArray
    lobe: int
    nearest_branch_id: int
    spikes_lps_mm: FloatArray

    @property
    def volume_mm3(self) -> float:
        """Volume of the sphere."""
        return math.pi / 6.0 * self.spec.diameter_mm**3


def place_nodule(
    spec: NoduleSpec,
    tubes: list[Tube],
    cloud_lps_mm: FloatArray,
    depth_mm: FloatArray,
    rng: np.random.Generator,
    others: list[Nodule],
) -> Nodule:
    """Put a nodule in the outer part of a segment, clear of bronchi and of other nodules.

    Parameters
    ----------
    cloud_lps_mm, depth_mm
        (N, 3) points of the segment's lobe and how deep each lies in it.

    Raises
    ------
    InputError
        When the patient has no such segment, or no room for it there.
    """
    own = [tube for tube in tubes if segment_of(tube.code) == spec.segment]
    if not own:
        raise InputError(f"The nodule cannot be placed: this digital patient has no segment {spec.segment}.")
    radius = spec.diameter_mm / 2.0
    ends = np.array([tube.end for tube in own])
    room = (depth_mm > radius + 4.0) & (depth_mm < radius + 22.0)
    points = np.concatenate([tube.points_lps_mm for tube in tubes])
    reach = np.concatenate([tube.radius_mm for tube in tubes])
    best: tuple[float, FloatArray, int] | None = None
    candidates = cloud_lps_mm[room]
    for point in candidates[rng.permutation(len(candidates))[:600]]:
        gap = np.linalg.norm(ends - point, axis=1)
        nearest = int(gap.argmin())
        clear = float((np.linalg.norm(points - point, axis=1) - reach).min())
        apart = min((float(np.linalg.norm(other.centre_lps_mm - point)) for other in others), default=1e3)
        if clear < radius + 1.5 or apart < 2.0 * radius + 15.0 or gap[nearest] > radius + 14.0:
            continue
        score = abs(gap[nearest] - radius - 5.0) + rng.uniform(0.0, 2.0)
        if best is None or score < best[0]:
            best = (score, point, own[nearest].id)
    if best is None:
        raise InputError(f"The nodule of {spec.diameter_mm:g} mm does not fit into segment {spec.segment}; make it smaller.")
    spikes = np.empty((0, 2, 3))
    if spec.spiculated:
        away = unit(rng.normal(size=(16, 3)))
        length = radius + rng.uniform(2.5, 7.0, 16)
        spikes = np.stack([best[1] + 0.8 * radius * away, best[1] + length[:, None] * away], axis=1)
    return Nodule(spec, best[1], own[0].lobe, best[2], spikes)


def sphere_share(grid: Grid, centre_lps_mm: FloatArray, radius_mm: float, extra_mm: float = 0.0) -> Lesion | None:
    """Return a sphere as shares of the voxels of its box (intensity 0), its volume exact; None outside the grid."""
    spacing = np.array(grid.spacing_kji_mm)
    width = float(spacing.mean())
    # a linear edge of width w adds pi R w^2 / 3 to the volume of a sphere of radius R
    painted = max(radius_mm - width**2 / (12.0 * max(radius_mm, width)), 0.0)
    middle = grid.kji_from_lps(centre_lps_mm)
    reach = (radius_mm + extra_mm + width) / spacing
    low = np.clip(np.floor(middle - reach).astype(int), 0, grid.shape_kji)
    high = np.clip(np.ceil(middle + reach).astype(int) + 1, 0, grid.shape_kji)
    if (high <= low).any():
        return None
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))
    lines = [(np.arange(a, b) - m) * s for a, b, m, s in zip(low, high, middle, spacing, strict=True)]
    gap = np.sqrt(lines[0][:, None, None] ** 2 + lines[1][None, :, None] ** 2 + lines[2][None, None, :] ** 2)
    return Lesion(box, np.clip(0.5 - (gap - painted) / width, 0.0, 1.0).astype(np.float32), 0.0)


def lesions_of(nodule: Nodule, grid: Grid) -> list[Lesion]:
    """Return what to lay over the lung: strands, body, core."""
    radius = nodule.spec.diameter_mm / 2.0
    result: list[Lesion] = []
    body = sphere_share(grid, nodule.centre_lps_mm, radius, 8.0)
    if body is None:
        return result
    if len(nodule.spikes_lps_mm):
        part = grid.cropped(body.box_kji)
        strands = np.zeros(part.shape_kji, dtype=np.uint8)
        count = len(nodule.spikes_lps_mm)
        paint_segments(
            strands, part, nodule.spikes_lps_mm[:, 0], nodule.spikes_lps_mm[:, 1], np.full(count, 0.75), np.full(count, 0.25)
        )
        share: Float32Array = strands.astype(np.float32) / np.float32(255.0)
        result.append(Lesion(body.box_kji, share, DENSITY_HU[nodule.spec.density]))
    result.append(Lesion(body.box_kji, body.share, DENSITY_HU[nodule.spec.density]))
    if nodule.spec.density == "part_solid":
        core = sphere_share(grid, nodule.centre_lps_mm, nodule.spec.core_mm / 2.0)
        if core is not None:
            result.append(Lesion(core.box_kji, core.share, CORE_HU))
    return result
