"""What would change a grade: another value of one stenosis, a part left out or assessed, the other side of a disputed rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .cadrads_category import STEPS, Category, Graded, at_limit_parts, category_of, graded_parts, worst_by_vessel
from .cadrads_rules import Fired, Rule, fired
from .calcium_series import whole_score
from .constants import GRADED_ABOVE_MM, LEFT_MAIN_4B_FROM, P4_CALCIUM_FROM
from .findings import OPEN, CoronaryFindings, Stenosis
from .plaque_burden import plaque_burden

MARGIN = 10
"""Percent by which a stenosis without a wider interval is varied. Chosen."""


def what_if(findings: CoronaryFindings, category: Category, plaque: bool, not_assessable: bool) -> Iterator[Fired]:
    """Tell what would change the category or the burden.

    Parameters
    ----------
    category, plaque, not_assessable
        As graded: the category, whether there is plaque, whether a part could not be assessed.
    """
    parts = graded_parts(findings)

    def graded(changed: Sequence[Graded], unseen: bool = not_assessable, left_main_from: int = LEFT_MAIN_4B_FROM) -> Category:
        """Return the category that changed parts give."""
        return category_of(worst_by_vessel(changed), plaque, unseen, left_main_from)

    for index, part in enumerate(parts):
        for percent in _nearby(part):
            other = graded(_with(parts, index, Stenosis(percent)))
            if other is not category:
                yield fired(Rule.IF_STENOSIS, percent=percent, part=part.name, category=other.value)
        without = graded(_with(parts, index, OPEN))
        if without is not category:
            yield fired(Rule.IF_WITHOUT, part=part.name, category=without.value)
    given_main = any(one.by_reader and one.code == "LM" for one in findings.segments)  # a category, no number
    for rule, other in (
        (Rule.IF_ASSESSED, graded(parts, unseen=False)),
        (Rule.IF_LEFT_MAIN, category if given_main else graded(parts, left_main_from=LEFT_MAIN_4B_FROM + 1)),
        (Rule.IF_RAMUS, graded(graded_parts(findings, ramus_counts=False))),
    ):
        if other is not category:
            yield fired(rule, category=other.value)
    if round_ := tuple(one.code for one in findings.segments if one.bypassed):
        native = replace(findings, segments=tuple(replace(one, bypassed=False) for one in findings.segments))
        other = graded(graded_parts(native))
        if other is not category:
            yield fired(Rule.IF_NOT_BYPASSED, parts=round_, category=other.value)
    wider = ((part.name, graded([*parts, part])) for part in at_limit_parts(findings))
    limit = f"{GRADED_ABOVE_MM:g}"
    yield from (
        fired(Rule.IF_WIDER, limit=limit, part=name, category=other.value) for name, other in wider if other is not category
    )
    at_limit = graded(graded_parts(findings, at_limit=True))
    if at_limit is not category:
        yield fired(Rule.IF_SMALL, limit=f"{GRADED_ABOVE_MM:g}", category=at_limit.value)
    if findings.agatston is not None and whole_score(findings.agatston) == P4_CALCIUM_FROM and not findings.has_stent:
        yield fired(Rule.IF_P4)
    as_reported, higher = (plaque_burden(findings, not_assessable, choice).level for choice in (False, True))
    if higher is not None and higher != as_reported:
        yield fired(Rule.IF_HIGHER_BURDEN, level=higher)


def _nearby(part: Graded) -> Iterator[int]:
    """Return the nearest values above and below that mean something else, inside the interval or within the margin.

    Occlusion is proposed only where the interval reaches it: no margin makes one.
    """
    value = part.percent
    if not value:
        return
    low, high = min(part.stenosis.low, value - MARGIN), max(part.stenosis.high, min(value + MARGIN, 99))
    above = [step for step in STEPS if value < step <= high]
    below = [step - 1 for step in STEPS if low <= step - 1 < value and step <= value]
    yield from above[:1]
    yield from below[-1:]


def _with(parts: Sequence[Graded], index: int, stenosis: Stenosis) -> list[Graded]:
    return [replace(part, stenosis=stenosis) if place == index else part for place, part in enumerate(parts)]
