"""Work along the patient's axes whatever the storage order: k towards the head, j towards the back, i towards the left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .volume import Grid

MOST_TURNED_DEG = 10.0
"""Axes of an axial series lie this near to the patient's: a head holder or a pillow turns a patient by some degrees. Chosen."""


def turned_deg(grid: Grid) -> float:
    """Return the largest angle between an axis of a grid and the patient's axis that it stands for."""
    axes = PatientAxes.of(grid)
    along_kji = (grid.affine_ijk_to_lps[:3, :3] / grid.spacing_ijk_mm)[::-1, ::-1].T  # as in PatientAxes.of
    cosines = [abs(float(along_kji[stored, column])) for column, stored in enumerate(axes.order)]
    return float(np.degrees(np.arccos(min(*cosines, 1.0))))


def turned_problems(grid: Grid) -> list[str]:
    """Return what is wrong with a grid that is oblique to the body: what works along the patient's axes cannot read it."""
    turned = turned_deg(grid)
    if turned <= MOST_TURNED_DEG:
        return []
    return [f"the slices are turned by {turned:.0f} degrees against the body; choose the axial series of the scan"]


@dataclass(frozen=True)
class PatientAxes:
    """A lossless reordering (transpose and flips) of arrays [k, j, i] to the nearest patient axes.

    Parameters
    ----------
    order
        Stored axis that becomes axis 0 (towards the head), 1 (towards the back), 2 (towards the patient's left).
    flips
        Whether each reordered axis runs the other way in storage.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of(cls, grid: Grid) -> PatientAxes:
        """Choose the assignment of stored axes whose directions agree best with superior, posterior and left."""
        directions_ijk = grid.affine_ijk_to_lps[:3, :3] / grid.spacing_ijk_mm
        along_kji = directions_ijk[::-1, ::-1].T  # row: stored axis k, j, i; column: S, P, L

        def agreement(order: tuple[int, ...]) -> float:
            """Return how well an order of the stored axes agrees with the patient's."""
            return float(sum(abs(along_kji[stored, column]) for column, stored in enumerate(order)))

        best = max(permutations(range(3)), key=agreement)
        flips = [bool(along_kji[stored, column] < 0) for column, stored in enumerate(best)]
        return cls((best[0], best[1], best[2]), (flips[0], flips[1], flips[2]))

    def apply(self, array_kji: NDArray[Any]) -> NDArray[Any]:
        """Return a view of ``array_kji`` along the patient's axes."""
        return np.transpose(array_kji, self.order)[self._slices()]

    def restore(self, array: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`apply`; returns a contiguous array in storage order."""
        return np.ascontiguousarray(np.transpose(array[self._slices()], np.argsort(self.order)))

    def spacing_mm(self, grid: Grid) -> tuple[float, float, float]:
        """Voxel spacing along the reordered axes."""
        stored = grid.spacing_kji_mm
        return (stored[self.order[0]], stored[self.order[1]], stored[self.order[2]])

    def lps_from_index(self, grid: Grid, indices: NDArray[Any]) -> NDArray[np.float64]:
        """Map indices (..., 3) of the reordered array to LPS mm."""
        indices = np.asarray(indices, dtype=np.float64)
        stored = np.empty_like(indices)
        for axis, (source, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            value = indices[..., axis]
            stored[..., source] = grid.shape_kji[source] - 1 - value if flip else value
        return grid.lps_from_kji(stored)

    def index_from_lps(self, grid: Grid, points_lps_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Map LPS mm (..., 3) to indices of the reordered array, the inverse of :meth:`lps_from_index`."""
        stored = np.asarray(grid.kji_from_lps(points_lps_mm), dtype=np.float64)
        index = np.empty_like(stored)
        for axis, (source, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            index[..., axis] = grid.shape_kji[source] - 1 - stored[..., source] if flip else stored[..., source]
        return index

    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)
