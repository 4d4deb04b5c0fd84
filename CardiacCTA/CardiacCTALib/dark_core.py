"""Dark cores of a plaque: how large and how dark they are, with what blurring took of their darkness given back.

A lipid core a millimetre across keeps a third of its darkness in the scan, so that a threshold in HU does not find it. What
survives the blur is its darkness, summed up. Where a core lies is seen in the quieted plaque; the same place, blurred as the
scan is, is then fitted to the scan within the plaque, beside the plaque's own level. How deep it has to be tells the level
of the core, and depth times place its darkness. Its volume is that over how much darker than the plaque a lipid core is,
which is known within a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured
from .plaque_region import PlaqueRegion
from .plaque_ring import Ring, blurred_within, inside_of, touched

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

QUIET_MM = (0.8, 0.35)
"""Noise is averaged over this before cores are looked for (sigma along the artery and across it): cores are longer than thick."""
CORE_HU, CORE_SD_HU = 12.0, 10.0
"""Level of a lipid core before the scan is asked: low attenuation is under 30 HU, and fat under -30. Chosen."""
CORE_SIGMAS = 4.0
"""By how many standard deviations of the noise left a core must be darker than the plaque around it. Chosen: there are some
hundreds of independent places in a plaque."""
LEAST_CORE_MM3 = 1.0
CORE_WALL_MM = 1.0
"""Plaque thinner than this beside the normal wall shows no core: the glow of lumen and fat on both sides meets in it. Chosen."""
FROM_CALCIUM_MM = 0.6
"""So near to where calcium glows, HU of the plaque are not believed. Chosen."""
_HALF, _EDGE_MM = 0.4, 0.25
_QUIET: WeakKeyDictionary[Ring, tuple[FloatArray, FloatArray, BoolArray]] = WeakKeyDictionary()
_CORES: WeakKeyDictionary[Ring, WeakKeyDictionary[PlaqueRegion, dict[bytes, tuple[DarkCore, ...]]]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class DarkCore:
    """One core.

    Parameters
    ----------
    places
        (N, M) where at least two fifths of its darkness are reached.
    volume_mm3, volume_error_mm3
        Of a lipid core that takes away as much brightness.
    around_hu, level_hu, level_error_hu
        Level of the plaque around it, its own if it fills its places, and the standard error of that.
    sure
        By how many standard errors its darkness is not noise.
    """

    places: BoolArray
    volume_mm3: float
    volume_error_mm3: float
    around_hu: float
    level_hu: float
    level_error_hu: float
    sure: float


def dark_cores(measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray) -> tuple[DarkCore, ...]:
    """Return the dark cores of the plaque of some sections, largest first.

    Parameters
    ----------
    inside
        (N,) sections to look at.
    """
    asked = inside & region.diseased
    known = _CORES.setdefault(ring, WeakKeyDictionary()).setdefault(region, {})
    if (key := asked.tobytes()) not in known:
        known[key] = _cores(measured, ring, region, asked) if asked.any() else ()
    return known[key]


def _cores(measured: Measured, ring: Ring, region: PlaqueRegion, asked: BoolArray) -> tuple[DarkCore, ...]:
    rows = np.flatnonzero(asked)
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    weight, quiet, clear = quiet_ring(ring)
    weight, quiet, clear = weight[part], quiet[part], clear[part]
    outer, normal = ring.outer_mm[part], region.normal_mm[part, None]
    plaque = (weight > 0.3) & (outer > normal) & asked[part, None] & clear
    deep = plaque & (ring.inner_mm[part] > _EDGE_MM) & (outer > normal + 0.5 * _EDGE_MM)
    if not deep.any():
        return ()
    noise = quiet_noise_hu(measured)
    around = float(np.percentile(quiet[deep], 70.0)) - 0.5 * noise
    fall = np.where(deep, around - quiet, -np.inf)
    labels, found = _pieces(fall > max(_HALF * float(fall.max()), 0.5 * CORE_SIGMAS * noise), ring)
    thickness, pieces = ring.thickness_mm[part] - normal, []
    for one in range(1, found + 1):
        piece = labels == one
        if float(fall[piece].max()) >= CORE_SIGMAS * noise and float(np.median(thickness[piece])) >= CORE_WALL_MM:
            pieces.append(piece)
    cores = _fitted(measured, ring, part, plaque, pieces) if pieces else ()
    return tuple(sorted((one for one in cores if one.volume_mm3 >= LEAST_CORE_MM3), key=lambda one: -one.volume_mm3))


def quiet_ring(ring: Ring) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return weight of the places (N, M) of a ring, its HU averaged, and whether calcium is far; kept as long as the ring is."""
    if ring not in _QUIET:
        _QUIET[ring] = _quiet_ring(ring)
    return _QUIET[ring]


def _quiet_ring(ring: Ring) -> tuple[FloatArray, FloatArray, BoolArray]:
    if ring.drawn is None:
        return *_quieted(ring, slice(0, len(ring.share))), np.asarray(ring.from_glow_mm > FROM_CALCIUM_MM)
    others, part = ring.drawn
    weight, quiet, clear = quiet_ring(others)
    weight, quiet = weight.copy(), quiet.copy()
    blurred, needed = touched(part, QUIET_MM[0] / ring.step_mm, len(weight))
    weight[needed], new = _quieted(ring, needed)
    quiet[blurred] = new[inside_of(blurred, needed)]
    return weight, quiet, clear


def _quieted(ring: Ring, part: slice) -> tuple[FloatArray, FloatArray]:
    """Return weight and averaged HU of some sections of a ring (n, M); averages near their ends lack what is beyond, and outside
    the ring they mean nothing."""
    weight = np.where(np.isfinite(ring.raw_hu[part]), ring.share[part], 0.0)
    own = np.where(weight > 0.0, np.nan_to_num(ring.raw_hu[part]), 0.0)
    widths = (QUIET_MM[0] / ring.step_mm, QUIET_MM[1] / ring.place_mm, QUIET_MM[1] / ring.place_mm)
    held, count = blurred_within((weight * own, weight), ring.lattice, widths)
    return weight, np.asarray(held / np.maximum(count, 1e-3))


def _fitted(
    measured: Measured, ring: Ring, part: slice, plaque: BoolArray, pieces: list[BoolArray]
) -> tuple[DarkCore, ...]:  # fmt: skip
    """Fit the plaque's level and the depth of each core, all in some sections, to the scan, both blurred as the scan is."""
    sigma = measured.scan.sigma_mm
    sigmas = (sigma / ring.step_mm, sigma / ring.place_mm, sigma / ring.place_mm)
    wide = touched(part, sigmas[0], len(ring.share))[0]
    own = inside_of(part, wide)
    shares = [np.where(piece, ring.share[part], 0.0) for piece in pieces]
    beside = ((own.start, wide.stop - part.stop), (0, 0))
    cubes = [cube_of(np.pad(one, beside), ring) for one in shares]
    seen = [ndimage.gaussian_filter(one, sigmas)[own, ring.lattice[:, 0], ring.lattice[:, 1]] for one in cubes]
    design = np.stack([ring.band[part][plaque], *(-one[plaque] for one in seen)], axis=1).astype(np.float64)
    # a column that is all but zero (a core no place of which is well inside) stays at zero
    matrix = design.T @ design + 1e-6 * np.eye(design.shape[1])
    answer = np.linalg.solve(matrix, design.T @ ring.band_hu[part][plaque])
    alike = measured.scan.noise_volume_mm3 / ring.place_mm3
    errors = measured.scan.noise_hu * np.sqrt(np.diag(np.linalg.inv(matrix)) * alike)
    around, darker = float(answer[0]), max(float(answer[0]) - CORE_HU, 15.0)
    cores = []
    for piece, share, depth, error in zip(pieces, shares, answer[1:], errors[1:], strict=True):
        size = float((share * ring.swept[part]).sum() * ring.place_mm3)
        volume = size * max(float(depth), 0.0) / darker
        told = volume * float(np.hypot(error / max(float(depth), 1e-6), CORE_SD_HU / darker))
        places = np.zeros(ring.share.shape, dtype=bool)
        places[part] = piece
        cores.append(DarkCore(places, volume, told, around, around - float(depth), float(error), float(depth / error)))
    return tuple(cores)


def quiet_noise_hu(measured: Measured) -> float:
    """Return the noise left after averaging."""
    volume = (4.0 * np.pi) ** 1.5 * QUIET_MM[0] * QUIET_MM[1] ** 2
    return float(measured.scan.noise_hu * np.sqrt(min(measured.scan.noise_volume_mm3 / volume, 1.0)))


def cube_of(values: FloatArray | Float32Array, ring: Ring) -> Float32Array:
    """Lay values (N, M) out on the lattice (N, S, S), 0 where there is no place."""
    size = int(ring.lattice.max()) + 1
    cube = np.zeros((len(values), size, size), dtype=np.float32)
    cube[:, ring.lattice[:, 0], ring.lattice[:, 1]] = values
    return cube


def _pieces(mask: BoolArray, ring: Ring) -> tuple[NDArray[np.int64], int]:
    labels, count = ndimage.label(cube_of(mask.astype(np.float32), ring) > 0.5)
    return labels[:, ring.lattice[:, 0], ring.lattice[:, 1]], int(count)
