"""From the stenoses of vessels to the category of a patient, for one set of values and for all that the intervals allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product

from .constants import GRADED_ABOVE_MM, LEFT_MAIN_4B_FROM, MILD_FROM, MODERATE_FROM, OCCLUDED_AT, SEVERE_FROM, THREE_VESSELS
from .findings import CoronaryFindings, SegmentFinding, Stenosis
from .segments import Artery

THREE = (Artery.LAD, Artery.LCX, Artery.RCA)
STEPS = tuple(sorted({0, 1, MILD_FROM, MODERATE_FROM, LEFT_MAIN_4B_FROM, SEVERE_FROM, OCCLUDED_AT}))
"""Where, in whole percent, a stenosis begins to mean something else."""


class Category(Enum):
    """CAD-RADS 2.0 category of a patient; N when the examination is not diagnostic."""

    NONE = "0"
    MINIMAL = "1"
    MILD = "2"
    MODERATE = "3"
    SEVERE = "4A"
    SEVERE_EXTENSIVE = "4B"
    OCCLUDED = "5"
    NON_DIAGNOSTIC = "N"


@dataclass(frozen=True)
class Graded:
    """A segment or graft that is graded: its name, the vessel it counts for, and its stenosis."""

    name: str
    vessel: Artery
    stenosis: Stenosis

    @property
    def percent(self) -> int:
        """Stenosis in whole percent."""
        return whole_percent(self.stenosis.percent)

    def reachable(self) -> list[int]:
        """Return the steps that the interval touches, ascending."""
        low, high = whole_percent(self.stenosis.low), whole_percent(self.stenosis.high)
        return [step_of(low), *(step for step in STEPS if low < step <= high)]


def whole_percent(percent: float) -> int:
    """Round to whole percent, half up; only 100 is 100, because an occlusion is never the outcome of rounding."""
    return OCCLUDED_AT if percent >= OCCLUDED_AT else min(int(percent + 0.5), OCCLUDED_AT - 1)


def step_of(percent: int) -> int:
    """Return the highest step that a stenosis in whole percent reaches."""
    return max(step for step in STEPS if step <= percent)


def vessel_of(finding: SegmentFinding, ramus_counts: bool = True) -> Artery:
    """Return the vessel a segment counts for; the ramus counts for none of the three where ``ramus_counts`` is False."""
    return finding.segment.vessel if ramus_counts else finding.segment.artery


def graded_parts(findings: CoronaryFindings, at_limit: bool = False, ramus_counts: bool = True) -> list[Graded]:
    """Return what is graded: assessable segments over 1.5 mm that are not bypassed, and assessable grafts.

    Parameters
    ----------
    at_limit
        Grade segments of exactly the limit too.
    """
    parts = [
        Graded(one.code, vessel_of(one, ramus_counts), one.stenosis)
        for one in findings.segments
        if one.stenosis is not None and not one.bypassed and counts_by_size(one, at_limit)
    ]
    grafts = [
        Graded(graft.name, graft.target, graft.stenosis)
        for graft in findings.grafts
        if graft.stenosis is not None and graft.target is not None
    ]
    return parts + grafts


def at_limit_parts(findings: CoronaryFindings) -> list[Graded]:
    """Return what would be graded too, were it as wide as its interval allows."""
    segments = [one for one in findings.segments if not one.bypassed]
    return [Graded(one.code, vessel_of(one), one.at_limit) for one in segments if one.at_limit is not None]


def narrower_parts(findings: CoronaryFindings, parts: Iterable[Graded]) -> list[Graded]:
    """Return what would be graded, were arteries as narrow as their intervals allow; empty where it is the same."""
    found = {one.code: one.if_narrow for one in findings.segments if one.if_narrow is not None}
    changed = [replace(part, stenosis=found.get(part.name, part.stenosis)) for part in parts]
    return changed if any(part.name in found for part in parts) else []


def in_order(found: Iterable[Category]) -> tuple[Category, ...]:
    """Return categories mildest first, N before all."""
    given = set(found)
    order = (Category.NON_DIAGNOSTIC, *(one for one in Category if one is not Category.NON_DIAGNOSTIC))
    return tuple(one for one in order if one in given)


def counts_by_size(finding: SegmentFinding, at_limit: bool = False) -> bool:
    """Tell whether a segment is wide enough to be graded; one of unknown size is."""
    width = finding.diameter_mm
    return width is None or width > GRADED_ABOVE_MM or (at_limit and width == GRADED_ABOVE_MM)


def worst_by_vessel(parts: Iterable[Graded]) -> dict[Artery, int]:
    """Return the worst stenosis of each vessel in whole percent: vessels are counted, not segments; LM first."""
    worst: dict[Artery, int] = {}
    for part in parts:
        worst[part.vessel] = max(worst.get(part.vessel, 0), part.percent)
    return {vessel: worst[vessel] for vessel in Artery if vessel in worst}


def category_of(
    worst: dict[Artery, int], plaque: bool, not_assessable: bool, left_main_from: int = LEFT_MAIN_4B_FROM
) -> Category:
    """Return the category of a patient (CAD-RADS 2.0).

    Parameters
    ----------
    worst
        Worst stenosis of each vessel in whole percent.
    plaque
        Whether there is plaque anywhere, narrowing or not.
    not_assessable
        Whether a part that would be graded cannot be assessed.
    """
    highest = max(worst.values(), default=0)
    extensive = worst.get(Artery.LM, 0) >= left_main_from or len(severe_vessels(worst)) == THREE_VESSELS
    rules = (
        (highest >= OCCLUDED_AT, Category.OCCLUDED),
        (extensive, Category.SEVERE_EXTENSIVE),
        (highest >= SEVERE_FROM, Category.SEVERE),
        (highest >= MODERATE_FROM, Category.MODERATE),
        (not_assessable, Category.NON_DIAGNOSTIC),
        (highest >= MILD_FROM, Category.MILD),
        (highest >= 1 or plaque, Category.MINIMAL),
    )
    return next((category for holds, category in rules if holds), Category.NONE)


def severe_vessels(worst: dict[Artery, int]) -> list[Artery]:
    """Return which of LAD, LCx and RCA have severe stenosis."""
    return [vessel for vessel in THREE if worst.get(vessel, 0) >= SEVERE_FROM]


def possible_categories(parts: Sequence[Graded], plaque: bool, not_assessable: bool) -> tuple[Category, ...]:
    """Return every category that some values inside the intervals give, mildest first, N before all.

    Strategy: the worst of a vessel can be any step that one of its parts reaches and that none of the others must exceed;
    the vessels vary freely beside each other.
    """
    by_vessel: dict[Artery, list[list[int]]] = {}
    for part in parts:
        by_vessel.setdefault(part.vessel, []).append(part.reachable())
    choices = []
    for steps in by_vessel.values():
        least = max(reach[0] for reach in steps)
        choices.append(sorted({step for reach in steps for step in reach if step >= least}))
    found = {category_of(dict(zip(by_vessel, chosen, strict=True)), plaque, not_assessable) for chosen in product(*choices)}
    return in_order(found)
