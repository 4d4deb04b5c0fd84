"""Marking an artery that was missed: its origin and its tips, by clicks in the views."""

from typing import Any

import numpy as np
import slicer

from CardiacCTALib.missed import with_missed
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.placing_points import PlacingButtons, stop_placing
from SenseCarePlanningWidgets.texts import tr as _

from .case import CASE

MARKS = "SenseCarePlanning.MissedArtery"
"""Attribute of the points of a marked artery: the case that it belongs to."""
COLOUR, GLYPH = (1.0, 0.32, 0.32), 2.5


class MarksPanel:
    """Takes the marks.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    """

    def __init__(self, ui: Any, session: Any) -> None:
        self.ui, self.session = ui, session
        self._watched: Any = None
        self._tags: list[int] = []
        ui.markButton.setCheckable(True)
        self._buttons = PlacingButtons(ui.markButton)
        ui.markButton.connect("toggled(bool)", self._on_mark)
        ui.clearMarksButton.connect("clicked()", self._on_clear)
        session.listeners.append(self._on_session)
        self.show()

    def close(self) -> None:
        """The module is unloaded."""
        self._watch(None)
        self._buttons.close()

    def nodes(self) -> list[Any]:
        """Return the points of each artery marked in the chosen CT."""
        if self.session.case is None:
            return []
        mine = self.session.case.parameterNode.GetAttribute(CASE)
        listed = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
        return [node for node in listed if node.GetAttribute(MARKS) == mine]

    def clicks(self) -> Any:
        """Return the marks that an analysis follows; none without marked arteries: it then finds them by itself.

        Raises
        ------
        InputError
            When an artery marked has no tip.
        """
        marked = [points_lps_mm(node) for node in self.nodes()]
        marked = [one for one in marked if len(one)]
        if not marked:
            return ()
        return with_missed(self.session.result.trees if self.session.result is not None else (), marked)

    def release(self) -> None:
        """End the marking: the module is left."""
        self._buttons.release()

    def _on_mark(self, on: bool) -> None:
        with shown_failures():
            if not on:
                stop_placing()
                self._watch(None)
                for node in self.nodes():
                    if node.GetNumberOfControlPoints() == 0:
                        slicer.mrmlScene.RemoveNode(node)
                self.show()
                return
            node = self._new_node()
            self._watch(node)
            logic = slicer.modules.markups.logic()
            logic.SetActiveList(node)
            logic.StartPlaceMode(True)

    def _new_node(self) -> Any:
        name = _("Missed artery {number}").format(number=len(self.nodes()) + 1)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        node.SetAttribute(MARKS, self.session.case.parameterNode.GetAttribute(CASE))
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*COLOUR)
        display.SetGlyphScale(GLYPH)
        return node

    def _watch(self, node: Any) -> None:
        for tag in self._tags:
            self._watched.RemoveObserver(tag)
        self._watched, self._tags = node, []
        if node is not None:
            self._tags = [node.AddObserver(node.PointPositionDefinedEvent, self._on_point)]

    def _on_point(self, caller: Any, event: Any) -> None:
        last = caller.GetNumberOfControlPoints() - 1
        for at in range(last + 1):
            label = _("origin") if at == 0 else _("tip {number}").format(number=at)
            if caller.GetNthControlPointLabel(at) != label:
                caller.SetNthControlPointLabel(at, label)
        self.show()

    def _on_clear(self) -> None:
        self._buttons.release()
        for node in self.nodes():
            slicer.mrmlScene.RemoveNode(node)
        self.show()

    def _on_session(self, what: str) -> None:
        if what == "case":
            self._buttons.release()
            self.show()

    def show(self) -> None:
        """Say what is marked."""
        ui, nodes = self.ui, self.nodes()
        ui.missedBox.enabled = self.session.case is not None
        ui.clearMarksButton.enabled = bool(nodes)
        counts = [node.GetNumberOfControlPoints() for node in nodes]
        tips = sum(max(count - 1, 0) for count in counts)
        if not any(counts):
            text = _("Click where the artery leaves the aorta or another artery, then its tip, then further tips. Escape ends.")
        elif not all(count > 1 for count in counts):
            text = _("Click its tip now.")
        else:
            text = _("{arteries} arteries with {tips} tips are marked: analyse again. Those found are kept.").format(
                arteries=len(nodes), tips=tips
            )
        ui.marksLabel.text = text


def points_lps_mm(node: Any) -> Any:
    """Return the points (K, 3) of a node, LPS mm."""
    places = [node.GetNthControlPointPositionWorld(at) for at in range(node.GetNumberOfControlPoints())]
    return ras_from_lps(np.array(places, dtype=np.float64).reshape(-1, 3))  # the way back is the same
