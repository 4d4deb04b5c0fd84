"""Step 6 of the panel: the fly-through's buttons, slider and keys."""

from typing import Any

import qt

from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.texts import tr as _

from .fly_through import FlyThrough, add_shortcuts, keys_text
from .layout import ENDOSCOPE, three_d_widget, use_layout


class FlyPanel:
    """Drives a :class:`FlyThrough`.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    on_layout
        Called after the module's layout was shown.
    """

    def __init__(self, ui: Any, session: Any, on_layout: Any) -> None:
        self.ui, self.session, self._on_layout = ui, session, on_layout
        self.fly = FlyThrough(self._on_moved, session.scene_ras)
        self._shortcuts: list[Any] = []
        self._view: Any = None
        ui.keysLabel.text = keys_text()
        ui.layoutButton.connect("clicked()", self.show_views)
        ui.playButton.connect("toggled(bool)", self._on_play)
        ui.nextButton.connect("clicked()", self.fly.next_bifurcation)
        ui.previousButton.connect("clicked()", self.fly.previous_bifurcation)
        ui.flySlider.connect("valueChanged(double)", self._on_slider)
        ui.speedSlider.connect("valueChanged(double)", self._on_speed)
        ui.slicesFollowCheckBox.connect("toggled(bool)", self._on_follow)
        ui.lookAheadButton.connect("clicked()", self.fly.look_ahead)
        self._panel_keys = add_shortcuts(ui.flySection, self.fly)
        for button in (ui.previousButton, ui.nextButton, ui.lookAheadButton, ui.layoutButton, ui.recordButton):
            button.focusPolicy = qt.Qt.TabFocus  # the mouse leaves the focus on Play, so that the space bar plays
            button.connect("clicked()", self._focus_play)
        session.listeners.append(self.update)

    def update(self, what: Any) -> None:
        """Take the chosen route's way."""
        if what == "moved":
            self.fly.show()
        if what in ("branch", "target"):
            self.fly.unmark()
        if what not in ("case", "route"):
            return
        ui, session = self.ui, self.session
        ui.playButton.checked = False
        path = session.camera_paths.get(session.rank)
        self.fly.load(session.result, path, session.words)
        parts = (ui.playButton, ui.nextButton, ui.previousButton, ui.flySlider, ui.speedSlider, ui.lookAheadButton)
        for widget in (*parts, ui.slicesFollowCheckBox):
            widget.enabled = path is not None
        blocked = ui.flySlider.blockSignals(True)
        ui.flySlider.maximum = max(self.fly.length_mm, 1.0)
        ui.flySlider.value = 0.0
        ui.flySlider.blockSignals(blocked)
        if path is None:
            self.fly.clear_view()
            ui.flyLabel.text = _("Plan the routes first.") if session.case is not None else ""
        else:
            self.fly.show()

    def _focus_play(self) -> None:
        self.ui.playButton.setFocus()

    def show_views(self) -> None:
        """Show the module's layout."""
        with shown_failures():
            use_layout()
            self.bind_view()
            self._on_layout()
            self.fly.show()

    def bind_view(self) -> None:
        """Let the keys drive the fly-through in the view from inside, where the layout shows it."""
        widget = three_d_widget(ENDOSCOPE)
        if widget is not None and (self._view is None or self._view != widget):
            self._view = widget
            self._shortcuts = add_shortcuts(widget, self.fly, self.toggle_play)

    def toggle_play(self) -> None:
        """Play or pause."""
        self.ui.playButton.checked = not self.ui.playButton.checked

    def _on_play(self, on: Any) -> None:
        self.ui.playButton.text = _("Pause") if on else _("Play")
        if on:
            self.fly.play()
        else:
            self.fly.pause()

    def _on_slider(self, value: Any) -> None:
        self.fly.go_to(value)

    def _on_speed(self, value: Any) -> None:
        self.fly.speed = value

    def _on_follow(self, on: Any) -> None:
        self.fly.slices_follow = bool(on)
        self.fly.show()

    def _on_moved(self, arc_mm: Any) -> None:
        ui = self.ui
        blocked = ui.flySlider.blockSignals(True)
        ui.flySlider.value = arc_mm
        ui.flySlider.blockSignals(blocked)
        if ui.playButton.checked and not self.fly.playing:
            ui.playButton.checked = False
        here, ahead = (text.replace("\n", " · ") for text in (self.fly.here_text(), self.fly.next_text()))
        ui.flyLabel.text = _("{here}. Next: {ahead}").format(here=here, ahead=ahead)

    def close(self) -> None:
        """Stop, and let the views go."""
        self.fly.load(None, None, None)
        for shortcut in self._shortcuts:
            if shortcut:
                shortcut.deleteLater()
        self._shortcuts, self._view = [], None
