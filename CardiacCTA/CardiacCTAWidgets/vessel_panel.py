"""Steps 2 to 4: the vessels, the chosen one straightened with its cross-sections, and the lesions."""

from typing import Any

import qt

from SenseCarePlanningWidgets.picture import PictureStore
from SenseCarePlanningWidgets.texts import tr as _

from .session import place_of
from .tables import NAME, fill_lesions, fill_vessels, fit, lesion_text, select_row

BESIDE_PX = 80
"""So much of the vessel stays in view on both sides of the place that is looked at."""
PICTURE_ROOM_PX = 24
DRAW_MS = 15


TURN_DEG_PER_PX = 1.5


class VesselPicture(qt.QLabel):  # type: ignore[misc]
    """The vessel along its course: the left mouse button tells the place or drags a wall, the right one turns."""

    def __init__(self, on_press: Any, on_move: Any, on_release: Any, on_turn: Any) -> None:
        qt.QLabel.__init__(self)
        self.on_press, self.on_move, self.on_release, self.on_turn = on_press, on_move, on_release, on_turn
        self._row: Any = None

    def mousePressEvent(self, event: Any) -> None:
        """Tell the place, or begin to turn."""
        self._row = None
        if int(event.buttons()) & int(qt.Qt.RightButton):
            self.mouseMoveEvent(event)
        else:
            self.on_press(event.pos().x(), event.pos().y())

    def mouseMoveEvent(self, event: Any) -> None:
        """Tell the place, or how far it is turned: without mouse tracking this comes only while a button is held."""
        x, y = event.pos().x(), event.pos().y()
        if not int(event.buttons()) & int(qt.Qt.RightButton):
            self.on_move(x, y)
            return
        if self._row is not None:
            self.on_turn(TURN_DEG_PER_PX * (self._row - y))
        self._row = y

    def mouseReleaseEvent(self, event: Any) -> None:
        """Let go."""
        self.on_release()


class VesselPanel:
    """Shows vessels and lesions, and leads along the chosen vessel.

    Parameters
    ----------
    ui, session, cut_panel, draw_panel
        The form's widgets, what is worked on, how the vessel is seen, and what is drawn on it.
    """

    def __init__(self, ui: Any, session: Any, cut_panel: Any, draw_panel: Any) -> None:
        self.ui, self.session, self.draw_panel = ui, session, draw_panel
        self._pictures = PictureStore()
        self._lesion: Any = None
        self._shown: Any = None
        self.picture = VesselPicture(self._on_press, self._on_place, draw_panel.release, cut_panel.turn)
        self.picture.objectName = "vesselPicture"
        self.picture.toolTip = _(
            "The vessel along its course; click or drag to look at a place, drag up and down with the right button to turn it."
        )
        self.picture.setCursor(qt.QCursor(qt.Qt.SizeHorCursor))
        self.picture.setContextMenuPolicy(qt.Qt.PreventContextMenu)
        ui.pictureScroll.setWidget(self.picture)
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.interval = DRAW_MS
        self._timer.connect("timeout()", self.draw)
        for table in (ui.vesselTable, ui.lesionTable):
            table.verticalHeader().visible = False
            table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        for section in (ui.vesselSection, ui.lesionSection):
            # Only what is seen has a width to be fitted to.
            section.connect("contentsCollapsed(bool)", self._fit_soon)
        ui.vesselTable.connect("itemSelectionChanged()", self._on_vessel)
        ui.lesionTable.connect("itemSelectionChanged()", self._on_lesion)
        ui.positionSlider.connect("valueChanged(double)", self._on_slider)
        session.listeners.append(self._on_session)

    @property
    def drawing(self) -> bool:
        """Whether a place is about to be drawn."""
        return bool(self._timer.isActive())

    def close(self) -> None:
        """The module is unloaded."""
        self._timer.stop()
        self._pictures.close()

    def _on_session(self, what: str) -> None:
        if what in ("case", "change"):
            self._lesion = None if what == "case" else self._lesion
            fill_vessels(self.ui.vesselTable, self.session)
            fill_lesions(self.ui.lesionTable, self.session)
            self._fit()
            self._show_lesion_text()
        if what in ("case", "change", "vessel"):
            select_row(self.ui.vesselTable, self.session.vessel)
            self._show_line()
        if what in ("along", "case", "change", "vessel", "place", "seen", "drawn"):
            self._set_slider()
            self._timer.start()  # drawn once, however much was told

    def _fit_soon(self, collapsed: bool) -> None:
        if not collapsed:
            qt.QTimer.singleShot(0, self._fit)

    def _fit(self) -> None:
        fit(self.ui.vesselTable, 280, 2)
        fit(self.ui.lesionTable, 320)

    def _show_line(self) -> None:
        """Give the slider the length of the chosen vessel."""
        ui, session = self.ui, self.session
        ui.positionSlider.enabled = bool(session.vessel)
        if session.vessel:
            blocked = ui.positionSlider.blockSignals(True)
            ui.positionSlider.minimum = 0.0
            ui.positionSlider.maximum = session.length_mm()
            ui.positionSlider.blockSignals(blocked)
            self._set_slider()

    def _set_slider(self) -> None:
        slider = self.ui.positionSlider
        blocked = slider.blockSignals(True)
        slider.value = self.session.at_mm
        slider.blockSignals(blocked)

    def draw(self) -> None:
        """Draw the place that is looked at."""
        ui, session, along = self.ui, self.session, self.session.along
        shown = along is not None
        ui.pictureScroll.visible = ui.stripLabel.visible = self.draw_panel.section.visible = shown
        ui.placeLabel.text = self._place_text()
        if not shown:
            return
        drawing = self.draw_panel.drawing
        if drawing.dragging and self._shown is along.lying:  # only what the drag changes
            section = (drawing.along or along).section(session.at_mm, drawing.target_lps_mm)
            self._pictures.show(self.draw_panel.section, section)
            return
        self._shown = along.lying
        picture = along.lying.marked(session.at_mm)
        self._pictures.show(self.picture, picture)
        ui.pictureScroll.setFixedHeight(picture.shape[0] + PICTURE_ROOM_PX)
        x, y = along.lying.point_of(session.at_mm)
        ui.pictureScroll.ensureVisible(int(x), int(y), BESIDE_PX, 0)
        self._pictures.show(ui.stripLabel, along.strip(session.at_mm))
        self._pictures.show(self.draw_panel.section, (drawing.along or along).section(session.at_mm, drawing.target_lps_mm))

    def _place_text(self) -> str:
        session = self.session
        if session.result is None:
            return str(_("Analyse a scan first."))
        if not session.vessel:
            return str(_("Choose a vessel above."))
        if session.preparing:
            return str(_("Straightening the vessel ..."))
        if session.along is None:
            one = session.result.vessel(session.vessel)
            reason = session.words.reason(one.reason) if one.measured is None else session.problem
            return str(_("not assessed: {reason}").format(reason=reason)) if one.measured is None else str(reason)
        return "\n".join((self.draw_panel.drawing.along or session.along).said(session.at_mm))

    def _on_press(self, column: float, row: float) -> None:
        """Take hold of a wall where the reader draws, and look at its place; else look at the place."""
        along = self.session.along
        if along is not None:
            place = min(max(along.lying.place_of(column, row), 0.0), along.length_mm)
            self.draw_panel.press_along(column, row, place)
            self.session.go_to(place)

    def _on_place(self, column: float, row: float) -> None:
        if self.draw_panel.drawing.dragging:
            self.draw_panel.move_along(column, row)
        elif self.session.along is not None:
            self.session.go_to(self.session.along.lying.place_of(column, row))

    def _on_slider(self, value: float) -> None:
        self.session.go_to(value)

    def _on_vessel(self) -> None:
        items = self.ui.vesselTable.selectedItems()
        if items:
            name = self.ui.vesselTable.item(items[0].row(), 0).data(NAME)
            if name != self.session.vessel:
                self._lesion = None
                select_row(self.ui.lesionTable, None)
                self._show_lesion_text()
                self.session.choose_vessel(name)

    def _on_lesion(self) -> None:
        items = self.ui.lesionTable.selectedItems()
        if not items:
            return
        number = self.ui.lesionTable.item(items[0].row(), 0).data(NAME)
        row = next((one for one in self.session.rows if one.number == number), None)
        if row is not None:
            self._lesion = number
            self.session.choose_vessel(row.vessel.vessel.name, place_of(row))
            self._show_lesion_text()

    def _show_lesion_text(self) -> None:
        row = next((one for one in self.session.rows if one.number == self._lesion), None)
        if row is not None:
            self.ui.lesionLabel.text = lesion_text(row, self.session.words)
        elif self.session.result is None:
            self.ui.lesionLabel.text = _("Analyse a scan first.")
        elif not self.session.rows:
            self.ui.lesionLabel.text = _("No narrowing of 15 % or more and no plaque was found in the vessels measured.")
        else:
            self.ui.lesionLabel.text = _("Choose a lesion to look at it.")
