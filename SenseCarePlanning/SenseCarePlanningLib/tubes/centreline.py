"""From segments of a skeleton to centrelines: rooted, smoothed inside the lumen, and run out to the ends of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm, resample_polyline, smooth_polyline, unit
from .graph import Segment, SkeletonGraph
from .lumen import Lumen

STEP_MM = 0.5
SMALLEST_SIGMA_MM = 1.0


@dataclass(frozen=True, eq=False)
class Line:
    """One branch-to-be, proximal to distal: id, parent and points (N, 3)."""

    id: int
    parent_id: int | None
    points: FloatArray
    is_tip: bool
    cut: bool


def rooted_lines(graph: SkeletonGraph, root_node: int) -> list[Line]:
    """Walk the graph from the root node; ids count breadth first, wider children first."""
    found: list[Line] = []
    first = next(iter(graph.at_node[root_node]))
    waiting: list[tuple[int, int, int | None]] = [(first, root_node, None)]
    for segment_id, node, parent in waiting:
        segment = graph.segments[segment_id].seen_from(node)
        onward = sorted(graph.at_node[segment.last] - {segment_id}, key=lambda one: (-_calibre(graph.segments[one]), one))
        own = len(found)
        cut = bool(segment.cut_ends & {segment.last}) and not onward
        found.append(Line(own, parent, segment.points, not onward, cut))
        waiting.extend((one, segment.last, own) for one in onward)
    return found


def _calibre(segment: Segment) -> float:
    return float(np.median(segment.radius))


def smooth_lines(lines: list[Line], lumen: Lumen, sigma_mm: float) -> list[Line]:
    """Smooth all centrelines; junctions move once, together, and tips run to the end of the lumen."""
    ends = _smooth_junctions(lines, lumen, sigma_mm)
    done = []
    for line in lines:
        points = line.points.copy()
        if line.parent_id is not None:
            points[0] = ends[line.parent_id]
        points[-1] = ends[line.id]
        if line.is_tip and not line.cut:
            points = run_out(points, lumen)
        if line.parent_id is None:
            points = run_out(points[::-1], lumen)[::-1]
        done.append(Line(line.id, line.parent_id, smooth_inside(points, lumen, sigma_mm), line.is_tip, line.cut))
    return done


def _smooth_junctions(lines: list[Line], lumen: Lumen, sigma_mm: float) -> dict[int, FloatArray]:
    """Move each junction to where the smoothed course through it, parent to widest child, passes."""
    widest: dict[int, Line] = {}
    for line in lines:
        if line.parent_id is not None:
            widest.setdefault(line.parent_id, line)
    ends = {line.id: line.points[-1] for line in lines}
    for line in lines:
        if line.id not in widest:
            continue
        through = np.concatenate([line.points, widest[line.id].points[1:]])
        at = arc_length_mm(line.points)[-1]
        if arc_length_mm(through)[-1] < 2.0 * STEP_MM:
            continue
        smooth = smooth_polyline(through, _sigma(line.points, lumen, sigma_mm), STEP_MM)
        total = arc_length_mm(through)[-1]
        moved = smooth[round(at / total * (len(smooth) - 1))]
        if bool(lumen.inside(moved[None])[0]):
            ends[line.id] = moved
    return ends


def _sigma(points: FloatArray, lumen: Lumen, sigma_mm: float) -> float:
    """Scale the smoothing with the calibre: a small bronchus bends more tightly than 3 mm."""
    return float(np.clip(1.5 * np.median(lumen.wall_distance(points)), 0.5 * sigma_mm, sigma_mm))


def smooth_inside(points: FloatArray, lumen: Lumen, sigma_mm: float) -> FloatArray:
    """Smooth with the widest Gaussian that keeps every sample inside the lumen; both ends stay.

    Where a lumen is only a voxel wide even the narrowest Gaussian leaves it: those samples are drawn back just inside.
    """
    if arc_length_mm(points)[-1] <= 0:
        return np.asarray(points[[0, -1]])
    sigma = _sigma(points, lumen, sigma_mm)
    while sigma >= SMALLEST_SIGMA_MM:
        smooth = smooth_polyline(points, sigma, STEP_MM)
        if bool(lumen.inside(smooth).all()):
            return smooth
        sigma *= 0.7
    return _drawn_inside(smooth_polyline(points, SMALLEST_SIGMA_MM, STEP_MM), points, lumen)


def _drawn_inside(smooth: FloatArray, points: FloatArray, lumen: Lumen) -> FloatArray:
    """Move samples that left the lumen towards the nearest skeleton point, only as far as needed."""
    dense = resample_polyline(points, 0.25 * STEP_MM)
    dense = dense[lumen.inside(dense)]
    if len(dense) == 0:
        return smooth
    out = np.flatnonzero(~lumen.inside(smooth))
    near = dense[cKDTree(dense).query(smooth[out])[1]]
    share = np.ones(len(out))
    for part in (0.8, 0.6, 0.4, 0.2):
        share = np.where(lumen.inside(smooth[out] + part * (near - smooth[out])), part, share)
    drawn = smooth.copy()
    drawn[out] += share[:, None] * (near - smooth[out])
    return np.asarray(drawn)


def run_out(points: FloatArray, lumen: Lumen) -> FloatArray:
    """Carry the last point on to the end of the lumen.

    Thinning eats the cap of a tube and may hook towards a corner of a flat end: the last radius is taken off, the
    course before it is continued straight while it stays inside, and the longer of the two results is kept.
    """
    arc = arc_length_mm(points)
    radius = float(lumen.wall_distance(points[-1:])[0])
    wide = float(np.median(lumen.wall_distance(points[arc >= arc[-1] - 4.0 * radius - 2.0])))
    best = _continued(points, max(wide, 1.0), wide, lumen)
    if arc[-1] > 3.0 * wide + 2.0:
        trimmed = _continued(points[arc <= arc[-1] - wide], max(wide, 1.0), wide, lumen)
        if arc_length_mm(trimmed)[-1] >= min(arc_length_mm(best)[-1] - 0.5 * wide, arc[-1]):
            best = trimmed
    return best


def _continued(points: FloatArray, back_mm: float, wide_mm: float, lumen: Lumen) -> FloatArray:
    arc = arc_length_mm(points)
    behind = points[int(np.searchsorted(arc, max(arc[-1] - 2.0 * back_mm, 0.0), side="right")) - 1]
    direction = unit(points[-1] - behind)
    steps = np.arange(0.1, 2.5 * wide_mm + 2.0, 0.1)
    inside = lumen.inside(points[-1] + steps[:, None] * direction)
    reach = len(steps) if inside.all() else int(np.argmin(inside))
    if reach == 0:
        return points
    return np.concatenate([points, [points[-1] + steps[reach - 1] * direction]])
