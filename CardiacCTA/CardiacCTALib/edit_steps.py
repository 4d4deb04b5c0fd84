"""From one edit of a vessel to another, step by step, each with what it changed: the lines of the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.line_edit import LinePoint, point_at
from SenseCarePlanningLib.tubes.wall_edit import Anchor, with_anchor

from .reader_change import AS_MEASURED, DRAWN, Drawn, DrawnPlace
from .vessel_edit import VesselEdit, Wall
from .vessel_editor import VesselEditor
from .vessel_result import VesselResult

Step = tuple[VesselEdit, str, str, DrawnPlace | None]
"""What is drawn after the step; value before and after it; where."""
_DRAWN_OF = {Wall.LUMEN: Drawn.LUMEN, Wall.OUTER: Drawn.OUTER}


def edit_steps(shown: VesselResult, edit: VesselEdit) -> tuple[Step, ...]:
    """Return the steps from what is drawn on a vessel to an edit.

    Anchors that are there in both stay; those that are gone are taken back in one step, unless a new one took their place.

    Raises
    ------
    InputError
        When what was drawn is refused.
    """
    if not edit:
        return ((edit, DRAWN, AS_MEASURED, None),)
    if edit.line != shown.edit.line:
        if edit.moves_walls:
            raise InputError("The line and the walls of a vessel are changed one after the other, not at once.")
        return tuple(_line_steps(shown, edit))
    return tuple(_wall_steps(shown, edit))


def _line_steps(shown: VesselResult, edit: VesselEdit) -> Iterator[Step]:
    new = [one for one in edit.line if one not in shown.edit.line]
    if not new:
        yield edit, DRAWN, DRAWN, None
    for number, one in enumerate(new):
        state = edit if number == len(new) - 1 else VesselEdit(line=(*_common(shown, edit), *new[: number + 1]))
        was = point_at(shown.vessel.points_lps_mm, shown.vessel.arc_mm, one.arc_mm)
        yield state, _point(was), _point(one.point_lps_mm), DrawnPlace(Drawn.LINE, one.arc_mm, ostium_mm=shown.vessel.ostium_mm)


def _common(shown: VesselResult, edit: VesselEdit) -> tuple[LinePoint, ...]:
    return tuple(one for one in shown.edit.line if one in edit.line)


def _wall_steps(shown: VesselResult, edit: VesselEdit) -> Iterator[Step]:
    editor = VesselEditor.of(replace(shown.undrawn or shown, vessel=shown.vessel))
    state = shown.edit
    for wall in Wall:
        for one in edit.anchors(wall):
            if one in state.anchors(wall):
                continue
            before = editor.radius_mm(state, wall, one.arc_mm, one.angle_deg)
            state = _placed(state, wall, one)
            place = DrawnPlace(_DRAWN_OF[wall], one.arc_mm, one.angle_deg % 360.0, shown.vessel.ostium_mm)
            yield state, f"{before:.2f} mm", f"{one.radius_mm:.2f} mm", place
    if state != edit:
        yield edit, DRAWN, DRAWN, None


def _placed(edit: VesselEdit, wall: Wall, anchor: Anchor) -> VesselEdit:
    placed = with_anchor(edit.anchors(wall), anchor)
    return replace(edit, lumen=placed) if wall is Wall.LUMEN else replace(edit, outer=placed)


def _point(point: object) -> str:
    return "(" + ", ".join(f"{float(value):.1f}" for value in point) + ")"  # type: ignore[attr-defined]
