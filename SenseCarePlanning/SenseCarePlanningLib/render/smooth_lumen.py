"""A lumen as a smooth function of space: zero on the wall, positive inside, with no voxel steps in it.

The mask (or its probability) is blurred with a Gaussian, exactly: each voxel is a box, not a point. Half the blurred
value marks the wall of a wide tube, but a tube narrower than the blur never reaches one half anywhere and would close.
So the wall lies at half of the LOCAL maximum (the half-maximum rule by which airways are measured on CT, for instance
Kim 2008, Korean J. Radiol. 9(3)), and where the centreline still runs outside, the tube of the tree is painted in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d, gaussian_filter, map_coordinates, maximum_filter
from scipy.spatial import cKDTree
from scipy.special import ndtr

from ..geometry import FloatArray, resample_polyline
from ..tubes.tree import BranchFlag, Tree
from ..volume import Grid, LabelMap, Volume, bounding_box

BLUR_VOXELS = 0.75
"""Gaussian sigma in voxels of each axis: the least that hides the steps of a box-shaped voxel."""
REACH_MM = 2.0
"""How far a ridge raises the level around it: the half width of the tubes that blurring thins."""
LOWEST_LEVEL = 0.12
"""The local maximum never counts as less, so that blurred dust far from any tube stays outside."""
PAINTED_RADIUS_MM = 0.6
"""Tubes painted along the tree are at least this wide: the narrowest a picture can show as open."""
PAINT_STEP_MM = 0.3
WIDE_SIGMA_MM = 3.0
NARROW_SHARE, WIDE_SHARE = 0.14, 0.30
"""Shares of the surroundings of a wall point that are lumen, for a narrow and for a wide tube."""
OPEN_ENOUGH = 0.08
"""A centreline sample whose value is above this already lies in an open lumen."""

Box = tuple[slice, slice, slice]
Float32Array = NDArray[np.float32]


def _weights(wanted: FloatArray, first: int, count: int, sigma: float) -> Float32Array:
    """Return (len(wanted), count): the share of each unit voxel in a Gaussian about each wanted index."""
    edges = np.arange(first, first + count + 1, dtype=np.float64) - 0.5
    return np.asarray(np.diff(ndtr((edges[None, :] - wanted[:, None]) / sigma), axis=1), dtype=np.float32)


def _linear_weights(wanted: FloatArray, first: int, count: int) -> Float32Array:
    """Return (len(wanted), count) weights of linear interpolation, clamped at the ends."""
    position = np.clip(wanted - first, 0.0, count - 1.0)
    low = np.minimum(position.astype(np.int64), max(count - 2, 0))
    share = (position - low).astype(np.float32)
    weights = np.zeros((len(wanted), count), dtype=np.float32)
    rows = np.arange(len(wanted))
    weights[rows, low] = 1.0 - share
    if count > 1:
        weights[rows, low + 1] += share
    return weights


def _separable(block: Float32Array, weights: tuple[Float32Array, Float32Array, Float32Array]) -> Float32Array:
    """Apply one matrix along each axis of a block."""
    along_i = block @ weights[2].T
    along_j = np.matmul(weights[1][None], along_i)
    shape = along_j.shape
    along_k = weights[0] @ along_j.reshape(shape[0], -1)
    return np.asarray(along_k.reshape(-1, shape[1], shape[2]))


@dataclass(frozen=True, eq=False)
class SmoothLumen:
    """The smooth function, held on the cropped grid of its mask.

    Parameters
    ----------
    grid
        The cropped voxel grid.
    occupancy_kji
        (K, J, I) float32, 0 to 1: the mask or the probability inside it.
    level_kji
        (K, J, I) float32: the local maximum of the blurred occupancy.
    tube_points_lps_mm, tube_radius_mm
        (N, 3), (N,) samples of the tree that are painted in; may be empty.
    """

    grid: Grid
    occupancy_kji: Float32Array
    level_kji: Float32Array
    tube_points_lps_mm: FloatArray
    tube_radius_mm: FloatArray

    def block(self, origin_kji: FloatArray, step_kji: FloatArray, shape: tuple[int, int, int]) -> Float32Array:
        """Return the values (shape) at the indices ``origin + n * step`` of the cropped grid; tubes not included."""
        wanted = [origin_kji[axis] + step_kji[axis] * np.arange(shape[axis]) for axis in range(3)]
        starts, stops = [], []
        for axis in range(3):
            margin = int(np.ceil(4.0 * BLUR_VOXELS))
            starts.append(max(int(np.floor(wanted[axis][0])) - margin, 0))
            stops.append(min(int(np.ceil(wanted[axis][-1])) + margin + 1, self.grid.shape_kji[axis]))
        if any(stop <= start for start, stop in zip(starts, stops, strict=True)):
            return np.full(shape, -0.5 * LOWEST_LEVEL, dtype=np.float32)
        part = tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))
        counts = [stop - start for start, stop in zip(starts, stops, strict=True)]
        blur = tuple(_weights(wanted[axis], starts[axis], counts[axis], BLUR_VOXELS) for axis in range(3))
        linear = tuple(_linear_weights(wanted[axis], starts[axis], counts[axis]) for axis in range(3))
        blurred = _separable(self.occupancy_kji[part], (blur[0], blur[1], blur[2]))
        level = _separable(self.level_kji[part], (linear[0], linear[1], linear[2]))
        return np.asarray(blurred - 0.5 * level, dtype=np.float32)

    def value_at(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the function (N,) at points (N, 3), painted tubes included: positive inside the lumen."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        indices = self.grid.kji_from_lps(points)
        values = self._blurred_at(indices)
        if len(self.tube_radius_mm):
            distance, nearest = cKDTree(self.tube_points_lps_mm).query(points)
            values = np.maximum(values, paint_value(distance, self.tube_radius_mm[nearest]))
        return values

    def fullness(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return for points (N, 3) on the wall how wide the tube is there: 0 up to about 2 mm radius, 1 from about 4 mm.

        The mean occupancy within some millimetres of a flat wall is one half, of a narrow tube nearly nothing.
        """
        stride = [max(int(1.5 // spacing), 1) for spacing in self.grid.spacing_kji_mm]
        coarse = self.occupancy_kji[:: stride[0], :: stride[1], :: stride[2]]
        spacing = np.array(self.grid.spacing_kji_mm) * stride
        around = gaussian_filter(coarse, WIDE_SIGMA_MM / spacing, mode="constant")
        index = self.grid.kji_from_lps(points_lps_mm) / np.array(stride)
        share = map_coordinates(around, index.T, order=1, mode="nearest", prefilter=False)
        rise = np.clip((share - NARROW_SHARE) / (WIDE_SHARE - NARROW_SHARE), 0.0, 1.0)
        return np.asarray(rise * rise * (3.0 - 2.0 * rise), dtype=np.float64)

    def _blurred_at(self, indices_kji: FloatArray) -> FloatArray:
        reach = int(np.ceil(4.0 * BLUR_VOXELS))
        offsets = np.arange(-reach, reach + 1)
        nearest = np.rint(indices_kji).astype(np.int64)
        neighbours = nearest[:, :, None] + offsets
        upper = np.array(self.grid.shape_kji)[None, :, None]
        valid = (neighbours >= 0) & (neighbours < upper)
        edges = neighbours - indices_kji[:, :, None]
        blur = (ndtr((edges + 0.5) / BLUR_VOXELS) - ndtr((edges - 0.5) / BLUR_VOXELS)) * valid
        linear = np.clip(1.0 - np.abs(edges), 0.0, 1.0)
        safe = np.clip(neighbours, 0, upper - 1)
        picked = (safe[:, 0, :, None, None], safe[:, 1, None, :, None], safe[:, 2, None, None, :])
        weighted = "nabc,na,nb,nc->n"
        blurred = np.einsum(weighted, self.occupancy_kji[picked], blur[:, 0], blur[:, 1], blur[:, 2], optimize=True)
        level = np.einsum(weighted, self.level_kji[picked], linear[:, 0], linear[:, 1], linear[:, 2], optimize=True)
        return np.asarray(blurred - 0.5 * np.maximum(level, LOWEST_LEVEL), dtype=np.float64)


def paint_value(distance_mm: Any, radius_mm: Any) -> Any:
    """Return the value of a painted tube: 0 on its wall, falling 0.5 in 1 mm, as steep as the blurred wall."""
    return np.clip(0.5 * (radius_mm - distance_mm), -0.5, 0.5)


def _blurred(occupancy: Float32Array) -> Float32Array:
    """Blur with a Gaussian of boxes on the grid itself."""
    offsets = np.zeros(1)
    reach = int(np.ceil(4.0 * BLUR_VOXELS))
    kernel = _weights(offsets, -reach, 2 * reach + 1, BLUR_VOXELS)[0]
    result = occupancy
    for axis in range(3):
        result = convolve1d(result, kernel, axis=axis, mode="constant", output=np.float32)
    return np.asarray(result)


def _level(occupancy: Float32Array, spacing_kji_mm: tuple[float, float, float]) -> Float32Array:
    """Return the smoothed local maximum of the blurred occupancy."""
    ridge = _blurred(occupancy) * (occupancy > 0)
    size = [2 * max(round(0.5 * REACH_MM / spacing), 1) + 1 for spacing in spacing_kji_mm]
    highest = maximum_filter(ridge, size=size, mode="constant")
    smooth = gaussian_filter(highest, [0.5 * REACH_MM / spacing / 2.0 for spacing in spacing_kji_mm], mode="nearest")
    return np.asarray(np.clip(smooth, LOWEST_LEVEL, 1.0), dtype=np.float32)


def _tube_samples(tree: Tree) -> tuple[FloatArray, FloatArray]:
    points, radii = [], []
    for branch in tree:
        if len(branch.points_lps_mm) < 2 or branch.length_mm <= 0:
            continue
        samples = resample_polyline(branch.points_lps_mm, PAINT_STEP_MM)
        share = np.linspace(0.0, branch.length_mm, len(samples))
        radius = np.interp(share, branch.arc_mm, branch.radius_mm)
        painted = radius if BranchFlag.BRIDGED in branch.flags else np.minimum(0.8 * radius, 1.0)
        points.append(samples)
        radii.append(np.maximum(painted, PAINTED_RADIUS_MM))
    if not points:
        return np.zeros((0, 3)), np.zeros(0)
    return np.concatenate(points), np.concatenate(radii)


def smooth_lumen(mask: LabelMap, *, probability: Volume | None = None, tree: Tree | None = None) -> SmoothLumen:
    """Return the lumen of a mask as a smooth function.

    Parameters
    ----------
    mask
        The lumen; any non-zero label counts.
    probability
        Lumen probability (0 to 1) on the same grid; sharpens the wall where it is given.
    tree
        Its tree: keeps bronchi of a single voxel open and opens bridged gaps.

    Raises
    ------
    ValueError
        When the mask is empty or the probability lies on another grid.
    """
    inside = mask.mask()
    if probability is not None and not probability.grid.same_as(mask.grid):
        raise ValueError(f"probability is on grid {probability.grid.shape_kji}, the mask on {mask.grid.shape_kji}")
    spacing = mask.grid.spacing_kji_mm
    margin = tuple(int(np.ceil(REACH_MM / value)) + 4 for value in spacing)
    box = bounding_box(inside, (margin[0], margin[1], margin[2]))
    if probability is None:
        occupancy = inside[box].astype(np.float32)
    else:
        near = maximum_filter(inside[box], size=3)
        occupancy = np.clip(probability.array_kji[box].astype(np.float32), 0.0, 1.0) * near
        occupancy = np.maximum(occupancy, 0.5 * inside[box])
    lumen = SmoothLumen(mask.grid.cropped(box), occupancy, _level(occupancy, spacing), np.zeros((0, 3)), np.zeros(0))
    if tree is None:
        return lumen
    points, radii = _tube_samples(tree)
    if not len(points):
        return lumen
    closed = lumen.value_at(points) < OPEN_ENOUGH
    return SmoothLumen(lumen.grid, lumen.occupancy_kji, lumen.level_kji, points[closed], radii[closed])
