"""What a reader must know before anything else of a plan: it may be none."""

from __future__ import annotations

from collections.abc import Iterable

from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .plan import Plan
from .sides import SIDES_EXCHANGED, side_warnings
from .windpipe import PARTIAL

FEW_BRANCHES = 15
"""Trachea, main, lobar and the larger segmental bronchi are more (a chosen bound; the poorest tree of a readable CT seen
here had 61 branches)."""
ABSURD_GAP_MM = 80.0
"""No instrument leads so far beyond the airway: the whole way from the hilum to the pleura is about that long (a chosen
bound; routes into the periphery end within 30 mm of their target)."""

FEW = (
    "{found}: this is no airway tree that a bronchoscopy can be planned on. Check the scan and the airway before using any of it."
)
FAR = (
    "The best route ends {gap} mm before the target: no airway that was found leads there, so that this is no plan for a "
    "bronchoscopy. Check the target and the airway."
)


def grave_warnings(tree: Tree, lungs: LabelMap | None, plan: Plan | None) -> tuple[str, ...]:
    """Return sentences, most important first: sides exchanged, hardly a tree, a target out of reach."""
    found = list(side_warnings(tree, lungs))
    if len(tree) < FEW_BRANCHES:
        count = "Only 1 branch was found" if len(tree) == 1 else f"Only {len(tree)} branches were found"
        found.append(FEW.format(found=count))
    return (*found, *far_warnings(plan))


def far_warnings(plan: Plan | None) -> tuple[str, ...]:
    """Return a sentence where even the first route ends absurdly far from the target."""
    if plan is None or not plan.routes:
        return ()
    best = min(plan.routes, key=lambda route: route.rank)
    return (FAR.format(gap=f"{best.gap_mm:.0f}"),) if best.gap_mm > ABSURD_GAP_MM else ()


def gravest_first(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return the sentences with those of this module, and of an airway mask that is only a part, before all others."""
    starts = (SIDES_EXCHANGED.partition("{")[0], "Only ", FAR.partition("{")[0], PARTIAL)
    return tuple(sorted(sentences, key=lambda text: not text.startswith(starts)))
