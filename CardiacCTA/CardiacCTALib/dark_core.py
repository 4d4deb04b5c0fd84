"""Dark cores of a plaque: how large and how dark they are, with what blurring took of their darkness given back.

A lipid core a millimetre across keeps a third of its darkness in the scan, so that a threshold in HU does not find it. What
survives the blur is its darkness, summed up. Its volume is that sum over how much darker than the plaque a lipid core is, which
is known within a third.
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
from .plaque_ring import Ring

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
_HALF, _MARGIN_MM, _EDGE_MM = 0.4, 0.5, 0.25
_QUIET: WeakKeyDictionary[Ring, tuple[FloatArray, FloatArray, FloatArray, BoolArray]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class DarkCore:
    """One core.

    Parameters
    ----------
    places
        (N, M) where at least two fifths of its darkness are reached.
    volume_mm3, volume_error_mm3
        Of a lipid core that takes away as much brightness.
    around_hu, seen_hu
        Level of the plaque around it, and its own as seen, blurred.
    sure
        By how many standard errors its darkness is not noise.
    """

    places: BoolArray
    volume_mm3: float
    volume_error_mm3: float
    around_hu: float
    seen_hu: float
    sure: float


def dark_cores(measured: Measured, ring: Ring, region: PlaqueRegion, inside: BoolArray) -> tuple[DarkCore, ...]:
    """Return the dark cores of the plaque of some sections, largest first.

    Parameters
    ----------
    inside
        (N,) sections to look at.
    """
    if ring not in _QUIET:
        _QUIET[ring] = _quiet_ring(ring)
    weight, own, quiet, clear = _QUIET[ring]
    plaque = (weight > 0.3) & (ring.outer_mm > region.normal_mm[:, None]) & (inside & region.diseased)[:, None] & clear
    deep = plaque & (ring.inner_mm > _EDGE_MM) & (ring.outer_mm > region.normal_mm[:, None] + 0.5 * _EDGE_MM)
    if not deep.any():
        return ()
    noise = quiet_noise_hu(measured)
    around = float(np.percentile(quiet[deep], 70.0)) - 0.5 * noise
    fall = np.where(deep, around - quiet, -np.inf)
    labels, found = _pieces(fall > max(_HALF * float(fall.max()), 0.5 * CORE_SIGMAS * noise), ring)
    cores = []
    for one in range(1, found + 1):
        piece = labels == one
        thickness = float(np.median((ring.thickness_mm - region.normal_mm[:, None])[piece]))
        if float(fall[piece].max()) >= CORE_SIGMAS * noise and thickness >= CORE_WALL_MM:
            cores.append(_core(measured, ring, piece, plaque, around - own, around, float(quiet[piece].mean())))
    return tuple(sorted((one for one in cores if one.volume_mm3 >= LEAST_CORE_MM3), key=lambda one: -one.volume_mm3))


def _quiet_ring(ring: Ring) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Return weight and HU of the places (N, M) of a ring, its HU averaged, and whether calcium is far."""
    weight = np.where(np.isfinite(ring.raw_hu), ring.share, 0.0)
    own = np.where(weight > 0.0, np.nan_to_num(ring.raw_hu), 0.0)
    widths = (QUIET_MM[0] / ring.step_mm, QUIET_MM[1] / ring.place_mm, QUIET_MM[1] / ring.place_mm)
    held, count = (ndimage.gaussian_filter(cube_of(values, ring), widths) for values in (weight * own, weight))
    quiet = (held / np.maximum(count, 1e-3))[:, ring.lattice[:, 0], ring.lattice[:, 1]]
    return weight, own, quiet, np.asarray(away_mm(ring.glows, ring) > FROM_CALCIUM_MM)


def _core(
    measured: Measured, ring: Ring, places: BoolArray, plaque: BoolArray, dark: FloatArray, around: float, seen: float
) -> DarkCore:
    """Sum the darkness of a core and of what its blur spread around it within the plaque."""
    wide = (away_mm(places, ring) <= _MARGIN_MM) & plaque
    held = ring.share * ring.swept * wide
    mass, spread = float((held * dark).sum() * ring.place_mm3), float(held.sum() * ring.place_mm3)
    error = measured.scan.noise_hu * float(np.sqrt(measured.scan.noise_volume_mm3 * spread))
    depth = max(around - CORE_HU, 15.0)
    volume = max(mass, 0.0) / depth
    told = volume * float(np.hypot(error / max(mass, 1e-6), CORE_SD_HU / depth))
    return DarkCore(places, volume, told, around, seen, mass / max(error, 1e-6))


def away_mm(places: BoolArray, ring: Ring) -> FloatArray:
    """Return how far every place (N, M) is from the given ones, mm; infinite without any."""
    if not places.any():
        return np.full(places.shape, np.inf)
    cube = cube_of(places.astype(np.float32), ring) < 0.5
    away = ndimage.distance_transform_edt(cube, sampling=(ring.step_mm, ring.place_mm, ring.place_mm))
    return np.asarray(away[:, ring.lattice[:, 0], ring.lattice[:, 1]])


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
