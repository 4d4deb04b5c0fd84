"""From a tube mask to a rooted tree."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d
from skimage.morphology import skeletonize

from ..errors import InputError
from ..geometry import FloatArray
from ..volume import LabelMap, Volume
from .assemble import assemble, no_frames
from .centreline import STEP_MM, Line, rooted_lines, smooth_lines
from .graph import Segment, SkeletonGraph, break_loops, join_chains, merge_junctions, prune_spurs, trace
from .lumen import Lumen, prepare_lumen, trilinear
from .tree import Branch, BranchFlag, Bridge, Tree

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildOptions:
    """How a tree is built.

    Parameters
    ----------
    thinning_mm
        Largest voxel edge to thin on; coarser or uneven grids are resampled to it (0.6 to 0.8 mm keeps thin branches).
    sigma_mm
        Widest Gaussian for the centrelines; narrow branches take 1.5 radii, at least half of this.
    """

    thinning_mm: float = 0.8
    sigma_mm: float = 3.0


def build_tree(
    mask: LabelMap,
    *,
    root_lps_mm: ArrayLike | None = None,
    options: BuildOptions = BuildOptions(),
    probability: Volume | None = None,
    bridges: Sequence[Bridge] = (),
) -> Tree:
    """Build the tree of a tube mask: thin, trace, open loops, prune spurs, root, smooth, measure.

    Parameters
    ----------
    mask
        Any label above 0 is lumen; the largest component is used, the others are named in ``notes``.
    root_lps_mm
        (3,) where the tube begins: the nearest skeleton end becomes the root. Without it, the widest end.
    probability
        Network output (0 to 1) for the confidence of each branch: the mean along its centreline. Without it, 1.
    bridges
        Gaps that were joined in the mask: branches that run through one are flagged and take its confidence.

    Returns
    -------
    tree
        Radii are distances to the wall (inscribed spheres) with the digitisation bias taken off;
        :func:`..tubes.radius.measure_radii` measures them on the image.

    Raises
    ------
    InputError
        When the mask is empty or a single voxel.
    """
    start = time.perf_counter()
    lumen = prepare_lumen(mask, options.thinning_mm)
    graph = _skeleton_graph(lumen)
    loops = break_loops(graph)
    join_chains(graph)
    root = _root_node(graph, root_lps_mm)
    spurs = prune_spurs(graph, root)
    merge_junctions(graph)
    spurs += prune_spurs(graph, root)
    lines = smooth_lines(rooted_lines(graph, root), lumen, options.sigma_mm)
    branches = [_branch(line, lumen, probability, bridges) for line in lines]
    tree = assemble(branches, 0, loops_removed=loops, bridges=tuple(bridges), notes=_notes(lumen, spurs))
    logger.info("tree: %d branches, %d loops opened, %.1f s", len(tree), len(loops), time.perf_counter() - start)
    return tree


def _skeleton_graph(lumen: Lumen) -> SkeletonGraph:
    voxels = np.argwhere(skeletonize(lumen.mask_kji))
    graph = SkeletonGraph()
    if len(voxels) > 1:
        points = lumen.grid.lps_from_kji(voxels)
        graph = trace(voxels, points, lumen.wall_distance(points))
    if not graph.segments:
        points = _principal_axis(lumen)
        graph.add(Segment(0, 1, points, lumen.wall_distance(points)))
    return graph


def _principal_axis(lumen: Lumen) -> FloatArray:
    """A blob thins to a point: its longest axis stands for the centreline."""
    voxels = lumen.source_grid.lps_from_kji(np.argwhere(lumen.source_kji))
    centre = voxels.mean(axis=0)
    axis = np.linalg.svd(voxels - centre, full_matrices=False)[2][0]
    along = (voxels - centre) @ axis
    if np.ptp(along) <= 0:
        raise InputError("The tube mask is a single voxel: there is no tube to follow.")
    return np.stack([centre + along.min() * axis, centre, centre + along.max() * axis])


def _root_node(graph: SkeletonGraph, root_lps_mm: ArrayLike | None) -> int:
    ends = graph.ends()
    if root_lps_mm is not None:
        wanted = np.asarray(root_lps_mm, dtype=np.float64).reshape(3)
        return min(ends, key=lambda node: (float(np.linalg.norm(graph.position(node)[0] - wanted)), node))
    return max(ends, key=lambda node: (_end_calibre(graph, node), -node))


def _end_calibre(graph: SkeletonGraph, node: int) -> float:
    return float(np.median(graph.segments[next(iter(graph.at_node[node]))].radius))


def _branch(line: Line, lumen: Lumen, probability: Volume | None, bridges: Sequence[Bridge]) -> Branch:
    radius = inscribed_radius(line.points, lumen)
    slack = 0.5 * lumen.voxel_mm
    flags = {BranchFlag.LOOP_REMOVED} if line.cut else set()
    confidence = 1.0
    if probability is not None:
        values = trilinear(probability.array_kji, probability.grid, line.points)
        confidence = float(np.clip(values.mean(), 0.0, 1.0))
    for bridge in bridges:
        gap = np.linalg.norm(line.points[:, None] - bridge.points_lps_mm[None], axis=2).min(axis=0)
        if np.median(gap) < max(1.0, lumen.voxel_mm):
            flags.add(BranchFlag.BRIDGED)
            confidence = min(confidence, bridge.confidence)
    return Branch(
        line.id,
        line.parent_id,
        (),
        line.points,
        radius,
        np.stack([np.maximum(radius - slack, 0.0), radius + slack], axis=1),
        no_frames(len(line.points)),
        flags=frozenset(flags),
        confidence=confidence,
    )


def inscribed_radius(points: FloatArray, lumen: Lumen) -> FloatArray:
    """Return the radius (N,) of the largest sphere in the lumen about each point, digitisation bias taken off.

    The distance runs to the nearest background voxel centre, not to half a voxel before it as twice the distance
    transform does: on digitised cylinders that is free of bias up to two voxels of radius. In wider tubes the
    centreline is off the true axis by a fraction of a voxel and the nearest voxel is the near side: there it reads
    0.3 voxels short from eight voxels of radius on (measured on cylinders of 1 to 16 voxels), which is added here.
    """
    radius = lumen.wall_distance(points)
    radius = radius + 0.3 * lumen.voxel_mm * np.clip((radius / lumen.voxel_mm - 2.0) / 6.0, 0.0, 1.0)
    if len(radius) >= 4:
        radius = gaussian_filter1d(radius, 1.0 / STEP_MM, mode="nearest")
    return np.asarray(radius, dtype=np.float64)


def _notes(lumen: Lumen, spurs: int) -> tuple[str, ...]:
    rule = "shorter than max(1.5 R, 2 mm) + 1 mm, or less than 1.5 mm or R/2 beyond the lumen beside them"
    notes = [f"{spurs} spurs removed: {rule}"] if spurs else []
    if lumen.pieces_left_out:
        volume = lumen.voxels_left_out * lumen.source_grid.voxel_volume_mm3
        notes.append(f"{lumen.pieces_left_out} detached pieces ({volume:.0f} mm3) are not part of the tree")
    return tuple(notes)
