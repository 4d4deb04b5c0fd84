"""What a reader states of the patient and this program does not find: the modifiers I and E of CAD-RADS, signed and kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from SenseCarePlanningLib.errors import InputError

from .findings import CoronaryFindings, Ischaemia, NotAtherosclerotic
from .reader_change import NOT_STATED, STATEMENTS, ChangeKind, ReaderChange, now
from .result import CoronaryResult


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


def statement_changes(
    result: CoronaryResult, ischaemia: Ischaemia | None, exceptions: Collection[NotAtherosclerotic], reader: str, remark: str = ""
) -> tuple[ReaderChange, ...]:
    """Return the changes that lead to these statements: one for each that differs from what is stated.

    Raises
    ------
    InputError
        When both are stated already, or nobody signed.
    """
    other = frozenset(exceptions) != result.findings.not_atherosclerotic
    found = [exceptions_change(result, exceptions, reader, remark)] if other else []
    if not other or ischaemia is not result.findings.ischaemia:
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


def _listed(exceptions: Collection[NotAtherosclerotic]) -> str:
    return STATEMENTS.join(one.value for one in NotAtherosclerotic if one in exceptions) or NOT_STATED
