"""The only place where the project's LPS becomes Slicer's RAS and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike

from SenseCarePlanningLib.geometry import FloatArray, lps_from_ras

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def ras_from_lps(points_lps_mm: ArrayLike) -> FloatArray:
    """Turn LPS points or directions (..., 3) into RAS; the same flip leads back."""
    return lps_from_ras(points_lps_mm)


def ijk_to_ras_matrix(affine_ijk_to_lps: FloatArray) -> vtk.vtkMatrix4x4:
    """Return the vtkMatrix4x4 that takes (i, j, k) to RAS mm for an affine that takes it to LPS mm."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((FLIP @ np.asarray(affine_ijk_to_lps, dtype=np.float64)).ravel().tolist())
    return matrix


def affine_from_ras_matrix(matrix: Any) -> FloatArray:
    """Return the affine (4, 4) to LPS mm of a vtkMatrix4x4 that leads to RAS mm."""
    values = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    return np.asarray(FLIP @ np.array(values, dtype=np.float64))
