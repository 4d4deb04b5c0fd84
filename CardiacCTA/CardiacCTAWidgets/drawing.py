"""Drawing on the chosen vessel: a wall or its line is dragged, the numbers follow, and it is kept when the mouse is let go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import qt

from CardiacCTALib.drawn_before import drawn_before
from CardiacCTALib.edited_result import VesselDrag
from CardiacCTALib.reader_changes import changed, vessel_changes
from CardiacCTALib.remeasured import keep_remeasured, kept_in
from CardiacCTALib.vessel_edit import AS_MEASURED_EDIT, VesselEdit, Wall, move_line
from CardiacCTALib.vessel_editor import place_on_first_line, remeasure
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.line_edit import LinePoint, point_at
from SenseCarePlanningWidgets.ct_export import plain_ct, shared_ct
from SenseCarePlanningWidgets.error_message import sentence_of
from SenseCarePlanningWidgets.texts import tr as _

logger = logging.getLogger(__name__)

NEAR_MM = 0.7
"""A wall is taken hold of within so much of it."""
FOLLOW_MS = 10


class Mode(Enum):
    """What dragging in the pictures of a vessel does."""

    LOOK = "look"
    LUMEN = "lumen"
    OUTER = "outer"
    LINE = "line"


class Drawing:
    """What is drawn on the session's vessel; listeners of the session hear ``drawn``.

    Parameters
    ----------
    session
        Its vessel is drawn on.
    signature
        Returns the reader and the reason.

    Attributes
    ----------
    along
        The vessel as it is dragged; None while none is.
    target_lps_mm
        Where the line is dragged to; None while it is not.
    said
        What follows from the drag, one line.
    """

    def __init__(self, session: Any, signature: Callable[[], tuple[str, str]]) -> None:
        self.session, self._signature = session, signature
        self.mode = Mode.LOOK
        self._drag: Any = None
        self._clear()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.interval = FOLLOW_MS
        self._timer.connect("timeout()", self._follow)
        session.listeners.append(self._on_session)

    def _clear(self) -> None:
        self.along: Any = None
        self.target_lps_mm: Any = None
        self.said = ""
        self._at_mm = 0.0
        self._edit: Any = None
        self._pressed: Any = None
        self._pointer: Any = None

    def close(self) -> None:
        """The module is unloaded."""
        self._timer.stop()

    @property
    def dragging(self) -> bool:
        """Whether something is held."""
        return self._pressed is not None

    @property
    def following(self) -> bool:
        """Whether the mouse moved and the numbers have not followed yet."""
        return bool(self._timer.isActive())

    def choose(self, mode: Mode) -> None:
        """Choose what dragging does.

        Raises
        ------
        InputError
            When nobody would sign what is drawn.
        """
        if mode is not Mode.LOOK and not self._signature()[0].strip():
            raise InputError(_("Enter who you are under Reader in step 7 first: what is drawn is signed."))
        self.mode = mode

    def _on_session(self, what: str) -> None:
        if what in ("case", "vessel", "change", "along"):
            self._timer.stop()
            self._drag = None
            self._clear()

    def press(self, point_lps_mm: Any, at_mm: float) -> bool:
        """Take hold at a point beside a place along the vessel; False where there is nothing to take hold of."""
        session = self.session
        if self.mode is Mode.LOOK or session.along is None or session.keeping:
            return False
        self._clear()
        if self.mode is not Mode.LINE:
            if self._drag is None or self._drag.shown is not session.result:
                self._drag = VesselDrag.of(session.result, session.vessel)
            anchor = session.along.anchor_at(point_lps_mm, at_mm)
            edge = self._drag.editor.radius_mm(self._drag.start, Wall(self.mode.value), at_mm, anchor.angle_deg)
            if abs(edge - anchor.radius_mm) > NEAR_MM:
                return False
        self._at_mm = at_mm
        self._pressed = self._pointer = np.asarray(point_lps_mm)
        return True

    def move(self, point_lps_mm: Any) -> None:
        """Drag on; drawn once, however often the mouse moved."""
        if self._pressed is not None:
            self._pointer = np.asarray(point_lps_mm)
            self._timer.start()

    def release(self) -> None:
        """Let go: what was drawn is kept."""
        if self._pressed is None:
            return
        if self._timer.isActive():
            self._timer.stop()
            self._follow()
        moved, self._pressed = self._pointer is not None and (self._edit is not None or self.target_lps_mm is not None), None
        if moved and self.target_lps_mm is not None:
            self._keep_line()
        elif moved:
            self._keep_edit(self._edit)
        else:
            self.session.tell("drawn")

    def _follow(self) -> None:
        if self._pressed is None:
            return
        if self.mode is Mode.LINE:
            self.target_lps_mm = self.session.along.point_lps_mm(self._at_mm) + self._pointer - self._pressed
            self.said = _("Let go to measure the vessel along the moved line.")
        else:
            self._follow_wall()
        self.session.tell("drawn")

    def _follow_wall(self) -> None:
        session, drag = self.session, self._drag
        try:
            edit = drag.move(drag.start, Wall(self.mode.value), session.along.anchor_at(self._pointer, self._at_mm))
            result = drag.result(edit)
        except InputError as refused:  # the last good wall stays
            self.said = sentence_of(refused)
            return
        self._edit = edit
        new = result.vessel(session.vessel)
        self.along = session.along.drawn(new, session.rows_of(session.vessel))
        before, after = (stenosis_text(one, self._at_mm, session.words) for one in (session.result.vessel(session.vessel), new))
        self.said = f"{before} → {after}   {result.grade.text}"

    def _keep_edit(self, edit: Any) -> None:
        name, (reader, remark) = self.session.vessel, self._signature()

        def make(measured: Any, shown: Any, folder: Path) -> Any:
            if edit.line == shown.vessel(name).edit.line or not edit.moves_walls:
                return vessel_changes(shown, name, edit, reader, remark)
            # Back to another line, then to the walls drawn on that one.
            first = vessel_changes(shown, name, VesselEdit(line=edit.line), reader, remark)
            between = changed(measured, (*shown.changes, *first), kept_in(folder), shown)
            return (*first, *vessel_changes(between, name, edit, reader, remark))

        self.session.draw(make)

    def _keep_line(self) -> None:
        """Measure the vessel along the moved line, and keep both."""
        session, name, (reader, remark) = self.session, self.session.vessel, self._signature()
        at = [one.vessel.name for one in session.result.vessels].index(name)
        shift, place = self.target_lps_mm - session.along.point_lps_mm(self._at_mm), self._at_mm
        volume = shared_ct(session.case.volume)

        def make(measured: Any, shown: Any, folder: Path) -> Any:
            first, now = measured.vessels[at], shown.vessels[at]
            to = point_at(now.vessel.points_lps_mm, now.vessel.arc_mm, place) + shift
            point = LinePoint(place_on_first_line(first.vessel, now.vessel, place), (float(to[0]), float(to[1]), float(to[2])))
            edit = move_line(first.vessel, now.edit, point)
            keep_remeasured(first, remeasure(first, edit.line, plain_ct(volume), measured.scan), folder)
            return vessel_changes(shown, name, edit, reader, remark)

        session.draw(make)

    @property
    def can_undo(self) -> bool:
        """Whether something is drawn on the vessel, or was taken back from it."""
        session = self.session
        return bool(session.result is not None and session.vessel and drawn_before(session.result.changes, session.vessel))

    @property
    def is_drawn(self) -> bool:
        """Whether something is drawn on the vessel."""
        session = self.session
        return bool(session.result is not None and session.vessel and session.result.vessel(session.vessel).edit)

    def undo(self) -> None:
        """Take the last change back, which is a change of its own."""
        before = drawn_before(self.session.result.changes, self.session.vessel)
        if before and not self.session.keeping:
            self._keep_edit(before[0])

    def take_back(self) -> None:
        """Take everything back to what was measured, which is a change of its own."""
        if self.is_drawn and not self.session.keeping:
            self._keep_edit(AS_MEASURED_EDIT)


def stenosis_text(one: Any, at_mm: float, words: Any) -> str:
    """Return the stenosis of the lesion at a place, with its interval; that no lesion is there where none is."""
    arc = one.measured.walls.arc_mm
    lesion = next((each for each in one.lesions if arc[each.first] - 1e-6 <= at_mm <= arc[each.last] + 1e-6), None)
    if lesion is None:
        return str(_("no lesion here"))
    return str(words.estimate(lesion.narrowings[0].diameter_stenosis_percent, "%", by_reader=one.drawn_lesion(lesion)))
