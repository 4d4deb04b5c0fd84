"""What the wall between lumen and outer wall is made of: its HU freed of the lumen's and the fat's glow, and its calcium.

The scan shows wall and plaque mixed with the glow of a bright lumen inside and of dark fat outside: a soft plaque a millimetre
thick is read 50 HU too high beside the lumen and as much too low beside the fat. The fitted picture of the section tells both
shares, so that scan less picture plus the fitted level of the ring is the HU of the ring alone. Calcium, which the fit leaves
out, is then the brightness above that level (``calcium_amount`` makes volumes of it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.blurred_contour import blurred_inside

from .calcium_plate import plate_excess_hu
from .lumen import Measured, Walls
from .plaque_region import plane_curvature
from .reference import measured_step
from .section_fit import along, along_kernel
from .section_model import OUTER, RING, contours_of, lattice_of
from .section_start import bloomed

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

QUIET_MM = 0.45
"""Noise in the ring is averaged over this (sigma of a Gaussian along all three axes) before HU are binned. Chosen: 25 HU of noise
fall to about 8, and a core a millimetre across keeps most of its depth."""


@dataclass(frozen=True, eq=False)
class Ring:
    """The ring of every section, on its sample places (N, M).

    Parameters
    ----------
    share
        Part of each place that lies in the ring, 0 to 1; ``place_mm3`` is the volume that a place on the line stands for.
    depth
        0 at the lumen's edge, 1 at the outer wall; below 0 and above 1 outside the ring.
    inner_mm, outer_mm
        Distance from lumen edge and from outer wall, positive inside the ring.
    angle_index
        Which of the J angles of the walls each place lies nearest to.
    thickness_mm
        Thickness of the wall at each place's angle.
    ring_hu
        HU of wall and plaque, freed of glow and averaged; NaN where there is no ring or calcium glows.
    raw_hu
        The same before averaging.
    calcium_hu
        Brightness above the level of the ring where calcium is or glows, else 0.
    solid_hu
        Brightness of solid calcium above the ring; None without calcium.
    glows
        Where calcium is or glows.
    swept
        How far each place moves for a millimetre of the line: less than 1 on the inner side of a bend, where planes crowd and
        show the same piece again, more on the outer one. Volumes and lengths are sums weighed by it.
    band, band_hu
        Share of the fitted ring in what is seen of a place, blurred as the scan is, and the scan less all other shares.
    """

    share: FloatArray
    depth: FloatArray
    inner_mm: FloatArray
    outer_mm: FloatArray
    angle_index: NDArray[np.int64]
    thickness_mm: FloatArray
    ring_hu: FloatArray
    raw_hu: FloatArray
    calcium_hu: FloatArray
    solid_hu: float | None
    glows: BoolArray
    lattice: NDArray[np.int64]
    swept: FloatArray
    band: Float32Array
    band_hu: Float32Array
    place_mm3: float
    step_mm: float
    place_mm: float


@dataclass(frozen=True, eq=False)
class RingGround:
    """What of a vessel's ring does not depend on where its walls are: prepared once while they are moved.

    Parameters
    ----------
    own_hu
        (N, M) level of wall and plaque, freed of the lumen's and the fat's glow.
    distance_mm, angle
        (N, M) of the places from the middle of the lumen, which a drawn wall does not move.
    glows, calcium_hu, solid_hu, lattice, swept, band, band_hu
        As in :class:`Ring`.
    """

    own_hu: Float32Array
    distance_mm: FloatArray
    angle: FloatArray
    glows: BoolArray
    calcium_hu: FloatArray
    solid_hu: float | None
    lattice: NDArray[np.int64]
    swept: FloatArray
    band: Float32Array
    band_hu: Float32Array


def ring_of(measured: Measured, walls: Walls) -> Ring:
    """Look at the wall between the given (measured or edited) walls."""
    return ring_between(measured, walls, ring_ground(measured, walls))


def ring_ground(measured: Measured, walls: Walls) -> RingGround:
    """Prepare what does not depend on where the walls lie, only on their middle."""
    at, options = measured.places.at_mm, measured.options
    step = measured_step(measured.walls)
    lattice = lattice_of(at, options.place_mm)
    level = measured.fit.values[:, RING].astype(np.float32) @ measured.places.tilt.T
    glows = bloomed(measured.calcium, lattice, options.place_mm, step, measured.scan.sigma_mm)
    solid = None if measured.calcium_hu is None else measured.calcium_hu - float(np.median(measured.ring_hu))
    calcium = np.where(glows, measured.fit.residual + _plates(measured, step), 0.0)
    offset = np.einsum("nac,nc->na", walls.frames[:, 1:], walls.points_lps_mm - measured.line_lps_mm)
    away = at[None] - offset[:, None]
    angle = np.arctan2(away[..., 1], away[..., 0]) % (2.0 * np.pi)
    swept = np.maximum(1.0 - plane_curvature(measured.walls, step) @ at.T, 0.0)
    own = level + measured.fit.residual
    band, band_hu = _band(measured, level, step)
    return RingGround(own, np.linalg.norm(away, axis=2), angle, glows, calcium, solid, lattice, swept, band, band_hu)


def _band(measured: Measured, level_hu: Float32Array, step_mm: float) -> tuple[Float32Array, Float32Array]:
    """Return which share of what is seen (N, M) is the fitted ring's, and the scan without the shares of all else."""
    sigma = measured.scan.sigma_mm
    share = blurred_inside(contours_of(measured.fit.values, OUTER), measured.places.at_mm, sigma) - measured.fit.lumen_share
    kernel = along_kernel(sigma, step_mm)
    return along(share, kernel), along(level_hu * share, kernel) + measured.fit.residual


def ring_between(measured: Measured, walls: Walls, ground: RingGround) -> Ring:
    """Look at the wall between walls on prepared ground."""
    options, step = measured.options, measured_step(walls)
    distance, angle = ground.distance_mm, ground.angle
    count = walls.lumen_mm.shape[1]
    lumen, outer = (_at_angle(edge, angle) for edge in (walls.lumen_mm, walls.outer_mm))
    thickness = outer - lumen
    part = _inside(distance - outer, options.place_mm) - _inside(distance - lumen, options.place_mm)
    share = np.clip(part, 0.0, 1.0)
    quiet = _averaged(ground.own_hu, share * ~ground.glows, ground.lattice, step, options.place_mm)
    seen = (share > 0.3) & ~ground.glows
    return Ring(
        share=share,
        depth=(distance - lumen) / np.maximum(thickness, 1e-3),
        inner_mm=distance - lumen,
        outer_mm=outer - distance,
        angle_index=np.rint(angle / (2.0 * np.pi) * count).astype(np.int64) % count,
        thickness_mm=thickness,
        ring_hu=np.where(seen, quiet, np.nan),
        raw_hu=np.where(seen, ground.own_hu, np.nan),
        calcium_hu=ground.calcium_hu,
        solid_hu=ground.solid_hu,
        glows=ground.glows,
        lattice=ground.lattice,
        swept=ground.swept,
        band=ground.band,
        band_hu=ground.band_hu,
        place_mm3=options.place_mm**2 * step,
        step_mm=step,
        place_mm=options.place_mm,
    )


def _plates(measured: Measured, step_mm: float) -> Float32Array:
    """Return what the fitted calcium adds to the scan (N, M): part of what is measured, not of what is explained away."""
    if measured.calcium_hu is None:
        return np.zeros_like(measured.fit.residual)
    return plate_excess_hu(measured.fit, measured.scan, step_mm)


def _at_angle(edge_mm: FloatArray, angle: FloatArray) -> FloatArray:
    """Interpolate contours (N, J) at angles (N, M)."""
    count = edge_mm.shape[1]
    place = angle / (2.0 * np.pi) * count
    low = np.floor(place).astype(int)
    part = place - low
    rows = np.arange(len(edge_mm))[:, None]
    return np.asarray((1.0 - part) * edge_mm[rows, low % count] + part * edge_mm[rows, (low + 1) % count])


def _inside(signed_mm: FloatArray, place_mm: float) -> FloatArray:
    return np.asarray(np.clip(0.5 - signed_mm / place_mm, 0.0, 1.0))


def _averaged(values: Float32Array, weight: FloatArray, lattice: NDArray[np.int64], step: float, place: float) -> FloatArray:
    """Average values (N, M) over ``QUIET_MM`` within the weight."""
    size = int(lattice.max()) + 1
    held, count = np.zeros((2, len(values), size, size), dtype=np.float32)
    held[:, lattice[:, 0], lattice[:, 1]] = values * weight
    count[:, lattice[:, 0], lattice[:, 1]] = weight
    sigmas = (QUIET_MM / step, QUIET_MM / place, QUIET_MM / place)
    total, number = ndimage.gaussian_filter(held, sigmas), ndimage.gaussian_filter(count, sigmas)
    return np.asarray((total / np.maximum(number, 1e-4))[:, lattice[:, 0], lattice[:, 1]], dtype=np.float64)
