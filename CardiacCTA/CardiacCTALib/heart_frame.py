"""The heart's own axes, from its chambers where they are known, else from its arteries and the usual lie of a heart.

Names of arteries follow from where they run *in the heart*: along its axis, and round the left ventricle from the anterior
groove over the free wall to the posterior groove. :class:`HeartFrame` turns points of the patient into these coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.volume import LabelMap

USUAL_AXIS, USUAL_TOWARDS_RV = np.array([0.70, -0.58, -0.42]), np.array([-0.64, -0.76, -0.02])
"""From base to apex, and from the left to the right ventricle, in LPS: the apex points to the left, to the front and down, the
right ventricle lies before and to the right. Chosen: the middle of normal hearts, which turn by 15 degrees and more."""
RADIUS_MM, RADIUS_SD_MM = 30.0, 4.0
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
    """

    axis: FloatArray
    towards_rv: FloatArray
    inferior: FloatArray
    centre_lps_mm: FloatArray
    apex_lps_mm: FloatArray | None = None
    from_chambers: bool = False

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
    """Return the frame of a heart that lies as most do, with the end of its left main (or an ostium) at a point."""
    frame = frame_of(USUAL_AXIS, USUAL_TOWARDS_RV, origin_lps_mm)
    # seen along the axis the left main divides above the anterior wall, between the groove and the free wall
    return replace(frame, centre_lps_mm=origin_lps_mm - 10.0 * frame.towards_rv + 26.0 * frame.inferior)


def refined(frame: HeartFrame, usual: HeartFrame, lad_lps_mm: FloatArray, lcx_lps_mm: FloatArray, start_mm: int) -> HeartFrame:
    """Return a frame fitted to the arteries: LAD and LCx surround the axis at the base, and the LAD gets to the apex.

    Parameters
    ----------
    frame
        The frame to improve.
    usual
        The frame that needs no arteries; the axis stays halfway to it, because an LAD may end before the apex.
    lad_lps_mm, lcx_lps_mm
        (N, 3) their courses beyond the left main; their first ``start_mm`` points are not yet in the grooves.
    """
    basal = lcx_lps_mm[start_mm:]
    near = lad_lps_mm[start_mm:]
    near = near[frame.depth_mm(near) < np.percentile(frame.depth_mm(near), 60.0)]
    around = np.concatenate([frame.across_mm(near), frame.across_mm(basal)])

    def miss(given: FloatArray) -> FloatArray:
        gap = np.linalg.norm(around - given[:2], axis=1) - given[2]
        return np.concatenate([gap / np.sqrt(len(gap)), [(given[2] - RADIUS_MM) / RADIUS_SD_MM]])

    found = least_squares(miss, [0.0, 0.0, RADIUS_MM]).x
    centre = frame.centre_lps_mm + found[0] * frame.towards_rv + found[1] * frame.inferior
    centre = centre + float(np.median(frame.depth_mm(basal))) * frame.axis  # the fit moved it across the axis only
    apex = lad_lps_mm[int(frame.depth_mm(lad_lps_mm).argmax())]
    return frame_of(unit(unit(apex - centre) + usual.axis), frame.towards_rv, centre)
