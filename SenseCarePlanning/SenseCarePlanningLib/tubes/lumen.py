"""The lumen that becomes a tree: one component of the mask, cropped, on a grid fit for thinning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ..errors import InputError
from ..geometry import FloatArray, unit
from ..volume import Grid, LabelMap, bounding_box, fill_holes

BoolArray = NDArray[np.bool_]
_TOUCHING = np.ones((3, 3, 3), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Lumen:
    """One tube mask ready for thinning.

    Parameters
    ----------
    mask_kji, grid
        Cropped, cavities filled, with a border of background; nearly isotropic and orthogonal.
    pieces_left_out
        Number of detached components that are not part of it, and their voxels in the source mask.
    """

    mask_kji: BoolArray
    grid: Grid
    source_kji: BoolArray
    source_grid: Grid
    wall: cKDTree
    pieces_left_out: int
    voxels_left_out: int

    @property
    def voxel_mm(self) -> float:
        """Mean voxel edge of the thinning grid."""
        return float(np.mean(self.grid.spacing_ijk_mm))

    def inside(self, points_lps_mm: ArrayLike) -> BoolArray:
        """Tell for points (N, 3) whether the nearest voxel of the source mask is lumen."""
        return lookup(self.source_kji, self.source_grid, points_lps_mm)

    def wall_distance(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the distance (N,) from points to the nearest background voxel centre, mm."""
        return np.asarray(self.wall.query(np.asarray(points_lps_mm, dtype=np.float64))[0])


def lookup(mask_kji: BoolArray, grid: Grid, points_lps_mm: ArrayLike) -> BoolArray:
    """Return the mask at the voxel nearest to each point (N, 3); False outside the grid."""
    index = np.rint(grid.kji_from_lps(points_lps_mm)).astype(np.int64)
    legal = ((index >= 0) & (index < np.array(mask_kji.shape))).all(axis=-1)
    found = np.zeros(legal.shape, dtype=bool)
    found[legal] = mask_kji[tuple(index[legal].T)]
    return found


def prepare_lumen(mask: LabelMap, thinning_mm: float) -> Lumen:
    """Crop the largest component, fill its cavities and resample it where voxels are too coarse or uneven.

    Parameters
    ----------
    mask
        Any label above 0 is lumen.
    thinning_mm
        Largest voxel edge to thin on; coarser or uneven (over 1.3 to 1) grids are resampled to it.

    Raises
    ------
    InputError
        When the mask is empty or a single voxel.
    """
    whole = mask.array_kji > 0
    if not whole.any():
        raise InputError("The tube mask is empty: there is nothing to build a tree from.")
    box = bounding_box(whole)
    part, pieces, left_out = _largest(whole[box])
    if int(part.sum()) < 2:
        raise InputError("The tube mask is a single voxel: there is no tube to follow.")
    inner = bounding_box(part)
    grid = mask.grid.cropped(box).cropped(inner)
    source, source_grid = _padded(fill_holes(part[inner]), grid)
    thin, thin_grid = _thinning_grid(source, source_grid, thinning_mm)
    return Lumen(thin, thin_grid, source, source_grid, cKDTree(_wall_points(thin, thin_grid)), pieces, left_out)


def _largest(part: BoolArray) -> tuple[BoolArray, int, int]:
    labels, count = ndimage.label(part, _TOUCHING)
    if count <= 1:
        return part, 0, 0
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = int(sizes.argmax())
    return np.asarray(labels == keep), count - 1, int(sizes.sum() - sizes[keep])


def _padded(part: BoolArray, grid: Grid) -> tuple[BoolArray, Grid]:
    affine = grid.affine_ijk_to_lps.copy()
    affine[:3, 3] = grid.lps_from_ijk(np.array([-1.0, -1.0, -1.0]))
    padded = np.pad(part, 1)
    return padded, Grid((padded.shape[0], padded.shape[1], padded.shape[2]), affine)


def _thinning_grid(mask: BoolArray, grid: Grid, thinning_mm: float) -> tuple[BoolArray, Grid]:
    """Resample to isotropic orthogonal voxels where needed, never splitting what is connected."""
    spacing = grid.spacing_ijk_mm
    axes = unit(grid.affine_ijk_to_lps[:3, :3].T)
    skewed = float(np.abs(axes @ axes.T - np.eye(3)).max()) > 0.02
    if not skewed and spacing.max() <= thinning_mm and spacing.max() <= 1.3 * spacing.min():
        return mask, grid
    step = float(min(thinning_mm, max(spacing.min(), 0.6 * thinning_mm)))
    target = _isotropic_grid(grid, step)
    to_source = np.linalg.inv(grid.affine_ijk_to_lps) @ target.affine_ijk_to_lps
    matrix, offset = to_source[:3, :3][::-1, ::-1], to_source[:3, 3][::-1]
    for order in (1, 0):
        values = ndimage.affine_transform(mask.astype(np.float32), matrix, offset, target.shape_kji, order=order, cval=0.0)
        fine = np.asarray(values >= 0.5)
        if fine.any() and ndimage.label(fine, _TOUCHING)[1] == 1:
            break
    else:
        fine = _largest(fine)[0]
    return fill_holes(fine), target


def _isotropic_grid(grid: Grid, step_mm: float) -> Grid:
    """Return an orthogonal grid of ``step_mm`` along the (orthogonalised) axes that covers ``grid``."""
    axes, _ = np.linalg.qr(grid.affine_ijk_to_lps[:3, :3])
    axes = axes * np.sign(np.einsum("ij,ij->j", axes, grid.affine_ijk_to_lps[:3, :3]))
    last = np.array(grid.shape_kji[::-1], dtype=np.float64) - 1.0
    corners = grid.lps_from_ijk(np.array(np.meshgrid(*[[0.0, end] for end in last])).reshape(3, -1).T)
    along = corners @ axes
    origin = axes @ along.min(axis=0)
    count = np.ceil((along.max(axis=0) - along.min(axis=0)) / step_mm).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * step_mm, origin
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)


def _wall_points(mask: BoolArray, grid: Grid) -> FloatArray:
    around = ndimage.binary_dilation(np.pad(mask, 1))
    around[1:-1, 1:-1, 1:-1] &= ~mask
    return grid.lps_from_kji(np.argwhere(around) - 1.0)


def trilinear(array_kji: NDArray[Any], grid: Grid, points_lps_mm: ArrayLike, outside: float = 0.0) -> FloatArray:
    """Sample an array at points (..., 3) linearly; ``outside`` beyond the grid."""
    index = grid.kji_from_lps(points_lps_mm)
    flat = index.reshape(-1, 3).T
    values = ndimage.map_coordinates(array_kji, flat, order=1, mode="constant", cval=outside, output=np.float64)
    return np.asarray(values.reshape(index.shape[:-1]))
