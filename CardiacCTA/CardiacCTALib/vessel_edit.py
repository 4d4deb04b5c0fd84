"""What a reader drew on one vessel: anchors on its walls and moved points of its line, checked before they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.line_edit import APART_MM, LinePoint, point_at, with_point
from SenseCarePlanningLib.tubes.wall_edit import APART, Anchor, apart, wall_at, with_anchor

from .lumen import Measured
from .vessels import Vessel
from .wall_edits import edited_walls

MOST_MOVED_MM = 10.0
"""A point of a line is not moved farther than this: what lies there is another vessel. Chosen: more than an artery's diameter."""
MOST_ANCHORS = 500
"""So many anchors a wall: four around every section of the longest vessel that was drawn all over. Chosen."""
_CLOSE_MM = 0.02


class Wall(Enum):
    """Which wall an anchor lies on. The values are a file format."""

    LUMEN = "lumen"
    OUTER = "outer"


@dataclass(frozen=True)
class VesselEdit:
    """All that a reader drew on one vessel; empty: as measured.

    Parameters
    ----------
    lumen, outer
        Anchors on lumen edge and outer wall: mm along the walls' ``arc_mm``, degrees from "up" towards "left" about the centre
        of the lumen (``Walls.points_lps_mm``, ``Walls.frames``), radius in mm.
    line
        Moved points of the vessel's line (``Vessel.points_lps_mm``). The walls are then measured anew along the moved line, and
        the anchors count along that one.
    """

    lumen: tuple[Anchor, ...] = ()
    outer: tuple[Anchor, ...] = ()
    line: tuple[LinePoint, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lumen or self.outer or self.line)

    @property
    def moves_walls(self) -> bool:
        """Whether a wall was drawn."""
        return bool(self.lumen or self.outer)

    def anchors(self, wall: Wall) -> tuple[Anchor, ...]:
        """Return the anchors of one wall."""
        return self.lumen if wall is Wall.LUMEN else self.outer


AS_MEASURED_EDIT = VesselEdit()
"""Nothing is drawn."""


def move_wall(measured: Measured, edit: VesselEdit, wall: Wall, anchor: Anchor) -> VesselEdit:
    """Return an edit with one more anchor; one that is nearly at an earlier one's place takes it.

    Parameters
    ----------
    measured
        The vessel as measured (on its moved line, where the line was moved), not as edited.

    Raises
    ------
    InputError
        When the anchor is not on the vessel, its radius is not positive or beyond what was sampled, or lumen and outer wall
        would cross where the outer wall was drawn.
    """
    placed = with_anchor(edit.anchors(wall), anchor)
    moved = replace(edit, lumen=placed) if wall is Wall.LUMEN else replace(edit, outer=placed)
    check_walls(measured, moved)
    return moved


def move_line(vessel: Vessel, edit: VesselEdit, point: LinePoint) -> VesselEdit:
    """Return an edit with one more moved point of the line; walls that were drawn are taken back, they are measured anew.

    Raises
    ------
    InputError
        When the place is not on the line, or the point is moved by nothing or by more than a centimetre.
    """
    moved = VesselEdit(line=with_point(edit.line, point))
    check_line(vessel, moved.line)
    return moved


def check_walls(measured: Measured, edit: VesselEdit) -> None:
    """Refuse anchors that no vessel can pass; all problems at once.

    Where a lumen is drawn across an outer wall that was measured, the outer wall gives way; where the reader drew both, that
    is a contradiction.

    Raises
    ------
    InputError
        With one sentence a problem.
    """
    problems = [text for wall in Wall for text in _crowding(edit.anchors(wall))]
    if not problems:
        problems = [text for wall in Wall for one in edit.anchors(wall) for text in _anchor_problems(measured, wall, one)]
    if not problems and edit.outer:
        walls = edited_walls(measured.walls, edit.lumen, ())
        for one in edit.outer:
            inner = wall_at(walls.lumen_mm, walls.arc_mm, one.arc_mm, one.angle_deg)
            if one.radius_mm < inner - _CLOSE_MM:
                problems.append(
                    f"at {one.arc_mm:.1f} mm the outer wall ({one.radius_mm:.2f} mm) would lie inside the lumen ({inner:.2f} mm)"
                )
    if problems:
        raise InputError("The wall of the vessel cannot be drawn like this.", problems)


def _crowding(anchors: Sequence[Anchor]) -> list[str]:
    """Say what no drag makes and a damaged file may hold: too many anchors, or two that ask for two radii at one place."""
    if len(anchors) > MOST_ANCHORS:
        return [f"there are {len(anchors)} anchors on one wall; {MOST_ANCHORS} are the most"]
    for at, one in enumerate(anchors):
        for other in anchors[:at]:
            if apart(one, other) < APART:
                return [f"two anchors lie at one place, {one.arc_mm:.1f} mm"]
    return []


def _anchor_problems(measured: Measured, wall: Wall, one: Anchor) -> list[str]:
    name = "lumen edge" if wall is Wall.LUMEN else "outer wall"
    if not np.isfinite([one.arc_mm, one.angle_deg, one.radius_mm]).all():
        return [f"an anchor of the {name} has a place or a radius that is no number"]
    problems, most = [], measured.options.reach_mm
    if not 0.0 < one.radius_mm <= most:
        problems.append(f"the radius of the {name} must be more than 0 and at most {most:g} mm, got {one.radius_mm:.2f} mm")
    arc = measured.walls.arc_mm
    if not arc[0] - 1e-6 <= one.arc_mm <= arc[-1] + 1e-6:
        problems.append(f"the place {one.arc_mm:.1f} mm is not on the vessel, which is measured along {arc[-1]:.1f} mm")
    elif not measured.visible[int(np.abs(arc - one.arc_mm).argmin())]:
        problems.append(f"the place {one.arc_mm:.1f} mm lies outside the scan")
    return problems


def check_line(vessel: Vessel, line: Sequence[LinePoint]) -> None:
    """Refuse moved points that cannot be; all problems at once.

    Raises
    ------
    InputError
        With one sentence a problem.
    """
    problems = []
    arc = vessel.arc_mm
    places = sorted(one.arc_mm for one in line)
    if len(line) > MOST_ANCHORS or any(second - first < APART_MM for first, second in pairwise(places)):
        problems.append("two moved points lie at one place of the line")
    for one in line:
        if len(one.point_lps_mm) != 3 or not np.isfinite([one.arc_mm, *one.point_lps_mm]).all():
            problems.append("a moved point has a place that is no number")
        elif not -1e-6 <= one.arc_mm <= arc[-1] + 1e-6:
            problems.append(f"the place {one.arc_mm:.1f} mm is not on the line, which is {arc[-1]:.1f} mm long")
        else:
            away = float(np.linalg.norm(point_at(vessel.points_lps_mm, arc, one.arc_mm) - np.array(one.point_lps_mm)))
            if away > MOST_MOVED_MM:
                problems.append(
                    f"the point at {one.arc_mm:.1f} mm is moved by {away:.1f} mm; at most {MOST_MOVED_MM:g} mm are possible"
                )
    if problems:
        raise InputError("The line of the vessel cannot be moved like this.", problems)
