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
from SenseCarePlanningLib.tubes.blurred_contour import Contours, blurred_inside, blurred_moved, harmonics

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
_WITH_PLATES = np.concatenate([SHAPE, FROM_GAPS, FROM_PLATES], axis=1)
_FLAT_WITHIN_MM = 0.7
TOGETHER = 32
"""So many neighbouring sections are looked at together. No result depends on it."""


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


def from_line(places: Places) -> NDArray[np.int64]:
    """Return the order (M,) of places by their distance from the line, in which those beyond an artery's wall come last."""
    return np.asarray(np.argsort(np.linalg.norm(places.at_mm, axis=1), kind="stable"))


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
    first: NDArray[np.int64] | None = None,
    room: Float32Array | None = None,
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
    first
        (N,) so many places of each section are asked for, the first ones; what stands at others means nothing. All without it.
    room
        (N, 20, M) where the derivatives are put; an earlier picture's that is no longer needed saves the making of it.

    Returns
    -------
    seen, slopes, lumen_share, calcium_share
        (N, M) HU; (N, 20 or 60, M); (N, M); (N, M). Blur along the artery is not part of it.
    """
    count = len(values)
    seen, share, hard = np.zeros((3, *around_hu.shape), dtype=np.float32)
    # what is not asked for must be some number: it is multiplied by no weight
    slopes = np.zeros((count, values.shape[1], len(places.at_mm)), dtype=np.float32) if room is None else room
    for start in range(0, count, TOGETHER):
        rows = slice(start, start + TOGETHER)
        most = len(places.at_mm) if first is None else int(first[rows].max())
        part = Places(places.at_mm[:most], places.tilt[:most])
        seen[rows, :most], share[rows, :most], hard[rows, :most] = _pictured(
            values[rows], lumen_hu[rows], around_hu[rows, :most], part, sigma_mm, calcium_hu, slopes[rows, :, :most]
        )
    return seen, slopes, share, hard


def _pictured(
    values: FloatArray, lumen_hu: FloatArray, around_hu: Float32Array, places: Places, sigma_mm: float,
    calcium_hu: float | None, slopes: Float32Array,
) -> tuple[Float32Array, Float32Array, Float32Array | float]:  # fmt: skip
    """Return what is seen of a few sections, the share of lumen and that of calcium, and put the derivatives into ``slopes``."""
    lumen, outer = contours_of(values, LUMEN), contours_of(values, OUTER)
    within, by_lumen = blurred_moved(lumen, places.at_mm, sigma_mm, _swept(lumen))
    whole, by_outer = blurred_moved(outer, places.at_mm, sigma_mm, _swept(outer))
    ring = (values[:, RING].astype(np.float32)) @ places.tilt.T
    around = around_hu + values[:, AROUND].astype(np.float32) @ places.tilt.T
    level = lumen_hu.astype(np.float32)[:, None]
    band, beyond = whole - within, 1.0 - whole
    seen = level * within + ring * band + around * beyond
    np.multiply((level - ring)[:, None], by_lumen, out=slopes[:, LUMEN])
    np.multiply((ring - around)[:, None], by_outer, out=slopes[:, OUTER])
    np.multiply(band[:, None], places.tilt.T, out=slopes[:, RING])
    np.multiply(beyond[:, None], places.tilt.T, out=slopes[:, AROUND])
    if calcium_hu is None:
        return seen, within, 0.0
    share, moved, plate, gap = _plates(values, lumen, places, sigma_mm)
    excess = np.float32(calcium_hu) - ring
    slopes[:, LUMEN] += excess[:, None] * moved
    slopes[:, RING] -= share[:, None] * places.tilt.T
    np.multiply(excess[:, None], plate, out=slopes[:, PLATE])
    np.multiply(excess[:, None], gap, out=slopes[:, GAP])
    return seen + excess * share, within, share


def seen_only(values: FloatArray, lumen_hu: FloatArray, around_hu: Float32Array, places: Places, sigma_mm: float) -> Float32Array:
    """Return what is seen (N, M) of N sections without calcium, as :func:`picture` does, without the derivatives."""
    within, whole = (blurred_inside(contours_of(values, one), places.at_mm, sigma_mm) for one in (LUMEN, OUTER))
    ring = (values[:, RING].astype(np.float32)) @ places.tilt.T
    around = around_hu + values[:, AROUND].astype(np.float32) @ places.tilt.T
    seen = lumen_hu.astype(np.float32)[:, None] * within + ring * (whole - within) + around * (1.0 - whole)
    return np.asarray(seen, dtype=np.float32)


def _plates(
    values: FloatArray, lumen: Contours, places: Places, sigma_mm: float
) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
    """Return how calcium between two edges outside the lumen is seen: its share, and slopes on lumen, thickness and gap."""
    near = Contours(lumen.centre_mm, lumen.radius_mm + np.maximum(values[:, GAP], 0.0) @ FROM_GAPS.T)
    far = Contours(lumen.centre_mm, near.radius_mm + np.maximum(values[:, PLATE], 0.0) @ FROM_PLATES.T)
    gaps = slice(CONTOUR, CONTOUR + GAP_ANGLES)
    inner, by_near = blurred_moved(near, places.at_mm, sigma_mm, _swept(near, _WITH_PLATES[:, : gaps.stop - 2]))
    outer, by_far = blurred_moved(far, places.at_mm, sigma_mm, _swept(far, _WITH_PLATES))
    both = by_far[:, : gaps.stop] - by_near
    return outer - inner, both[:, :CONTOUR], by_far[:, gaps.stop :], both[:, gaps]


def _swept(contours: Contours, radial: FloatArray = SHAPE) -> Float32Array:
    """Return the area (N, J, 2 + K) that each contour point sweeps for each mm of centre and of K radial parameters (J, K)."""
    step = 2.0 * np.pi / ANGLES
    return np.concatenate(
        [contours.outward_mm(), (contours.radius_mm * step)[..., None] * radial], axis=2, dtype=np.float32, casting="same_kind"
    )
