"""What a reader states of the patient and the scan does not show: the modifiers I, E and S of CAD-RADS, signed and kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from SenseCarePlanningLib.errors import InputError

from .findings import CoronaryFindings, Ischaemia, NotAtherosclerotic
from .reader_change import NOT_STATED, STATEMENTS, ChangeKind, ReaderChange, now
from .result import CoronaryResult
from .segments import BY_CODE, SEGMENTS
from .told_stents import stated_codes, told_stents


def ischaemia_change(result: CoronaryResult, after: Ischaemia | None, reader: str, remark: str = "") -> ReaderChange:
    """Return the statement of what CT-FFR or stress perfusion showed; None takes it back.

    Raises
    ------
    InputError
        When it is stated already, or nobody signed.
    """
    before = result.findings.ischaemia
    return _change(ChangeKind.ISCHAEMIA, _text(before), _text(after), reader, remark)


def exceptions_change(
    result: CoronaryResult, after: Collection[NotAtherosclerotic], reader: str, remark: str = ""
) -> ReaderChange:
    """Return the statement of all findings that are not atherosclerotic; none takes earlier statements back.

    Raises
    ------
    InputError
        When just these are stated already, or nobody signed.
    """
    before = result.findings.not_atherosclerotic
    return _change(ChangeKind.EXCEPTION, _listed(before), _listed(after), reader, remark)


def stents_change(result: CoronaryResult, after: Collection[str], reader: str, remark: str = "") -> ReaderChange:
    """Return the statement of all segments that are known to hold a stent; none takes back what was told or stated before.

    Raises
    ------
    InputError
        When just these are told or stated already, one is no segment or the result has none of its name, or nobody signed.
    """
    problems = [f"{code} is no SCCT segment" for code in sorted(set(after) - set(BY_CODE))]
    before = told_stents(result)
    there = {one.code for one in result.findings.segments} | before
    problems += [f"the result has no segment {code}" for code in sorted(set(after) & set(BY_CODE) - there)]
    if problems:
        raise InputError("The statement was not taken.", problems)
    return _change(ChangeKind.STENT, _codes(before), _codes(after), reader, remark)


def statement_changes(
    result: CoronaryResult,
    ischaemia: Ischaemia | None,
    exceptions: Collection[NotAtherosclerotic],
    reader: str,
    remark: str = "",
    stents: Collection[str] | None = None,
) -> tuple[ReaderChange, ...]:
    """Return the changes that lead to these statements: one for each that differs from what is stated.

    Parameters
    ----------
    stents
        SCCT codes; None leaves what is stated of stents as it is.

    Raises
    ------
    InputError
        When all are stated already, a statement is refused, or nobody signed.
    """
    other = frozenset(exceptions) != result.findings.not_atherosclerotic
    found = [exceptions_change(result, exceptions, reader, remark)] if other else []
    if stents is not None and frozenset(stents) != told_stents(result):
        found.append(stents_change(result, stents, reader, remark))
    if not found or ischaemia is not result.findings.ischaemia:
        found.insert(0, ischaemia_change(result, ischaemia, reader, remark))
    return tuple(found)


def with_statement(findings: CoronaryFindings, change: ReaderChange) -> CoronaryFindings:
    """Return findings with a statement of the reader.

    Raises
    ------
    InputError
        When the change states something that is not known.
    """
    said = () if change.after == NOT_STATED else tuple(change.after.split(STATEMENTS))
    try:
        if change.kind is ChangeKind.STENT:  # what follows from it is found from the vessels: told_stents.with_told_stents
            if unknown := stated_codes(change.after) - set(BY_CODE):
                raise ValueError(f"{', '.join(sorted(unknown))} is no SCCT segment")
            return findings
        if change.kind is ChangeKind.ISCHAEMIA:
            return replace(findings, ischaemia=Ischaemia(change.after) if said else None)
        return replace(findings, not_atherosclerotic=frozenset(NotAtherosclerotic(one) for one in said))
    except ValueError as error:
        raise InputError("A reader's statement is not understood.", [str(error)]) from error


def _change(kind: ChangeKind, before: str, after: str, reader: str, remark: str) -> ReaderChange:
    problems = [] if reader.strip() else ["nobody signed the change"]
    if before == after:
        problems.append(f"{after} is stated already" if after != NOT_STATED else "nothing was stated that could be taken back")
    if problems:
        raise InputError("The statement was not taken.", problems)
    return ReaderChange(kind, "", before, after, reader.strip(), now(), remark.strip())


def _text(ischaemia: Ischaemia | None) -> str:
    return NOT_STATED if ischaemia is None else ischaemia.value


def _codes(codes: Collection[str]) -> str:
    return STATEMENTS.join(one.code for one in SEGMENTS if one.code in codes) or NOT_STATED


def _listed(exceptions: Collection[NotAtherosclerotic]) -> str:
    return STATEMENTS.join(one.value for one in NotAtherosclerotic if one in exceptions) or NOT_STATED
