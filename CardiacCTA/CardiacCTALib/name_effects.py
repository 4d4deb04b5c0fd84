"""Names that are not certain, where another name would give the patient another category: said, and not assessable there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .cadrads_category import Graded, category_of, graded_parts, worst_by_vessel
from .findings import CoronaryFindings
from .issues import LABELS, Consequence, QualityItem
from .segments import BY_CODE


def with_name_effects(quality: Sequence[QualityItem], findings: CoronaryFindings) -> tuple[QualityItem, ...]:
    """Return the list in which doubtful names count as not assessable where another name would change the category.

    A stenosis of 50 % is 4B in the left main and 3 elsewhere, and three vessels are counted; all else is the same by any name.
    """
    parts = graded_parts(findings)
    return tuple(_judged(item, parts) if item.issue in LABELS else item for item in quality)


def _judged(item: QualityItem, parts: Sequence[Graded]) -> QualityItem:
    given = dict(item.values).get("parts", ())
    names = [str(code) for code in given] if isinstance(given, tuple) else []
    others = [code for code in dict.fromkeys((*item.segments, *names)) if code in BY_CODE]
    own = next((code for code in item.segments if any(part.name == code for part in parts)), "")
    matters = own != "" and len({_category(parts, own, code) for code in others}) > 1
    return replace(item, consequence=Consequence.NOT_ASSESSABLE if matters else Consequence.DOUBTFUL)


def _category(parts: Sequence[Graded], code: str, other: str) -> str:
    named = [replace(part, vessel=BY_CODE[other].vessel) if part.name == code else part for part in parts]
    return category_of(worst_by_vessel(named), True, False).value
