"""The heart's own axes, from its chambers where they are known, else from its arteries and the usual lie of a heart.

Names of arteries follow from where they run *in the heart*: along its axis, and round the left ventricle from the anterior
groove over the free wall to the posterior groove. :class:`HeartFrame` turns points of the patient into these coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.volume import LabelMap

USUAL_AXIS, USUAL_TOWARDS_RV = np.array([0.77, -0.46, -0.44]), np.array([-0.51, -0.86, -0.02])
"""From base to apex, and from the left to the right ventricle, in LPS: the apex points to the left, to the front and down, the
right ventricle lies before and to the right. Chosen: the middle of normal hearts, which turn by 15 degrees and more."""
RADIUS_MM = 30.0
"""Distance of the arteries in the grooves from the axis of the left ventricle. Chosen: half an outer diameter of 55 to 60 mm."""
LEFT_VENTRICLE, RIGHT_VENTRICLE, LEFT_ATRIUM, MYOCARDIUM, AORTA = (
    "left_ventricle", "right_ventricle", "left_atrium", "myocardium", "aorta",
)  # fmt: skip
_LEAST_VOXELS = 200
_MOST_VOXELS = 20000


@dataclass(frozen=True, eq=False)
class HeartFrame:
    """Axes of a heart.

    Parameters
    ----------
    axis, towards_rv, inferior
        Unit vectors (3,) LPS at right angles: base to apex, left to right ventricle, and towards the diaphragm.
    centre_lps_mm
        (3,) a point on the axis of the left ventricle.
    apex_lps_mm
        (3,) tip of the left ventricle; None where no chamber shows it.
    from_chambers
        Whether the chambers gave it.
    size
        Against a usual heart.
    """

    axis: FloatArray
    towards_rv: FloatArray
    inferior: FloatArray
    centre_lps_mm: FloatArray
    apex_lps_mm: FloatArray | None = None
    from_chambers: bool = False
    size: float = 1.0

    def placed(self, points_mm: FloatArray) -> FloatArray:
        """Return points (N, 3) of a usual heart, given along the axes from the left ventricle's middle, in this one."""
        return np.asarray(self.centre_lps_mm + self.size * points_mm @ np.stack([self.axis, self.towards_rv, self.inferior]))

    def depth_mm(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return how far (N,) points lie towards the apex."""
        return np.asarray((points_lps_mm - self.centre_lps_mm) @ self.axis)

    def across_mm(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return (N, 2) the place across the axis: towards the right ventricle, and inferior."""
        away = points_lps_mm - self.centre_lps_mm
        return np.stack([away @ self.towards_rv, away @ self.inferior], axis=-1)

    def turn_deg(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return the angle (N,) round the axis, 0 to 360: 80 posterior groove, 180 free wall, 320 anterior groove."""
        across = self.across_mm(points_lps_mm)
        return np.asarray(np.degrees(np.arctan2(across[..., 1], across[..., 0])) % 360.0)

    def reach_mm(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return the distance (N,) from the axis."""
        return np.asarray(np.linalg.norm(self.across_mm(points_lps_mm), axis=-1))


def frame_of(axis: FloatArray, towards_rv: FloatArray, centre_lps_mm: FloatArray) -> HeartFrame:
    """Return a frame from an axis, about where the right ventricle lies, and a centre."""
    along = unit(axis)
    side = unit(towards_rv - np.dot(towards_rv, along) * along)
    return HeartFrame(along, side, np.cross(along, side), np.asarray(centre_lps_mm, dtype=np.float64))


def frame_from_chambers(heart: LabelMap | None) -> HeartFrame | None:
    """Return the frame that the chambers give; None where left ventricle, right ventricle or left atrium are missing.

    Parameters
    ----------
    heart
        Its names hold ``left_ventricle``, ``right_ventricle``, ``left_atrium``, and ``myocardium`` for the apex.
    """
    if heart is None:
        return None
    clouds = {name: _cloud(heart, name) for name in (LEFT_VENTRICLE, RIGHT_VENTRICLE, LEFT_ATRIUM)}
    if any(cloud is None for cloud in clouds.values()):
        return None
    left, right, atrium = (clouds[name] for name in (LEFT_VENTRICLE, RIGHT_VENTRICLE, LEFT_ATRIUM))
    assert left is not None and right is not None and atrium is not None
    centre = left.mean(axis=0)
    axis = np.linalg.svd(left - centre, full_matrices=False)[2][0]
    away = centre - atrium.mean(axis=0)
    axis = axis if np.dot(axis, away) > 0 else -axis
    frame = frame_of(axis, right.mean(axis=0) - centre, centre)
    wall = _cloud(heart, MYOCARDIUM)
    solid = left if wall is None else np.concatenate([left, wall])
    apex = solid[np.argsort(frame.depth_mm(solid))[-max(len(solid) // 500, 1) :]].mean(axis=0)
    return replace(frame, apex_lps_mm=apex, from_chambers=True)


def _cloud(heart: LabelMap, name: str) -> FloatArray | None:
    values = [value for value, known in heart.names.items() if known == name]
    where: NDArray[np.int64] = np.argwhere(heart.mask(*values)) if values else np.empty((0, 3), dtype=np.int64)
    if len(where) < _LEAST_VOXELS:
        return None
    return heart.grid.lps_from_kji(where[:: max(len(where) // _MOST_VOXELS, 1)].astype(np.float64))


def usual_frame(origin_lps_mm: FloatArray) -> HeartFrame:
    """Return the axes of a heart that lies as most do, with the middle of its left ventricle at a point (3,)."""
    return frame_of(USUAL_AXIS, USUAL_TOWARDS_RV, origin_lps_mm)
