"""Smooth fields on a coarse axial lattice, and their exact, cheap evaluation slice by slice on a fine axial grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix

from ..geometry import FloatArray
from ..volume import Grid

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lattice:
    """A coarse cubic axial grid.

    Parameters
    ----------
    origin_lps_mm
        (3,) position of sample [0, 0, 0].
    step_mm
        Spacing along every axis.
    shape_kji
        Number of samples.
    """

    origin_lps_mm: FloatArray
    step_mm: float
    shape_kji: tuple[int, int, int]

    @classmethod
    def over(cls, lower_lps_mm: FloatArray, upper_lps_mm: FloatArray, step_mm: float) -> Lattice:
        """Return the lattice that covers a box with two samples to spare on each side."""
        size = np.ceil((np.asarray(upper_lps_mm) - np.asarray(lower_lps_mm)) / step_mm).astype(int) + 5
        return cls(
            np.asarray(lower_lps_mm, dtype=np.float64) - 2.0 * step_mm, step_mm, (int(size[2]), int(size[1]), int(size[0]))
        )

    @property
    def grid(self) -> Grid:
        """The lattice as a voxel grid."""
        affine = np.diag([self.step_mm, self.step_mm, self.step_mm, 1.0])
        affine[:3, 3] = self.origin_lps_mm
        return Grid(self.shape_kji, affine)

    def axes(self) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Return broadcastable x, y, z coordinates (LPS mm) of shapes (1,1,I), (1,J,1), (K,1,1)."""
        k, j, i = self.shape_kji
        x = (self.origin_lps_mm[0] + self.step_mm * np.arange(i)).astype(np.float32)
        y = (self.origin_lps_mm[1] + self.step_mm * np.arange(j)).astype(np.float32)
        z = (self.origin_lps_mm[2] + self.step_mm * np.arange(k)).astype(np.float32)
        return x[None, None, :], y[None, :, None], z[:, None, None]

    def index_of(self, points_lps_mm: FloatArray) -> FloatArray:
        """Map LPS mm (N, 3) to continuous (k, j, i) indices."""
        return np.asarray(((np.asarray(points_lps_mm) - self.origin_lps_mm) / self.step_mm)[..., ::-1])


def _cubic_weights(position: FloatArray, size: int) -> csr_matrix:
    """Catmull-Rom weights (M, size) that read a signal of ``size`` samples at M positions; ends repeat."""
    base = np.floor(position).astype(int)
    t = position - base
    taps = np.stack(
        [
            -0.5 * t + t**2 - 0.5 * t**3,
            1.0 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2.0 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        ],
        axis=1,
    )
    columns = np.clip(base[:, None] + np.arange(-1, 3)[None, :], 0, size - 1)
    rows = np.repeat(np.arange(len(position)), 4)
    return csr_matrix((taps.ravel().astype(np.float32), (rows, columns.ravel())), shape=(len(position), size))


class SliceReader:
    """Reads fields of one lattice on the slices of one axis-aligned grid (cubic interpolation)."""

    def __init__(self, lattice: Lattice, grid: Grid) -> None:
        linear = grid.affine_ijk_to_lps[:3, :3]
        if not np.allclose(linear, np.diag(np.diag(linear))):
            raise ValueError("a slice reader needs a grid along the body axes")
        k, j, i = grid.shape_kji
        origin = (grid.affine_ijk_to_lps[:3, 3] - lattice.origin_lps_mm) / lattice.step_mm
        step = np.diag(linear) / lattice.step_mm
        self._z = _cubic_weights(origin[2] + step[2] * np.arange(k), lattice.shape_kji[0])
        self._y = _cubic_weights(origin[1] + step[1] * np.arange(j), lattice.shape_kji[1])
        self._x = _cubic_weights(origin[0] + step[0] * np.arange(i), lattice.shape_kji[2])

    def read(self, field_kji: Float32Array, k: int) -> Float32Array:
        """Return slice ``k`` of the grid, (J, I) float32."""
        row = slice(self._z.indptr[k], self._z.indptr[k + 1])
        plane = np.tensordot(self._z.data[row], field_kji[self._z.indices[row]], axes=1).astype(np.float32)
        return np.asarray((self._x @ (self._y @ plane).T).T, dtype=np.float32)


def smooth_noise(lattice: Lattice, sigma_mm: float, rng: np.random.Generator) -> Float32Array:
    """Return zero-mean, unit-variance noise with a correlation length of ``sigma_mm`` on a lattice."""
    white = rng.standard_normal(lattice.shape_kji, dtype=np.float32)
    smooth = gaussian_filter(white, max(sigma_mm / lattice.step_mm, 0.3), mode="wrap", truncate=3.0)
    return np.asarray((smooth - smooth.mean()) / max(float(smooth.std()), 1e-9), dtype=np.float32)


def occupancy(distance_mm: Float32Array, width_mm: float) -> Float32Array:
    """Return the share (0 to 1) of a box of ``width_mm`` inside a surface at signed ``distance_mm`` (negative inside)."""
    return np.asarray(np.clip(0.5 - distance_mm / np.float32(width_mm), 0.0, 1.0), dtype=np.float32)


def smooth_union(first: Float32Array, second: Float32Array, blend_mm: float) -> Float32Array:
    """Return the signed distance of a union whose crease is rounded over ``blend_mm``."""
    h = np.clip(blend_mm - np.abs(first - second), 0.0, None) / blend_mm
    return np.asarray(np.minimum(first, second) - h * h * (blend_mm * 0.25), dtype=np.float32)


def smooth_cut(first: Float32Array, second: Float32Array, blend_mm: float) -> Float32Array:
    """Return the signed distance of ``first`` without ``second``, the crease rounded over ``blend_mm``."""
    return np.asarray(-smooth_union(-first, second, blend_mm), dtype=np.float32)


def ellipsoid(
    axes: tuple[Float32Array, Float32Array, Float32Array],
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    power: float = 2.0,
) -> Float32Array:
    """Return the approximate signed distance of a (super)ellipsoid along the body axes."""
    x, y, z = axes
    share = (
        np.abs((x - centre[0]) / radii[0]) ** power
        + np.abs((y - centre[1]) / radii[1]) ** power
        + np.abs((z - centre[2]) / radii[2]) ** power
    ) ** (1.0 / power)
    return np.asarray((share - 1.0) * min(radii), dtype=np.float32)
