"""The plaque burden P1 to P4 of CAD-RADS 2.0, by calcium score and by involved segments, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from .cadrads_category import counts_by_size, whole_percent
from .cadrads_rules import Fired, Rule, fired
from .calcium_series import whole_score
from .constants import P4_CALCIUM_FROM, P_BY_CALCIUM, P_BY_INVOLVEMENT, P_HIGHER_OF_BOTH, STENT_IMPLIES_PLAQUE
from .findings import CoronaryFindings, SegmentFinding
from .segments import segment_involvement_score

P4 = 4


@dataclass(frozen=True)
class PlaqueBurden:
    """Burden by both ways, and the one that is reported.

    Parameters
    ----------
    level
        1 to 4; None when there is no plaque, or none was found and not all was assessed.
    by_calcium
        Level by the calcium score; None without a score, or when it is 0.
    by_involvement
        Level by involved segments; None when none is, as where none was assessed.
    involved_segments
        SIS: segments over 1.5 mm with plaque, stenosis or a stent.
    """

    level: int | None
    by_calcium: int | None
    by_involvement: int | None
    involved_segments: int
    trace: tuple[Fired, ...] = ()


def has_plaque(finding: SegmentFinding) -> bool:
    """Tell whether a segment holds plaque for certain, narrowing or not: seen as such, or under a stent."""
    return finding.plaque or bool(finding.plaque_features) or (finding.stent and STENT_IMPLIES_PLAQUE)


def has_disease(finding: SegmentFinding) -> bool:
    """Tell whether a segment counts as involved: plaque, or a stenosis that rounds to 1 % or more."""
    return has_plaque(finding) or (finding.stenosis is not None and whole_percent(finding.stenosis.percent) > 0)


def level_by_calcium(agatston: float) -> int | None:
    """Return P by an Agatston score as it is reported; None for 0."""
    whole = whole_score(agatston)
    return P4 if whole >= P4_CALCIUM_FROM else _level(whole, P_BY_CALCIUM)


def level_by_involvement(segments: int) -> int | None:
    """Return P by the number of involved segments; None for 0."""
    return _level(segments, P_BY_INVOLVEMENT)


def _level(value: int, steps: tuple[tuple[int, int], ...]) -> int | None:
    return max((level for lowest, level in steps if value >= lowest), default=None)


def plaque_burden(findings: CoronaryFindings, incomplete: bool, higher_of_both: bool = P_HIGHER_OF_BOTH) -> PlaqueBurden:
    """Return the burden: by calcium score where there is one; by involved segments without one, with any stent, or when the
    score is 0 although there is plaque (CAD-RADS 2.0 as summarised by radathand.com and radiopaedia.org).

    Parameters
    ----------
    incomplete
        Whether parts could not be assessed, which makes the involved segments a lower bound.
    higher_of_both
        Take the higher level where both ways may be used.
    """
    diseased = [finding for finding in findings.segments if has_disease(finding)]
    involved = segment_involvement_score(finding.code for finding in diseased if counts_by_size(finding))
    stent = findings.has_stent
    by_calcium = None if findings.agatston is None else level_by_calcium(findings.agatston)
    if not diseased and by_calcium is None:
        return PlaqueBurden(None, None, None, involved)
    # plaque in small branches only is still "up to 2 segments"; what was not assessed gives no level
    by_involvement = level_by_involvement(involved) or (1 if diseased else None)
    trace: list[Fired] = []
    if findings.agatston is not None and stent:
        trace.append(fired(Rule.P_NOT_BY_CALCIUM_STENT))
    elif findings.agatston is not None and by_calcium is None:
        trace.append(fired(Rule.P_NOT_BY_CALCIUM_ZERO))
    level: int | None
    if by_calcium is not None and not stent and not (higher_of_both and (by_involvement or 0) > by_calcium):
        level = by_calcium
        trace.append(fired(Rule.P_CALCIUM, level=level, score=whole_score(findings.agatston or 0.0)))
        trace.extend([] if findings.faint_calcium is None else [fired(Rule.P_FAINT, level=level)])
    elif by_involvement is None:
        level = None
    else:
        level = by_involvement
        how = fired(Rule.P_INVOLVEMENT, level=level, count=involved) if involved else fired(Rule.P_SMALL_ONLY, level=level)
        trace.append(how)
        trace.extend([fired(Rule.P_INCOMPLETE)] if incomplete else [])
    if by_involvement is not None and by_calcium not in (None, by_involvement):
        trace.append(fired(Rule.P_DIFFER, calcium=by_calcium or 0, involved=by_involvement))
    return PlaqueBurden(level, by_calcium, by_involvement, involved, tuple(trace))
