"""The controls for drawing on a vessel, and the cross-section that is drawn in."""

from typing import Any

import qt

from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.texts import tr as _

from .drawing import Drawing, Mode


class SectionPicture(qt.QLabel):  # type: ignore[misc]
    """The large cross-section; pressing, dragging and letting go of the mouse is told in pixels."""

    def __init__(self, on_press: Any, on_move: Any, on_release: Any) -> None:
        qt.QLabel.__init__(self)
        self.on_press, self.on_move, self.on_release = on_press, on_move, on_release

    def mousePressEvent(self, event: Any) -> None:
        """Take hold."""
        self.on_press(event.pos().x(), event.pos().y())

    def mouseMoveEvent(self, event: Any) -> None:
        """Drag."""
        self.on_move(event.pos().x(), event.pos().y())

    def mouseReleaseEvent(self, event: Any) -> None:
        """Let go."""
        self.on_release()


class DrawPanel:
    """Lets the reader draw on the vessel.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    """

    def __init__(self, ui: Any, session: Any) -> None:
        self.ui, self.session = ui, session
        self.drawing = Drawing(session, lambda: (str(ui.readerEdit.text), str(ui.remarkEdit.text)))
        self.section = SectionPicture(self._on_press, self._on_move, self.release)
        self.section.objectName = "sectionPicture"
        ui.sectionHolder.layout().addWidget(self.section)
        ui.sectionHolder.layout().setContentsMargins(0, 0, 0, 0)
        texts = (
            (Mode.LOOK, _("Nothing: look only")),
            (Mode.LUMEN, _("Lumen edge")),
            (Mode.OUTER, _("Outer wall")),
            (Mode.LINE, _("Line of the vessel")),
        )
        for mode, text in texts:
            ui.drawComboBox.addItem(text, mode.value)
        ui.drawComboBox.connect("currentIndexChanged(int)", self._on_mode)
        ui.undoDrawButton.connect("clicked()", self.drawing.undo)
        ui.asMeasuredButton.connect("clicked()", self.drawing.take_back)
        session.listeners.append(self._on_session)

    def close(self) -> None:
        """The module is unloaded."""
        self.drawing.close()

    def _on_mode(self, index: int) -> None:
        mode = Mode(self.ui.drawComboBox.currentData)
        with shown_failures():
            self.drawing.choose(mode)
        if self.drawing.mode is not mode:
            blocked = self.ui.drawComboBox.blockSignals(True)
            self.ui.drawComboBox.setCurrentIndex(self.ui.drawComboBox.findData(self.drawing.mode.value))
            self.ui.drawComboBox.blockSignals(blocked)

    def _on_press(self, x: float, y: float) -> None:
        session = self.session
        if session.along is not None:
            with shown_failures():
                self.drawing.press(session.along.point_in_section(session.at_mm, x, y), session.at_mm)

    def _on_move(self, x: float, y: float) -> None:
        if self.drawing.dragging:
            self.drawing.move(self.session.along.point_in_section(self.session.at_mm, x, y))

    def press_along(self, x: float, y: float, at_mm: float) -> bool:
        """Take hold of a wall in the picture along the vessel; False where there is none, or the picture shows no walls."""
        session = self.session
        if session.along is None or self.drawing.mode is Mode.LINE or session.along.cut.thickness_mm > 0.0:
            return False
        with shown_failures():
            return self.drawing.press(session.along.point_in_picture(x, y), at_mm)
        return False

    def move_along(self, x: float, y: float) -> None:
        """Drag on in the picture along the vessel."""
        if self.drawing.dragging:
            self.drawing.move(self.session.along.point_in_picture(x, y))

    def release(self) -> None:
        """Let go."""
        with shown_failures():
            self.drawing.release()

    def _on_session(self, what: str) -> None:
        ui, drawing, session = self.ui, self.drawing, self.session
        ready = session.along is not None and not session.keeping
        ui.drawComboBox.enabled = ready
        ui.undoDrawButton.enabled = ready and drawing.can_undo
        ui.asMeasuredButton.enabled = ready and drawing.is_drawn
        text = _("Measuring what was drawn ...") if session.keeping else drawing.said
        ui.drawLabel.text = text
        ui.drawLabel.visible = bool(text)
