"""A bypass graft of a digital coronary patient: a vein from the ascending aorta, over the pulmonary trunk, to the LAD."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ..geometry import FloatArray, arc_length_mm, smooth_polyline, unit
from .coronary_heart import AORTIC_AXIS, AORTIC_VALVE, Heart
from .coronary_tree import STEP_MM, Artery, settle

HEIGHT_MM, ANGLE_DEG = 46.0, -62.0
"""Where it leaves the aorta: above the valve (the sinotubular junction lies at about 20 mm), and about the axis, from the
patient's left towards posterior: in front and a little to the left."""
DIAMETER_MM, WALL_MM = 3.6, 0.5
"""Of a vein graft, the same along its length."""
TARGET_SHARE = 0.62
"""Where on the LAD it ends, as a share of its points."""
OVER_TRUNK = (24.0, -70.0, -30.0)
"""In front of the pulmonary trunk, in the heart's template."""
TARGETS = ("LAD",)


def make_graft(heart: Heart, arteries: list[Artery], target: str) -> Artery:
    """Lay a graft to an artery.

    Parameters
    ----------
    target
        One of :data:`TARGETS`.

    Returns
    -------
    Artery
        Without segment; its last point lies on the artery that it feeds.

    Raises
    ------
    ValueError
        When the target is another one.
    """
    if target not in TARGETS:
        raise ValueError(f"the graft must lead to one of {', '.join(TARGETS)}, got {target}")
    fed = next(one for one in arteries if one.name == target)
    end = fed.points_lps_mm[round(TARGET_SHARE * (len(fed.points_lps_mm) - 1))]
    start, outward = _start(heart)
    lift = unit(heart.slope("sac", end[None], 3.0))[0]
    guide = np.stack([start, start + 9.0 * outward, heart.pose.place(np.array(OVER_TRUNK)), end + 14.0 * lift, end])
    arc = arc_length_mm(guide)
    dense = CubicSpline(arc, guide)(np.arange(0.0, arc[-1], 1.0))
    radius = 0.5 * DIAMETER_MM
    others = np.concatenate([one.points_lps_mm[::4] for one in arteries])
    away = others[np.linalg.norm(others - end, axis=1) > 14.0]
    settled = settle(dense, heart, (), radius + WALL_MM, away, rounds=25)
    course = smooth_polyline(np.concatenate([settled, end[None]]), 1.5, STEP_MM)
    course[0], course[-1] = start, end
    lumen = np.full(len(course), radius)
    return Artery(f"graft to {target}", None, 0, course, lumen, lumen + WALL_MM, np.zeros(len(course), dtype=int))


def _start(heart: Heart) -> tuple[FloatArray, FloatArray]:
    """Return a place on the wall of the ascending aorta, and the direction outward."""
    left = unit(np.array([1.0, 0.0, 0.0]) - AORTIC_AXIS[0] * AORTIC_AXIS)
    back = np.cross(AORTIC_AXIS, left)
    angle = np.radians(ANGLE_DEG)
    outward = heart.pose.turn(np.cos(angle) * left + np.sin(angle) * back)
    middle = heart.pose.place(AORTIC_VALVE + HEIGHT_MM * AORTIC_AXIS)
    along = middle + np.arange(0.0, 30.0, 0.25)[:, None] * outward
    inside = heart.read("aorta", along) < 0.0
    if not inside.any():
        raise ValueError("the ascending aorta of this heart does not reach the height of a graft")
    return np.asarray(along[int(np.flatnonzero(inside)[-1])]), np.asarray(outward)
