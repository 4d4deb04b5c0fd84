"""Which voxels around a click belong to the lesion, or why that cannot be said.

Strategy: resample a cube of 60 mm around the click to an isotropic grid aligned with the patient; find the densest spot
near the click; take what is denser than half way between lesion and lung; cut vessels off by an opening scaled to the
lesion's own inscribed ball; keep out of the chest wall by closing the lung over the dent that a lesion at the pleura
makes. A region that does not close is not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, bounding_box

CUBE_MM = 60.0
SEARCH_MM = 4.0
"""How far from a click the lesion may be."""
LUNG_TISSUE_HU = -500.0
"""Lung parenchyma is darker, soft tissue brighter."""
SUBSOLID_EDGE_HU = -750.0
"""Outer edge of a ground-glass lesion: half way between normal lung (about -850) and ground glass (about -650)."""
SOLID_HU = -300.0
"""Above this part of a lesion counts as solid: half way between ground glass (about -650) and soft tissue (about 50),
the boundary that blurring leaves in place."""
CAP_HU = 100.0
"""Calcium and contrast are not let to raise the half-way threshold."""
OPENING_SHARE = 0.5
CLOSING_MM = 15.0

BoolArray = NDArray[np.bool_]
FloatImage = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cube:
    """Isotropic patient-aligned image around a click: HU, where measuring is allowed, and the grid."""

    hu: FloatImage
    allowed: BoolArray
    grid: Grid
    step_mm: float

    def index_of(self, point_lps_mm: FloatArray) -> tuple[int, int, int]:
        """Return the voxel [k, j, i] nearest to a point."""
        k, j, i = np.clip(np.rint(self.grid.kji_from_lps(point_lps_mm)).astype(int), 0, np.array(self.hu.shape) - 1)
        return int(k), int(j), int(i)


@dataclass(frozen=True, eq=False)
class Region:
    """A segmented lesion: mask on the cube's grid, threshold, lung background and what a reader should know."""

    mask: BoolArray
    threshold_hu: float
    background_hu: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoRegion:
    """Why there is no region."""

    reason: str


def cube_around(volume: Volume, point_lps_mm: FloatArray, lungs: LabelMap | None, size_mm: float = CUBE_MM) -> Cube:
    """Resample the surroundings of a point (linear) to an isotropic patient-aligned cube."""
    step = float(np.clip(volume.grid.spacing_ijk_mm.min(), 0.5, 1.0))
    count = round(size_mm / step) | 1
    affine = np.eye(4)
    affine[:3, :3] *= step
    affine[:3, 3] = np.asarray(point_lps_mm) - step * (count // 2)
    grid = Grid((count, count, count), affine)
    hu = sample(volume.array_kji, volume.grid, grid, 1, -1000.0)
    if lungs is not None and lungs.array_kji.any():
        inside = sample(lungs.array_kji > 0, lungs.grid, grid, 1, 0.0) > 0.5
    else:
        inside = ndimage.binary_opening(ndimage.gaussian_filter(hu, 1.0 / step) < LUNG_TISSUE_HU, iterations=2)
    return Cube(hu, close_ball(inside, CLOSING_MM, step), grid, step)


def mean_near(cube: Cube, point_lps_mm: FloatArray, radius_mm: float) -> float:
    """Return the mean HU within a distance of a point."""
    offset = np.indices(cube.hu.shape).reshape(3, -1).T - np.array(cube.index_of(point_lps_mm))
    near = np.linalg.norm(offset, axis=1).reshape(cube.hu.shape) * cube.step_mm <= radius_mm
    return float(cube.hu[near].mean())


def sample(array_kji: NDArray[np.generic], source: Grid, target: Grid, order: int, outside: float) -> FloatImage:
    """Resample an array from one grid to another; only the needed part of the source is read."""
    corners = np.stack(np.meshgrid(*[(0, size - 1) for size in target.shape_kji], indexing="ij"), axis=-1).reshape(-1, 3)
    reach = source.kji_from_lps(target.lps_from_kji(corners))
    low = np.maximum(np.floor(reach.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(reach.max(axis=0)).astype(int) + 2, source.shape_kji)
    if (high <= low).any():
        return np.full(target.shape_kji, outside, dtype=np.float32)
    part = array_kji[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float32)
    origin = source.kji_from_lps(target.lps_from_kji(np.zeros(3))) - low
    steps = source.kji_from_lps(target.lps_from_kji(np.eye(3))) - source.kji_from_lps(target.lps_from_kji(np.zeros(3)))
    sampled: FloatImage = np.empty(target.shape_kji, dtype=np.float32)
    ndimage.affine_transform(part, steps.T, origin, output=sampled, order=order, cval=outside)
    return sampled


def close_ball(mask: BoolArray, radius_mm: float, step_mm: float) -> BoolArray:
    """Close a mask with a ball, as if it went on unchanged past the array's faces; works on every second voxel."""
    stride = 2 if min(mask.shape) > 20 else 1
    small = mask[::stride, ::stride, ::stride]
    step = step_mm * stride
    pad = int(np.ceil(radius_mm / step)) + 1
    padded = np.pad(small, pad, mode="edge")
    if not padded.any():
        return mask
    grown = ndimage.distance_transform_edt(~padded) * step <= radius_mm
    depth = ndimage.distance_transform_edt(grown) * step - radius_mm
    inner = depth[tuple(slice(pad, -pad) for _ in range(3))]
    if stride > 1:
        index = np.indices(mask.shape, dtype=np.float32) / stride
        inner = ndimage.map_coordinates(inner.astype(np.float32), index, order=1, mode="nearest")
    return np.asarray((inner > 0.5 * step_mm) | mask)


def segment_click(cube: Cube, point_lps_mm: FloatArray) -> Region | NoRegion:
    """Segment the lesion at a click."""
    smooth = ndimage.gaussian_filter(cube.hu, 0.8 / cube.step_mm)
    background = _background(cube)
    if background is None:
        return NoRegion("there is too little aerated lung around the point to tell a lesion from it")
    start = _densest_near(smooth, cube, point_lps_mm)
    level = float(smooth[start])
    if level < max(background + 100.0, SUBSOLID_EDGE_HU):
        return NoRegion(f"nothing denser than lung ({level:.0f} HU) lies within {SEARCH_MM:.0f} mm of the point")
    if level < SOLID_HU:
        return _subsolid(smooth, cube, start, level, background)
    threshold = (min(level, CAP_HU) + background) / 2.0
    solid = _grown(smooth, cube, start, threshold)
    if isinstance(solid, NoRegion):
        return solid
    if _has_halo(smooth, cube, solid, background):
        outer = _subsolid(smooth, cube, start, float(SOLID_HU), background)
        if isinstance(outer, Region):
            return outer
    return Region(solid, threshold, background)


def _background(cube: Cube) -> float | None:
    values = cube.hu[cube.allowed & (cube.hu < -600) & (cube.hu > -1000)]
    return float(np.median(values)) if values.size > 500 else None


def _densest_near(smooth: FloatImage, cube: Cube, point_lps_mm: FloatArray) -> tuple[int, int, int]:
    centre = np.array(cube.index_of(point_lps_mm))
    reach = int(np.ceil(SEARCH_MM / cube.step_mm))
    low = np.maximum(centre - reach, 0)
    part = smooth[low[0] : centre[0] + reach + 1, low[1] : centre[1] + reach + 1, low[2] : centre[2] + reach + 1]
    offsets = (np.indices(part.shape).reshape(3, -1).T + low - centre) * cube.step_mm
    distance = np.linalg.norm(offsets, axis=1).reshape(part.shape)
    # a nearer spot wins over a slightly denser one: the click is evidence
    score = np.where(distance <= SEARCH_MM, part - 15.0 * distance, -np.inf)
    k, j, i = np.array(np.unravel_index(int(np.argmax(score)), part.shape)) + low
    return int(k), int(j), int(i)


def _subsolid(smooth: FloatImage, cube: Cube, start: tuple[int, int, int], level: float, background: float) -> Region | NoRegion:
    """Segment ground glass: first at a fixed edge, then half way between its own level and the lung."""
    lowest = background + 60.0
    threshold = max(min(SUBSOLID_EDGE_HU, (level + background) / 2.0), lowest)
    grown = _grown(smooth, cube, start, threshold)
    if isinstance(grown, NoRegion):
        return grown
    inner = ndimage.binary_erosion(grown, iterations=max(round(1.5 / cube.step_mm), 1)) & (smooth < SOLID_HU)
    if np.count_nonzero(inner) >= 20:
        threshold = max((float(np.median(smooth[inner])) + background) / 2.0, lowest)
        again = _grown(smooth, cube, start, threshold)
        grown = grown if isinstance(again, NoRegion) else again
    return Region(grown, threshold, background)


def _has_halo(smooth: FloatImage, cube: Cube, solid: BoolArray, background: float) -> bool:
    """Tell whether most of the shell 2 to 4 mm outside the solid part is ground glass."""
    distance = ndimage.distance_transform_edt(~solid) * cube.step_mm
    shell = (distance > 2.0) & (distance < 4.0) & cube.allowed
    if np.count_nonzero(shell) < 20:
        return False
    return bool(np.mean(smooth[shell] > max(SUBSOLID_EDGE_HU, background + 75.0)) > 0.6)


def _grown(smooth: FloatImage, cube: Cube, start: tuple[int, int, int], threshold: float) -> BoolArray | NoRegion:
    dense = (smooth > threshold) & cube.allowed
    if not dense[start]:
        return NoRegion("the dense spot at the point lies outside the lung")
    labels, _ = ndimage.label(dense, structure=np.ones((3, 3, 3)))
    dense = labels == labels[start]
    box = bounding_box(dense, (2, 2, 2))
    part = dense[box]
    origin = np.array([side.start for side in box])
    depth = ndimage.distance_transform_edt(np.pad(part, 1, mode="edge"))[1:-1, 1:-1, 1:-1] * cube.step_mm
    first, second, third = np.array(start) - origin
    centre = _climb(depth, (int(first), int(second), int(third)))
    radius = float(depth[centre])
    opened = np.zeros_like(dense)
    opened[box] = _opened(part, depth, centre, OPENING_SHARE * radius, cube.step_mm)
    return _guarded(opened, dense, cube, radius)


def _climb(depth: FloatArray, start: tuple[int, int, int]) -> tuple[int, int, int]:
    """Walk uphill in the distance to the surface, from the start to the local centre of the lesion."""
    current = start
    while True:
        low = [max(value - 1, 0) for value in current]
        part = depth[low[0] : current[0] + 2, low[1] : current[1] + 2, low[2] : current[2] + 2]
        k, j, i = np.array(np.unravel_index(int(np.argmax(part)), part.shape)) + low
        if depth[k, j, i] <= depth[current]:
            return current
        current = (int(k), int(j), int(i))


def _opened(dense: BoolArray, depth: FloatArray, centre: tuple[int, int, int], radius_mm: float, step_mm: float) -> BoolArray:
    """Open with a ball and keep the part around the centre: vessels thinner than the ball fall off."""
    core = depth > radius_mm
    labels, _ = ndimage.label(core)
    core = labels == labels[centre] if core[centre] else depth == depth[centre]
    near = ndimage.distance_transform_edt(~core) * step_mm <= radius_mm + 0.5 * step_mm
    return np.asarray(near & dense)


def _guarded(region: BoolArray, dense: BoolArray, cube: Cube, radius_mm: float) -> BoolArray | NoRegion:
    """Refuse regions that do not close: at the cube's face, along the pleura, or long like a vessel."""
    faces = [region[0], region[-1], region[:, 0], region[:, -1], region[:, :, 0], region[:, :, -1]]
    if any(face.any() for face in faces):
        return NoRegion(f"the dense area around the point does not end within {CUBE_MM / 2:.0f} mm")
    shell = ndimage.binary_dilation(region) & ~region
    if np.mean(~cube.allowed[shell]) > 0.6:
        return NoRegion("the dense area around the point is mostly bounded by the chest wall or mediastinum")
    if np.mean(dense[shell] & cube.allowed[shell]) > 0.5:
        return NoRegion("the dense area around the point merges with other dense tissue")
    points = np.argwhere(region) * cube.step_mm
    axes = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points.T)), 0.0)) if len(points) > 3 else np.ones(3)
    if 4.0 * axes[-1] > 3.0 * max(2.0 * radius_mm, 2.0) and axes[-1] > 2.5 * axes[-2]:
        return NoRegion("the dense structure at the point is long and thin like a vessel")
    return region
