"""Contours corrected by hand: anchors on lumen edge or outer wall, and the stenoses that follow from them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SenseCarePlanningLib.tubes.wall_edit import Anchor, pass_anchors

from .branching import Bifurcation
from .lumen import Measured, Walls
from .reference import ReferenceKind
from .stenosis import StenosisResult, find_lesions


def edited_walls(walls: Walls, lumen: Sequence[Anchor] = (), outer: Sequence[Anchor] = ()) -> Walls:
    """Return walls that pass the anchors; the outer wall gives way where the lumen is drawn across it.

    Angles and radii of the anchors count about the centres of the lumen (``points_lps_mm``).
    """
    inner = pass_anchors(walls.lumen_mm, walls.arc_mm, lumen)
    return replace(walls, lumen_mm=inner, outer_mm=np.maximum(pass_anchors(walls.outer_mm, walls.arc_mm, outer), inner))


def regraded(
    measured: Measured, walls: Walls, bifurcations: Sequence[Bifurcation] = (), ostium_mm: float = 0.0,
    prefer: ReferenceKind = ReferenceKind.TAPER,
) -> StenosisResult:  # fmt: skip
    """Return lesions and stenoses of edited walls. The scan is not looked at again: some milliseconds, fit for a mouse drag."""
    return find_lesions(measured, bifurcations, walls, ostium_mm, prefer)
