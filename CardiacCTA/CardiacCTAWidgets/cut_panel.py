"""How the vessel of step 3 is seen: straightened or in its shape, turned, thin or as a slab."""

from typing import Any

from CardiacCTALib.along_vessel import Cut, CutKind
from SenseCarePlanningLib.tubes.reformat import Slab
from SenseCarePlanningWidgets.texts import tr as _

THIN = "thin"
FULL_DEG = 360.0


class CutPanel:
    """Takes the wishes of how the vessel is seen.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    """

    def __init__(self, ui: Any, session: Any) -> None:
        self.ui, self.session = ui, session
        kinds = (
            (CutKind.STRAIGHTENED, _("Straightened")),
            (CutKind.STRETCHED, _("Stretched: true lengths, curved")),
            (CutKind.PROJECTED, _("Projected: as in an angiogram")),
        )
        for kind, text in kinds:
            ui.kindComboBox.addItem(text, kind.value)
        for mode, text in ((THIN, _("Thin")), (Slab.MIP.value, _("Brightest (MIP)")), (Slab.MEAN.value, _("Mean"))):
            ui.slabComboBox.addItem(text, mode)
        ui.kindComboBox.connect("currentIndexChanged(int)", self._on_change)
        ui.slabComboBox.connect("currentIndexChanged(int)", self._on_change)
        ui.turnSlider.connect("valueChanged(double)", self._on_change)
        ui.thicknessSlider.connect("valueChanged(double)", self._on_change)
        ui.thicknessSlider.enabled = False
        session.listeners.append(self._on_session)

    def turn(self, by_deg: float) -> None:
        """Turn the vessel on by an angle, past 360 degrees again from 0."""
        self.ui.turnSlider.value = (self.session.cut.turn_deg + by_deg) % FULL_DEG

    def _on_change(self, value: Any) -> None:
        ui = self.ui
        mode = ui.slabComboBox.currentData
        ui.thicknessSlider.enabled = mode != THIN
        thickness, slab = (0.0, Slab.MEAN) if mode == THIN else (float(ui.thicknessSlider.value), Slab(mode))
        self.session.see(Cut(CutKind(ui.kindComboBox.currentData), float(ui.turnSlider.value), thickness, slab))

    def _on_session(self, what: str) -> None:
        """Show how the vessel is seen when that was not chosen here: another vessel begins with the view taken by itself."""
        if what not in ("case", "vessel", "along", "change", "seen"):
            return
        ui, cut = self.ui, self.session.cut
        mode = THIN if cut.thickness_mm == 0.0 else cut.slab.value
        shown = ((ui.kindComboBox, cut.kind.value), (ui.slabComboBox, mode))
        for box, value in shown:
            blocked = box.blockSignals(True)
            box.setCurrentIndex(box.findData(value))
            box.blockSignals(blocked)
        blocked = ui.turnSlider.blockSignals(True)
        ui.turnSlider.value = cut.turn_deg
        ui.turnSlider.blockSignals(blocked)
        ready = self.session.along is not None
        ui.thicknessSlider.enabled = ready and mode != THIN
        for widget in (ui.kindComboBox, ui.slabComboBox, ui.turnSlider):
            widget.enabled = ready
