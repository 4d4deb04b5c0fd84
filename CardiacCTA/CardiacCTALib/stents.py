"""Stents along a measured artery: a thin bright shell about a darker lumen, even over a long way as only metal is.

A ring of calcium may look alike: what is bright enough for metal is called a stent, what is not is said to be either.
Thresholds are chosen on digital stents and rings of calcium; struts of 0.08 to 0.14 mm blur to 600 to 1500 HU.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured
from .section_fit import SectionFit

BoolArray = NDArray[np.bool_]

LENGTH_MM = 8.0
"""Least length: the shortest coronary stents have 8 mm."""
METAL_HU = 1000.0
"""Brightness of the shell's struts (nine in ten places are darker) from which it is metal; calcium seldom has more all round."""
INSIDE_SHARE, BESIDE_MM = 0.93, 6.0
"""A stent lies on the wall: its radius is at least this share of the lumen's beside it; calcium of a stenosis lies inside."""
OVER_LUMEN = 1.3
"""Least brightness of a shell, over the lumen's."""
HOLLOW = 0.15
"""How much darker the middle is than the shell, as a share of the shell: a lumen is seen inside."""
ROUND_SHARE, UNEVEN_MM = 0.75, 0.35
"""Least share of the directions in which the shell is bright, and how far its radius may vary along it (robust deviation)."""
RADIUS_MM = (0.7, 2.8)
_ANGLES, _STEP_MM, _REACH_MM = 16, 0.15, 3.4
_QUIET_MM, _CENTRE_MM, _CLOSED_MM = 0.6, 1.2, 2.0


_SHELLS: WeakKeyDictionary[SectionFit, tuple[FloatArray, FloatArray, FloatArray]] = WeakKeyDictionary()


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

    Parameters
    ----------
    measured
        The vessel; only its samples and the level of its lumen are used, for walls mean little inside metal.
    """
    arc = measured.walls.arc_mm
    step = float(arc[-1] - arc[0]) / (len(arc) - 1)
    if measured.fit not in _SHELLS:  # they do not depend on walls, which a reader may be dragging
        _SHELLS[measured.fit] = shells(measured.values_hu, measured.places.at_mm, measured.lumen_hu, step)
    peak, radius, middle = _SHELLS[measured.fit]
    bright = (peak > OVER_LUMEN * measured.lumen_hu[:, None]).mean(axis=1) >= ROUND_SHARE
    level, width = np.median(peak, axis=1), np.median(radius, axis=1)
    hollow = middle < (1.0 - HOLLOW) * level
    shell = bright & hollow & (width > RADIUS_MM[0]) & (width < RADIUS_MM[1]) & measured.visible
    shell = ndimage.binary_closing(shell, iterations=max(round(_CLOSED_MM / step / 2.0), 1))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shell.astype(np.int8), [0]])))
    found = []
    for begin, end in pairwise(int(one) for one in edges):
        if not shell[begin] or (end - begin) * step < LENGTH_MM:
            continue
        own = width[begin:end]
        if 1.4826 * float(np.median(np.abs(own - np.median(own)))) > UNEVEN_MM:
            continue
        hu = float(np.percentile(peak[begin:end], 90.0))
        sure = hu >= METAL_HU and float(np.median(own)) >= INSIDE_SHARE * _beside(measured, begin, end, step)
        found.append(StentPlace(float(arc[begin]), float(arc[end - 1]), (begin + end) // 2, hu, sure))
    return tuple(found)


def _beside(measured: Measured, begin: int, end: int, step_mm: float) -> float:
    """Return the median radius of the lumen on both sides of sections, 0 where there is none."""
    count = round(BESIDE_MM / step_mm)
    gap = round(1.0 / step_mm)
    rows = np.concatenate([np.arange(begin - gap - count, begin - gap), np.arange(end + gap, end + gap + count)])
    rows = rows[(rows >= 0) & (rows < len(measured.visible))]
    return 0.5 * float(np.median(measured.walls.diameter_mm[rows])) if len(rows) else 0.0


def shells(
    values_hu: NDArray[np.float32], at_mm: FloatArray, lumen_hu: FloatArray, step_mm: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Look for the brightest ring about the middle of what is brighter than a lumen.

    Parameters
    ----------
    values_hu, at_mm
        (N, M) samples of sections and their places (M, 2) on a square lattice.

    Returns
    -------
    tuple
        (N, A) greatest HU in each direction, (N, A) how far out it lies, (N,) HU in the middle.
    """
    place = float(np.diff(np.unique(np.round(at_mm[:, 0], 4))).min())
    lattice = np.rint((at_mm - at_mm.min(axis=0)) / place).astype(int)
    size = int(lattice.max()) + 1
    cube = np.full((len(values_hu), size, size), -1000.0, dtype=np.float32)
    cube[:, lattice[:, 0], lattice[:, 1]] = values_hu
    cube = ndimage.gaussian_filter1d(cube, _QUIET_MM / step_mm, axis=0, mode="nearest")
    near = np.linalg.norm(at_mm, axis=1) < _REACH_MM - 0.2
    over = np.clip(values_hu - 1.1 * lumen_hu[:, None], 0.0, 800.0) * near
    weight = ndimage.gaussian_filter1d(over.sum(axis=1), _CENTRE_MM / step_mm, mode="nearest")
    moment = ndimage.gaussian_filter1d(over @ at_mm, _CENTRE_MM / step_mm, axis=0, mode="nearest")
    centre = moment / np.maximum(weight, 1.0)[:, None]
    angle = 2.0 * np.pi * np.arange(_ANGLES) / _ANGLES
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    reach = np.arange(0.0, _REACH_MM, _STEP_MM)
    places = centre[:, None, None] + reach[None, None, :, None] * ways[None, :, None]
    index = (places - at_mm.min(axis=0)) / place
    rows = np.broadcast_to(np.arange(len(values_hu), dtype=float)[:, None, None], places.shape[:3])
    polar = ndimage.map_coordinates(cube, [rows, index[..., 0], index[..., 1]], order=1, mode="nearest")
    best = polar.argmax(axis=2)
    peak = np.take_along_axis(polar, best[..., None], axis=2)[..., 0]
    return peak, reach[best], polar[:, :, :3].mean(axis=(1, 2))
