"""Volume <-> vtkMRMLScalarVolumeNode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.volume import Volume

from .coordinates import affine_from_ras_matrix, ijk_to_ras_matrix

LUNG_WINDOW_HU, LUNG_LEVEL_HU = 1500.0, -600.0
"""Window and level for lung, as usual in chest CT reading."""


def image_data(array_kji: NDArray[Any]) -> vtk.vtkImageData:
    """Copy an array (K, J, I) into a vtkImageData without geometry; int16, uint8 and float32 keep their type."""
    image = vtk.vtkImageData()
    image.SetDimensions(*array_kji.shape[::-1])
    flat = np.ascontiguousarray(array_kji).ravel()
    scalars = numpy_to_vtk(flat, deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def add_volume(scene: Any, volume: Volume, name: str) -> Any:
    """Add a scalar volume node with its display; returns the node."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(ijk_to_ras_matrix(volume.affine_ijk_to_lps))
    node.SetAndObserveImageData(image_data(volume.array_kji))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    display.AutoWindowLevelOff()
    display.SetWindowLevel(LUNG_WINDOW_HU, LUNG_LEVEL_HU)
    return node


def world_ijk_to_ras(node: Any) -> FloatArray | None:
    """Return the matrix (4, 4) from a volume node's voxels (i, j, k) to the world (RAS mm), transforms above it taken along.

    None under a warp, which is no matrix.
    """
    own = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(own)
    transform = node.GetParentTransformNode()
    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            return None
        above = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToWorld(above)
        vtk.vtkMatrix4x4.Multiply4x4(above, own, own)
    return np.array([[own.GetElement(row, column) for column in range(4)] for row in range(4)])


def volume_of(node: Any) -> Volume:
    """Return the Volume of a scalar volume node; the array is a copy.

    Raises
    ------
    ValueError
        When the node holds no image.
    """
    shared = shared_volume_of(node)
    return replace(shared, array_kji=shared.array_kji.copy())


def shared_volume_of(node: Any) -> Volume:
    """Return the Volume of a scalar volume node; the array is the node's own memory, to be read only.

    Raises
    ------
    ValueError
        When the node holds no image.
    """
    image = node.GetImageData()
    if image is None:
        raise ValueError(f"the volume node {node.GetName()!r} holds no image")
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return Volume(array, affine_from_ras_matrix(matrix))
