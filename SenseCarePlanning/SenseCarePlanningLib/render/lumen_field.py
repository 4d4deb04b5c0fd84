"""How far a point is from the wall: of a voxel mask, exactly and without a distance map; and of a drawn surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation, binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkDoubleArray
from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance

from ..geometry import FloatArray, resample_polyline
from ..surface import Surface
from ..tubes.tree import BranchFlag, Tree
from ..volume import Grid, LabelMap, bounding_box
from .meshes import polydata_from_surface

NEIGHBOURS = 12
"""Boxes compared for the nearest wall: the nearest box need not have the nearest centre where voxels are not cubes."""
BRIDGE_STEP_MM = 0.25
NARROWEST_MM = 0.6
GRADIENT_STEP_MM = 0.15
WALL_STEP_MM = 0.05


@dataclass(frozen=True, eq=False)
class LumenField:
    """Signed distance to the wall, positive inside.

    Distances are taken in the frame of the voxel axes, so they are exact for every affine whose axes are orthogonal,
    oblique and left-handed ones included.

    Parameters
    ----------
    grid
        The cropped grid.
    inside_kji
        (K, J, I) bool, with at least one empty voxel on every side.
    wall_tree, lumen_tree
        Nearest-neighbour trees of the voxels just outside and of those just inside the wall, axes in mm.
    bridges_lps_mm, bridge_radius_mm
        Samples of the bridged branches, which are lumen although no voxel says so; may be empty.
    """

    grid: Grid
    inside_kji: NDArray[np.bool_]
    wall_tree: cKDTree
    lumen_tree: cKDTree
    bridges_lps_mm: FloatArray
    bridge_radius_mm: FloatArray

    @cached_property
    def _bridge_tree(self) -> cKDTree:
        return cKDTree(self.bridges_lps_mm)

    @classmethod
    def of(cls, mask: LabelMap, *, tree: Tree | None = None) -> LumenField:
        """Prepare the field of a mask (any non-zero label) and of the bridged branches of its tree.

        Raises
        ------
        ValueError
            When the mask is empty.
        """
        inside = mask.mask()
        box = bounding_box(inside, (1, 1, 1))
        grid = mask.grid.cropped(box)
        padded = np.pad(inside[box], 1)
        affine = grid.affine_ijk_to_lps.copy()
        affine[:3, 3] = grid.lps_from_kji([-1.0, -1.0, -1.0])
        grid = Grid((padded.shape[0], padded.shape[1], padded.shape[2]), affine)
        around = generate_binary_structure(3, 3)
        wall = binary_dilation(padded, around) & ~padded
        lumen = padded & ~binary_erosion(padded, around)
        spacing = np.array(grid.spacing_kji_mm)
        points, radii = _bridged(tree)
        return cls(grid, padded, cKDTree(np.argwhere(wall) * spacing), cKDTree(np.argwhere(lumen) * spacing), points, radii)

    def is_inside(self, points_lps_mm: ArrayLike) -> NDArray[np.bool_]:
        """Tell for points (N, 3) whether their voxel is lumen, or whether they lie in a bridged branch."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        index = np.rint(self.grid.kji_from_lps(points)).astype(np.int64)
        upper = np.array(self.grid.shape_kji) - 1
        within = ((index >= 0) & (index <= upper)).all(axis=1)
        safe = np.clip(index, 0, upper)
        found = self.inside_kji[safe[:, 0], safe[:, 1], safe[:, 2]] & within
        return np.asarray(found | (self._bridge_distance(points) > 0))

    def distance_mm(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the signed distance (N,) of points (N, 3) to the wall; negative outside."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        spacing = np.array(self.grid.spacing_kji_mm)
        index = self.grid.kji_from_lps(points)
        nearest = np.rint(index).astype(np.int64)
        upper = np.array(self.grid.shape_kji) - 1
        safe = np.clip(nearest, 0, upper)
        inside = self.inside_kji[safe[:, 0], safe[:, 1], safe[:, 2]] & (nearest == safe).all(axis=1)
        scaled = index * spacing
        distance = np.empty(len(points))
        distance[inside] = _box_distance(self.wall_tree, scaled[inside], spacing)
        distance[~inside] = -_box_distance(self.lumen_tree, scaled[~inside], spacing)
        return np.maximum(distance, self._bridge_distance(points))

    def gradient(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the direction (N, 3) away from the wall, by central differences; not normalised."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        steps = GRADIENT_STEP_MM * np.eye(3)
        ahead = [self.distance_mm(points + step) - self.distance_mm(points - step) for step in steps]
        return np.stack(ahead, axis=1) / (2.0 * GRADIENT_STEP_MM)

    def nearest_inside(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the centres (N, 3) of the lumen voxels nearest to points (N, 3), seen from the wall."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        spacing = np.array(self.grid.spacing_kji_mm)
        _, nearest = self.lumen_tree.query(self.grid.kji_from_lps(points) * spacing)
        return self.grid.lps_from_kji(self.lumen_tree.data[nearest] / spacing)

    def _bridge_distance(self, points: FloatArray) -> FloatArray:
        if not len(self.bridge_radius_mm):
            return np.full(len(points), -np.inf)
        distance, nearest = self._bridge_tree.query(points)
        return np.asarray(self.bridge_radius_mm[nearest] - distance)


class WallDistance:
    """Signed distance to a closed surface, positive inside: a camera comes through the triangles, not through the voxels.

    Parameters
    ----------
    surface
        Its normals point out; at least one triangle.

    Raises
    ------
    ValueError
        When the surface is empty.
    """

    def __init__(self, surface: Surface) -> None:
        if not len(surface.triangles):
            raise ValueError("an empty surface has no distance")
        self._wall = vtkImplicitPolyDataDistance()
        self._wall.SetInput(polydata_from_surface(surface))

    def distance_mm(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the distance (N,) of points (N, 3), LPS mm; negative outside."""
        points = np.ascontiguousarray(np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)))
        if not len(points):
            return np.zeros(0)
        found = vtkDoubleArray()
        self._wall.FunctionValue(numpy_to_vtk(points, deep=True), found)
        return -np.array(vtk_to_numpy(found), dtype=np.float64)

    def gradient(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the direction (N, 3) away from the wall, by central differences; not normalised."""
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        steps = WALL_STEP_MM * np.eye(3)
        ahead = [self.distance_mm(points + step) - self.distance_mm(points - step) for step in steps]
        return np.stack(ahead, axis=1) / (2.0 * WALL_STEP_MM)


def _bridged(tree: Tree | None) -> tuple[FloatArray, FloatArray]:
    points, radii = [np.zeros((0, 3))], [np.zeros(0)]
    for branch in tree or ():
        if BranchFlag.BRIDGED in branch.flags and branch.length_mm > 0:
            samples = resample_polyline(branch.points_lps_mm, BRIDGE_STEP_MM)
            share = np.linspace(0.0, branch.length_mm, len(samples))
            points.append(samples)
            radii.append(np.maximum(np.interp(share, branch.arc_mm, branch.radius_mm), NARROWEST_MM))
    return np.concatenate(points), np.concatenate(radii)


def _box_distance(tree: cKDTree, points: FloatArray, spacing: FloatArray) -> FloatArray:
    """Return the distance (N,) to the nearest of the voxel boxes whose centres the tree holds."""
    if not len(points):
        return np.zeros(0)
    count = min(NEIGHBOURS, tree.n)
    _, nearest = tree.query(points, k=count)
    centres = tree.data[np.reshape(nearest, (len(points), count))]
    outside = np.maximum(np.abs(centres - points[:, None, :]) - spacing / 2.0, 0.0)
    return np.asarray(np.linalg.norm(outside, axis=2).min(axis=1))
