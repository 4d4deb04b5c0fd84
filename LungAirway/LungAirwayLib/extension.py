"""From the last visible airway to the target: straight, by minimum cost, or beside the vessel that runs with the bronchus."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, resample_polyline, smooth_polyline, unit

from .cost_field import CostField, build_cost_field
from .plan import Extension, ExtensionModel, Target
from .surroundings import (
    SAMPLE_STEP_MM,
    TOLERATED_OUTSIDE_MM,
    PathJudge,
    Surroundings,
    box_around,
    local_width_mm,
    target_surface,
)

PARENCHYMA_COST_PER_MM = 100.0
SIMPLER_WITHIN = 1.10
"""Where straight on is barred, the companion vessel is taken when it costs at most 10 % more than the free path."""
TOOL_BEND_RADIUS_MM, TOOL_PLAY_MM = 15.0, 1.0
"""Past the tip nothing steers a needle or forceps: an even bend of this radius, about that of a bronchoscope's own tip, is the
most that is believed of it (chosen: no source gives one), and a millimetre of play, the step of the path's grid."""
BENDS_TOO_MUCH = "bends more than a needle or forceps can follow"
START_REACH_MM, END_REACH_MM = 6.0, 5.0
"""A vessel is followed when it passes within 6 mm of the exit and comes within 5 mm of the target's surface."""
MAXIMUM_GAP_MM = 70.0
"""Beyond this the local cube of 80 mm cannot hold exit and target, and only the straight model is drawn."""

_SIMPLICITY = (ExtensionModel.STRAIGHT, ExtensionModel.ARTERY_FOLLOWING, ExtensionModel.MINIMUM_COST)


def extend(route_points_lps_mm: FloatArray, target: Target, images: Surroundings) -> tuple[tuple[Extension, ...], int | None]:
    """Draw the models that the images allow and choose one.

    Parameters
    ----------
    route_points_lps_mm
        (N, 3) centreline up to the exit.
    target
        Where to go; paths end at the nearest point of its surface.
    images
        Lungs, vessels, probability: without any of them only the straight model is drawn.

    Returns
    -------
    extensions, chosen
        At least the straight one; the index of the chosen.
    """
    surface = target_surface(target)
    start = route_points_lps_mm[-1]
    end = surface[int(np.argmin(np.linalg.norm(surface - start, axis=1)))]
    gap = float(np.linalg.norm(end - start))
    heading = _heading(route_points_lps_mm)
    judge = PathJudge(images, target, np.concatenate([route_points_lps_mm[-1:], surface]))
    field = build_cost_field(start, heading, surface, target, images) if 0.0 < gap <= MAXIMUM_GAP_MM else None
    paths = [(ExtensionModel.STRAIGHT, _straight(start, heading, end))]
    if field is not None:
        paths.append((ExtensionModel.MINIMUM_COST, _minimum_cost(start, end, field)))
        beside = _artery_following(start, end, surface, images)
        if beside is not None:
            paths.append((ExtensionModel.ARTERY_FOLLOWING, beside))
    found = [_described(model, path, field, judge) for model, path in paths]
    chosen = _choose(found)
    return tuple(item for item, _ in found), chosen


def _heading(points: FloatArray) -> FloatArray:
    arc = arc_length_mm(points)
    first = int(np.searchsorted(arc, arc[-1] - 5.0))
    return unit(points[-1] - points[min(first, len(points) - 2)])


def _straight(start: FloatArray, heading: FloatArray, end: FloatArray) -> FloatArray:
    """Leave along the airway's axis and bend towards the target: a quadratic curve, since no instrument kinks."""
    gap = float(np.linalg.norm(end - start))
    if gap == 0.0:
        return np.stack([start, end])
    if float(np.dot(heading, end - start)) <= 0.0:
        return resample_polyline(np.stack([start, end]), SAMPLE_STEP_MM)
    control = start + heading * gap / 3.0
    t = np.linspace(0.0, 1.0, max(int(np.ceil(gap / SAMPLE_STEP_MM)) + 1, 3))[:, None]
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end)


def _minimum_cost(start: FloatArray, end: FloatArray, field: CostField) -> FloatArray:
    """Trace the cheapest path through the local cube and smooth it by one voxel."""
    first, last = field.index(start), field.index(end)
    solver = MCP_Geometric(field.cost_kji, fully_connected=True)
    solver.find_costs([first], [last])
    voxels = np.array(solver.traceback(last), dtype=np.float64)
    points = field.grid.lps_from_kji(voxels)
    points = np.concatenate([start[None], points[1:-1], end[None]])
    if np.linalg.norm(np.diff(points, axis=0), axis=1).sum() == 0.0:
        return np.stack([start, end])
    return smooth_polyline(points, 1.5, SAMPLE_STEP_MM)


def _artery_following(start: FloatArray, end: FloatArray, surface: FloatArray, images: Surroundings) -> FloatArray | None:
    """Walk through the vessels that are no wider than a bronchus's companion and shift the walk beside the vessel.

    Returns None without vessels or when none leads from the exit to the target.
    """
    vessels = images.vessels
    box = None if vessels is None else box_around(vessels.grid, np.concatenate([start[None], surface]), 10.0)
    if vessels is None or box is None:
        return None
    grid = vessels.grid.cropped(box)
    width = local_width_mm(vessels.array_kji[box] > 0, grid)
    at = np.argwhere((width > 0.0) & (width < 6.0))
    if len(at) < 2:
        return None
    points = grid.lps_from_kji(at)
    near_start = np.linalg.norm(points - start, axis=1)
    near_end = cKDTree(surface).query(points)[0]
    starts, ends = at[near_start <= START_REACH_MM], at[near_end <= END_REACH_MM]
    if not len(starts) or not len(ends):
        return None
    cost = np.full(width.shape, np.inf)
    cost[tuple(at.T)] = 1.0 + 2.0 / np.maximum(width[tuple(at.T)], 0.5)
    solver = MCP_Geometric(cost, fully_connected=True, sampling=grid.spacing_kji_mm)
    total, _ = solver.find_costs([tuple(item) for item in starts])
    reached = total[tuple(ends.T)]
    if not np.isfinite(reached).any():
        return None
    walk = grid.lps_from_kji(np.array(solver.traceback(tuple(ends[int(np.argmin(reached))])), dtype=np.float64))
    if len(walk) < 2 or arc_length_mm(walk)[-1] > 2.5 * float(np.linalg.norm(end - start)) + 10.0:
        return None
    return _beside(walk, start, end)


def _beside(walk: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Shift a walk inside a vessel sideways so that it begins at the exit and ends at the target's surface."""
    walk = smooth_polyline(walk, 1.5, SAMPLE_STEP_MM) if len(walk) > 2 else walk
    share = (arc_length_mm(walk) / arc_length_mm(walk)[-1])[:, None]
    shifted = walk + (1.0 - share) * (start - walk[0]) + share * (end - walk[-1])
    shifted[0], shifted[-1] = start, end
    return np.asarray(shifted)


def _described(model: ExtensionModel, path: FloatArray, field: CostField | None, judge: PathJudge) -> tuple[Extension, bool]:
    """Measure one path, and tell whether it keeps to the lung and off great vessels."""
    length = float(arc_length_mm(path)[-1])
    crossing = judge.crossing(path)
    notes: list[str] = []
    if (crossing.outside_lung_mm or 0.0) > TOLERATED_OUTSIDE_MM:
        notes.append(f"leaves the lung for {crossing.outside_lung_mm:.0f} mm (pleura or mediastinum)")
    if (crossing.wide_vessel_mm or 0.0) > SAMPLE_STEP_MM:
        notes.append(f"runs {crossing.wide_vessel_mm:.0f} mm through a vessel of 3 mm or more")
    clean = not notes
    if model is not ExtensionModel.STRAIGHT and not _followable(path):
        notes.append(BENDS_TOO_MUCH)
    if model is ExtensionModel.ARTERY_FOLLOWING:
        notes.append("arteries and veins are one mask: the vessel may be a vein")
    cost = PARENCHYMA_COST_PER_MM * length if field is None else field.along(path)
    return Extension(model, path, length, cost, crossing.wide_vessel_mm or 0.0, tuple(notes)), clean


def _followable(path: FloatArray) -> bool:
    """Tell whether a path strays from its chord no further than an even bend of the smallest radius of a tool does."""
    chord = path[-1] - path[0]
    length = float(np.linalg.norm(chord))
    if length == 0.0:
        return True
    along = np.clip((path - path[0]) @ chord / length**2, 0.0, 1.0)
    aside = float(np.linalg.norm(path - path[0] - along[:, None] * chord, axis=1).max())
    return aside <= length**2 / (8.0 * TOOL_BEND_RADIUS_MM) + TOOL_PLAY_MM


def _choose(found: list[tuple[Extension, bool]]) -> int:
    """Take the straight model where it keeps to the lung and off great vessels, else the best that a tool can follow.

    Where neither is to be had the straight one stays, with what it crosses said: the cheapest curve is no use if no needle
    follows it.
    """
    straight = next(at for at, (item, _) in enumerate(found) if item.model is ExtensionModel.STRAIGHT)
    allowed = [at for at, (item, clean) in enumerate(found) if clean and BENDS_TOO_MUCH not in item.notes]
    if straight in allowed or not allowed:
        return straight
    limit = SIMPLER_WITHIN * min(found[at][0].cost for at in allowed)
    allowed.sort(key=lambda at: _SIMPLICITY.index(found[at][0].model))
    return next(at for at in allowed if found[at][0].cost <= limit)
