"""Moving the tip by hand: it turns as told, and where it meets the wall it slides along it instead of passing through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.render.camera_pose import CameraPose
from SenseCarePlanningLib.render.lumen_field import LumenField

CLEARANCE_MM = 0.3
SUBSTEP_MM = 0.25
"""A long move is made in steps shorter than any wall is thick, so that nothing is jumped through."""


@dataclass(frozen=True)
class Motion:
    """What the operator does in one moment.

    Parameters
    ----------
    advance_mm
        Along the view; negative withdraws.
    rotate_deg
        Roll of the scope, clockwise in the picture seen by the operator.
    flex_deg
        Bending of the tip, positive up in the picture.
    turn_deg
        Bending to the right in the picture.
    """

    advance_mm: float = 0.0
    rotate_deg: float = 0.0
    flex_deg: float = 0.0
    turn_deg: float = 0.0


def step(camera: CameraPose, motion: Motion, field: LumenField) -> CameraPose:
    """Return the pose after a motion, clamped to the lumen.

    The tip first rolls, then bends, then advances. Close to the wall, the part of the advance that leads into it is
    taken off and the rest slides along it. A tip that starts outside the lumen is put at its nearest point first.

    Raises
    ------
    ValueError
        When the motion or the pose holds a number that is not finite.
    """
    numbers = (motion.advance_mm, motion.rotate_deg, motion.flex_deg, motion.turn_deg)
    if not np.isfinite(numbers).all() or not np.isfinite(camera.position_lps_mm).all():
        raise ValueError(f"a motion needs finite numbers, got {motion}")
    right, up, forward = camera.axes
    reach = float(np.linalg.norm(camera.focal_lps_mm - camera.position_lps_mm))
    up = _turned(up, forward, motion.rotate_deg)
    right = np.cross(forward, up)
    forward, up = _turned(forward, right, motion.flex_deg), _turned(up, right, motion.flex_deg)
    forward = _turned(forward, up, -motion.turn_deg)
    position = _advanced(np.asarray(camera.position_lps_mm, dtype=np.float64), forward, motion.advance_mm, field)
    return CameraPose(position, position + forward * max(reach, 1.0), unit(up - np.dot(up, forward) * forward))


def _turned(vector: FloatArray, axis: FloatArray, angle_deg: float) -> FloatArray:
    """Turn a vector about a unit axis by the right-hand rule."""
    angle = np.radians(angle_deg)
    along = np.dot(axis, vector) * axis
    return np.asarray(along + np.cos(angle) * (vector - along) + np.sin(angle) * np.cross(axis, vector))


def _advanced(start: FloatArray, forward: FloatArray, advance_mm: float, field: LumenField) -> FloatArray:
    position = start if field.is_inside(start)[0] else field.nearest_inside(start)[0]
    count = max(int(np.ceil(abs(advance_mm) / SUBSTEP_MM)), 1)
    move = forward * (advance_mm / count)
    for _ in range(count):
        wanted = position + move
        if _free(wanted, position, field):
            position = wanted
            continue
        away = unit(field.gradient(position)[0])
        slide = move - min(float(np.dot(move, away)), 0.0) * away
        if _free(position + slide, position, field):
            position = position + slide
            continue
        lifted = position + slide + 0.05 * away
        if _free(lifted, position, field):
            position = lifted
    return position


def _free(wanted: FloatArray, before: FloatArray, field: LumenField) -> bool:
    """Tell whether a place is inside and has clearance, or at least more of it than the place before."""
    distance, now = field.distance_mm(np.stack([wanted, before]))
    return bool(field.is_inside(wanted)[0]) and bool(distance >= CLEARANCE_MM or distance > now)
