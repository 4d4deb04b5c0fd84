"""The picture that a scanner makes of a section through an artery: lumen, wall or plaque, and what lies around.

A section has 20 parameters: the lumen (centre, radius, harmonics 2 and 3), the outer wall (the same), the level of wall or
plaque (a mean and a tilt). What lies around is a picture of its own, taken from the scan beyond the wall, with a correction
by three more parameters. The level of the lumen is not among them: it changes slowly along an artery and is read where the
lumen is wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.blurred_contour import Contours, blurred_inside, harmonics

Float32Array = NDArray[np.float32]

ANGLES = 32
ORDERS = (0, 2, 3)
SHAPE = harmonics(ANGLES, ORDERS)
CONTOUR = 2 + SHAPE.shape[1]
LUMEN = slice(0, CONTOUR)
OUTER = slice(CONTOUR, 2 * CONTOUR)
RING = slice(2 * CONTOUR, 2 * CONTOUR + 3)
AROUND = slice(2 * CONTOUR + 3, 2 * CONTOUR + 6)
PARAMETERS = 2 * CONTOUR + 6
LUMEN_RADIUS, OUTER_RADIUS = 2, CONTOUR + 2
PLATE_ANGLES, GAP_ANGLES = 32, 8
PLATE = slice(PARAMETERS, PARAMETERS + PLATE_ANGLES)
GAP = slice(PLATE.stop, PLATE.stop + GAP_ANGLES)
WITH_CALCIUM = GAP.stop
"""Thickness of calcium at 32 angles and its distance from the lumen at 8: parameters that only a part with calcium has."""
LEAST_RADIUS_MM = 0.1


def _between(knots: int) -> FloatArray:
    """Return (32, knots): values at the angles of the contours from those at every so many of them, linear between."""
    stride = ANGLES // knots
    place = np.arange(ANGLES) / stride
    low = np.floor(place).astype(int)
    part = (place - low)[:, None]
    return np.asarray((1.0 - part) * np.eye(knots)[low % knots] + part * np.eye(knots)[(low + 1) % knots])


FROM_PLATES, FROM_GAPS = _between(PLATE_ANGLES), _between(GAP_ANGLES)
_FLAT_WITHIN_MM = 0.7


@dataclass(frozen=True, eq=False)
class Places:
    """Sample places (M, 2) in the section plane and the functions (M, 3) of them that levels are made of: 1, and a tilt."""

    at_mm: FloatArray
    tilt: Float32Array


def places_of(at_mm: FloatArray) -> Places:
    """Prepare places (M, 2). Angular functions fade towards the centre, where an angle means nothing."""
    distance = np.linalg.norm(at_mm, axis=1)
    angle = np.arctan2(at_mm[:, 1], at_mm[:, 0])
    fade = np.minimum(distance / _FLAT_WITHIN_MM, 1.0)
    tilt = np.stack([np.ones_like(fade), fade * np.cos(angle), fade * np.sin(angle)], axis=1)
    return Places(at_mm, tilt.astype(np.float32))


def spacing_of(at_mm: FloatArray) -> float:
    """Return how far apart places (M, 2) on a square lattice are, mm."""
    return float(np.diff(np.unique(np.round(at_mm[:, 0], 6))).min())


def lattice_of(at_mm: FloatArray, place_mm: float) -> NDArray[np.int64]:
    """Return rows and columns (M, 2) of places on the lattice that they were sampled on."""
    return np.asarray(np.rint((at_mm - at_mm.min(axis=0)) / place_mm).astype(np.int64))


def contours_of(values: FloatArray, which: slice) -> Contours:
    """Return the contours that parameters (N, 20) stand for; ``which`` is ``LUMEN`` or ``OUTER``."""
    part = values[:, which]
    return Contours(part[:, :2], np.maximum(part[:, 2:] @ SHAPE.T, LEAST_RADIUS_MM))


def picture(
    values: FloatArray,
    lumen_hu: FloatArray,
    around_hu: Float32Array,
    places: Places,
    sigma_mm: float,
    calcium_hu: float | None = None,
) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
    """Return what is seen of N sections, its derivatives, and the share of lumen.

    Parameters
    ----------
    values
        (N, 20) parameters.
    lumen_hu
        (N,) level of the lumen.
    around_hu
        (N, M) what lies around.
    calcium_hu
        Level of solid calcium; needed where the parameters hold plates of it (60 instead of 20).

    Returns
    -------
    seen, slopes, lumen_share, calcium_share
        (N, M) HU; (N, M, 20 or 60); (N, M); (N, M). Blur along the artery is not part of it.
    """
    lumen, outer = contours_of(values, LUMEN), contours_of(values, OUTER)
    within, whole = blurred_inside(lumen, places.at_mm, sigma_mm), blurred_inside(outer, places.at_mm, sigma_mm)
    ring = (values[:, RING].astype(np.float32)) @ places.tilt.T
    around = around_hu + values[:, AROUND].astype(np.float32) @ places.tilt.T
    level = lumen_hu.astype(np.float32)[:, None]
    band, beyond = whole.inside - within.inside, 1.0 - whole.inside
    seen = level * within.inside + ring * band + around * beyond
    slopes = np.empty((*seen.shape, values.shape[1]), dtype=np.float32)
    slopes[..., LUMEN] = (level - ring)[..., None] * (within.per_area @ _swept(lumen))
    slopes[..., OUTER] = (ring - around)[..., None] * (whole.per_area @ _swept(outer))
    slopes[..., RING] = band[..., None] * places.tilt
    slopes[..., AROUND] = beyond[..., None] * places.tilt
    if calcium_hu is None:
        return seen, slopes, within.inside, np.zeros_like(seen)
    share, moved, plate, gap = _plates(values, lumen, places, sigma_mm)
    excess = np.float32(calcium_hu) - ring
    slopes[..., LUMEN] += excess[..., None] * moved
    slopes[..., RING] -= share[..., None] * places.tilt
    slopes[..., PLATE] = excess[..., None] * plate
    slopes[..., GAP] = excess[..., None] * gap
    return seen + excess * share, slopes, within.inside, share


def _plates(
    values: FloatArray, lumen: Contours, places: Places, sigma_mm: float
) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
    """Return how calcium between two edges outside the lumen is seen: its share, and slopes on lumen, thickness and gap."""
    near = Contours(lumen.centre_mm, lumen.radius_mm + np.maximum(values[:, GAP], 0.0) @ FROM_GAPS.T)
    far = Contours(lumen.centre_mm, near.radius_mm + np.maximum(values[:, PLATE], 0.0) @ FROM_PLATES.T)
    inner, outer = blurred_inside(near, places.at_mm, sigma_mm), blurred_inside(far, places.at_mm, sigma_mm)
    step = np.float32(2.0 * np.pi / ANGLES)
    by_far = outer.per_area * (far.radius_mm.astype(np.float32) * step)[:, None, :]
    by_near = inner.per_area * (near.radius_mm.astype(np.float32) * step)[:, None, :]
    both = by_far - by_near
    centre = outer.per_area @ far.outward_mm().astype(np.float32) - inner.per_area @ near.outward_mm().astype(np.float32)
    moved = np.concatenate([centre, both @ SHAPE.astype(np.float32)], axis=2)
    return (
        outer.inside - inner.inside,
        moved,
        by_far @ FROM_PLATES.astype(np.float32),
        both @ FROM_GAPS.astype(np.float32),
    )


def _swept(contours: Contours) -> Float32Array:
    """Return the area (N, J, 7) that each contour point sweeps for each mm of its parameters."""
    step = 2.0 * np.pi / ANGLES
    radial = (contours.radius_mm * step)[..., None] * SHAPE
    return np.concatenate([contours.outward_mm(), radial], axis=2).astype(np.float32)
