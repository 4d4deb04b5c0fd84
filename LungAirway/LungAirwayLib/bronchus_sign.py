"""Bronchus sign, artery sign and an estimate of Tsuboi's bronchus-nodule relation, unknown where nothing tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .plan import Target, TsuboiType
from .surroundings import Surroundings, box_around

TOUCH_MM = 0.5
"""Half a voxel of a thin-section CT: a lumen wall nearer than this to the surface touches the target."""
ARTERY_TOUCH_MM = 2.0
"""A vessel voxel within 2 mm of the surface reaches the target (artery sign: Ho 2022, doi:10.3390/diagnostics12123059)."""
TANGENTIAL_DEG = 60.0
"""A bronchus whose axis makes a larger angle with the direction to the target's centre passes it by."""


@dataclass(frozen=True)
class BronchusRelation:
    """How airways and vessels relate to one target; None where there is no image to tell."""

    reaching_branches: frozenset[int]
    bronchus_sign: bool | None
    artery_sign: bool | None
    tsuboi: TsuboiType


def inside_target(points_lps_mm: FloatArray, target: Target) -> NDArray[np.bool_]:
    """Tell which points (N, 3) lie inside the target's surface, taken as star-shaped about its centre.

    A bare point has no inside.
    """
    if len(target.surface_lps_mm) < 4:
        return np.zeros(len(points_lps_mm), dtype=bool)
    offsets = target.surface_lps_mm - target.centre_lps_mm
    _, index = cKDTree(unit(offsets)).query(unit(points_lps_mm - target.centre_lps_mm))
    radius = np.linalg.norm(offsets, axis=1)[index]
    return np.asarray(np.linalg.norm(points_lps_mm - target.centre_lps_mm, axis=1) <= radius)


def relate(tree: Tree, target: Target, images: Surroundings) -> BronchusRelation:
    """Find the branches whose lumen touches or enters the target and classify the relation.

    The bronchus sign (a bronchus leading to or contained within the lesion: Naidich 1988, doi:10.1378/chest.93.3.595) is
    true when the lumen of the tree touches the target, false when the target has a surface and no lumen touches it, and
    None for a bare point that no lumen touches, since a point has no surface to reach.
    """
    surface = np.atleast_2d(target.surface_lps_mm if len(target.surface_lps_mm) else target.centre_lps_mm)
    lookup = cKDTree(surface)
    reaching: dict[int, TsuboiType] = {}
    for branch in tree:
        gap = lookup.query(branch.points_lps_mm)[0] - branch.radius_mm
        inside = inside_target(branch.points_lps_mm, target)
        touches = inside | (gap <= TOUCH_MM)
        if touches.any():
            reaching[branch.id] = _relation_of(branch, inside, touches, target)
    artery = _artery_reaches(surface, images)
    if reaching:
        order = (TsuboiType.I, TsuboiType.II, TsuboiType.III, TsuboiType.IV, TsuboiType.UNKNOWN)
        kind = min(reaching.values(), key=order.index)
        leading = frozenset(key for key, value in reaching.items() if value is not TsuboiType.IV)
        return BronchusRelation(leading or frozenset(reaching), True, artery, kind)
    measurable = len(target.surface_lps_mm) >= 4
    return BronchusRelation(frozenset(), False if measurable else None, artery, TsuboiType.UNKNOWN)


def _relation_of(
    branch: Branch,
    inside: NDArray[np.bool_],
    touches: NDArray[np.bool_],
    target: Target,
) -> TsuboiType:
    """Estimate Tsuboi's type from geometry alone: I enters towards the centre, II ends at it, IV passes by."""
    if len(target.surface_lps_mm) < 4:
        return TsuboiType.UNKNOWN
    first = int(np.flatnonzero(touches)[0])
    if inside.any():
        depth = np.linalg.norm(branch.points_lps_mm[inside] - target.centre_lps_mm, axis=1).min()
        return TsuboiType.I if depth < 0.5 * target.radius_mm else TsuboiType.II
    ahead = branch.points_lps_mm[min(first + 2, len(branch.points_lps_mm) - 1)]
    behind = branch.points_lps_mm[max(first - 4, 0)]
    cosine = float(np.dot(unit(ahead - behind), unit(target.centre_lps_mm - branch.points_lps_mm[first])))
    if np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) > TANGENTIAL_DEG:
        return TsuboiType.IV
    return TsuboiType.II if not branch.child_ids else TsuboiType.UNKNOWN


def _artery_reaches(surface: FloatArray, images: Surroundings) -> bool | None:
    vessels = images.vessels
    if vessels is None or len(surface) < 4:
        return None
    box = box_around(vessels.grid, surface, ARTERY_TOUCH_MM)
    if box is None:
        return None
    local = np.argwhere(vessels.array_kji[box] > 0)
    if not len(local):
        return False
    points = vessels.grid.cropped(box).lps_from_kji(local)
    return bool(np.min(cKDTree(points).query(surface)[0]) <= ARTERY_TOUCH_MM)
