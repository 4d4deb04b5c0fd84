"""From a coronary CT angiogram to chambers, aorta, and the trees of the coronary arteries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .atlas_fit import fit_heart
from .chambers import BloodLevels, Chambers, find_chambers
from .coronary_evidence import Evidence, enlarged, tube_evidence
from .coronary_tracking import TubeGraph, Way, build_graph, follow
from .coronary_tree import Course, build_coronary_tree
from .heart_region import HeartRegion, find_heart
from .ostia import find_ostia
from .structures import AORTA, HEART_NAMES

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]
EngineName = Literal["auto", "classical", "totalsegmentator"]


@dataclass(frozen=True)
class Clicks:
    """What a reader marked: the ostium of one artery and the tips of its branches, LPS mm.

    Parameters
    ----------
    ostium_lps_mm
        (3,) where it leaves the aorta.
    tips_lps_mm
        Far ends, one or more.
    """

    ostium_lps_mm: tuple[float, float, float]
    tips_lps_mm: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class SegmentOptions:
    """How the heart is segmented.

    Parameters
    ----------
    engine
        ``auto`` takes TotalSegmentator's chambers where it is installed, else ``classical``, which needs no weights.
    clicks
        Arteries marked by the reader, one for each ostium: they take the place of the ostia and tips found.
    """

    engine: EngineName = "auto"
    clicks: tuple[Clicks, ...] = ()


@dataclass(frozen=True)
class EngineInfo:
    """Which engine ran: its name, its model and version, and what it decided."""

    name: str
    model: str
    version: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class CoronaryOstium:
    """Where a coronary artery leaves the aorta.

    Parameters
    ----------
    side
        ``left`` or ``right``: the sinus it leaves.
    point_lps_mm
        (3,).
    tree
        Number of its tree.
    """

    side: str
    point_lps_mm: FloatArray
    tree: int


@dataclass(frozen=True, eq=False)
class Gap:
    """A stretch that was crossed without a visible lumen: an occlusion, a step of the scan or a branch too thin to see.

    Parameters
    ----------
    points_lps_mm
        (N, 3).
    tree
        Number of the tree.
    gap_mm
        Its length.
    reason
        A sentence for the reader.
    """

    points_lps_mm: FloatArray
    tree: int
    gap_mm: float
    reason: str


@dataclass(frozen=True, eq=False)
class Tip:
    """Where a branch ends.

    Parameters
    ----------
    point_lps_mm
        (3,).
    tree, branch
        Its tree and branch.
    reached
        False when a reader's tip could not be reached: then ``point_lps_mm`` is the tip marked and ``branch`` is -1.
    """

    point_lps_mm: FloatArray
    tree: int
    branch: int
    reached: bool = True


@dataclass(frozen=True, eq=False)
class HeartSegmentation:
    """The heart as found on the scan's grid.

    Parameters
    ----------
    heart
        Label map, see :mod:`.structures` for the numbers.
    aorta_kji, coronary_kji
        (K, J, I) bool: ascending aorta with its root; lumen of the coronary arteries.
    trees
        One for each coronary ostium, root at the ostium.
    ostia, gaps, tips
        What a reader has to look at.
    engine
        Which engine ran.
    levels
        Brightness of blood and muscle.
    remarks
        Sentences for the reader: what is missing or uncertain.
    """

    heart: LabelMap
    aorta_kji: BoolArray
    coronary_kji: BoolArray
    trees: tuple[Tree, ...]
    ostia: tuple[CoronaryOstium, ...]
    gaps: tuple[Gap, ...]
    tips: tuple[Tip, ...]
    engine: EngineInfo
    levels: BloodLevels
    remarks: tuple[str, ...] = ()

    @property
    def heart_labels(self) -> NDArray[np.uint8]:
        """The label map's array (K, J, I)."""
        return self.heart.array_kji


def segment(volume: Volume, options: SegmentOptions | None = None, progress: Progress | None = None) -> HeartSegmentation:
    """Segment the heart and its arteries.

    Parameters
    ----------
    volume
        Contrast CT in HU, any storage order.

    Raises
    ------
    InputError
        When no ascending aorta filled with contrast is seen, or an option contradicts the scan.
    Cancelled
        When the user stopped the run.
    """
    options = options or SegmentOptions()
    progress = progress or Progress()
    with progress.step("Aorta"):
        region = find_heart(volume)
    array = region.axes.apply(volume.array_kji)
    spacing = region.axes.spacing_mm(volume.grid)
    with progress.step("Chambers"):
        fit = fit_heart(region)
        chambers = find_chambers(array, spacing, region, fit)
    with progress.step("Coronary arteries"):
        evidence = tube_evidence(array[chambers.box], spacing, chambers)
        graph = build_graph(evidence)
        ostia = find_ostia(graph, evidence)[:2]
        ways = [follow(graph, evidence, one.nodes) for one in ostia]
    with progress.step("Centrelines"):
        trees = _trees(volume, region, chambers, graph, ways)
    return _assembled(volume, region, chambers, evidence, trees)


def _trees(volume: Volume, region: HeartRegion, chambers: Chambers, graph: TubeGraph, ways: list[list[Way]]) -> tuple[Tree, ...]:
    start = np.array([part.start for part in chambers.box])
    found = []
    for tree in ways:
        courses = [
            Course(region.axes.lps_from_index(volume.grid, graph.index[way.nodes] + start), way.parent)
            for way in tree
            if len(way.nodes) > 1
        ]
        if courses:
            found.append(build_coronary_tree(volume, courses, region.noise_hu))
    return tuple(found)


def _assembled(
    volume: Volume, region: HeartRegion, chambers: Chambers, evidence: Evidence, trees: tuple[Tree, ...]
) -> HeartSegmentation:
    labels = np.zeros(region.axes.apply(volume.array_kji).shape, dtype=np.uint8)
    part = labels[chambers.box]
    part[:] = enlarged(chambers.labels, chambers.small.factor, part.shape)
    heart = LabelMap(region.axes.restore(labels), volume.affine_ijk_to_lps, HEART_NAMES)
    aorta = heart.array_kji == AORTA
    coronary = np.zeros(heart.array_kji.shape, dtype=bool)
    ostia = tuple(
        CoronaryOstium("left" if number == 0 else "right", tree.root.points_lps_mm[0], number)
        for number, tree in enumerate(trees)
    )
    tips = tuple(Tip(branch.points_lps_mm[-1], number, branch.id) for number, tree in enumerate(trees) for branch in tree.tips)
    remarks = () if len(trees) >= 2 else ("Fewer than two coronary arteries were found to leave the aorta.",)
    return HeartSegmentation(
        heart,
        aorta,
        coronary,
        trees,
        ostia,
        (),
        tips,
        EngineInfo("classical", "fitted average heart and cheapest ways", "1"),
        chambers.levels,
        remarks,
    )
