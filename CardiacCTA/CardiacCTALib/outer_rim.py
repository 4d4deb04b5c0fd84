"""The outer edge of a thick wall, whose rim is darker or brighter than the plaque within it.

The fit gives a wall one level. Behind plaque an artery keeps its own wall (media and adventitia), as bright as it is elsewhere,
and that wall is not counted as plaque. One level for both, which is the plaque's in a thick wall, then puts the edge to fat where
the fitted wall holds as much brightness as the two have: too far in behind fibrous plaque (110 HU: by 0.14 mm, a fifth of the
volume), too far out behind lipid. The difference of brightness tells by how much.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.blurred_contour import Contours

from .section_knowledge import PLAQUE_HU
from .section_model import LUMEN_RADIUS, OUTER_RADIUS, RING

BoolArray = NDArray[np.bool_]

FAT_HU = -90.0
"""Fat around the heart is -80 to -100 HU bright."""
RIM_SHARE, RIM_MM = 0.22, (0.3, 0.7)
"""An artery's own wall as a share of its outer radius, within limits: 0.16 of the lumen's diameter (``plaque_region``)."""
_SHOWS = (0.5, 1.5)
"""A wall shows its plaque's own level the more, the nearer what it is thicker than its rim comes to the second, in rims. Chosen
on one digital heart."""
_MOST_MM = 0.25
_ALONG_MM, _ROUND_ANGLES = 0.5, 1.5


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
    radius, level = values[:, OUTER_RADIUS], values[:, RING.start]
    rim = np.clip(RIM_SHARE * radius, *RIM_MM)
    more = (radius - values[:, LUMEN_RADIUS] - rim) / rim
    shows = np.clip((more - _SHOWS[0]) / (_SHOWS[1] - _SHOWS[0]), 0.0, 1.0)
    shift = np.clip(shows * rim * (level - PLAQUE_HU) / np.maximum(level - FAT_HU, 1.0), -_MOST_MM, _MOST_MM)
    seen = ndimage.gaussian_filter(facing.astype(float), (_ALONG_MM / step_mm, _ROUND_ANGLES), mode=("nearest", "wrap"))
    return replace(outer, radius_mm=outer.radius_mm + seen * shift[:, None])
