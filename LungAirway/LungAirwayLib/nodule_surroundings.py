"""How far a target is from the pleura, the nearest fissure and the nearest airway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Evidence, Measurement, not_measured
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .constants import LLL, LUL, RLL, RML, RUL

REACHES_MM = (25.0, 60.0, 160.0)
Faces = Callable[[NDArray[np.uint8]], FloatArray]
_RIGHT, _LEFT = (RUL, RML, RLL), (LUL, LLL)


def distances(
    centre_lps_mm: FloatArray,
    surface_lps_mm: FloatArray,
    lungs: LabelMap | None,
    lobes: LabelMap | None,
    tree: Tree | None,
) -> dict[str, Measurement]:
    """Return distance_to_pleura, distance_to_fissure and distance_to_airway in mm, measured from the target's surface."""
    pleura, fissure = "distance_to_pleura", "distance_to_fissure"
    found = {
        pleura: _to_boundary(
            pleura, lungs, centre_lps_mm, surface_lps_mm, faces=_pleura_faces, method="surface of the lung mask"
        ),
        fissure: _to_boundary(
            fissure, lobes, centre_lps_mm, surface_lps_mm, faces=_fissure_faces, method="boundary between two lobes"
        ),
    }
    found["distance_to_airway"] = _to_airway(surface_lps_mm, tree)
    return found


def _pleura_faces(values: NDArray[np.uint8]) -> FloatArray:
    """Return where lung meets what is not lung; holes that vessels or the target itself leave inside do not count."""
    lung = values > 0
    filled = ndimage.binary_closing(np.pad(lung, 2, mode="edge"), iterations=2)[2:-2, 2:-2, 2:-2] | lung
    outside, count = ndimage.label(~filled)
    if count:
        touching = np.unique(np.concatenate([outside[face].ravel() for face in _faces(outside)]))
        sizes = np.bincount(outside.ravel())
        enclosed = np.setdiff1d(np.flatnonzero(sizes < 0.02 * filled.size), touching)
        filled |= np.isin(outside, enclosed)
    return _meeting_points(filled.astype(np.uint8) + 1)


def _faces(array: NDArray[np.integer[Any]]) -> list[tuple[slice | int, ...]]:
    every = slice(None)
    return [tuple(end if axis == at else every for axis in range(array.ndim)) for at in range(array.ndim) for end in (0, -1)]


def _fissure_faces(values: NDArray[np.uint8]) -> FloatArray:
    """Return where two lobes of the same lung meet."""
    return np.concatenate([_meeting_points(np.where(np.isin(values, side), values, 0)) for side in (_RIGHT, _LEFT)])


def _meeting_points(values: NDArray[np.integer[Any]]) -> FloatArray:
    """Return the points (N, 3), in array indices, half way between neighbours with different values above 0."""
    found = []
    for axis in range(3):
        low: list[slice] = [slice(None)] * 3
        high: list[slice] = [slice(None)] * 3
        low[axis], high[axis] = slice(0, -1), slice(1, None)
        one, two = values[tuple(low)], values[tuple(high)]
        points = np.argwhere((one != two) & (one > 0) & (two > 0)).astype(np.float64)
        points[:, axis] += 0.5
        found.append(points)
    return np.concatenate(found)


def _to_boundary(
    name: str, labels: LabelMap | None, centre: FloatArray, surface: FloatArray, *, faces: Faces, method: str
) -> Measurement:
    if labels is None:
        return not_measured(name, "mm", "no mask of it is there")
    grid = labels.grid
    spacing = np.array(grid.spacing_kji_mm)
    middle = np.rint(grid.kji_from_lps(centre)).astype(int)
    size = float(np.linalg.norm(surface - centre, axis=1).max())
    for reach_mm in REACHES_MM:
        reach = np.ceil((reach_mm + size) / spacing).astype(int)
        low = np.clip(middle - reach, 0, grid.shape_kji)
        high = np.clip(middle + reach + 1, 0, grid.shape_kji)
        part = labels.array_kji[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        hits = faces(part) + low if part.size else np.empty((0, 3))
        if not len(hits):
            continue
        gaps, nearest = (np.asarray(part) for part in cKDTree(grid.lps_from_kji(hits)).query(surface))
        at = int(np.argmin(gaps))
        if gaps[at] <= reach_mm:
            voxel = float(spacing.max())
            point = grid.lps_from_kji(hits[nearest[at]])
            value = float(gaps[at])
            return Measurement(
                name, value, "mm", (max(value - voxel, 0.0), value + voxel), method,
                evidence=Evidence((float(point[0]), float(point[1]), float(point[2]))),
            )  # fmt: skip
    return not_measured(name, "mm", f"none lies within {REACHES_MM[-1]:.0f} mm")


def _to_airway(surface: FloatArray, tree: Tree | None) -> Measurement:
    name = "distance_to_airway"
    if tree is None or not len(tree):
        return not_measured(name, "mm", "there is no airway tree")
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    radii = np.concatenate([branch.radius_mm for branch in tree])
    owners = np.concatenate([np.full(len(branch.radius_mm), branch.id) for branch in tree])
    gaps, nearest = (np.asarray(part) for part in cKDTree(points).query(surface))
    at = int(np.argmin(gaps - radii[nearest]))
    index = int(nearest[at])
    value = max(float(gaps[at] - radii[index]), 0.0)
    branch = tree[int(owners[index])]
    called = branch.label.code if branch.label is not None else f"branch {branch.id}"
    low, high = branch.radius_interval_mm.mean(axis=0)
    spread = max(float(high - low) / 2.0, 0.25)
    start = "the target point" if len(surface) == 1 else "surface of the target"
    return Measurement(
        name, value, "mm", (max(value - spread, 0.0), value + spread), f"{start} to the lumen of {called}",
        evidence=Evidence((float(points[index][0]), float(points[index][1]), float(points[index][2]))),
    )  # fmt: skip
