"""Stents along a measured artery: a thin bright shell about a darker lumen, even over a long way as only metal is.

A ring of calcium may look alike. Calcium is thicker, lies inside a stenosis and seldom has 1000 HU all round: what is thin, on
the wall and ends sharply, or is bright enough for metal, is called a stent; what else hides the lumen all round is said to be
either. Thresholds are chosen on digital stents and rings of calcium; struts of 0.08 to 0.14 mm blur to 450 to 1500 HU.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, mean_step_mm, runs_of

from .lumen import Measured
from .section_fit import SectionFit
from .section_model import LUMEN, lattice_of, spacing_of

BoolArray = NDArray[np.bool_]

LENGTH_MM = 8.0
"""Least length: the shortest coronary stents have 8 mm."""
METAL_HU = 1000.0
"""Brightness of the shell's struts (nine in ten places are darker) from which it is metal; calcium seldom has more all round."""
INSIDE_SHARE, OUTSIDE_SHARE, BESIDE_MM = 0.88, 1.25, 6.0
"""A stent lies on the wall: its radius is within these shares of the lumen's beside it; the ring of faint struts shows up to a
tenth inside the wall. Calcium of a stenosis lies farther inside, that of a wall that gave way outside."""
OVER_LUMEN = 1.3
"""Least brightness over the lumen's of a shell of which it is not certain that it is a stent: less of it hides no lumen."""
OVER_MIDDLE, OVER_NOISE = 0.06, 1.5
"""Least brightness of struts over the middle, as a share of it and in standard deviations of a voxel's noise: an open artery's
rim has at most two thirds of it, averaged along a millimetre."""
ENDS_SHARE = 0.4
"""A stent ends sharply: beside it is no more than this share of its excess. What a sharp kernel makes is everywhere."""
HOLLOW = 0.15
"""How much darker the middle is than a bright shell, as a share of the shell: a lumen is seen inside."""
ROUND_SHARE, UNEVEN_MM = 0.75, 0.35
"""Least share of the directions in which the shell is bright, and how far its radius may vary along it (robust deviation)."""
RADIUS_MM = (0.7, 2.8)
_ANGLES, _STEP_MM, _REACH_MM = 16, 0.15, 3.4
THIN, SAMPLED_MM, OUTSIDE_HU = 1.15, 0.34, 60.0
"""Greatest thickness of a ring of struts over the full width of the scan's blur with that of the sampling (the second), and HU of
the wall outside. Chosen: struts of 0.14 mm show 1.05 to 1.1 of it, a ring of calcium of 0.64 mm 1.2; thinner rings pass."""
_PROFILE_MM, _INNER = 1.2, 4
_LUMEN_WEIGHT = 3000.0
_QUIET_MM, _CENTRE_MM, _CLOSED_MM, _CELL_MM, _OFF_ENDS_MM = 1.0, 1.2, 2.0, 4.0, 1.0


@dataclass(frozen=True, eq=False)
class Shell:
    """The brightest ring of each section: (N, A, R) HU by direction and distance from its middle, (N, A) its HU and how far out
    it lies in each direction, (N,) HU in the middle."""

    polar_hu: NDArray[np.float32]
    peak_hu: FloatArray
    radius_mm: FloatArray
    middle_hu: FloatArray

    @property
    def width_mm(self) -> FloatArray:
        """Median radius (N,) of the ring."""
        return np.asarray(np.median(self.radius_mm, axis=1))


_SHELLS: WeakKeyDictionary[SectionFit, tuple[Shell, list[slice], list[slice]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class StentPlace:
    """One stent: from and to in mm along the vessel, the number of its middle section, how bright its struts are, and whether it
    is metal for sure."""

    from_mm: float
    to_mm: float
    middle: int
    shell_hu: float
    sure: bool


def find_stents(measured: Measured) -> tuple[StentPlace, ...]:
    """Return the stents of a vessel, proximal first.

    Strategy: along a stent the brightest ring about the middle stands out against it in nearly all directions. Where this begins
    and ends sharply, and the ring is even, thin as struts are and lies on the wall, it is a stent; where it only hides the lumen,
    it may be calcium too.

    Parameters
    ----------
    measured
        The vessel; only its samples and the level of its lumen are used, for walls mean little inside metal.
    """
    arc = measured.walls.arc_mm
    step = mean_step_mm(arc)
    if measured.fit not in _SHELLS:  # they do not depend on walls, which a reader may be dragging
        _SHELLS[measured.fit] = _rings(measured, step)
    shell, rings, hides = _SHELLS[measured.fit]
    found = [place for rows in rings if (place := _place(measured, shell, rows, step)).sure]
    sure = np.zeros(len(arc), dtype=bool)
    for one in found:
        sure |= (arc >= one.from_mm) & (arc <= one.to_mm)
    for rows in hides:
        if not sure[rows].any() and _is_even(shell, rows):
            found.append(_place(measured, shell, rows, step))
    return tuple(sorted(found, key=lambda one: one.from_mm))


def _rings(measured: Measured, step: float) -> tuple[Shell, list[slice], list[slice]]:
    """Return the brightest rings, the stretches in which they stand out, and those in which they hide the lumen."""
    centre = measured.fit.values[:, LUMEN][:, :2]
    shell = shells(measured.values_hu, measured.places.at_mm, measured.lumen_hu, centre, step)
    over = shell.peak_hu - shell.middle_hu[:, None]
    least = np.maximum(OVER_MIDDLE * shell.middle_hu, OVER_NOISE * measured.scan.noise_hu)
    even = (shell.width_mm > RADIUS_MM[0]) & (shell.width_mm < RADIUS_MM[1]) & measured.visible
    level = np.median(shell.peak_hu, axis=1)
    bright = (shell.peak_hu > OVER_LUMEN * measured.lumen_hu[:, None]).mean(axis=1) >= ROUND_SHARE
    hiding = bright & (shell.middle_hu < (1.0 - HOLLOW) * level) & even
    ring = ((over > least[:, None]).mean(axis=1) >= ROUND_SHARE) & even
    return shell, _runs(ring, step, _CELL_MM), _runs(hiding, step)


def _runs(mask: BoolArray, step_mm: float, closed_mm: float = _CLOSED_MM) -> list[slice]:
    """Return the stretches of a stent's length, small breaks closed: faint struts leave the cells between them open."""
    closed = ndimage.binary_closing(mask, iterations=max(round(closed_mm / step_mm / 2.0), 1))
    return [one for one in runs_of(closed) if (one.stop - one.start) * step_mm >= LENGTH_MM]


def _is_even(shell: Shell, rows: slice) -> bool:
    own = shell.width_mm[rows]
    return 1.4826 * float(np.median(np.abs(own - np.median(own)))) <= UNEVEN_MM


def _place(measured: Measured, shell: Shell, rows: slice, step_mm: float) -> StentPlace:
    """Return a stretch with a ring, and whether it is a stent for sure."""
    arc = measured.walls.arc_mm
    hu = float(np.percentile(shell.peak_hu[rows], 90.0))
    beside = _beside_mm(measured, rows, step_mm)
    width = float(np.median(shell.width_mm[rows]))
    on_wall = INSIDE_SHARE * beside <= width and (beside == 0.0 or width <= OUTSIDE_SHARE * beside)
    thin = thickness_mm(shell, rows, step_mm) <= THIN * float(np.hypot(measured.scan.fwhm_mm, SAMPLED_MM))
    metal = hu >= METAL_HU or (thin and _ends_sharply(shell, rows, step_mm))
    sure = on_wall and metal and _is_even(shell, rows)
    return StentPlace(float(arc[rows.start]), float(arc[rows.stop - 1]), (rows.start + rows.stop) // 2, hu, sure)


def _ends_sharply(shell: Shell, rows: slice, step_mm: float) -> bool:
    """Tell whether the ring is gone on both sides of a stretch, as far as the vessel goes on there."""
    excess = np.median(shell.peak_hu - shell.middle_hu[:, None], axis=1)
    off, count = round(_OFF_ENDS_MM / step_mm), round(BESIDE_MM / step_mm)
    sides = (
        excess[max(rows.start - off - count, 0) : max(rows.start - off, 0)],
        excess[rows.stop + off : rows.stop + off + count],
    )
    own = float(np.median(excess[rows]))
    return any(len(one) for one in sides) and all(float(np.median(one)) <= ENDS_SHARE * own for one in sides if len(one))


def thickness_mm(shell: Shell, rows: slice, step_mm: float) -> float:
    """Return how thick a ring shows: its mean profile about its top, at half height to both sides; infinite where it has none."""
    inner = slice(rows.start + round(_OFF_ENDS_MM / step_mm), rows.stop - round(_OFF_ENDS_MM / step_mm))
    away = np.arange(-_PROFILE_MM, _PROFILE_MM + 1e-6, 0.05)
    reach = np.arange(shell.polar_hu.shape[2]) * _STEP_MM
    profile = np.mean(
        [
            np.interp(top + away, reach, ray)
            for section, tops in zip(shell.polar_hu[inner], shell.radius_mm[inner], strict=True)
            for ray, top in zip(section, tops, strict=True)
        ],
        axis=0,
    )
    middle = len(away) // 2
    top, inside = float(profile[middle]), float(np.median(shell.middle_hu[inner]))
    below_in = np.flatnonzero(profile[:middle] < 0.5 * (top + inside))
    below_out = np.flatnonzero(profile[middle:] < 0.5 * (top + OUTSIDE_HU))
    if not len(below_in) or not len(below_out):
        return np.inf
    return float(-away[below_in[-1]] + away[middle + below_out[0]])


def _beside_mm(measured: Measured, stretch: slice, step_mm: float) -> float:
    """Return the median radius of the lumen on both sides of sections, 0 where there is none."""
    count = round(BESIDE_MM / step_mm)
    gap = round(1.0 / step_mm)
    begin, end = stretch.start, stretch.stop
    rows = np.concatenate([np.arange(begin - gap - count, begin - gap), np.arange(end + gap, end + gap + count)])
    rows = rows[(rows >= 0) & (rows < len(measured.visible))]
    return 0.5 * float(np.median(measured.walls.diameter_mm[rows])) if len(rows) else 0.0


def shells(
    values_hu: NDArray[np.float32], at_mm: FloatArray, lumen_hu: FloatArray, lumen_at_mm: FloatArray, step_mm: float
) -> Shell:
    """Look for the brightest ring about the middle of what is brighter than a lumen.

    Parameters
    ----------
    values_hu, at_mm
        (N, M) samples of sections and their places (M, 2) on a square lattice.
    lumen_hu, lumen_at_mm
        (N,), (N, 2) level and middle of the lumen: the ring's middle is looked for there as long as little is brighter.
    """
    lattice = lattice_of(at_mm, place := spacing_of(at_mm))
    size = int(lattice.max()) + 1
    cube = np.full((len(values_hu), size, size), -1000.0, dtype=np.float32)
    cube[:, lattice[:, 0], lattice[:, 1]] = values_hu
    cube = ndimage.gaussian_filter1d(cube, _QUIET_MM / step_mm, axis=0, mode="nearest")
    near = np.linalg.norm(at_mm, axis=1) < _REACH_MM - 0.2
    over = np.clip(values_hu - 1.1 * lumen_hu[:, None], 0.0, 800.0) * near
    weight = ndimage.gaussian_filter1d(over.sum(axis=1) + _LUMEN_WEIGHT, _CENTRE_MM / step_mm, mode="nearest")
    moment = ndimage.gaussian_filter1d(over @ at_mm + _LUMEN_WEIGHT * lumen_at_mm, _CENTRE_MM / step_mm, axis=0, mode="nearest")
    centre = moment / weight[:, None]
    angle = 2.0 * np.pi * np.arange(_ANGLES) / _ANGLES
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    reach = np.arange(0.0, _REACH_MM, _STEP_MM)
    places = centre[:, None, None] + reach[None, None, :, None] * ways[None, :, None]
    index = (places - at_mm.min(axis=0)) / place
    rows = np.broadcast_to(np.arange(len(values_hu), dtype=float)[:, None, None], places.shape[:3])
    polar = ndimage.map_coordinates(cube, [rows, index[..., 0], index[..., 1]], order=1, mode="nearest")
    best = _INNER + polar[:, :, _INNER:].argmax(axis=2)
    peak = np.take_along_axis(polar, best[..., None], axis=2)[..., 0]
    return Shell(polar, peak, reach[best], polar[:, :, :_INNER].mean(axis=(1, 2)))
