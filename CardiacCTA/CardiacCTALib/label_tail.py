"""Where an artery leaves its groove to run down a ventricle, though no branch marks the place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SenseCarePlanningLib.geometry import arc_length_mm

from .heart_frame import HeartFrame
from .label_paths import Way

_SNAP_MM = 6.0
_LEAST_GAIN_MM = 8.0


def part_from(way: Way, from_mm: float) -> Way:
    """Return the course beyond an arc length, as a way of its own."""
    at = min(int(np.searchsorted(way.arc_mm, from_mm)), len(way.arc_mm) - 2)
    points = way.points_lps_mm[at:]
    return Way(points, way.radius_mm[at:], arc_length_mm(points), way.branch_ids[-1:], (float(arc_length_mm(points)[-1]),))


def groove_end_mm(way: Way, frame: HeartFrame, from_mm: float, origins_mm: Sequence[float] = ()) -> float:
    """Return the arc length at which a course turns from the groove towards the apex; its length where it does not turn.

    The place is the corner of the curve of depth over length: the point farthest under the chord from ``from_mm`` to the end.
    A branch that leaves within 6 mm of it marks the place better.
    """
    rest = part_from(way, from_mm)
    depth = frame.depth_mm(rest.points_lps_mm)
    chord = depth[0] + (depth[-1] - depth[0]) * rest.arc_mm / rest.length_mm
    corner = int((chord - depth).argmax())
    if depth[-1] - depth[corner] < _LEAST_GAIN_MM:
        return way.length_mm
    place = from_mm + float(rest.arc_mm[corner])
    near = [one for one in origins_mm if abs(one - place) <= _SNAP_MM]
    return min(near, key=lambda one: abs(one - place)) if near else place
