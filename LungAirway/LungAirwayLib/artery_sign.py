"""Artery sign: does the vessel that runs with a route's last airway lead on to the target?

The pulmonary artery runs with the bronchus, the veins run between the segments: a vessel that keeps beside an airway is taken
for its artery, and where it leads into the target the airway does, seen or not (the artery sign is that of Ho 2022,
doi:10.3390/diagnostics12123059).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm

from .bronchus_sign import inside_target
from .plan import Target
from .surroundings import Surroundings, box_around, target_surface, without_specks

LAST_MM = 15.0
"""So much of the airway before the exit is looked at: about a segmental bronchus, long enough to tell beside from across."""
SHORTEST_MM = 6.0
"""Along less than this a crossing vein, 3 to 5 mm wide, looks as if it ran beside the airway."""
WALL_MM = 3.0
"""From the lumen to the nearest voxel of its artery: a wall of up to 1.5 mm, half a voxel on each side, and the blur of the edge
between."""
BESIDE_SHARE = 0.7
"""The vessel keeps beside the airway along this much of it; over the rest a bifurcation may part them."""
RIM_MM, TOUCH_MM = 1.0, 3.0
"""Nearer than 1 mm to the target's surface a dense voxel is the blurred rim of the target itself; a vessel that comes within
3 mm reaches it: that rim, and a voxel or two by which the outline may be off."""
LONGEST_DETOUR, DETOUR_MM = 1.5, 10.0
"""From the exit on the vessel is no longer than 1.5 times the straight way and 10 mm: a longer way leads through another one."""


def artery_sign(points_lps_mm: FloatArray, radius_mm: FloatArray, target: Target, images: Surroundings) -> bool | None:
    """Tell whether the companion of a route's last airway reaches the target.

    Parameters
    ----------
    points_lps_mm, radius_mm
        (N, 3), (N,) of the route, trachea to exit.
    target
        A bare point has no surface to reach.
    images
        Arteries and veins are one mask; only the run beside the airway tells an artery.

    Returns
    -------
    bool or None
        None where it is not known: no vessel mask, a bare point, too short an airway, no vessel beside the airway (which
        could be its artery), or none at the target. False where both are there and no vessel leads from the one to the other.
    """
    vessels = images.vessels
    arc = arc_length_mm(points_lps_mm)
    first = int(np.searchsorted(arc, arc[-1] - LAST_MM))
    tail, radius = points_lps_mm[first:], radius_mm[first:]
    if vessels is None or target.is_point or arc[-1] - arc[first] < SHORTEST_MM:
        return None
    surface = target_surface(target)
    box = box_around(vessels.grid, np.concatenate([tail, surface]), DETOUR_MM)
    if box is None:
        return None
    grid = vessels.grid.cropped(box)
    at = np.argwhere(without_specks(vessels.array_kji[box] > 0, grid))
    if not len(at):
        return None
    points = grid.lps_from_kji(at)
    gap = np.asarray(cKDTree(surface).query(points)[0])
    free = (gap > RIM_MM) & ~inside_target(points, target)
    at, points, gap = at[free], points[free], gap[free]
    beside = np.zeros(len(at), dtype=bool)
    upper = len(tail) // 3 + 1
    for point, wide in zip(tail[:upper], radius[:upper], strict=True):
        beside |= np.linalg.norm(points - point, axis=1) <= wide + WALL_MM
    ends = gap <= TOUCH_MM
    if not beside.any() or not ends.any():
        return None
    cost = np.full([part.stop - part.start for part in box], np.inf)
    cost[tuple(at.T)] = 1.0
    solver = MCP_Geometric(cost, fully_connected=True, sampling=grid.spacing_kji_mm)
    total, _ = solver.find_costs([tuple(item) for item in at[beside]])
    reached = total[tuple(at[ends].T)]
    longest = LAST_MM + LONGEST_DETOUR * float(gap_of(tail[-1], surface)) + DETOUR_MM
    if not np.isfinite(reached).any() or float(reached.min()) > longest:
        return False
    walk = grid.lps_from_kji(np.array(solver.traceback(tuple(at[ends][int(np.argmin(reached))])), dtype=np.float64))
    near = np.asarray(cKDTree(walk).query(tail)[0]) <= 2.0 * radius + WALL_MM
    return bool(near.mean() >= BESIDE_SHARE)


def gap_of(point_lps_mm: FloatArray, surface_lps_mm: FloatArray) -> float:
    """Return the distance of a point from the nearest of (N, 3) surface points."""
    return float(np.linalg.norm(surface_lps_mm - point_lps_mm, axis=1).min())
