"""What the wall between lumen and outer wall is made of: its HU freed of the lumen's and the fat's glow, and its calcium.

The scan shows wall and plaque mixed with the glow of a bright lumen inside and of dark fat outside: a soft plaque a millimetre
thick is read 50 HU too high beside the lumen and as much too low beside the fat. The fitted picture of the section tells both
shares, so that scan less picture plus the fitted level of the ring is the HU of the ring alone. Calcium, which the fit leaves
out, is then the brightness above that level (``calcium_amount`` makes volumes of it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    from_glow_mm
        How far each place is from where calcium is or glows; infinite without any.
    drawn
        The ring between other walls that this one was made from, and the sections between which the walls differ.
    """

    share: FloatArray
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
    from_glow_mm: FloatArray
    place_mm3: float
    step_mm: float
    place_mm: float
    drawn: tuple[Ring, slice] | None = None


@dataclass(frozen=True, eq=False)
class RingGround:
    """What of a vessel's ring does not depend on where its walls are: prepared once while they are moved.

    Parameters
    ----------
    own_hu
        (N, M) level of wall and plaque, freed of the lumen's and the fat's glow.
    distance_mm, angle
        (N, M) of the places from the middle of the lumen, which a drawn wall does not move.
    glows, calcium_hu, solid_hu, lattice, swept, band, band_hu, from_glow_mm
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
    from_glow_mm: FloatArray


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
    distance, far = np.linalg.norm(away, axis=2), _away_mm(glows, lattice, step, options.place_mm)
    return RingGround(own, distance, angle, glows, calcium, solid, lattice, swept, band, band_hu, far)


def _away_mm(places: BoolArray, lattice: NDArray[np.int64], step_mm: float, place_mm: float) -> FloatArray:
    """Return how far every place (N, M) is from the given ones, mm; infinite without any."""
    if not places.any():
        return np.full(places.shape, np.inf)
    size = int(lattice.max()) + 1
    cube = np.ones((len(places), size, size), dtype=bool)
    cube[:, lattice[:, 0], lattice[:, 1]] = ~places
    away = ndimage.distance_transform_edt(cube, sampling=(step_mm, place_mm, place_mm))
    return np.asarray(away[:, lattice[:, 0], lattice[:, 1]])


def _band(measured: Measured, level_hu: Float32Array, step_mm: float) -> tuple[Float32Array, Float32Array]:
    """Return which share of what is seen (N, M) is the fitted ring's, and the scan without the shares of all else."""
    sigma = measured.scan.sigma_mm
    share = blurred_inside(contours_of(measured.fit.values, OUTER), measured.places.at_mm, sigma) - measured.fit.lumen_share
    kernel = along_kernel(sigma, step_mm)
    return along(share, kernel), along(level_hu * share, kernel) + measured.fit.residual


def ring_between(measured: Measured, walls: Walls, ground: RingGround) -> Ring:
    """Look at the wall between walls on prepared ground."""
    options, step = measured.options, measured_step(walls)
    whole = slice(0, len(walls.lumen_mm))
    lumen, outer, share = _edges(walls, ground, whole, options.place_mm)
    seen = (share > 0.3) & ~ground.glows
    thickness, count = outer - lumen, walls.lumen_mm.shape[1]
    return Ring(
        share=share,
        inner_mm=ground.distance_mm - lumen,
        outer_mm=outer - ground.distance_mm,
        angle_index=np.rint(ground.angle / (2.0 * np.pi) * count).astype(np.int64) % count,
        thickness_mm=thickness,
        ring_hu=np.where(seen, _averaged(ground, share, whole, step, options.place_mm), np.nan),
        raw_hu=np.where(seen, ground.own_hu, np.nan),
        calcium_hu=ground.calcium_hu,
        solid_hu=ground.solid_hu,
        glows=ground.glows,
        lattice=ground.lattice,
        swept=ground.swept,
        band=ground.band,
        band_hu=ground.band_hu,
        from_glow_mm=ground.from_glow_mm,
        place_mm3=options.place_mm**2 * step,
        step_mm=step,
        place_mm=options.place_mm,
    )


def ring_again(walls: Walls, ground: RingGround, before: tuple[Walls, Ring]) -> Ring:
    """Look at the wall between walls that differ in some sections from others whose ring is known: the same ring, sooner.

    Parameters
    ----------
    before
        The other walls, about the same middle of the lumen, and the ring between them on the same ground.
    """
    others, ring = before
    rows = np.flatnonzero(((walls.lumen_mm != others.lumen_mm) | (walls.outer_mm != others.outer_mm)).any(axis=1))
    if not len(rows):
        return ring
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    lumen, outer, new = _edges(walls, ground, part, ring.place_mm)
    distance, thickness = ground.distance_mm[part], outer - lumen
    share = _with(ring.share, part, new)
    seen = (share > 0.3) & ~ground.glows
    blurred, needed = touched(part, QUIET_MM / ring.step_mm, len(share))
    quiet = _averaged(ground, share, needed, ring.step_mm, ring.place_mm)[inside_of(blurred, needed)]
    return replace(
        ring,
        share=share,
        inner_mm=_with(ring.inner_mm, part, distance - lumen),
        outer_mm=_with(ring.outer_mm, part, outer - distance),
        thickness_mm=_with(ring.thickness_mm, part, thickness),
        ring_hu=_with(ring.ring_hu, blurred, np.where(seen[blurred], quiet, np.nan)),
        raw_hu=_with(ring.raw_hu, part, np.where(seen[part], ground.own_hu[part], np.nan)),
        drawn=(ring, part),
    )


def touched(part: slice, sigma: float, count: int) -> tuple[slice, slice]:
    """Return which of N sections change by a Gaussian filter when some do, and which are needed to filter those again."""
    reach = int(4.0 * sigma + 0.5)
    return tuple(slice(max(part.start - by, 0), min(part.stop + by, count)) for by in (reach, 2 * reach))  # type: ignore[return-value]


def inside_of(part: slice, of: slice) -> slice:
    """Return sections counted from the first of others."""
    return slice(part.start - of.start, part.stop - of.start)


def _with(values: FloatArray, part: slice, new: FloatArray) -> FloatArray:
    values = values.copy()
    values[part] = new
    return values


def _edges(walls: Walls, ground: RingGround, part: slice, place_mm: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lumen edge and outer wall at the angles of the places (n, M) of some sections, and which share lies between."""
    distance, angle = ground.distance_mm[part], ground.angle[part]
    lumen, outer = (_at_angle(edge[part], angle) for edge in (walls.lumen_mm, walls.outer_mm))
    between = _inside(distance - outer, place_mm) - _inside(distance - lumen, place_mm)
    return lumen, outer, np.clip(between, 0.0, 1.0)


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


def _averaged(ground: RingGround, share: FloatArray, part: slice, step: float, place: float) -> FloatArray:
    """Average the HU of wall and plaque (n, M) of some sections over ``QUIET_MM`` within the ring, outside which they mean
    nothing."""
    weight = share[part] * ~ground.glows[part]
    sigmas = (QUIET_MM / step, QUIET_MM / place, QUIET_MM / place)
    total, number = blurred_within((ground.own_hu[part] * weight, weight), ground.lattice, sigmas)
    return np.asarray(total / np.maximum(number, 1e-4), dtype=np.float64)


def blurred_within(
    values: tuple[FloatArray, FloatArray], lattice: NDArray[np.int64], sigmas: tuple[float, float, float]
) -> tuple[Float32Array, Float32Array]:
    """Blur values (n, M) on a lattice, to be used where the second of them is not 0; both are 0 where that one is.

    Only the box that holds them is blurred, which gives the same numbers there.
    """
    held = (values[1] > 0.0).any(axis=0)
    size = int(lattice.max()) + 1
    if not held.any():
        return np.zeros(values[0].shape, dtype=np.float32), np.zeros(values[0].shape, dtype=np.float32)
    low, high = lattice[held].min(axis=0), lattice[held].max(axis=0) + 1
    if low.min() == 0 or high.max() == size:  # beyond the lattice's own border values go on
        low, high = np.zeros_like(low), np.full_like(high, size)
    own = ((lattice >= low) & (lattice < high)).all(axis=1)
    row, column = (lattice[own] - low).T
    modes = ("reflect", "constant", "constant") if low.min() > 0 else "reflect"
    found = []
    for one in values:
        cube = np.zeros((len(one), *(high - low)), dtype=np.float32)
        cube[:, row, column] = one[:, own]
        blurred = np.zeros(one.shape, dtype=np.float32)
        blurred[:, own] = ndimage.gaussian_filter(cube, sigmas, mode=modes)[:, row, column]
        found.append(blurred)
    return found[0], found[1]
