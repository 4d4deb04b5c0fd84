"""Stents that are known from elsewhere: told to the run, or stated of its result by a reader; graded by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .cadrads import grade
from .findings import SegmentFinding
from .issues import Issue, QualityItem, gravest_first
from .patient_findings import NOT_FOLLOWED, vessel_findings
from .quality import check_told_stents
from .reader_change import NOT_STATED, STATEMENTS, ChangeKind, ReaderChange
from .result import CoronaryResult
from .segments import BY_CODE


def told_stents(result: CoronaryResult) -> frozenset[str]:
    """Return the SCCT codes of the segments that are said to hold a stent, by the names that they have now.

    A reader's last statement counts, else what the run was told; stents that only the scan shows are not among them.
    """
    return _followed(_told_to_run(result), result.changes, statements=True)


def stated_codes(text: str) -> frozenset[str]:
    """Return the codes of a statement's value."""
    return frozenset() if text == NOT_STATED else frozenset(text.split(STATEMENTS))


def with_told_stents(result: CoronaryResult) -> CoronaryResult:
    """Return the result with what its changes state of stents: findings, quality list, grade and warnings follow.

    Where nothing shows the stent's place no lumen of its segment is graded (N), as for one that the run was told of; a segment
    whose stent the scan shows stays as it is. What is no longer said to hold a stent is graded as it was measured.
    """
    given = _followed(_told_to_run(result), result.changes, statements=False)
    now = told_stents(result)
    if now == given:
        return result
    # the list goes by the names of the run; findings go by those of now
    kept = [
        one
        for one in result.quality
        if one.issue is not Issue.STENT_TOLD or _name_now(one.segments[0], result.changes) not in given - now
    ]
    seen = [replace(one, segments=tuple(_name_now(code, result.changes) for code in one.segments)) for one in kept]
    new = check_told_stents(now - given, seen)
    segments = _segments(result, [*seen, *new], given ^ now, now)
    findings = replace(result.findings, segments=segments)
    quality = gravest_first((*kept, *new))
    said, before = [one.text for one in quality], [one.text for one in result.quality]
    gone = set(before) - set(said)
    return replace(
        result,
        quality=quality,
        findings=findings,
        grade=grade(findings),
        warnings=(
            *(text for text in result.warnings if text not in gone),
            *(text for text in said if text not in (*before, *result.warnings)),
        ),
    )


def _told_to_run(result: CoronaryResult) -> frozenset[str]:
    return frozenset(one for one in result.run.options.get("stents", "").split(",") if one in BY_CODE)


def _followed(codes: frozenset[str], changes: Sequence[ReaderChange], statements: bool) -> frozenset[str]:
    """Return codes after changes: they go with the segments' names, and are replaced by each statement."""
    for one in changes:
        if one.kind is ChangeKind.LABEL:
            names = {one.before: one.after, one.after: one.before}
            codes = frozenset(names.get(code, code) for code in codes)
        elif one.kind is ChangeKind.STENT and statements:
            codes = stated_codes(one.after)
    return codes


def _name_now(code: str, changes: Sequence[ReaderChange]) -> str:
    """Return the name that a segment of the run has after changes."""
    return next(iter(_followed(frozenset({code}), changes, statements=False)))


def _segments(
    result: CoronaryResult, quality: Sequence[QualityItem], other: frozenset[str], now: frozenset[str]
) -> tuple[SegmentFinding, ...]:
    """Return all findings; those of ``other``, of which something else is said than the run was told, by the quality list."""
    found: dict[str, SegmentFinding] = {}
    for one in result.vessels:
        for finding in vessel_findings(one, quality):
            found.setdefault(finding.code, finding)

    def told(was: SegmentFinding) -> SegmentFinding:
        """Return the finding of a segment with what only the whole heart tells from the old one."""
        if was.code not in other or (was.code in now and was.stent):
            return was
        one = found.get(was.code) or SegmentFinding(was.code, None, NOT_FOLLOWED, diameter_mm=was.diameter_mm)
        one = replace(one, bypassed=was.bypassed)
        return replace(one, stent=True, plaque=False) if was.code in now else one

    return tuple(told(one) for one in result.findings.segments)
