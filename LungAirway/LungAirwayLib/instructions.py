"""Turn by turn: advance, rotate to the clock hour, flex; one row for every bifurcation on the way.

The operator's picture. A camera looks along the airway (forward, caudally in the trachea). Its up vector starts as
anterior for ``"anterior_12"`` and posterior for ``"posterior_12"``, is projected across the trachea's axis, and is
carried along the smoothed route without twist (double reflection, Wang 2008, doi:10.1145/1330511.1330513). The right of
the picture is ``forward x up``. In LPS, forward = (0, 0, -1) and up = (0, -1, 0) give right = (-1, 0, 0): the patient's
right side is on the right of the picture, as a bronchoscopist standing behind the head of a supine patient sees it.
Clock hours count clockwise in that picture from up; they do not turn with the scope's own roll.

An opening that lies nearly straight ahead has no direction of its own in that picture: a degree more or less turns its
hour. What the operator sees is on which side of the carina it lies. So its hour is taken about the middle of all openings
where it lies within 10 degrees of the axis, about the axis from 20 degrees on, and blended in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, angle_deg, arc_length_mm, smooth_polyline, tangents, unit
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .plan import Instruction, Route

ORIENTATIONS = {"anterior_12": (0.0, -1.0, 0.0), "posterior_12": (0.0, 1.0, 0.0)}
"""The up vector in LPS at the trachea for each operator's convention."""
SMOOTHING_MM = 3.0
LOOK_BACK_MM = 5.0
LOOK_AHEAD_MM = 8.0
AHEAD_DEG, ASIDE_DEG = 10.0, 20.0
"""Openings nearer to the axis than the first are placed about the carina, beyond the second about the axis. Design choices."""
LARGEST_ROLL_DEG = 150.0
"""Rather than roll the scope further than this, its tip is flexed down instead of up."""


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A smoothed route with a picture frame at each sample: forward, up and right, all (N, 3)."""

    points_lps_mm: FloatArray
    forward: FloatArray
    up: FloatArray

    @property
    def right(self) -> FloatArray:
        """The right of the picture (N, 3)."""
        return np.asarray(np.cross(self.forward, self.up))


def instruct(route: Route, tree: Tree, orientation: str = "anterior_12") -> tuple[Instruction, ...]:
    """Return one instruction for every bifurcation that the route passes, trachea first.

    ``rotate_deg`` is the roll from the position after the step before (the first: from up), positive clockwise as the
    operator sees it; ``flex_deg`` is positive with the tip flexed up, negative with it flexed down, which is chosen
    where flexing up would need a roll of more than 150 degrees. ``diameter_mm`` is the smallest of the branch to enter.

    Raises
    ------
    ValueError
        For an orientation that is not known.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"unknown orientation {orientation!r}, expected one of {sorted(ORIENTATIONS)}")
    if len(route.branch_ids) < 2:
        return ()
    camera = camera_path(route.points_lps_mm, np.array(ORIENTATIONS[orientation]))
    rows: list[Instruction] = []
    roll, depth_before, depth = 0.0, 0.0, 0.0
    for current_id, next_id in zip(route.branch_ids, route.branch_ids[1:], strict=False):
        branch, wanted = tree[current_id], tree[next_id]
        depth += branch.length_mm
        if len(branch.child_ids) < 2:
            continue
        view = _view_before(camera, branch)
        clocks = _clocks(view, {child.id: _opening_direction(child) for child in tree.children(current_id)})
        clock = clocks[next_id]
        bend = angle_deg(view[0], _opening_direction(wanted))
        rotate, up = _roll(roll, clock)
        roll = _wrapped(roll + rotate)
        rows.append(
            Instruction(
                step=len(rows) + 1,
                branch_id=current_id,
                next_branch_id=next_id,
                carina_lps_mm=_triple(branch.points_lps_mm[-1]),
                advance_mm=depth - depth_before,
                depth_mm=depth,
                clock_hour=clock_hour(clock),
                clock_angle_deg=clock,
                rotate_deg=rotate,
                flex_deg=bend if up else -bend,
                diameter_mm=wanted.minimum_diameter_mm,
                diameter_interval_mm=wanted.minimum_diameter_interval_mm,
                label=_name(branch),
                next_label=_name(wanted),
                openings=tuple(
                    (child.id, _name(child), clock_hour(clocks[child.id]), child.minimum_diameter_mm)
                    for child in sorted(tree.children(current_id), key=lambda item: clocks[item.id])
                ),
            )
        )
        depth_before = depth
    return tuple(rows)


def clock_hour(angle: float) -> int:
    """Return the hour 1 to 12 nearest to an angle in degrees, clockwise from 12 o'clock."""
    return int(np.floor(angle / 30.0 + 0.5)) % 12 or 12


def camera_path(points_lps_mm: FloatArray, up_lps: FloatArray) -> CameraPath:
    """Smooth a route (N, 3) and carry the picture frame along it without twist.

    Where the route starts parallel to ``up_lps``, the patient's superior direction stands in for it.
    """
    points = smooth_polyline(points_lps_mm, SMOOTHING_MM, 0.5)
    forward = tangents(points)
    up = np.empty_like(points)
    start = up_lps - np.dot(up_lps, forward[0]) * forward[0]
    if np.linalg.norm(start) < 0.1:
        superior = np.array([0.0, 0.0, 1.0])
        start = superior - np.dot(superior, forward[0]) * forward[0]
    up[0] = unit(start)
    for at in range(len(points) - 1):
        up[at + 1] = _carried(up[at], points[at], points[at + 1], forward[at], forward[at + 1])
    return CameraPath(points, forward, up)


def _carried(up: FloatArray, here: FloatArray, there: FloatArray, ahead: FloatArray, then: FloatArray) -> FloatArray:
    """Carry an up vector one step by double reflection."""
    step = there - here
    length = float(np.dot(step, step))
    if length == 0.0:
        return up
    up_mirrored = up - 2.0 / length * np.dot(step, up) * step
    ahead_mirrored = ahead - 2.0 / length * np.dot(step, ahead) * step
    across = then - ahead_mirrored
    length = float(np.dot(across, across))
    carried = up_mirrored if length < 1e-18 else up_mirrored - 2.0 / length * np.dot(across, up_mirrored) * across
    return unit(carried - np.dot(carried, then) * then)


def _view_before(camera: CameraPath, branch: Branch) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return forward, up and right where the operator stops: one lumen diameter, 5 mm at least, before the carina.

    The forward axis is that of the branch itself, since the smoothed route already turns into the child there.
    """
    arc = branch.arc_mm
    stop = max(arc[-1] - max(2.0 * float(np.median(branch.radius_mm)), LOOK_BACK_MM), 0.3 * arc[-1])
    place = np.array([np.interp(stop, arc, branch.points_lps_mm[:, axis]) for axis in range(3)])
    at = int(np.argmin(np.linalg.norm(camera.points_lps_mm - place, axis=1)))
    back = np.array([np.interp(max(stop - LOOK_BACK_MM, 0.0), arc, branch.points_lps_mm[:, axis]) for axis in range(3)])
    forward = unit(place - back)
    if not forward.any():
        forward = camera.forward[at]
    up = unit(camera.up[at] - np.dot(camera.up[at], forward) * forward)
    return forward, up, np.asarray(np.cross(forward, up))


def _opening_direction(child: Branch) -> FloatArray:
    """Return the direction from the carina into a child, over its first 8 mm or its whole length."""
    arc = arc_length_mm(child.points_lps_mm)
    reach = min(LOOK_AHEAD_MM, float(arc[-1]))
    tip = np.array([np.interp(reach, arc, child.points_lps_mm[:, axis]) for axis in range(3)])
    return unit(tip - child.points_lps_mm[0])


def _clocks(view: tuple[FloatArray, FloatArray, FloatArray], directions: Mapping[int, FloatArray]) -> dict[int, float]:
    """Return the clock angle of each opening in the picture, 0 to 360 degrees clockwise from up.

    Parameters
    ----------
    view
        Forward, up and right.
    directions
        branch id -> unit vector from the carina into it.
    """
    forward, up, right = view
    middle = np.mean(list(directions.values()), axis=0)
    found = {}
    for key, direction in directions.items():
        aside = float(np.clip((angle_deg(forward, direction) - AHEAD_DEG) / (ASIDE_DEG - AHEAD_DEG), 0.0, 1.0))
        about_axis, about_carina = (np.array([vector @ right, vector @ up]) for vector in (direction, direction - middle))
        x, y = aside * unit(about_axis) + (1.0 - aside) * unit(about_carina)
        found[key] = float(np.degrees(np.arctan2(x, y))) % 360.0
    return found


def _roll(roll_before: float, clock: float) -> tuple[float, bool]:
    """Return how far to roll, and whether the tip is then flexed up (else down)."""
    turn = _wrapped(clock - roll_before)
    if abs(turn) <= LARGEST_ROLL_DEG:
        return turn, True
    return _wrapped(turn - 180.0), False


def _wrapped(angle: float) -> float:
    return (angle + 180.0) % 360.0 - 180.0


def _name(branch: Branch) -> str:
    return branch.label.code if branch.label is not None else ""


def _triple(point: FloatArray) -> tuple[float, float, float]:
    return (float(point[0]), float(point[1]), float(point[2]))
