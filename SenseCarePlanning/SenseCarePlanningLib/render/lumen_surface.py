"""The lumen's surface without voxel steps, with thin bronchi open."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkWindowedSincPolyDataFilter

from ..geometry import FloatArray
from ..surface import Surface
from ..tubes.tree import Tree
from ..volume import LabelMap, Volume
from .meshes import polydata_from_surface, surface_from_polydata
from .smooth_lumen import PAINTED_RADIUS_MM, SmoothLumen, paint_value, smooth_lumen

logger = logging.getLogger(__name__)

WANTED_TRIANGLES = 250_000
TRIANGLES_PER_CELL_FACE = 2.3
"""Flying edges makes about this many triangles where the surface crosses an area of one squared step."""
FINEST_STEP_MM, COARSEST_STEP_MM = 0.45, 0.7
"""At 0.7 mm a bronchus of 1.5 mm still has two samples across."""
BLOCK = 40
"""Samples along the edge of one block: a few hundred kilobytes at a time."""
LIGHT_ITERATIONS, LIGHT_PASS_BAND = 20, 0.08
STRONG_ITERATIONS, STRONG_PASS_BAND = 70, 0.008
STEP_VOXELS = 0.6
"""Strong smoothing moves a point by at most this share of a voxel along each axis."""


def _area_mm2(inside: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float]) -> float:
    """Estimate the surface area from voxel faces; 2/3 corrects the staircase of a randomly turned plane."""
    faces = (spacing_kji_mm[1] * spacing_kji_mm[2], spacing_kji_mm[0] * spacing_kji_mm[2], spacing_kji_mm[0] * spacing_kji_mm[1])
    total = sum(np.count_nonzero(np.diff(inside, axis=axis)) * face for axis, face in enumerate(faces))
    return float(total) * 2.0 / 3.0


def _step_mm(area_mm2: float) -> float:
    step = float(np.sqrt(TRIANGLES_PER_CELL_FACE * max(area_mm2, 1e-6) / WANTED_TRIANGLES))
    return float(np.clip(step, FINEST_STEP_MM, COARSEST_STEP_MM))


class _Sampler:
    """Samples a smooth lumen on a fine grid block by block and joins the triangles."""

    def __init__(self, lumen: SmoothLumen, step_mm: float) -> None:
        self.lumen = lumen
        self.step_kji = step_mm / np.array(lumen.grid.spacing_kji_mm)
        shape = np.array(lumen.grid.shape_kji)
        self.shape = np.ceil((shape - 1) / self.step_kji).astype(np.int64) + 1
        self.tube_kji = lumen.grid.kji_from_lps(lumen.tube_points_lps_mm) / self.step_kji
        self.step_mm = step_mm

    def blocks(self) -> list[NDArray[np.int64]]:
        """Return the first sample (3,) of each block that the surface may cross."""
        voxels = np.argwhere(self.lumen.occupancy_kji > 0)
        fine = np.concatenate([voxels / self.step_kji, self.tube_kji])
        reach = np.ceil(2.5 / self.step_kji)
        found = []
        count = self.shape // BLOCK + 1
        for corner in np.ndindex(2, 2, 2):
            shifted = fine + (2 * np.array(corner) - 1) * reach
            cell = np.clip(shifted, 0, self.shape - 1).astype(np.int64) // BLOCK
            found.append(np.unique((cell[:, 0] * count[1] + cell[:, 1]) * count[2] + cell[:, 2]))
        keys = np.unique(np.concatenate(found))
        return [np.array(np.unravel_index(key, count)) * BLOCK for key in keys]

    def values(self, first: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return one block with a shared layer at its far sides."""
        shape = (BLOCK + 1, BLOCK + 1, BLOCK + 1)
        values = self.lumen.block(first * self.step_kji, self.step_kji, shape)
        self._paint(values, first)
        return values

    def _paint(self, values: NDArray[np.float32], first: NDArray[np.int64]) -> None:
        if not len(self.tube_kji):
            return
        radius = float(self.lumen.tube_radius_mm.max(initial=PAINTED_RADIUS_MM)) + 2.0 * self.step_mm
        reach = int(np.ceil(radius / self.step_mm))
        local = self.tube_kji - first
        near = np.flatnonzero(((local > -reach) & (local < BLOCK + 1 + reach)).all(axis=1))
        for index in near:
            centre = np.rint(local[index]).astype(np.int64)
            low = np.maximum(centre - reach, 0)
            high = np.minimum(centre + reach + 1, BLOCK + 1)
            if (high <= low).any():
                continue
            squares = [((np.arange(low[axis], high[axis]) - local[index][axis]) * self.step_mm) ** 2 for axis in range(3)]
            distance = np.sqrt(squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :])
            window = values[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            np.maximum(window, paint_value(distance, self.lumen.tube_radius_mm[index]), out=window, casting="unsafe")

    def triangles(self) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return points (N, 3) in fine samples (k, j, i) and triangles (M, 3), joined across blocks."""
        points, triangles, count = [], [], 0
        for first in self.blocks():
            values = self.values(first)
            if values.max() <= 0 or values.min() > 0:
                continue
            mesh = _flying_edges(values)
            if mesh.GetNumberOfPolys() == 0:
                continue
            part = surface_from_polydata(mesh)
            points.append(part.points_lps_mm[:, ::-1] + first)
            triangles.append(part.triangles + count)
            count += len(part.points_lps_mm)
        if not points:
            return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
        return _merged(np.concatenate(points), np.concatenate(triangles))


def _flying_edges(values: NDArray[np.float32]) -> Any:
    image = vtkImageData()
    image.SetDimensions(values.shape[2], values.shape[1], values.shape[0])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(values).ravel(), deep=False))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    return contour.GetOutput()


def _merged(points: FloatArray, triangles: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Join points that blocks share (equal to a 1/1000 of a sample) and drop triangles without area."""
    keys = np.rint(points * 1000.0).astype(np.int64)
    span = keys.max(axis=0) - keys.min(axis=0) + 1
    flat = ((keys - keys.min(axis=0)) * np.array([span[1] * span[2], span[2], 1])).sum(axis=1)
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    joined = inverse[triangles]
    whole = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 0] != joined[:, 2])
    return points[first], joined[whole]


def _sinc(surface: Surface, pass_band: float, iterations: int) -> FloatArray:
    smoother = vtkWindowedSincPolyDataFilter()
    smoother.SetInputData(polydata_from_surface(surface))
    smoother.SetNumberOfIterations(iterations)
    smoother.SetPassBand(pass_band)
    smoother.BoundarySmoothingOff()
    smoother.FeatureEdgeSmoothingOff()
    smoother.NonManifoldSmoothingOn()
    smoother.NormalizeCoordinatesOn()
    smoother.Update()
    return np.asarray(vtk_to_numpy(smoother.GetOutput().GetPoints().GetData()), dtype=np.float64)


def _smoothed(surface: Surface, lumen: SmoothLumen) -> Surface:
    """Smooth lightly, and where the tube is wide strongly: terraces of oblique walls are many edges long.

    No point moves further than a voxel's step may have displaced it, so wide tubes keep their calibre.
    """
    light = _sinc(surface, LIGHT_PASS_BAND, LIGHT_ITERATIONS)
    wide = lumen.fullness(light)[:, None]
    if not wide.any():
        return Surface(light, surface.triangles)
    spacing = np.array(lumen.grid.spacing_ijk_mm)
    axes = lumen.grid.affine_ijk_to_lps[:3, :3] / spacing
    strong = _sinc(Surface(light, surface.triangles), STRONG_PASS_BAND, STRONG_ITERATIONS)
    moved = (strong - light) @ np.linalg.inv(axes).T
    limit = STEP_VOXELS * spacing
    moved = limit * np.tanh(moved / limit)
    return Surface(light + wide * (moved @ axes.T), surface.triangles)


def volume_mm3(surface: Surface) -> float:
    """Return the signed volume inside a closed surface: positive when its normals point out."""
    corners = surface.points_lps_mm[surface.triangles]
    return float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6.0)


def lumen_surface(mask: LabelMap, *, probability: Volume | None = None, tree: Tree | None = None) -> Surface:
    """Return the smooth surface of a lumen.

    Parameters
    ----------
    mask
        The lumen; any non-zero label counts. Any affine, also oblique or left-handed.
    probability
        Lumen probability (0 to 1) on the same grid.
    tree
        Its tree: keeps bronchi of a single voxel open and opens bridged gaps.

    Returns
    -------
    Surface
        Closed; normals point out of the lumen.

    Raises
    ------
    ValueError
        When the mask is empty or the probability lies on another grid.
    """
    lumen = smooth_lumen(mask, probability=probability, tree=tree)
    step = _step_mm(_area_mm2(lumen.occupancy_kji >= 0.5, lumen.grid.spacing_kji_mm))
    sampler = _Sampler(lumen, step)
    points, triangles = sampler.triangles()
    surface = Surface(lumen.grid.lps_from_kji(points * sampler.step_kji), triangles)
    if not len(triangles):
        return surface
    surface = _smoothed(surface, lumen)
    if volume_mm3(surface) < 0:
        surface = Surface(surface.points_lps_mm, np.ascontiguousarray(triangles[:, ::-1]))
    logger.info("lumen surface: %d triangles at a step of %.2f mm", len(triangles), step)
    return surface
