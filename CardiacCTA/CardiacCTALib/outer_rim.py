"""The outer edge of a thick wall, whose rim is darker or brighter than the plaque within it.

The fit gives a wall one level. Behind plaque an artery keeps its own wall (media and adventitia), as bright as it is elsewhere,
and that wall is not counted as plaque. One level for both, which is the plaque's in a thick wall, then puts the edge to fat where
the fitted wall holds as much brightness as the two have: too far in behind fibrous plaque (110 HU: by 0.14 mm, a fifth of the
volume), too far out behind lipid. The difference of brightness tells by how much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.blurred_contour import Contours, blurred_inside

from .section_knowledge import PLAQUE_HU
from .section_model import LEAST_RADIUS_MM, LUMEN_RADIUS, OUTER, OUTER_RADIUS, RING, contours_of
from .section_start import FAT_HU

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

RIM_SHARE, RIM_MM = 0.22, (0.3, 0.7)
"""An artery's own wall as a share of its outer radius, within limits. Chosen: 0.16 of the lumen's diameter, as normal walls of
0.3 to 0.7 mm are, is 0.24 of the outer radius in health, and less where plaque has widened the artery."""
_SHOWS = (0.5, 1.5)
"""A wall shows its plaque's own level the more, the nearer what it is thicker than its rim comes to the second, in rims. Chosen
on one digital heart."""
_MOST_MM, _PART = 0.25, 0.7
"""Most that an edge is moved, and which part of the balance of brightness it is moved by: the fitted level is not wholly the
plaque's. Chosen on two digital tubes, of 25 and 115 HU."""
_ALONG_MM, _ROUND_ANGLES = 0.5, 1.5


@dataclass(frozen=True, eq=False)
class Rim:
    """The rims of N walls: their thickness, mm, and how much (0 to 1) of the wall's level is that of the plaque within."""

    thickness_mm: FloatArray
    shows: FloatArray


def rims_of(values: FloatArray) -> Rim:
    """Return the rims of sections with parameters (N, 20)."""
    radius = values[:, OUTER_RADIUS]
    rim = np.clip(RIM_SHARE * radius, *RIM_MM)
    more = (radius - values[:, LUMEN_RADIUS] - rim) / rim
    return Rim(rim, np.clip((more - _SHOWS[0]) / (_SHOWS[1] - _SHOWS[0]), 0.0, 1.0))


def rim_seen(values: FloatArray, at_mm: FloatArray, sigma_mm: float) -> tuple[Float32Array, Float32Array]:
    """Return what rims add to sections pictured with one level, and their share.

    Parameters
    ----------
    values
        (N, 20) parameters, whose outer wall is the edge of the rim.
    at_mm
        (M, 2) places.

    Returns
    -------
    seen, share
        (N, M) HU, and 0 to 1; blur along the artery is not part of it.
    """
    rims, outer = rims_of(values), contours_of(values, OUTER)
    within = replace(outer, radius_mm=np.maximum(outer.radius_mm - rims.thickness_mm[:, None], LEAST_RADIUS_MM))
    share = blurred_inside(outer, at_mm, sigma_mm) - blurred_inside(within, at_mm, sigma_mm)
    share *= rims.shows.astype(np.float32)[:, None]
    return (PLAQUE_HU - values[:, RING.start]).astype(np.float32)[:, None] * share, share


def with_rim(outer: Contours, values: FloatArray, facing: BoolArray, step_mm: float) -> Contours:
    """Return outer walls at the edge of their rims.

    Parameters
    ----------
    outer
        N contours of J rays, as fitted with one level.
    values
        (N, 20) parameters of the sections.
    facing
        (N, J) where fat lies behind the wall: elsewhere its edge stays.
    step_mm
        Between sections.
    """
    rims, level = rims_of(values), values[:, RING.start]
    shift = _PART * rims.shows * rims.thickness_mm * (level - PLAQUE_HU) / np.maximum(level - FAT_HU, 1.0)
    seen = ndimage.gaussian_filter(facing.astype(float), (_ALONG_MM / step_mm, _ROUND_ANGLES), mode=("nearest", "wrap"))
    return replace(outer, radius_mm=outer.radius_mm + seen * np.clip(shift, -_MOST_MM, _MOST_MM)[:, None])
