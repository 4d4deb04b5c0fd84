"""Fits the chest template to a given tree: where its carina is, how large the lungs must be to hold it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ..geometry import FloatArray
from ..volume import LabelMap
from .chest import (
    APEX_Z,
    BASE_Z,
    LUNG_CENTRE_Y,
    LUNG_HALF_DEPTH,
    LUNG_HALF_WIDTH,
    ChestShape,
    diaphragm_height,
    template_lungs,
)
from .fields import Float32Array, Lattice, smooth_cut, smooth_union
from .masktube import MaskTube, wall_thickness_mm
from .resample import share_of

SMALLEST_SCALE, LARGEST_SCALE = 0.85, 1.35
PERIPHERAL_RADIUS_MM = 4.0
"""Airways narrower than this lie in the lung; wider ones in the mediastinum and at the hilum."""


def find_carina(points_lps_mm: FloatArray) -> FloatArray:
    """Return where the trachea divides: the first height below the top at which the lumen stays in two parts.

    Without a division (a single tube), the middle of the points.
    """
    z = points_lps_mm[:, 2]
    step = 1.5
    levels = np.arange(z.max() - 15.0, z.min(), -step)
    split_at: float | None = None
    run = 0
    for level in levels:
        x = np.sort(points_lps_mm[np.abs(z - level) <= step / 2.0, 0])
        gaps = np.diff(x)
        parts = np.split(x, np.flatnonzero(gaps > 2.5) + 1) if len(x) else []
        large = [part for part in parts if np.ptp(part) > 5.0]
        run = run + 1 if len(large) >= 2 else 0
        if run == 1:
            split_at = float(level)
        if run >= 5 and split_at is not None:
            above = points_lps_mm[np.abs(z - split_at - 2.0) <= 2.0]
            return np.asarray(above.mean(axis=0) - [0.0, 0.0, 2.0])
    return np.asarray(points_lps_mm.mean(axis=0))


def fit_chest(tube: MaskTube) -> ChestShape:
    """Return the chest that holds the tree with some lung around its outermost tips."""
    carina = find_carina(tube.surface_lps_mm)
    offset = tube.medial_lps_mm - carina
    peripheral = offset[(tube.medial_radius_mm < PERIPHERAL_RADIUS_MM) & (np.linalg.norm(offset, axis=1) > 20.0)]
    if len(peripheral) < 10:
        return ChestShape((float(carina[0]), float(carina[1]), float(carina[2])))
    reach = np.percentile(np.abs(peripheral[:, 0]), 99.8) + 14.0
    depth = max(float(np.percentile(peripheral[:, 1], 99.8)) + 10.0, 0.0) / 96.0
    depth = max(depth, (float(-np.percentile(peripheral[:, 1], 0.2)) + 10.0) / 72.0)
    above = (float(np.percentile(peripheral[:, 2], 99.8)) + 14.0) / APEX_Z
    below = _scale_below(peripheral, reach / LUNG_HALF_WIDTH, depth)
    wanted = np.clip([reach / LUNG_HALF_WIDTH, depth, above, below], 0.0, LARGEST_SCALE)
    scale = np.maximum(wanted, max(SMALLEST_SCALE, float(np.median(wanted)) * 0.92))
    return ChestShape(
        (float(carina[0]), float(carina[1]), float(carina[2])),
        (float(scale[0]), float(scale[1]), float(scale[2]), float(scale[3])),
    )


def fit_chest_to_lungs(tube: MaskTube, lungs: LabelMap) -> ChestShape:
    """Return the chest whose lungs have the extent of a given mask; its height is set by the tree's carina."""
    carina = find_carina(tube.surface_lps_mm)
    mask = lungs.mask()
    stride = max(1, int((np.count_nonzero(mask) / 200_000) ** (1.0 / 3.0)))
    points = lungs.grid.lps_from_kji(np.argwhere(mask[::stride, ::stride, ::stride]) * stride)
    if len(points) == 0:
        points = lungs.grid.lps_from_kji(np.argwhere(mask))
    low, high = np.percentile(points, 0.05, axis=0), np.percentile(points, 99.95, axis=0)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    scale_x, scale_y = np.clip([half[0] / LUNG_HALF_WIDTH, half[1] / LUNG_HALF_DEPTH], 0.5, 1.6)
    scale_up = float(np.clip((high[2] - carina[2]) / APEX_Z, 0.5, 1.6))
    scale_down = float(np.clip((low[2] - carina[2]) / BASE_Z, 0.5, 1.6))
    origin = (float(middle[0]), float(middle[1] - scale_y * LUNG_CENTRE_Y), float(carina[2]))
    return ChestShape(origin, (float(scale_x), float(scale_y), scale_up, scale_down))


def _scale_below(offset_mm: FloatArray, scale_x: float, scale_y: float) -> float:
    """Return the stretch below the carina at which the diaphragm clears the lowest branches."""
    low = offset_mm[offset_mm[:, 2] < -40.0]
    if len(low) == 0:
        return 0.0
    x, y = low[:, 0] / max(scale_x, SMALLEST_SCALE), low[:, 1] / max(scale_y, SMALLEST_SCALE)
    dome = diaphragm_height(x.astype(np.float32), y.astype(np.float32))
    return float(np.percentile((low[:, 2] - 12.0) / np.minimum(dome, -40.0), 98.0))


def point_distance(lattice: Lattice, points_lps_mm: FloatArray, radius_mm: FloatArray | None = None) -> Float32Array:
    """Return the distance of every lattice sample to the nearest point (to its ball, when radii are given)."""
    free = np.ones(lattice.shape_kji, dtype=bool)
    index = np.rint(lattice.index_of(points_lps_mm)).astype(int)
    valid = ((index >= 0) & (index < np.array(lattice.shape_kji))).all(axis=1)
    if not valid.any():
        return np.full(lattice.shape_kji, 1e3, dtype=np.float32)
    at = tuple(index[valid].T)
    free[at] = False
    if radius_mm is None:
        return np.asarray(distance_transform_edt(free, lattice.step_mm), dtype=np.float32)
    radii = np.zeros(lattice.shape_kji, dtype=np.float32)
    np.maximum.at(radii, at, radius_mm[valid].astype(np.float32))
    distance, nearest = distance_transform_edt(free, lattice.step_mm, return_indices=True)
    return np.asarray(distance - radii[tuple(nearest)], dtype=np.float32)


def fitted_lungs(lattice: Lattice, shape: ChestShape, tube: MaskTube) -> tuple[Float32Array, Float32Array]:
    """Return the signed distances of right and left lung: the template, with room around every peripheral branch."""
    axes = shape.template_axes(lattice)
    right, left = template_lungs(axes)
    scale = np.float32(shape.mean_scale)
    offset = tube.medial_lps_mm - np.asarray(shape.carina_lps_mm)
    small = (tube.medial_radius_mm < PERIPHERAL_RADIUS_MM) & (np.linalg.norm(offset, axis=1) > 22.0)
    # a closing: wide enough to fill between neighbouring branches, then back to some lung around each
    wide_mm = 26.0
    filled = point_distance(lattice, tube.medial_lps_mm[small]) < wide_mm
    around = np.float32(wide_mm - 8.0) - distance_transform_edt(filled, lattice.step_mm).astype(np.float32)
    wide = ~small
    wall = tube.medial_radius_mm[wide] + wall_thickness_mm(tube.medial_radius_mm[wide])
    central = point_distance(lattice, tube.medial_lps_mm[wide], wall) - np.float32(2.0)
    x, _, _ = axes
    result = []
    for field, side in ((right, x), (left, -x)):
        own = np.maximum(around, np.broadcast_to(side * scale + 2.0, around.shape)).astype(np.float32)
        lung = smooth_cut(smooth_union(field * scale, own, 10.0), central, 4.0)
        result.append(np.asarray(gaussian_filter(lung, 0.8), dtype=np.float32))
    return result[0], result[1]


def lungs_of_mask(lattice: Lattice, shape: ChestShape, lungs: LabelMap) -> tuple[Float32Array, Float32Array]:
    """Return the signed distances of right and left lung from a mask of both, parted at the carina."""
    share = share_of(lungs, lattice.grid)
    inside = share > 127
    distance = distance_transform_edt(~inside, lattice.step_mm) - distance_transform_edt(inside, lattice.step_mm)
    level = (np.float32(127.5) - share) / np.float32(255.0) * np.float32(lattice.step_mm)
    both = np.where(np.abs(distance) <= lattice.step_mm, level, distance - np.sign(distance) * lattice.step_mm / 2.0)
    both = gaussian_filter(both.astype(np.float32), 0.6)
    side = np.broadcast_to(lattice.axes()[0] - np.float32(shape.carina_lps_mm[0]), both.shape)
    return np.maximum(both, side).astype(np.float32), np.maximum(both, -side).astype(np.float32)
