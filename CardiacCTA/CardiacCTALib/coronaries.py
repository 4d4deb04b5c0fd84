"""The coronary arteries of a segmented heart: evidence, ostia, ways, gaps, trees; what is missing is listed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.inference.protocol import PatchSegmenter
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, Volume

from .atlas_fit import FittedHeart
from .chambers import Chambers
from .coronary_evidence import Evidence, tube_evidence, with_wide_roots
from .coronary_network import network_chances, with_network
from .coronary_tracking import Followed, follow, with_root
from .coronary_tree import Course, build_coronary_tree
from .gaps import Bridged, bridge
from .heart_region import HeartRegion
from .heart_segmentation import CoronaryOstium, Gap, Tip
from .ostia import Ostium, find_ostia, nearest_aorta
from .tube_graph import TubeGraph, build_graph

logger = logging.getLogger(__name__)

ROOT_MM = 4.0
"""The first voxel with evidence lies at most this far from the aorta's blood."""
LEAST_LEFT_MM = 60.0
"""What is shorter is not the left coronary artery, but streaks or a vein beside the aorta."""
LEAST_EXTENT_MM = 25.0
"""What does not get so far is a stub: a left main whose evidence breaks where it divides. Chosen: longer than left mains are."""
START_GAP = "The origin of an artery shows no lumen: a severe narrowing or an occlusion at the aorta."
END_GAP = "An artery goes on behind a gap without a visible lumen: an occlusion, or a part of the scan that cannot be read."
STEP_GAP = "An artery goes on beside its end: the scan has a step there, where two heart beats meet."
SIDE_GAP = "A branch was joined across a short gap: its origin is not clearly seen."
NO_OSTIUM = {
    "left": "No left coronary artery was found to leave the aorta: it may be missing or start elsewhere; mark its ostium.",
    "right": "No right coronary artery was found to leave the aorta: it may be missing or start elsewhere; mark its ostium.",
}
VEIN = "An artery touches a vein that is as bright; the crossing was closed, check that no branch is missing there."
SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Coronaries:
    """Trees with their ostia, gaps, tips and remarks; see :class:`.heart_segmentation.HeartSegmentation`. ``model`` names the
    network that was asked, if one was."""

    trees: tuple[Tree, ...]
    ostia: tuple[CoronaryOstium, ...]
    gaps: tuple[Gap, ...]
    tips: tuple[Tip, ...]
    remarks: tuple[str, ...]
    model: str = ""


@dataclass(frozen=True, eq=False)
class HeartPlace:
    """How the heart's box lies in the scan."""

    region: HeartRegion
    chambers: Chambers
    grid: Grid
    spacing_mm: tuple[float, float, float]

    @property
    def _start(self) -> NDArray[np.int_]:
        return np.array([part.start for part in self.chambers.box])

    def lps(self, index: NDArray[Any]) -> FloatArray:
        """Return LPS mm (..., 3) of voxels of the box along the patient's axes."""
        return np.asarray(self.region.axes.lps_from_index(self.grid, np.asarray(index, dtype=np.float64) + self._start))

    def box_mm(self, coarse_mm: FloatArray) -> FloatArray:
        """Carry places (N, 3) of the coarse array (index times spacing) into the box (index times spacing)."""
        fine = self.region.coarse.fine_index(coarse_mm / np.array(self.region.coarse.spacing_mm))
        return np.asarray((fine - self._start) * np.array(self.spacing_mm))


def find_coronaries(
    volume: Volume,
    region: HeartRegion,
    fit: FittedHeart,
    chambers: Chambers,
    network: PatchSegmenter | None = None,
    progress: Progress | None = None,
) -> Coronaries:
    """Find the coronary arteries without a click.

    Parameters
    ----------
    volume
        The scan in HU.
    region, fit, chambers
        The heart in it.
    network
        Asked about the evidence, where one is given.
    progress
        May stop it.

    Raises
    ------
    Cancelled
        When the user stopped the run.
    """
    progress = progress or Progress()
    place = HeartPlace(region, chambers, volume.grid, region.axes.spacing_mm(volume.grid))
    array = region.axes.apply(volume.array_kji)[chambers.box]
    evidence = tube_evidence(array, place.spacing_mm, chambers, progress)
    model = ""
    if network is not None:
        artery, vein, model = network_chances(array, evidence, network, progress)
        evidence = with_network(evidence, artery, vein)
    progress.check()
    graph = build_graph(evidence)
    progress.check()
    expected_mm = place.box_mm(fit.ostia_mm)
    ostia = find_ostia(graph, evidence, expected_mm)
    if not _left_found(ostia):
        wide = with_wide_roots(evidence, chambers, progress)
        wide_graph = build_graph(wide)
        wide_ostia = find_ostia(wide_graph, wide, expected_mm)
        if _left_found(wide_ostia):
            evidence, graph, ostia = wide, wide_graph, wide_ostia
    found, bridges = follow_all(graph, evidence, ostia, progress)
    return replace(assemble_coronaries(volume, place, evidence, ostia, found, bridges, progress), model=model)


def _left_found(ostia: list[Ostium]) -> bool:
    return any(one.side == "left" and one.reach_mm >= LEAST_LEFT_MM and one.extent_mm >= LEAST_EXTENT_MM for one in ostia)


def follow_all(
    graph: TubeGraph, evidence: Evidence, ostia: list[Ostium], progress: Progress | None = None
) -> tuple[list[Followed], list[list[Bridged]]]:
    """Follow the arteries of all ostia, then join what lies behind gaps; a piece goes to one artery only, to a root last that is
    closed at the aorta.

    Where nothing is long enough to be an artery, its root may be closed or nearly so: the root is one where something goes on
    behind it, and none where nothing does.
    """
    progress = progress or Progress()
    found = [follow(graph, evidence, one.nodes, progress) for one in ostia]
    roots = [number for number, (one, ostium) in enumerate(zip(found, ostia, strict=True)) if not one.ways or ostium.is_stump]
    found = [one if one.ways else with_root(one, evidence, ostium.nodes) for one, ostium in zip(found, ostia, strict=True)]
    taken = np.zeros(len(graph.index), dtype=bool)
    for one in found:
        for way in one.ways:
            taken[way.nodes] = True
    bridges: list[list[Bridged]] = [[] for _ in found]
    # an artery that was followed is surer than a root that shows no lumen: what goes on behind it is its own
    for number in sorted(range(len(found)), key=lambda one: one in roots):
        found[number], bridges[number] = bridge(found[number], evidence, taken, progress)
        if number in roots and not bridges[number]:
            found[number] = replace(found[number], ways=[], radii=[])
    return found, bridges


def assemble_coronaries(
    volume: Volume,
    place: HeartPlace,
    evidence: Evidence,
    ostia: list[Ostium],
    found: list[Followed],
    bridges: list[list[Bridged]],
    progress: Progress | None = None,
) -> Coronaries:
    """Centre all ways and put what was found together."""
    trees: list[Tree] = []
    starts: list[CoronaryOstium] = []
    gaps: list[Gap] = []
    remarks = []
    for ostium, followed, joined in zip(ostia, found, bridges, strict=True):
        bridged = {one.way for one in joined} | ({0} if len(ostium.origin) else set())
        courses = _courses(place, evidence, followed, bridged, ostium.origin)
        if not courses:
            continue
        number = len(trees)
        trees.append(build_coronary_tree(volume, courses, place.region.noise_hu, progress=progress))
        starts.append(CoronaryOstium(ostium.side, trees[-1].root.points_lps_mm[0], number))
        if len(ostium.origin):
            origin = place.lps(ostium.origin)
            gaps.append(Gap(origin, number, float(arc_length_mm(origin)[-1]), START_GAP))
        for one in joined:
            ends = place.lps(one.ends_mm / np.array(place.spacing_mm))
            reason = STEP_GAP if one.step else END_GAP if one.at_end else SIDE_GAP
            gaps.append(Gap(ends, number, one.length_mm, reason))
        if followed.cuts_mm:
            remarks.append(VEIN)
    remarks += [NO_OSTIUM[side] for side in SIDES if side not in {one.side for one in starts}]
    tips = [Tip(branch.points_lps_mm[-1], number, branch.id) for number, tree in enumerate(trees) for branch in tree.tips]
    logger.info("coronary arteries: %d trees, %d tips, %d gaps", len(trees), len(tips), len(gaps))
    return Coronaries(tuple(trees), tuple(starts), tuple(gaps), tuple(tips), tuple(dict.fromkeys(remarks)))


def _courses(
    place: HeartPlace, evidence: Evidence, followed: Followed, bridged: set[int], origin: NDArray[np.int_]
) -> list[Course]:
    """Return the courses of followed ways in LPS; the first begins at the aorta, where it shows no lumen along ``origin``."""
    courses = []
    for number, way in enumerate(followed.ways):
        index = followed.graph.index[way.nodes].astype(np.float64)
        if number == 0:
            index = np.concatenate([origin[:-1], index])
            index = np.concatenate([nearest_aorta(index[0], evidence, ROOT_MM)[None], index])
        parent = way.parent if way.parent >= 0 or number == 0 else 0  # another way out of the same ostium
        courses.append(Course(place.lps(index), parent, number in bridged))
    return courses


def paint_lumen(trees: tuple[Tree, ...], grid: Grid) -> NDArray[np.bool_]:
    """Return the lumen (K, J, I) of trees on a grid: voxels within the radius of a centreline."""
    mask = np.zeros(grid.shape_kji, dtype=bool)
    spacing = np.array(grid.spacing_kji_mm)
    for branch in (branch for tree in trees for branch in tree):
        index = grid.kji_from_lps(branch.points_lps_mm)
        radius = np.maximum(branch.radius_mm, 0.6 * float(spacing.max()))
        reach = np.ceil(radius.max() / spacing).astype(int)
        steps = np.stack(np.meshgrid(*[np.arange(-one, one + 1) for one in reach], indexing="ij"), axis=-1).reshape(-1, 3)
        for middle, own in zip(index, radius, strict=True):
            voxels = np.rint(middle).astype(int) + steps
            near = (((voxels - middle) * spacing) ** 2).sum(axis=1) <= own**2
            inside = near & ((voxels >= 0) & (voxels < grid.shape_kji)).all(axis=1)
            mask[tuple(voxels[inside].T)] = True
    return mask
