"""Where the way of a marked artery may run: through lumen as narrow as an artery, never through chambers or great vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray

from .structures import AORTA, FAR_AORTA, LEFT_ATRIUM, LEFT_VENTRICLE, PULMONARY_ARTERY, RIGHT_ATRIUM, RIGHT_VENTRICLE

BoolArray = NDArray[np.bool_]
Voxel = tuple[int, int, int]

DARK_HU, FLOOR = 50.0, 0.004
"""From this HU on a voxel may be lumen; the speed of everything else: a way may cross an occlusion, at a price."""
SEEN = 0.2
"""Of the way from :data:`DARK_HU` to the blood at the ostium: darker is no visible lumen."""
CLOSED = (LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE, PULMONARY_ARTERY)
AORTIC = (AORTA, FAR_AORTA)
"""Structures that no way runs through; the aorta is open about the ostium. The venae cavae are not among them: their label
takes in what lies beside them, the end of the right coronary artery too."""
RIM_MM, RIM_SPEED = 1.5, 0.15
"""Within so much of a structure's border a way runs slowly: the border is drawn in voxels of 1 mm."""
MOUTH_MM, START_MM = 8.0, 2.0
"""The aorta is open so far about the mark of the ostium, everything so far."""
WIDE_MM, KEPT_MM, EDGE_MM = 6.0, 0.8, 0.5
"""Half the width from which on bright blood is no artery (aneurysms of 10 mm are); its blurred border is left out, and the
edge beyond it is a rim."""
SNAP_MM, OSTIUM_MM, REACH_MM, FADE = 1.5, 2.8, 4.0, 0.15
"""A tip moves to the brightest voxel this near, an ostium to that within the second; where none is lumen, a tip moves
to one within the third, whose brightness counts less by the last share a mm."""


@dataclass(frozen=True, eq=False)
class Room:
    """What a way is looked for in, on the small image about the marks of one ostium.

    Parameters
    ----------
    array
        (K, J, I) HU.
    spacing
        (3,) mm along k, j, i.
    start
        Voxel of the ostium.
    blood_hu
        Blood at the ostium.
    closed, rim
        (K, J, I) where no way runs, and the borders of that.
    beyond_mm
        (K, J, I) how far beyond the wall of the aorta, or of other wide blood that is no chamber; negative within, infinite where
        there is none.
    """

    array: NDArray[np.float32]
    spacing: FloatArray
    start: Voxel
    blood_hu: float
    closed: BoolArray
    rim: BoolArray
    beyond_mm: FloatArray

    @property
    def share(self) -> NDArray[np.float32]:
        """Brightness (K, J, I): 0 where surely no lumen is, 1 where it is as bright as the blood at the ostium, and beyond."""
        return np.asarray((self.array - DARK_HU) / (self.blood_hu - DARK_HU))

    @property
    def cost(self) -> FloatArray:
        """What a mm of way costs (K, J, I), negative where none runs."""
        speed = np.clip(self.share, 0.0, 1.0) ** 2 * np.where(self.rim, RIM_SPEED, 1.0) + FLOOR
        return np.asarray(np.where(self.closed, -1.0, 1.0 / speed), dtype=np.float64)


def room_about(array: NDArray[np.float32], labels: NDArray[np.uint8] | None, ostium: FloatArray, spacing: FloatArray) -> Room:
    """Close what no artery runs through.

    Parameters
    ----------
    array
        (K, J, I) HU.
    labels
        (K, J, I) as in :mod:`.structures`; None where the heart was not found: then only wide blood is closed.
    ostium
        (3,) its mark in voxels.
    spacing
        (3,) mm along k, j, i.

    Raises
    ------
    InputError
        When the ostium is not on bright blood.
    """
    start = _brightest(array, ostium, spacing, None, OSTIUM_MM)
    blood = float(np.percentile(_about(array, np.array(start), spacing, 2.5)[0], 90.0))
    if blood < DARK_HU + 60.0:
        raise InputError("The marked ostium does not lie on bright blood.", detail=f"{blood:.0f} HU")
    away = np.sqrt(
        sum(
            ((one - at) * size) ** 2
            for one, at, size in zip(np.ogrid[tuple(map(slice, array.shape))], start, spacing, strict=True)
        )
    )
    bright = array > DARK_HU + 0.5 * (blood - DARK_HU)
    closed, rim = _wide(bright, spacing)
    root = bright if labels is None else bright & ~np.isin(labels, CLOSED)
    if labels is not None:
        aorta, cavity = np.isin(labels, AORTIC), np.isin(labels, CLOSED)
        deep = ndimage.distance_transform_edt(aorta | cavity, sampling=spacing)
        closed, rim = closed | (deep > RIM_MM), rim | (deep > 0.0)
        keep = cavity
    else:
        keep = np.zeros(array.shape, dtype=bool)
    mouth = ((away <= MOUTH_MM) & ~keep) | (away <= START_MM)
    return Room(array, spacing, start, blood, closed & ~mouth, rim & ~mouth, _beyond_mm(root, spacing))


def _beyond_mm(bright: BoolArray, spacing: FloatArray) -> FloatArray:
    """Return how far (K, J, I) beyond the wall of wide blood: of all balls of 12 mm that fit in it, so that the mouth of an
    artery in this wall does not count as aorta."""
    core = ndimage.distance_transform_edt(bright, sampling=spacing) > WIDE_MM
    if not core.any():
        return np.full(bright.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~core, sampling=spacing) - WIDE_MM)


def _wide(bright: BoolArray, spacing: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return bright blood wider than an artery without its border, and the border."""
    core = ndimage.distance_transform_edt(bright, sampling=spacing) > WIDE_MM
    if not core.any():
        return core, core
    near = ndimage.distance_transform_edt(~core, sampling=spacing)
    return np.asarray(bright & (near <= WIDE_MM - KEPT_MM)), np.asarray(bright & (near <= WIDE_MM + EDGE_MM))


def nearest_wall(room: Room, voxel: NDArray[np.int_], reach_mm: float) -> NDArray[np.int_] | None:
    """Return the voxel (3,) of the aorta nearest to another one; None where none lies within a reach."""
    part, low = _about(room.beyond_mm <= 0.0, voxel.astype(np.float64), room.spacing, reach_mm)
    inside = np.argwhere(part) + low
    away = np.linalg.norm((inside - voxel) * room.spacing, axis=1)
    return np.asarray(inside[int(away.argmin())]) if len(inside) and away.min() <= reach_mm else None


def in_structure(room: Room, place: FloatArray) -> bool:
    """Tell whether a mark (3,), in voxels, lies inside a chamber, a great vessel or other wide blood."""
    return bool(room.closed[_voxel(room.array, place)])


def is_dark(room: Room, place: FloatArray) -> bool:
    """Tell whether a mark (3,), in voxels, lies on no visible lumen."""
    return bool(room.share[_voxel(room.array, place)] < SEEN)


def on_lumen(room: Room, place: FloatArray) -> Voxel | None:
    """Return the voxel of lumen that a mark (3,), in voxels, means; None where no lumen lies near it."""
    voxel: Voxel | None = _brightest(room.array, place, room.spacing, room.closed | room.rim, SNAP_MM)
    if voxel is not None and room.share[voxel] >= SEEN:
        return voxel
    part, low = _about(np.where(room.closed | room.rim, -np.inf, room.share), place, room.spacing, REACH_MM)
    places = np.moveaxis(np.indices(part.shape), 0, -1) + low
    away = np.linalg.norm((places - place) * room.spacing, axis=-1)
    score = np.where((part >= SEEN) & (away <= REACH_MM), np.clip(part, 0.0, 1.0) - FADE * away, -np.inf)
    if not np.isfinite(score).any():
        return None
    k, j, i = (int(one) for one in places[np.unravel_index(int(score.argmax()), score.shape)])
    return (k, j, i)


def _brightest(
    array: NDArray[np.float32], place: FloatArray, spacing: FloatArray, shut: BoolArray | None, reach_mm: float
) -> Any:
    """Return the brightest voxel within a reach of a place, None where all are shut."""
    part, low = _about(array, place, spacing, reach_mm + 1.0)
    smooth = ndimage.gaussian_filter(part, 0.3 / spacing)
    places = np.moveaxis(np.indices(part.shape), 0, -1) + low
    near = np.linalg.norm((places - place) * spacing, axis=-1) <= reach_mm + 0.5 * spacing.max()
    if shut is not None:
        near &= ~_about(shut, place, spacing, reach_mm + 1.0)[0]
    if not near.any():
        return None
    return tuple(int(one) for one in places[np.unravel_index(int(np.where(near, smooth, -np.inf).argmax()), part.shape)])


def _about(
    array: NDArray[Any], place: FloatArray, spacing: FloatArray, radius_mm: float
) -> tuple[NDArray[Any], NDArray[np.int_]]:
    """Return the part of an array about a place in voxels, and its first voxel."""
    middle, reach = np.array(_voxel(array, place)), np.ceil(radius_mm / spacing).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, array.shape)
    return array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))], low


def _voxel(array: NDArray[Any], place: FloatArray) -> Voxel:
    k, j, i = (int(one) for one in np.clip(np.rint(place), 0, np.array(array.shape) - 1))
    return (k, j, i)
