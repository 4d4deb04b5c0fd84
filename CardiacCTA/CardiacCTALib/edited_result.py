"""A coronary result in which one vessel takes the place of another: what a reader drew, followed to the grade of the patient."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.line_edit import REACH_MM
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, Tree
from SenseCarePlanningLib.tubes.wall_edit import Anchor

from .artefacts import with_artefacts
from .cadrads import grade
from .findings import SegmentFinding
from .issues import STENTS, Issue, QualityItem, gravest_first
from .measurements import lesion_measurements, patient_measurements, segment_measurements
from .patient_findings import lesions_of, vessel_findings
from .quality import check_told_stents, check_vessels
from .reader_change import graded_codes
from .reader_grades import read_again, read_codes
from .result import CoronaryResult
from .told_stents import told_stents
from .vessel_edit import VesselEdit, Wall
from .vessel_editor import VesselEditor
from .vessel_result import VesselResult
from .vessels import Vessel

_OF_VESSELS = {
    Issue.NOT_MEASURED,
    Issue.OUTSIDE,
    Issue.WEAK_VESSEL,
    *STENTS,
    Issue.STENT_OR_CALCIUM,
    Issue.CALCIUM,
    Issue.CALCIUM_BESIDE,
}


def with_vessel(result: CoronaryResult, new: VesselResult, keep: Collection[str] = ()) -> CoronaryResult:
    """Return the result with a vessel of the same name in place of the old one: its numbers, findings and the grade follow.

    Label maps stay as they were painted. A few hundredths of a second, no image is looked at.

    Parameters
    ----------
    keep
        SCCT codes whose finding stays as it is: what a reader graded by hand.

    Raises
    ------
    KeyError
        When the result has no vessel of this name.
    """
    old = result.vessel(new.vessel.name)
    quality = _quality(result, new)
    new = with_artefacts((new,), quality)[0]
    vessels = tuple(new if one is old else one for one in result.vessels)
    findings = replace(result.findings, segments=_segments(result, new, quality, keep))
    graded = grade(findings)
    lesions = lesions_of(vessels, read_codes(findings))
    kept = {(one.vessel, one.number): item for one, item in zip(result.lesions, result.lesion_measurements, strict=True)}
    sums = {one.name: one for one in patient_measurements(vessels, graded)}
    said = {one.text for one in quality}
    gone = {one.text for one in result.quality} - said
    return replace(
        result,
        trees=_trees(result, old.vessel, new.vessel),
        vessels=vessels,
        lesions=lesions,
        lesion_measurements=tuple(
            lesion_measurements(new, one.number) if one.vessel == new.vessel.name else kept[one.vessel, one.number]
            for one in lesions
        ),
        segment_measurements={
            **result.segment_measurements,
            **{part.code: segment_measurements(new, part) for part in new.vessel.stretches},
        },
        quality=quality,
        findings=findings,
        grade=graded,
        examination={**result.examination, **sums},
        warnings=(
            *(text for text in result.warnings if text not in gone),
            *(one.text for one in quality if one.text not in result.warnings),
        ),
    )


def _quality(result: CoronaryResult, new: VesselResult) -> tuple[QualityItem, ...]:
    """Return the quality list with what is said of this vessel alone told anew."""
    codes = {one.code for one in new.vessel.stretches}
    kept = tuple(one for one in result.quality if one.issue not in _OF_VESSELS or not set(one.segments) <= codes)
    found = (*kept, *check_vessels((new,), result.scan))
    return gravest_first((*found, *check_told_stents(told_stents(result) & codes, found)))


def _segments(
    result: CoronaryResult, new: VesselResult, quality: tuple[QualityItem, ...], keep: Collection[str]
) -> tuple[SegmentFinding, ...]:
    found = {one.code: one for one in vessel_findings(new, quality) if one.code not in keep}

    def told(was: SegmentFinding) -> SegmentFinding:
        """Return the new finding of a segment, with what only the whole heart tells from the old one."""
        one = found.get(was.code)
        if one is None:  # another vessel's, or graded by hand: its plaque follows the walls all the same
            return read_again(was, (new,)) if was.by_reader else was
        one = replace(one, bypassed=was.bypassed)
        return replace(one, stent=True, plaque=False) if was.stent else one

    return tuple(told(one) for one in result.findings.segments)


def _trees(result: CoronaryResult, old: Vessel, new: Vessel) -> tuple[Tree, ...]:
    if new.points_lps_mm is old.points_lps_mm or not old.tree < len(result.trees):
        return result.trees
    moved = _moved_tree(result.trees[old.tree], old, new.points_lps_mm - old.points_lps_mm)
    return tuple(moved if at == old.tree else tree for at, tree in enumerate(result.trees))


def _moved_tree(tree: Tree, vessel: Vessel, shift_mm: FloatArray) -> Tree:
    """Return the tree with a vessel's branches moved; what leaves them is led to its new origin over a few millimetres."""
    changed: dict[int, Branch] = {}
    at = 0
    for one in vessel.branch_ids:
        branch = tree[one]
        last = at + len(branch.points_lps_mm) - 1
        changed[one] = _moved_branch(branch, shift_mm[at : last + 1])
        for child in branch.child_ids:
            if child not in vessel.branch_ids:
                fade = np.exp(-0.5 * (arc_length_mm(tree[child].points_lps_mm) / REACH_MM) ** 2)
                changed[child] = _moved_branch(tree[child], fade[:, None] * shift_mm[last])
        at = last
    return tree.with_branches({key: one for key, one in changed.items() if one is not tree[key]})


def _moved_branch(branch: Branch, shift_mm: FloatArray) -> Branch:
    if float(np.abs(shift_mm).max()) < 1e-3:
        return branch
    points = branch.points_lps_mm + shift_mm
    frames = rotation_minimising_frames(points, branch.frames[0, 1])
    return replace(branch, points_lps_mm=points, frames=frames, flags=branch.flags | {BranchFlag.MANUALLY_EDITED})


@dataclass(frozen=True, eq=False)
class VesselDrag:
    """One vessel of a result under the mouse: where a wall is dragged to is where it lies, and the whole result follows.

    Usage: ``drag = VesselDrag.of(result, "LAD")``; at each move ``edit = drag.move(drag.start, Wall.LUMEN, anchor)`` and
    ``drag.result(edit)`` to show; when the mouse is let go ``reader_changes.vessel_changes(result, "LAD", edit, reader, why)``,
    which are kept like all changes. Without that nothing has changed. Segments that the reader graded keep that grade.

    Parameters
    ----------
    shown
        The result as it is shown, with all changes.
    editor
        The vessel as measured, or as measured again along its moved line.
    start
        The vessel's edit before the drag.
    """

    shown: CoronaryResult
    editor: VesselEditor
    start: VesselEdit

    @classmethod
    def of(cls, shown: CoronaryResult, name: str) -> VesselDrag:
        """Prepare a vessel by the name that it is shown with; some hundredths of a second.

        Raises
        ------
        InputError
            When the vessel was not measured.
        KeyError
            When there is none of this name.
        """
        vessel = shown.vessel(name)
        base = vessel.undrawn or vessel
        return cls(shown, VesselEditor.of(replace(base, vessel=vessel.vessel)), vessel.edit)

    def move(self, edit: VesselEdit, wall: Wall, anchor: Anchor) -> VesselEdit:
        """Return the edit with one anchor more; see :func:`vessel_edit.move_wall`.

        Raises
        ------
        InputError
            When it is refused; the edit given is still good.
        """
        return self.editor.moved(edit, wall, anchor)

    def result(self, edit: VesselEdit) -> CoronaryResult:
        """Return the shown result with the vessel as drawn: stenoses, plaque, findings, grade.

        Raises
        ------
        InputError
            When the edit is refused.
        """
        new = self.editor.edited(replace(edit, line=self.start.line))
        return with_vessel(self.shown, new, keep=graded_codes(self.shown.changes))
