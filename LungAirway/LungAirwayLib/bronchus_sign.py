"""Bronchus sign and an estimate of Tsuboi's bronchus-nodule relation, unknown where nothing tells.

Tsuboi (1967, Transbronchial biopsy smear for diagnosis of peripheral pulmonary carcinomas, Cancer 20:687): I the bronchus
leads up to the lesion, II it is contained in the lesion, III it is compressed from outside, IV it is narrowed on the way
by lymph nodes or by spread along its wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, angle_deg, unit
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .plan import Target, TsuboiType
from .surroundings import target_surface

TOUCH_MM = 0.5
"""Half a voxel of a thin-section CT: a lumen wall nearer than this to the surface touches the target."""
FEWEST_SURFACE_POINTS = 4
CONTAINED_SHARE = 0.5
"""A lumen that comes nearer to the centre than half the radius runs inside the lesion."""
NARROWED_SHARE = 0.7
"""A lumen that has less than 0.7 of the branch's own radius where it passes the lesion counts as compressed."""
TANGENTIAL_DEG = 60.0
"""A bronchus whose axis makes a larger angle with the direction to the target's centre passes it by."""


@dataclass(frozen=True)
class BronchusRelation:
    """How the airways relate to one target; the sign is None for a bare point that no lumen touches."""

    reaching_branches: frozenset[int]
    bronchus_sign: bool | None
    tsuboi: TsuboiType


def inside_target(points_lps_mm: FloatArray, target: Target) -> NDArray[np.bool_]:
    """Tell which points (N, 3) lie inside the target's surface, taken as star-shaped about its centre.

    A bare point has no inside.
    """
    if len(target.surface_lps_mm) < FEWEST_SURFACE_POINTS:
        return np.zeros(len(points_lps_mm), dtype=bool)
    offsets = target.surface_lps_mm - target.centre_lps_mm
    _, index = cKDTree(unit(offsets)).query(unit(points_lps_mm - target.centre_lps_mm))
    radius = np.linalg.norm(offsets, axis=1)[index]
    return np.asarray(np.linalg.norm(points_lps_mm - target.centre_lps_mm, axis=1) <= radius)


def touching(points_lps_mm: FloatArray, radius_mm: FloatArray, target: Target, surface: cKDTree) -> NDArray[np.bool_]:
    """Tell at which points (N, 3) a lumen of ``radius_mm`` (N,) touches or enters the target; ``surface`` looks it up."""
    gap = np.asarray(surface.query(points_lps_mm)[0]) - radius_mm
    return np.asarray(inside_target(points_lps_mm, target) | (gap <= TOUCH_MM), dtype=np.bool_)


def relate(tree: Tree, target: Target) -> BronchusRelation:
    """Find the branches whose lumen touches or enters the target and classify the relation.

    The bronchus sign (a bronchus leading to or contained within the lesion: Naidich 1988, doi:10.1378/chest.93.3.595) is
    true when the lumen of the tree touches the target, false when the target has a surface and no lumen touches it, and
    None for a bare point that no lumen touches, since a point has no surface to reach.
    """
    surface = target_surface(target)
    measurable = len(target.surface_lps_mm) >= FEWEST_SURFACE_POINTS
    lookup = cKDTree(surface)
    reaching: dict[int, _Contact] = {}
    for branch in tree:
        inside = inside_target(branch.points_lps_mm, target)
        touches = touching(branch.points_lps_mm, branch.radius_mm, target, lookup)
        if touches.any():
            reaching[branch.id] = _contact(branch, inside, touches, target)
    if not reaching:
        return BronchusRelation(frozenset(), False if measurable else None, TsuboiType.UNKNOWN)
    leading = frozenset(key for key, contact in reaching.items() if contact.leads)
    kinds = {contact.kind for contact in reaching.values()}
    kind = next((item for item in _TELLING if item in kinds), TsuboiType.UNKNOWN)
    return BronchusRelation(leading or frozenset(reaching), True, kind)


@dataclass(frozen=True)
class _Contact:
    """How one branch meets the target: whether it leads there, and Tsuboi's type as far as geometry tells."""

    leads: bool
    kind: TsuboiType


_TELLING = (TsuboiType.II, TsuboiType.I, TsuboiType.III)


def _contact(branch: Branch, inside: NDArray[np.bool_], touches: NDArray[np.bool_], target: Target) -> _Contact:
    """Classify a contact: inside the lesion is II, ending at it is I, passing by and narrowed there is III.

    Type IV (narrowed on the way by nodes or spread) shows in the wall, not in the lumen's mask, and is never claimed.
    """
    first = int(np.flatnonzero(touches)[0])
    if len(target.surface_lps_mm) < FEWEST_SURFACE_POINTS:
        return _Contact(True, TsuboiType.UNKNOWN)
    if inside.any():
        depth = np.linalg.norm(branch.points_lps_mm[inside] - target.centre_lps_mm, axis=1).min()
        return _Contact(True, TsuboiType.II if depth < CONTAINED_SHARE * target.radius_mm else TsuboiType.I)
    ahead = branch.points_lps_mm[min(first + 2, len(branch.points_lps_mm) - 1)]
    behind = branch.points_lps_mm[max(first - 4, 0)]
    if angle_deg(ahead - behind, target.centre_lps_mm - branch.points_lps_mm[first]) > TANGENTIAL_DEG:
        free = branch.radius_mm[~touches]
        narrowed = len(free) > 0 and branch.radius_mm[touches].min() < NARROWED_SHARE * float(np.median(free))
        return _Contact(False, TsuboiType.III if narrowed else TsuboiType.UNKNOWN)
    return _Contact(True, TsuboiType.I if not branch.child_ids else TsuboiType.UNKNOWN)
