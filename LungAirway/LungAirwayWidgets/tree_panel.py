"""Steps 2 and 3 of the panel: look at the tree, choose a branch, correct it, recompute."""

import html
from typing import Any

import qt
import slicer

from LungAirwayLib.constants import INTERMEDIATE, LEFT_MAIN, LOBAR_CODES, RIGHT_MAIN, SEGMENT_CODES, TRACHEA
from SenseCarePlanningWidgets.background import Pieces
from SenseCarePlanningWidgets.error_message import show_failure, shown_failures
from SenseCarePlanningWidgets.placing_points import stop_placing
from SenseCarePlanningWidgets.texts import sentence
from SenseCarePlanningWidgets.texts import tr as _

from . import tables, tree_colors
from .branch_picker import BranchPicker
from .case import result_node
from .layout import OVERVIEW, three_d_widget

COURSE = "SenseCarePlanning.BridgeCourse"
WORD_JOINER, FIRST_CHINESE = "&#x2060;", "\u2e80"
COLUMN_WIDTHS = (36, 64, 50, 62)
"""Of generation, diameter, length and remark, in pixels; the name takes what is left."""


def unbroken(text: str) -> str:
    """Return a text as HTML that no line breaks: Chinese may break at every sign."""
    signs = [sign + WORD_JOINER if sign >= FIRST_CHINESE else sign for sign in html.escape(text)]
    return "".join(signs).replace(" ", "&nbsp;")


class TreePanel:
    """Branch table, colours, corrections.

    Parameters
    ----------
    ui
        The form's widgets.
    session
        What is worked on.
    recompute
        Called with ``tree=`` or ``painted=`` when the user asks for it.
    """

    def __init__(self, ui: Any, session: Any, recompute: Any) -> None:
        self.ui, self.session, self._recompute = ui, session, recompute
        self._rows: dict[int, int] = {}
        self._filling: Any = None
        self._codes = (TRACHEA, RIGHT_MAIN, LEFT_MAIN, INTERMEDIATE, *LOBAR_CODES, *SEGMENT_CODES)
        self.picker = BranchPicker(
            self._on_picked, lambda: session.edits.tree if session.edits is not None else None, session.scene_ras
        )
        for code in self._codes:
            ui.nameComboBox.addItem(session.words.full_name(code) if code != TRACHEA else session.words.code(code), code)
        ui.nameComboBox.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon
        ui.nameComboBox.minimumContentsLength = 18
        ui.branchTable.verticalHeader().hide()
        ui.branchTable.setFixedHeight(260)
        ui.branchTable.connect("itemSelectionChanged()", self._on_row)
        ui.cutOffButton.connect("clicked()", self.cut_off)
        ui.cutHereButton.connect("clicked()", self.cut_here)
        ui.nameButton.connect("clicked()", self.give_name)
        ui.drawBridgeButton.connect("toggled(bool)", self._on_draw)
        ui.joinBridgeButton.connect("clicked()", self.join)
        ui.paintButton.connect("clicked()", self.paint)
        ui.usePaintButton.connect("clicked()", self.use_painting)
        ui.undoButton.connect("clicked()", session.undo)
        ui.recomputeButton.connect("clicked()", self.recompute)
        session.listeners.append(self.update)

    def attach(self) -> None:
        """Listen to clicks in the overview."""
        widget = three_d_widget(OVERVIEW)
        self.picker.attach(widget.threeDView() if widget is not None else None)

    def detach(self) -> None:
        """Stop listening."""
        self.picker.detach()

    def stop(self) -> None:
        """Write no more rows: the module is unloaded."""
        if self._filling is not None:
            self._filling.forget()
            self._filling = None

    def update(self, what: Any) -> None:
        """Show what changed."""
        if what in ("case", "edit"):
            self._fill()
        if what in ("case", "edit", "colors", "route"):
            self._show_legend()
        if what in ("case", "edit", "branch"):
            self._show_branch()
        self._enable()

    def _fill(self) -> None:
        table, session = self.ui.branchTable, self.session
        if self._filling is not None:
            self._filling.forget()
            self._filling = None
        if session.edits is None:
            table.setRowCount(0)
            self._rows = {}
            return
        tree = session.edits.tree
        self._rows = {branch.id: row for row, branch in enumerate(tree)}
        tables.begin_branches(table, tree)
        header = table.horizontalHeader()
        header.setStretchLastSection(False)
        header.highlightSections = False
        for column in range(5):
            header.setSectionResizeMode(column, qt.QHeaderView.Interactive if column else qt.QHeaderView.Stretch)
        for column, width in enumerate(COLUMN_WIDTHS, start=1):
            table.setColumnWidth(column, width)
        table.verticalHeader().setDefaultSectionSize(22)
        self._filling = Pieces(tables.fill_branches(table, tree, session.words), self._filled, self._not_filled)
        self._filling.start()

    def _filled(self, nothing: Any) -> None:
        self._filling = None
        self._show_branch()

    def _not_filled(self, failure: Exception) -> None:
        self._filling = None
        show_failure(failure)

    @property
    def filling(self) -> Any:
        """Whether rows are still being written into the table."""
        return self._filling is not None

    def _show_legend(self) -> None:
        session = self.session
        if session.result is None:
            self.ui.legendLabel.text = ""
            return
        parts = [
            f'<span style="color:rgb{color}">■</span>&nbsp;{unbroken(text)}'
            for color, text in tree_colors.legend(session.result.tree, session.color_mode, session.route)
        ]
        self.ui.legendLabel.text = "&nbsp;&nbsp; ".join(parts)

    def _show_branch(self) -> None:
        ui, session = self.ui, self.session
        table = ui.branchTable
        blocked = table.blockSignals(True)
        if session.edits is None or session.branch_id not in self._rows:
            table.clearSelection()
            ui.branchLabel.text = _("No branch is chosen.") if session.edits is not None else ""
            table.blockSignals(blocked)
            return
        row = self._rows[session.branch_id]
        if not self.filling:
            table.selectRow(row)
            table.scrollToItem(table.item(row, 0))
        table.blockSignals(blocked)
        branch, words = session.edits.tree[session.branch_id], session.words
        lumen = words.lumen(branch.minimum_diameter_mm, branch.minimum_diameter_interval_mm, "mm")
        name = words.full_name(branch.label.code) if branch.label is not None else words.branch(branch, session.edits.tree)
        if branch.label is not None:
            at = ui.nameComboBox.findData(branch.label.code)
            if at >= 0:
                ui.nameComboBox.currentIndex = at
        ui.branchLabel.text = _("{name}: narrowest {lumen}, {length} mm long.").format(
            name=name, lumen=lumen, length=words.number(branch.length_mm, "mm")
        )

    def _enable(self) -> None:
        ui, session = self.ui, self.session
        has_tree = session.edits is not None and not session.taking_up
        chosen = has_tree and session.branch_id is not None
        for button in (ui.cutOffButton, ui.cutHereButton, ui.nameButton, ui.nameComboBox):
            button.enabled = chosen
        for button in (ui.drawBridgeButton, ui.joinBridgeButton, ui.paintButton, ui.usePaintButton):
            button.enabled = has_tree
        ui.undoButton.enabled = session.can_undo
        ui.recomputeButton.enabled = has_tree and session.edits.changed
        if session.edits is not None:
            count = len(session.edits.before)
            done = _("Corrections not yet recomputed: {count}.").format(count=count) if count else ""
            ui.editLabel.text = done
        else:
            ui.editLabel.text = ""

    def _on_row(self) -> None:
        items = self.ui.branchTable.selectedItems()
        if items and not self.filling:
            row = items[0].row()
            self.session.choose_branch(int(self.ui.branchTable.item(row, 0).data(tables.BRANCH_ID)))

    def _on_picked(self, branch_id: Any, at_mm: Any) -> None:
        self.session.choose_branch(branch_id, at_mm)

    def cut_off(self) -> None:
        """Take the chosen branch off."""
        branch_id = self.session.branch_id
        self.session.correct(lambda edits: edits.cut_off(branch_id))

    def cut_here(self) -> None:
        """Take off what lies beyond the clicked place."""
        branch_id, at_mm = self.session.branch_id, max(self.session.branch_at_mm, 1.0)
        self.session.correct(lambda edits: edits.cut_off(branch_id, at_mm))

    def give_name(self) -> None:
        """Name the chosen branch."""
        branch_id, code = self.session.branch_id, str(self.ui.nameComboBox.itemData(self.ui.nameComboBox.currentIndex))
        self.session.correct(lambda edits: edits.name(branch_id, code))

    def _course(self, make: Any) -> Any:
        scene = slicer.mrmlScene
        found = [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") if node.GetAttribute(COURSE)]
        if found or not make:
            return found[0] if found else None
        node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Missing piece"))
        node.SetAttribute(COURSE, "1")
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetPointLabelsVisibility(False)
        node.GetDisplayNode().SetSelectedColor(1.0, 0.5, 0.0)
        return node

    def _on_draw(self, on: Any) -> None:
        markups = slicer.modules.markups.logic()
        if on:
            markups.SetActiveList(self._course(make=True))
            markups.StartPlaceMode(True)
            self.ui.editLabel.text = _("Click along the missing airway, from the airway outwards; then press Join it.")
        else:
            stop_placing()

    def join(self) -> None:
        """Join the drawn course to the tree."""
        self.ui.drawBridgeButton.checked = False
        node = self._course(make=False)
        drawn = [node.GetNthControlPointPositionWorld(at) for at in range(node.GetNumberOfControlPoints())] if node else []
        points: Any = self.session.result_lps(drawn) if drawn else []
        self.session.correct(lambda edits: edits.join(points), self._joined)

    def _joined(self, start: Any) -> None:
        slicer.mrmlScene.RemoveNode(self._course(make=False))
        self.session.branch_id = start

    def paint(self) -> None:
        """Open Slicer's Segment Editor on the airway."""
        with shown_failures():
            node = result_node(self.session.case, "segmentation")
            if node is None:
                return
            node.SetReferenceImageGeometryParameterFromVolumeNode(self.session.case.volume)
            slicer.util.selectModule("SegmentEditor")
            editor = getattr(slicer.modules, "SegmentEditorWidget", None)
            if editor is not None:
                editor.editor.setSegmentationNode(node)
                editor.editor.setSourceVolumeNode(self.session.case.volume)
                editor.editor.setCurrentSegmentID("airway")

    def use_painting(self) -> None:
        """Recompute from the painted airway."""
        with shown_failures():
            if not self.may_leave_corrections():
                return
            self._recompute(painted=(result_node(self.session.case, "segmentation"), "airway"))

    def may_leave_corrections(self) -> bool:
        """Ask whether to go on without what was corrected and not recomputed; True when there is nothing of the kind."""
        edits = self.session.edits
        if edits is None or not edits.changed:
            return True
        question = _(
            "{count} corrections are not recomputed yet and will not be in the new result; Undo brings them back. "
            "Go on without them?"
        ).format(count=len(edits.before))
        return bool(slicer.util.confirmOkCancelDisplay(question, windowTitle=_("Corrections")))

    def recompute(self) -> None:
        """Recompute from the corrected tree."""
        with shown_failures():
            self._recompute(tree=self.session.edits.tree)

    def warnings(self) -> Any:
        """Return what the result warns of."""
        result = self.session.result
        return [sentence(text) for text in result.warnings] if result is not None else []
