"""A reader's changes to a result: applied to names and findings, graded anew, and kept in the result folder.

The measured result is never overwritten: ``coronary.json`` stays as the run wrote it, the changes lie beside it, oldest first,
and are applied when the result is shown or reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.plain_data import from_plain, is_version, to_plain
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.whole_folder import SIGNED, count_as_ours

from .cadrads import grade
from .cadrads_category import whole_percent
from .edit_steps import edit_steps
from .edited_result import with_vessel
from .findings import SegmentFinding
from .measurements import patient_measurements
from .reader_change import AS_MEASURED, GRADES, NOT_ASSESSED, OR, STATED, ChangeKind, ReaderChange, graded_codes, now
from .reader_grades import BY_READER, regraded
from .reader_statements import with_statement
from .remeasured import Remeasured, kept_in
from .result import CoronaryResult
from .result_io import load_result
from .segments import BY_CODE
from .told_stents import with_told_stents
from .vessel_edit import VesselEdit
from .vessel_editor import VesselEditor, moved_vessel
from .vessel_result import VesselResult

CHANGES = SIGNED
SCHEMA_NAME, SCHEMA_VERSION = "sensecare-coronary-changes", 4
"""Version 1 knew no drawn vessels, version 2 no statements and no distance of a place from the ostium, version 3 no stents; these
are read, too."""
_READ_VERSIONS = (1, 2, 3, 4)
_TRUNKS = {"LAD", "LCx", "RCA", "LM"}


def load_changes(folder: Path) -> tuple[ReaderChange, ...]:
    """Return the changes kept in a result folder, oldest first; none where nothing was changed.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    path = Path(folder) / CHANGES
    if not path.is_file():
        return ()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema_version"]
        if content["schema"] != SCHEMA_NAME or not is_version(version, _READ_VERSIONS):
            raise ValueError(f"schema {content['schema']!r} version {version!r}")
        return tuple(from_plain(ReaderChange, one) for one in content["changes"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "The list of a reader's changes is damaged; restore it or remove it.", [f"{CHANGES}: {error}"]
        ) from error


def load_shown(folder: Path, images: bool = True, otherwise: Remeasured | None = None) -> tuple[CoronaryResult, CoronaryResult]:
    """Return the result in a folder as the run wrote it, and with the reader's changes.

    Parameters
    ----------
    images
        As in :func:`result_io.load_result`.
    otherwise
        Measures a vessel on a moved line that is not kept in the folder; without it that is an error.

    Raises
    ------
    InputError
        When the folder is no result, or the changes are damaged or do not fit it.
    """
    measured = load_result(folder, images)
    return measured, changed(measured, load_changes(folder), kept_in(folder, otherwise))


def save_changes(changes: Sequence[ReaderChange], folder: Path) -> None:
    """Write the changes into a result folder; the file appears whole or not at all.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    content = {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "changes": [to_plain(one) for one in changes],
    }
    path = Path(folder) / CHANGES
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(scratch, path)
    count_as_ours(Path(folder), CHANGES)


def label_change(result: CoronaryResult, before: str, after: str, reader: str, remark: str = "") -> ReaderChange:
    """Return the change of a segment's name; a name that another segment has is exchanged with it.

    Raises
    ------
    InputError
        When a name is no SCCT segment, the result has no such segment, or nobody signed.
    """
    problems = [] if reader.strip() else ["nobody signed the change"]
    if after not in BY_CODE:
        problems.append(f"{after} is no SCCT segment")
    if before not in {one.code for one in result.findings.segments}:
        problems.append(f"the result has no segment {before}")
    if before == after:
        problems.append(f"{after} is its name already")
    if problems:
        raise InputError("The name of the segment was not changed.", problems)
    return ReaderChange(ChangeKind.LABEL, before, before, after, reader.strip(), now(), remark.strip())


def grade_change(result: CoronaryResult, code: str, after: str, reader: str, remark: str = "") -> ReaderChange:
    """Return the change of a segment's grade; giving one of several that are possible confirms it and makes it certain.

    Parameters
    ----------
    after
        A category of :data:`reader_change.GRADES`, ``not assessed``, or ``as measured``, which takes earlier changes back.

    Raises
    ------
    InputError
        When the category is unknown or is the segment's for certain already, the result has no such segment, or nobody signed.
    """
    finding = next((one for one in result.findings.segments if one.code == code), None)
    problems = [] if reader.strip() else ["nobody signed the change"]
    if after not in (*GRADES, NOT_ASSESSED, AS_MEASURED):
        problems.append(f"{after} is no grade of a segment")
    if finding is None:
        problems.append(f"the result has no segment {code}")
    elif after == AS_MEASURED and not finding.by_reader and finding.not_assessable != BY_READER:
        problems.append("it is as measured already")
    elif possible_grades(finding) == (after,) and (finding.stenosis is None or not finding.not_assessable):
        problems.append(f"{after} is its grade already")
    if problems or finding is None:
        raise InputError("The grade of the segment was not changed.", problems)
    return ReaderChange(ChangeKind.GRADE, code, OR.join(possible_grades(finding)), after, reader.strip(), now(), remark.strip())


def grade_of(finding: SegmentFinding) -> str:
    """Return the category of one segment's worst stenosis, or ``not assessed``."""
    if finding.stenosis is None:
        return NOT_ASSESSED
    percent = whole_percent(finding.stenosis.percent)
    return next(name for name, (low, high) in GRADES.items() if low <= percent <= high)


def possible_grades(finding: SegmentFinding) -> tuple[str, ...]:
    """Return every category that the interval of one segment's worst stenosis allows, mildest first, or ``not assessed``."""
    if finding.stenosis is None:
        return (NOT_ASSESSED,)
    least, most = whole_percent(finding.stenosis.low), whole_percent(finding.stenosis.high)
    return tuple(name for name, (low, high) in GRADES.items() if low <= most and least <= high)


def vessel_changes(shown: CoronaryResult, name: str, edit: VesselEdit, reader: str, remark: str = "") -> tuple[ReaderChange, ...]:
    """Return the changes that lead from what is drawn on a vessel to an edit: one for each new anchor or moved point.

    Parameters
    ----------
    shown
        The result with all changes so far.
    name
        The vessel, as it is shown.
    edit
        All that shall be drawn on it; empty takes everything back to what was measured. Where ``edit.line`` differs from what
        is shown, the vessel measured again must be kept first (:func:`remeasured.keep_remeasured`).

    Raises
    ------
    InputError
        When nobody signed, the result has no such vessel, nothing was drawn, or what was drawn is refused.
    """
    problems = [] if reader.strip() else ["nobody signed the change"]
    vessel = next((one for one in shown.vessels if one.vessel.name == name), None)
    if vessel is None:
        problems.append(f"the result has no vessel {name}")
    elif vessel.edit == edit:
        problems.append("nothing was drawn")
    if problems or vessel is None:
        raise InputError("The vessel was not changed.", problems)
    steps = edit_steps(vessel, edit)
    when = now()
    return tuple(
        ReaderChange(ChangeKind.VESSEL, name, before, after, reader.strip(), when, remark.strip(), state, place)
        for state, before, after, place in steps
    )


def changed(
    result: CoronaryResult,
    changes: Sequence[ReaderChange],
    remeasured: Remeasured | None = None,
    earlier: CoronaryResult | None = None,
) -> CoronaryResult:
    """Return the result with changes applied in order and graded anew; what was measured stays.

    The order is that of the trail; what is drawn on a vessel last counts for it, and a grade by hand stands above what follows
    from drawn walls.

    Parameters
    ----------
    remeasured
        Gives vessels measured again along a moved line; :func:`remeasured.kept_in` a result folder. Needed where there are any.
    earlier
        The same result with other changes: what is drawn on a vessel in both is taken from it and not computed again.

    Raises
    ------
    InputError
        When a change does not fit the result, or a vessel measured again is missing.
    """
    for change in changes:
        _check_fits(result, change)
        one = _placed(result, change)
        if one.kind is ChangeKind.LABEL:
            result = _renamed(result, one)
        elif one.kind is ChangeKind.VESSEL:
            result = _with_edit(result, one)
        elif one.kind in STATED:
            result = replace(result, findings=with_statement(result.findings, one))
        result = replace(result, changes=(*result.changes, one))
    if not changes:
        return result
    result = with_told_stents(result)
    for drawn in [one for one in result.vessels if one.edit]:
        result = with_vessel(result, _known(drawn, earlier) or _drawn(drawn, remeasured))
    plain = result
    for grading in graded_codes(changes).values():
        result = regraded(result, plain, grading)
    graded = grade(result.findings)
    sums = {one.name: one for one in patient_measurements(result.vessels, graded)}
    return replace(result, grade=graded, examination={**result.examination, **sums})


def _placed(result: CoronaryResult, change: ReaderChange) -> ReaderChange:
    """Return a change with the distance of its place from the ostium, which trails of the first versions do not hold."""
    if change.place is None or change.place.ostium_mm is not None:
        return change
    return replace(change, place=replace(change.place, ostium_mm=result.vessel(change.subject).vessel.ostium_mm))


def _check_fits(result: CoronaryResult, change: ReaderChange) -> None:
    if change.kind in STATED:
        return
    vessel = change.kind is ChangeKind.VESSEL
    known = {one.vessel.name for one in result.vessels} if vessel else {finding.code for finding in result.findings.segments}
    if change.subject not in known:
        raise InputError(
            "A reader's change does not fit the result; it was made on another one.",
            [f"the result has no {'vessel' if vessel else 'segment'} {change.subject}"],
        )


def _with_edit(result: CoronaryResult, change: ReaderChange) -> CoronaryResult:
    """Note what is drawn on a vessel; it is measured when all changes are known."""
    assert change.edit is not None
    edit = change.edit
    return replace(
        result,
        vessels=tuple(replace(one, edit=edit) if one.vessel.name == change.subject else one for one in result.vessels),
    )


def _known(one: VesselResult, earlier: CoronaryResult | None) -> VesselResult | None:
    """Return a vessel with the same edit from an earlier result of the same measuring, by the names that it has now."""
    for other in earlier.vessels if earlier is not None else ():
        first = other.undrawn or other
        same_line = other.vessel.tree == one.vessel.tree and other.vessel.branch_ids == one.vessel.branch_ids
        if other.edit == one.edit and same_line and (one.edit.line or first.measured is one.measured):
            vessel = moved_vessel(one.vessel, one.edit.line) if one.edit.line else one.vessel
            return replace(other, vessel=vessel)
    return None


def _drawn(one: VesselResult, remeasured: Remeasured | None) -> VesselResult:
    """Return a vessel with what its edit says."""
    first = replace(one, edit=VesselEdit())
    if one.edit.line:
        if remeasured is None:
            raise InputError(f"The line of {one.vessel.name} was moved; its walls must be measured again from the scan.")
        moved = moved_vessel(first.vessel, one.edit.line)
        first = replace(remeasured(first, one.edit.line), vessel=moved, bypassed_mm=one.bypassed_mm)
    if not one.edit.moves_walls:
        return replace(first, edit=one.edit)
    return VesselEditor.of(first).edited(one.edit)


def renamed_vessels(change: ReaderChange) -> dict[str, str]:
    """Return the names that vessels exchange by the change of a segment's name, from old to new, which is from new to old too."""
    names = {change.before: change.after, change.after: change.before}
    # The trunk LCx has the name of its second segment and keeps it, as the other trunks do.
    return {} if _TRUNKS & set(names) else names


def _renamed(result: CoronaryResult, change: ReaderChange) -> CoronaryResult:
    names = {change.before: change.after, change.after: change.before}
    vessels = renamed_vessels(change)
    findings = replace(
        result.findings,
        segments=tuple(replace(one, code=names.get(one.code, one.code)) for one in result.findings.segments),
        absent=frozenset(names.get(code, code) for code in result.findings.absent),
    )
    return replace(
        result,
        trees=tuple(_renamed_tree(tree, names) for tree in result.trees),
        vessels=tuple(_renamed_vessel(one, names, vessels) for one in result.vessels),
        lesions=tuple(
            replace(one, code=names.get(one.code, one.code), vessel=vessels.get(one.vessel, one.vessel)) for one in result.lesions
        ),
        findings=findings,
        segment_measurements={names.get(code, code): value for code, value in result.segment_measurements.items()},
    )


def _renamed_vessel(one: VesselResult, names: dict[str, str], vessels: dict[str, str]) -> VesselResult:
    vessel = one.vessel
    stretches = tuple(
        replace(part, code=names[part.code], assumed=False) if part.code in names else part for part in vessel.stretches
    )
    return replace(one, vessel=replace(vessel, name=vessels.get(vessel.name, vessel.name), stretches=stretches))


def _renamed_tree(tree: Tree, names: dict[str, str]) -> Tree:
    branches = {
        key: replace(one, label=replace(one.label, code=names[one.label.code], confidence=1.0, alternatives=()))
        if one.label is not None and one.label.code in names
        else one
        for key, one in tree.branches.items()
    }
    return replace(tree, branches=branches)
