"""The way of the camera along a route: inside the lumen, without jumps of roll, paced by the calibre.

The picture's convention is that of :mod:`.instructions`: right is forward x up, up starts anterior (or posterior), and
is carried along the smoothed route without twist, so that clock hours fit the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, resample_polyline, smooth_polyline, tangents, unit
from SenseCarePlanningLib.render.camera_pose import CameraPose
from SenseCarePlanningLib.render.lumen_field import LumenField, WallDistance
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .plan import Route

UP_LPS = {"anterior_12": (0.0, -1.0, 0.0), "posterior_12": (0.0, 1.0, 0.0)}
"""What is up in the trachea for each operator's convention."""
AT_END_MM = 0.5
"""An exit point this near the last point of its branch is at its end: the step of the centreline."""


@dataclass(frozen=True)
class CameraOptions:
    """How the camera goes.

    Parameters
    ----------
    step_mm
        Distance between samples.
    widest_sigma_mm, narrowest_sigma_mm
        Gaussian smoothing in the trachea and in the thinnest airways; between them 1.5 radii.
    clearance_mm
        Distance kept from the wall where the lumen allows it.
    thinnest_radius_mm
        The way ends where the lumen is narrower, or where the drawn wall is so near that it can be no wider: no
        bronchoscope goes there, and the scan shows too little of the wall to draw it from inside.
    look_ahead_mm
        Least distance to the point looked at; a radius where that is more.
    speed_per_radius_s, slowest_mm_s, fastest_mm_s
        Speed is the radius times the first, within the other two.
    slow_at_bifurcation
        Factor on the speed within 1.5 radii of a bifurcation.
    pause_s
        Stop before each bifurcation.
    settle_deg_per_mm
        Fastest roll back to the frame that the clock hours refer to.
    orientation
        ``anterior_12`` or ``posterior_12``.
    """

    step_mm: float = 0.5
    widest_sigma_mm: float = 3.0
    narrowest_sigma_mm: float = 1.0
    clearance_mm: float = 0.3
    thinnest_radius_mm: float = 0.7
    look_ahead_mm: float = 4.0
    speed_per_radius_s: float = 4.0
    slowest_mm_s: float = 5.0
    fastest_mm_s: float = 60.0
    slow_at_bifurcation: float = 0.5
    pause_s: float = 0.0
    settle_deg_per_mm: float = 5.0
    orientation: str = "anterior_12"


@dataclass(frozen=True)
class BifurcationPass:
    """Where the path goes from one branch into the next: sample, arc length, and both branches."""

    index: int
    arc_mm: float
    branch_id: int
    next_branch_id: int


@dataclass(frozen=True, eq=False)
class CameraPath:
    """One camera pose every half millimetre.

    Parameters
    ----------
    positions_lps_mm, focal_lps_mm, up
        (N, 3) eye, point looked at, unit up.
    arc_mm, time_s, radius_mm
        (N,) way from the start, time of passing, lumen radius there.
    branch_ids
        (N,) int64 branch at each sample.
    events
        The bifurcations passed, in order.
    unseen_mm
        What is left of the route past the last sample, in a lumen too thin for a view.
    """

    positions_lps_mm: FloatArray
    focal_lps_mm: FloatArray
    up: FloatArray
    arc_mm: FloatArray
    time_s: FloatArray
    radius_mm: FloatArray
    branch_ids: np.ndarray[tuple[int], np.dtype[np.int64]]
    events: tuple[BifurcationPass, ...] = ()
    route_rank: int = 1
    unseen_mm: float = 0.0

    def __len__(self) -> int:
        return len(self.arc_mm)

    @property
    def forward(self) -> FloatArray:
        """Unit viewing directions (N, 3)."""
        return unit(self.focal_lps_mm - self.positions_lps_mm)

    @property
    def roll_step_deg(self) -> FloatArray:
        """Turn (N - 1,) of the picture about the viewing axis from each sample to the next, degrees."""
        forward = self.forward
        kept = carried(self.up[:-1], forward[:-1], forward[1:])
        return np.degrees(_turn_about(forward[1:], kept, self.up[1:]))

    def pose(self, index: int) -> CameraPose:
        """Return the pose of one sample."""
        return CameraPose(self.positions_lps_mm[index], self.focal_lps_mm[index], self.up[index])

    def pose_at_time(self, time_s: float) -> CameraPose:
        """Return the pose at a time, between samples interpolated."""
        position = self._at(time_s, self.positions_lps_mm)
        focal = self._at(time_s, self.focal_lps_mm)
        return CameraPose(position, focal, unit(self._at(time_s, self.up)))

    def _at(self, time_s: float, values: FloatArray) -> FloatArray:
        return np.array([np.interp(time_s, self.time_s, values[:, axis]) for axis in range(3)])


def camera_path(
    route: Route,
    tree: Tree,
    airway: LabelMap | LumenField,
    *,
    surface: Surface | WallDistance | None = None,
    options: CameraOptions | None = None,
) -> CameraPath:
    """Plan the camera's way along a route.

    Parameters
    ----------
    route
        Trachea to exit point.
    tree
        The tree the route lies in.
    airway
        The lumen, or its field where several routes share it (build it once with ``LumenField.of``).
    surface
        The lumen as it will be drawn, so that the camera stays within it too; or its distance where several routes share
        it. In a bronchus of a voxel or two, a place can be inside the voxels and outside the drawn wall.
    options
        Defaults are those of :class:`CameraOptions`.

    Raises
    ------
    ValueError
        When the route has fewer than two points, or for an unknown orientation.
    """
    options = options or CameraOptions()
    if options.orientation not in UP_LPS:
        raise ValueError(f"unknown orientation {options.orientation!r}, expected one of {sorted(UP_LPS)}")
    field = airway if isinstance(airway, LumenField) else LumenField.of(airway, tree=tree)
    raw = resample_polyline(route.points_lps_mm, options.step_mm)
    radius = np.interp(
        np.linspace(0.0, 1.0, len(raw)), _share(route.points_lps_mm), gaussian_filter1d(route.radius_mm, 2.0, mode="nearest")
    )
    smooth = _smoothed(raw, radius, options)
    positions = _inside(smooth, raw, field, options.clearance_mm)
    wall = WallDistance(surface) if isinstance(surface, Surface) and len(surface.triangles) else surface
    if isinstance(wall, WallDistance):
        positions = _within_wall(positions, smooth, raw, wall, options)
    branch_ids = _branch_ids(raw, route, tree)
    forward = _forward(smooth, positions, radius, options)
    up = _up(smooth, forward, options)
    arc = arc_length_mm(positions)
    events = _events(branch_ids, arc, tree)
    reach = np.maximum(options.look_ahead_mm, radius)
    path = CameraPath(
        positions_lps_mm=positions,
        focal_lps_mm=positions + forward * reach[:, None],
        up=up,
        arc_mm=arc,
        time_s=_times(arc, radius, events, options),
        radius_mm=radius,
        branch_ids=branch_ids,
        events=events,
        route_rank=route.rank,
    )
    return _ended(path, wall if isinstance(wall, WallDistance) else None, options)


def exits_at_tip(route: Route, tree: Tree) -> bool:
    """Tell whether the visible airway ends where the route leaves it."""
    branch = tree[route.exit_branch_id]
    away = float(np.linalg.norm(np.asarray(route.exit_point_lps_mm) - branch.points_lps_mm[-1]))
    return not branch.child_ids and away <= AT_END_MM


def _share(points: FloatArray) -> FloatArray:
    arc = arc_length_mm(points)
    return arc / arc[-1] if arc[-1] > 0 else np.linspace(0.0, 1.0, len(points))


def _smoothed(raw: FloatArray, radius: FloatArray, options: CameraOptions) -> FloatArray:
    """Smooth more where the airway is wide: the mean of a strong and a weak smoothing by calibre."""
    strong = _same_length(smooth_polyline(raw, options.widest_sigma_mm, options.step_mm), len(raw))
    weak = _same_length(smooth_polyline(raw, options.narrowest_sigma_mm, options.step_mm), len(raw))
    wanted = np.clip(1.5 * radius, options.narrowest_sigma_mm, options.widest_sigma_mm)
    share = (wanted - options.narrowest_sigma_mm) / max(options.widest_sigma_mm - options.narrowest_sigma_mm, 1e-9)
    share = gaussian_filter1d(share, 6.0, mode="nearest")[:, None]
    return np.asarray(share * strong + (1.0 - share) * weak)


def _same_length(points: FloatArray, count: int) -> FloatArray:
    share, wanted = _share(points), np.linspace(0.0, 1.0, count)
    return np.stack([np.interp(wanted, share, points[:, axis]) for axis in range(3)], axis=1)


PINCHED = 0.65
"""Of the thinnest radius: a drawn wall nearer than this, in a lumen measured hardly wider, is a pinch; chosen by eye."""
JUMP_STEPS = 1.6
"""Samples further apart than this many steps are a jump."""
PULLS = np.linspace(0.0, 1.0, 11)


def _inside(smooth: FloatArray, raw: FloatArray, field: LumenField, clearance_mm: float) -> FloatArray:
    """Keep every sample in the lumen: towards the centreline as far as needed, then up the distance's gradient."""
    needed = np.zeros(len(smooth))
    floor = np.full(len(smooth), clearance_mm)
    low = np.flatnonzero(field.distance_mm(smooth) < clearance_mm)
    if len(low):
        tried = np.stack([field.distance_mm(smooth[low] + pull * (raw - smooth)[low]) for pull in PULLS], axis=1)
        floor[low] = np.minimum(clearance_mm, 0.9 * tried.max(axis=1))
        needed[low] = PULLS[np.argmax(tried >= floor[low, None], axis=1)]
    eased = np.maximum(gaussian_filter1d(maximum_filter1d(needed, 9), 2.0, mode="nearest"), needed)
    points = smooth + np.clip(eased, 0.0, 1.0)[:, None] * (raw - smooth)
    worse = field.distance_mm(points) < floor
    points[worse] = (smooth + needed[:, None] * (raw - smooth))[worse]
    for _ in range(12):
        low = np.flatnonzero(field.distance_mm(points) < clearance_mm)
        if not len(low):
            break
        moved = points[low] + 0.1 * unit(field.gradient(points[low]))
        better = field.distance_mm(moved) > field.distance_mm(points[low])
        points[low[better]] = moved[better]
    lost = np.flatnonzero(~field.is_inside(points))
    points[lost] = field.nearest_inside(points[lost])
    return np.asarray(points)


def _within_wall(
    points: FloatArray, smooth: FloatArray, raw: FloatArray, wall: WallDistance, options: CameraOptions
) -> FloatArray:
    """Keep every sample within the drawn wall: back to the smoothed route or to the centreline where that is clearer.

    The same where the voxels make a sample jump.
    """
    clearance_mm = max(options.clearance_mm, PINCHED * options.thinnest_radius_mm)
    distances = np.stack([wall.distance_mm(way) for way in (points, smooth, raw)])
    jumps = np.linalg.norm(np.diff(points, axis=0), axis=1) > JUMP_STEPS * options.step_mm
    distances[0, :-1][jumps] = -np.inf
    distances[0, 1:][jumps] = -np.inf
    low = distances[0] < clearance_mm
    if not low.any():
        return points
    enough = distances >= clearance_mm
    best = np.where(enough.any(axis=0), np.argmax(enough, axis=0), np.argmax(distances, axis=0))
    clear = np.choose(best[:, None], (points, smooth, raw))
    share = gaussian_filter1d(maximum_filter1d(low.astype(np.float64), 9), 2.0, mode="nearest")
    # Around a place that had to move its neighbours move along, without a jump from one way to the other.
    calm = np.where(low, np.where(best == 2, 1.0, 0.0), 0.0)
    aim = smooth + gaussian_filter1d(maximum_filter1d(calm, 9), 2.0, mode="nearest")[:, None] * (raw - smooth)
    moved = points + np.maximum(share, low)[:, None] * (aim - points)
    worse = wall.distance_mm(moved) < np.minimum(clearance_mm, distances.max(axis=0))
    moved[worse] = clear[worse]
    for _ in range(8):
        near = np.flatnonzero(wall.distance_mm(moved) < clearance_mm)
        if not len(near):
            break
        tried = moved[near] + 0.05 * unit(wall.gradient(moved[near]))
        better = wall.distance_mm(tried) > wall.distance_mm(moved[near])
        moved[near[better]] = tried[better]
    return np.asarray(moved)


def _ended(path: CameraPath, wall: WallDistance | None, options: CameraOptions) -> CameraPath:
    """End a path before the first place that is too thin for a view; the cap of the trachea is no such place."""
    thin = path.radius_mm < options.thinnest_radius_mm
    if wall is not None:
        room = wall.distance_mm(path.positions_lps_mm)
        tight = room < options.clearance_mm
        tight |= (room < PINCHED * options.thinnest_radius_mm) & (path.radius_mm < options.thinnest_radius_mm / PINCHED)
        thin |= tight & (path.arc_mm > path.radius_mm[0])
    places = np.flatnonzero(thin)
    if not len(places):
        return path
    count = max(int(places[0]), 2)
    return replace(
        path,
        positions_lps_mm=path.positions_lps_mm[:count],
        focal_lps_mm=path.focal_lps_mm[:count],
        up=path.up[:count],
        arc_mm=path.arc_mm[:count],
        time_s=path.time_s[:count],
        radius_mm=path.radius_mm[:count],
        branch_ids=path.branch_ids[:count],
        events=tuple(event for event in path.events if event.index < count - 1),
        unseen_mm=float(path.arc_mm[-1] - path.arc_mm[count - 1]),
    )


def _branch_ids(raw: FloatArray, route: Route, tree: Tree) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the branch (N,) of each sample; along the route they only go on, never back."""
    ends, total = [], 0.0
    for branch_id in route.branch_ids:
        total += tree[branch_id].length_mm
        ends.append(total)
    arc = arc_length_mm(raw)
    place = np.minimum(np.searchsorted(np.array(ends), arc - 1e-6), len(ends) - 1)
    return np.array(route.branch_ids, dtype=np.int64)[place]


def _forward(smooth: FloatArray, positions: FloatArray, radius: FloatArray, options: CameraOptions) -> FloatArray:
    """Return the viewing directions (N, 3): towards the smoothed path some way ahead."""
    arc = arc_length_mm(smooth)
    final = unit(smooth[-1] - smooth[max(len(smooth) - 9, 0)])
    reach = np.maximum(options.look_ahead_mm, gaussian_filter1d(radius, 4.0, mode="nearest"))
    wanted = arc + reach
    ahead = np.stack([np.interp(wanted, arc, smooth[:, axis]) for axis in range(3)], axis=1)
    ahead += np.maximum(wanted - arc[-1], 0.0)[:, None] * final
    direction = unit(ahead - smooth)
    direction = unit(gaussian_filter1d(direction, 2.0, axis=0, mode="nearest"))
    lost = np.linalg.norm(direction, axis=1) < 0.5
    direction[lost] = tangents(smooth)[lost]
    return direction


def _up(smooth: FloatArray, forward: FloatArray, options: CameraOptions) -> FloatArray:
    """Carry up along the view without twist, settling slowly to the frame of the smoothed route."""
    reference = rotation_minimising_frames(smooth, np.array(UP_LPS[options.orientation]))[:, 1]
    wanted = _across(reference, forward)
    untwisted = _untwisted(wanted[0], forward)
    limit = np.radians(options.settle_deg_per_mm) * options.step_mm
    aims = _turn_about(forward, untwisted, wanted)
    defined = np.linalg.norm(wanted, axis=1) > 0.5
    roll, rolls = 0.0, np.zeros(len(forward))
    for at in range(1, len(forward)):
        missing = (float(aims[at]) - roll + np.pi) % (2.0 * np.pi) - np.pi
        roll += min(max(missing, -limit), limit) if defined[at] else 0.0
        rolls[at] = roll
    return np.cos(rolls)[:, None] * untwisted + np.sin(rolls)[:, None] * np.cross(forward, untwisted)


def _untwisted(first_up: FloatArray, forward: FloatArray) -> FloatArray:
    """Carry an up direction (3,) along views (N, 3), each time by the smallest rotation to the next view."""
    turns = np.stack([carried(np.broadcast_to(axis, forward[1:].shape), forward[:-1], forward[1:]) for axis in np.eye(3)], axis=2)
    up = np.empty_like(forward)
    up[0] = first_up
    for at, turn in enumerate(turns):
        up[at + 1] = turn @ up[at]
    return _across(up, forward)


def _turn_about(axis: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the angle (N,) in radians from one direction to another about unit axes that both are across."""
    sine = np.einsum("ij,ij->i", np.cross(start, end), axis)
    return np.asarray(np.arctan2(sine, np.einsum("ij,ij->i", start, end)))


def carried(vector: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Turn vectors (..., 3) by the smallest rotation that takes one unit direction into another (Rodrigues 1840).

    Opposite directions have no smallest rotation: then the vector stays.
    """
    axis = np.cross(before, after)
    cosine = np.sum(before * after, axis=-1, keepdims=True)
    opposite = cosine < -0.999999
    along = np.sum(axis * vector, axis=-1, keepdims=True) / np.where(opposite, 1.0, 1.0 + cosine)
    return np.where(opposite, vector, cosine * vector + np.cross(axis, vector) + along * axis)


def _across(vector: FloatArray, axis: FloatArray) -> FloatArray:
    return unit(vector - np.sum(vector * axis, axis=-1, keepdims=True) * axis)


def _events(branch_ids: np.ndarray[tuple[int], np.dtype[np.int64]], arc: FloatArray, tree: Tree) -> tuple[BifurcationPass, ...]:
    found = []
    for at in np.flatnonzero(np.diff(branch_ids)):
        if len(tree[int(branch_ids[at])].child_ids) > 1:
            found.append(BifurcationPass(int(at), float(arc[at]), int(branch_ids[at]), int(branch_ids[at + 1])))
    return tuple(found)


def _times(arc: FloatArray, radius: FloatArray, events: tuple[BifurcationPass, ...], options: CameraOptions) -> FloatArray:
    """Return the time (N,) of passing each sample."""
    speed = np.clip(options.speed_per_radius_s * radius, options.slowest_mm_s, options.fastest_mm_s)
    for event in events:
        near = np.abs(arc - event.arc_mm) <= 1.5 * radius[event.index]
        speed = np.where(near, speed * options.slow_at_bifurcation, speed)
    speed = gaussian_filter1d(np.maximum(speed, options.slowest_mm_s * options.slow_at_bifurcation), 4.0, mode="nearest")
    time = np.concatenate([[0.0], np.cumsum(np.diff(arc) * 2.0 / (speed[1:] + speed[:-1]))])
    for event in events:
        stop = max(event.arc_mm - 2.0 * radius[event.index], 0.0)
        time = time + options.pause_s * (arc > stop)
    return time
