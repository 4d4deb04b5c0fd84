"""How bright a wall is expected to be: as usual where it is thin, hardly known where it is thick, because plaque shows itself.

Fibrous plaque (95 to 130 HU) is twice as bright as soft plaque. Held at the usual level it pushes what is too bright into the
lumen, which then looks wider than it is: by 4 points of stenosis in arteries of 2 mm. A normal wall is as thin as the blur and
does not show its own level; there the usual one keeps thickness and level apart.
"""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

from .section_knowledge import PLAQUE_HU, PLAQUE_SD_HU, WALL_MM, ExpectedWall
from .section_model import LUMEN_RADIUS, OUTER, OUTER_RADIUS

OPEN_SD_HU = 60.0
"""How far the level of a thick wall may lie from the usual one, section by section; neighbours are tied by their smoothness.
Chosen on digital arteries of 1.7 to 4 mm with plaque of 20 to 130 HU."""
_THICK_MM = (0.8, 1.3)
"""A wall shows its own level the more, the nearer it is to the second. Chosen: sigmas of the blur are 0.3 mm."""


def expected_wall(values: FloatArray, first: FloatArray) -> ExpectedWall:
    """Return what the walls of sections with parameters (N, 20) are expected to be, from those of the first guess (N, 20)."""
    low, high = _THICK_MM
    wall = values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS]
    share = np.clip((wall - low) / (high - low), 0.0, 1.0)
    level = np.full(len(share), PLAQUE_HU), PLAQUE_SD_HU + (OPEN_SD_HU - PLAQUE_SD_HU) * share
    thick = np.maximum(WALL_MM, first[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS])
    return ExpectedWall(*level, thick, first[:, OUTER.start : OUTER.start + 2])
