"""A triangle mesh as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles in LPS mm, normals pointing out of the tube.

    Parameters
    ----------
    points_lps_mm
        (N, 3) vertices.
    triangles
        (M, 3) int64 vertex indices.
    """

    points_lps_mm: FloatArray
    triangles: NDArray[np.int64]
