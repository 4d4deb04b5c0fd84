"""What a reader must know before anything else of a plan: it may be none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap

from .mediastinum import wall_gap_mm
from .nodule import in_lung
from .plan import Plan
from .sides import SIDES_EXCHANGED, side_warnings
from .windpipe import PARTIAL

FEW_BRANCHES = 15
"""Trachea, main, lobar and the larger segmental bronchi are more (a chosen bound; the poorest tree of a readable CT seen
here had 61 branches)."""
ABSURD_GAP_MM = 80.0
"""No instrument leads so far beyond the airway: the whole way from the hilum to the pleura is about that long (a chosen
bound; routes into the periphery end within 30 mm of their target)."""

FAR_GAP_MM = 30.0
"""Farther beyond the airway no instrument is usually led (a chosen bound; in a robotic series the middle half of the targets
lay 2 to 12 mm beyond the tip, PRECIsE, doi:10.1186/s12890-021-01693-2)."""

FEW = (
    "{found}: this is no airway tree that a bronchoscopy can be planned on. Check the scan and the airway before using any of it."
)
FAR = (
    "The best route ends {gap} mm before the target: no airway that was found leads there, so that this is no plan for a "
    "bronchoscopy. Check the target and the airway."
)

DISTANT = (
    "The best route ends {gap} mm before the target, farther than an instrument is led beyond the airway ({limit} mm): check the "
    "target, and the airway there, before using this route."
)
IN_LUMEN = (
    "The target point lies in the air inside {name}: a lesion lies in the wall or beyond it, or fills the airway. "
    "Check the point."
)
OUTSIDE_LUNGS = (
    "The target lies outside the lungs, {gap} mm from the nearest airway: the way is a needle through the wall. Heart, great "
    "vessels and oesophagus are not recognised here: check on the CT, and by ultrasound, what the needle would cross."
)

_OF_TARGET = (FAR, DISTANT, IN_LUMEN, OUTSIDE_LUNGS)


def grave_warnings(tree: Tree, lungs: LabelMap | None, plan: Plan | None) -> tuple[str, ...]:
    """Return sentences, most important first: sides exchanged, hardly a tree, a target out of reach."""
    found = list(side_warnings(tree, lungs))
    if len(tree) < FEW_BRANCHES:
        count = "Only 1 branch was found" if len(tree) == 1 else f"Only {len(tree)} branches were found"
        found.append(FEW.format(found=count))
    return (*found, *target_warnings(tree, lungs, plan))


def target_warnings(tree: Tree, lungs: LabelMap | None, plan: Plan | None) -> tuple[str, ...]:
    """Return sentences on a target that is hardly one: far from all airways, in the air of one, outside the lungs."""
    if plan is None or not plan.routes:
        return ()
    found = []
    best = min(plan.routes, key=lambda route: route.rank)
    if best.gap_mm > ABSURD_GAP_MM:
        found.append(FAR.format(gap=f"{best.gap_mm:.0f}"))
    elif best.gap_mm > FAR_GAP_MM:
        found.append(DISTANT.format(gap=f"{best.gap_mm:.0f}", limit=f"{FAR_GAP_MM:.0f}"))
    if not plan.target.is_point:
        return tuple(found)
    around = airway_around(tree, plan.target.centre_lps_mm)
    if around is not None:
        found.append(IN_LUMEN.format(name=around.label.code if around.label is not None else f"branch {around.id}"))
    elif lungs is not None and lungs.array_kji.any() and not in_lung(lungs, plan.target.centre_lps_mm):
        found.append(OUTSIDE_LUNGS.format(gap=f"{wall_gap_mm(tree, plan.target.centre_lps_mm):.0f}"))
    return tuple(found)


def airway_around(tree: Tree, point_lps_mm: FloatArray) -> Branch | None:
    """Return the branch whose lumen holds a point, the one it lies deepest in; None outside the airways."""
    depths = {b.id: float((b.radius_mm - np.linalg.norm(b.points_lps_mm - point_lps_mm, axis=1)).max()) for b in tree}
    deepest = max(depths, key=lambda branch_id: depths[branch_id])
    return tree[deepest] if depths[deepest] > 0.0 else None


def gravest_first(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return the sentences with those of this module, and of an airway mask that is only a part, before all others."""
    starts = [SIDES_EXCHANGED, "Only {", *_OF_TARGET, PARTIAL]
    heads = [text.partition("{")[0] for text in starts]

    def place(text: str) -> int:
        """Return the rank of a warning; those not listed come last."""
        return next((at for at, head in enumerate(heads) if text.startswith(head)), len(heads))

    return tuple(sorted(sentences, key=place))
