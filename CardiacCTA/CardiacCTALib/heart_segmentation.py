"""What the segmentation of a heart holds, for every step that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.run_info import EngineInfo
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .chambers import BloodLevels

BoolArray = NDArray[np.bool_]


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
    marked
        A reader marked it.
    """

    side: str
    point_lps_mm: FloatArray
    tree: int
    marked: bool = False


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
class Graft:
    """A bypass graft that was seen: its course (N, 3) LPS mm from the aorta to where it was lost or meets an artery, and whether
    this runs beside metal, whose streaks look alike."""

    points_lps_mm: FloatArray
    beside_metal: bool = False

    @property
    def length_mm(self) -> float:
        """Length of its course."""
        return float(arc_length_mm(self.points_lps_mm)[-1])


@dataclass(frozen=True, eq=False)
class HeartSegmentation:
    """The heart as found on the scan's grid.

    Parameters
    ----------
    heart
        Label map, see :mod:`.structures` for the numbers; empty when only clicked arteries were followed.
    aorta_kji, coronary_kji
        (K, J, I) bool: ascending aorta with its root; lumen of the coronary arteries.
    trees
        One for each coronary ostium, root at the ostium, points from proximal to distal.
    ostia, gaps, tips
        What a reader has to look at.
    engine
        Which engine ran.
    levels
        Brightness of blood and muscle; None when only clicked arteries were followed.
    remarks
        Sentences for the reader: what is missing or uncertain.
    grafts
        Bypass grafts seen; they are no part of the trees.
    """

    heart: LabelMap
    aorta_kji: BoolArray
    coronary_kji: BoolArray
    trees: tuple[Tree, ...]
    ostia: tuple[CoronaryOstium, ...]
    gaps: tuple[Gap, ...]
    tips: tuple[Tip, ...]
    engine: EngineInfo
    levels: BloodLevels | None = None
    remarks: tuple[str, ...] = ()
    grafts: tuple[Graft, ...] = ()

    @property
    def heart_labels(self) -> NDArray[np.uint8]:
        """The label map's array (K, J, I)."""
        return self.heart.array_kji
