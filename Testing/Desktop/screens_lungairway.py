"""The pictures of the LungAirway module: each step on the digital patient, as the tutorial walks through them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import screens_data

SIZE = (1440, 1024)
SECTIONS = ("run", "tree", "edit", "target", "route", "fly", "report")
RUN_SHOWN = range(20, 90)
"""The running computation is shown within a step (not the first, which is reading), at so many per cent of it."""
LONG = 900.0
"""Seconds that a computation may take."""
REPORT_SHOWN = {"en": "Summary", "zh": "摘要"}
"""The report's part that is looked at."""
CUT_BRANCH = "LB8"
"""The branch that the tutorial chooses, cuts off and takes back."""
TARGET_SLICE_MM = -76.0
"""The axial slice in which the tutorial clicks the nodule."""
SERIES_NUMBER = 1
IN_VIEW = 0.82
"""Cosine of the angle off the view's axis within which the whole disc of the target is in the picture."""


def take(desktop: Any, folder: Path, language: str) -> list[Path]:
    """Take the pictures into a folder and return them.

    Parameters
    ----------
    desktop
        A started stand-in whose language is set.
    folder
        Gets ``LungAirway-1-ct.png`` and so on.
    language
        ``en`` or ``zh``, of the report that is shown.
    """
    import slicer

    from SenseCarePlanningWidgets.cases import set_cases_folder

    if hasattr(slicer, "qSlicerWebWidget"):  # the stand-in's web view knows no style sheets
        del slicer.qSlicerWebWidget
    with tempfile.TemporaryDirectory() as kept:
        set_cases_folder(Path(kept))
        pictures = Pictures(desktop, folder, language, Path(kept))
        pictures.tree()
        pictures.correction()
        pictures.target()
        pictures.plan()
        pictures.report()
        if language == "en":
            pictures.in_the_dark()
        return pictures.taken


class Pictures:
    """The module's panel with the patient's CT, worked with as the tutorial does, and the pictures taken of it."""

    def __init__(self, desktop: Any, folder: Path, language: str, kept: Path) -> None:
        import slicer

        from SenseCarePlanningWidgets.cases import load_series

        self.desktop, self.folder, self.language, self.kept = desktop, folder, language, kept
        self.taken: list[Path] = []
        desktop.load_module("LungAirway")
        desktop.add_dicom(screens_data.patient() / "dicom")
        first = next(path for path in sorted((screens_data.patient() / "dicom").rglob("*")) if path.is_file())
        self.volume = load_series(slicer.dicomDatabase.seriesForFile(str(first)))
        if ":" not in self.volume.GetName():  # as Slicer names what comes from its database
            self.volume.SetName(f"{SERIES_NUMBER}: {self.volume.GetName()}")
        self.panel = desktop.show_module("LungAirway")
        self.shape()
        # Slicer takes window and level from the DICOM files; the stand-in's reader leaves them alone.
        self.volume.GetDisplayNode().SetAutoWindowLevel(False)
        self.volume.GetDisplayNode().SetWindowLevel(1500, -600)
        slicer.app.layoutManager().resetSliceViews()
        slices_in_3d(True)

    def picture(self, name: str, *opened: str) -> None:
        """Take the next picture with these sections open."""
        for section in SECTIONS:
            getattr(self.panel.ui, f"{section}Section").collapsed = section not in opened
        self.desktop.process_events()
        screens_data.slicers_words(self.desktop)
        path = self.folder / f"LungAirway-{len(self.taken) + 1}-{name}.png"
        self.taken.append(self.desktop.screenshot_window(path, *SIZE))

    def shape(self) -> None:
        """Let the views take their places, as they do in a window that is seen."""
        self.desktop.screenshot_window(self.kept / "shape.png", *SIZE)

    def wait(self) -> None:
        """Wait until a computation is done and shown."""

        def rests() -> bool:
            panel = self.panel
            return panel.runs.job is None and not panel.session.taking_up and not panel.treePanel.filling

        self.desktop.process_events(until=rests, timeout=LONG)

    def press(self, button: Any) -> None:
        """Press a button of the panel, in whatever section, and wait."""
        self.desktop.click(button)
        self.wait()

    def compute(self, name: str, button: Any) -> None:
        """Press a button that computes; what it made is kept with the digital patient, and taken up in the next language."""
        from LungAirwayWidgets.case import next_folder
        from LungAirwayWidgets.planned_target import target_input

        panel, kept = self.panel, screens_data.cache() / "panel" / name
        session = panel.session
        if kept.is_dir():
            folder = next_folder(session.case, panel.logic.resultsFolder())
            shutil.copytree(kept, folder)
            panel.runs.planned = True
            session.take_result(folder, at_once=False, planned=target_input(session.case, session.result_lps))
            self.wait()
        else:
            self.press(button)
            assert session.result is not None, panel.progressBox.step_label.text
            shutil.copytree(session.case.folder, kept)

    def tree(self) -> None:
        """The CT, the running computation, the tree with a chosen branch."""
        from LungAirwayWidgets.layout import OVERVIEW, three_d_widget

        panel, desktop = self.panel, self.desktop
        self.look_at_nodule()
        self.picture("ct", "run")
        desktop.click(panel.ui.runButton)
        bar, step = panel.progressBox.bar, panel.progressBox.step_label
        first: list[str] = []

        def is_under_way() -> bool:
            if bar.value > 0:
                first.append(str(step.text))
            return bool(first) and step.text != first[0] and bar.value in RUN_SHOWN

        desktop.process_events(until=is_under_way, timeout=LONG)
        self.picture("run", "run")
        slices_in_3d(False)
        panel.onCancel()
        self.wait()
        panel.progressBox.hide()
        self.compute("tree", panel.ui.runButton)
        panel.progressBox.hide()
        print(panel.ui.statusLabel.text)
        screens_data.smooth(three_d_widget(OVERVIEW).threeDView())
        self.shape()
        panel.guide.look_at_tree()
        named = {one.label.code: one.id for one in panel.session.edits.tree if one.label is not None}
        panel.ui.branchTable.selectRow(panel.treePanel._rows[named[CUT_BRANCH]])
        self.picture("tree", "tree")

    def correction(self) -> None:
        """The chosen branch cut off; it is taken back afterwards."""
        panel = self.panel
        panel.ui.editSection.collapsed = False
        self.press(panel.ui.cutOffButton)
        self.picture("correct", "edit")
        self.press(panel.ui.undoButton)

    def target(self) -> None:
        """The nodule clicked in the axial slice."""
        import slicer

        panel, desktop = self.panel, self.desktop
        panel.ui.targetSection.collapsed = False
        self.look_at_nodule()
        left, posterior, _superior = screens_data.nodule_lps()
        widget = slicer.app.layoutManager().sliceWidget("Red")
        widget.mrmlSliceNode().SetSliceOffset(TARGET_SLICE_MM)
        self.shape()
        desktop.click(panel.ui.placeTargetButton)
        view = widget.sliceView()
        x, y, _z = view.convertRASToXYZ((-left, -posterior, TARGET_SLICE_MM))
        desktop.click_in_view(view, round(x), view.height - 1 - round(y))
        view.interactor().SetEventInformationFlipY(2, 2)  # a point under the mouse has another colour
        view.interactor().InvokeEvent("MouseMoveEvent")
        print(panel.ui.targetLabel.text)
        self.picture("target", "target")

    def plan(self) -> None:
        """Routes and bronchoscopes, fly-through."""
        panel = self.panel
        self.compute("plan", panel.ui.planButton)
        panel.progressBox.hide()
        self.shape()
        panel.guide.look_at_tree()
        self.look_at_nodule()
        self.picture("routes", "route")
        print(*rows_of(panel.ui.routeTable), *rows_of(panel.ui.scopeTable), sep="\n")
        panel.ui.flySection.collapsed = False
        for _press in range(3):
            self.desktop.click(panel.ui.nextButton)
        self.picture("fly", "fly")
        self.fly_to_the_target()
        self.picture("target-through-the-wall", "fly")

    def fly_to_the_target(self) -> None:
        """Fly to the last bifurcation before which the target is in view."""
        fly = self.panel.flyPanel.fly
        for place in reversed(fly._stops()):
            fly.go_to(place)
            pose = fly.pose()
            towards = fly.result.plan.target.centre_lps_mm - pose.position_lps_mm
            if towards @ pose.axes[2] > IN_VIEW * np.linalg.norm(towards):
                return

    def report(self) -> None:
        """The report in the panel."""
        panel = self.panel
        panel.ui.reportSection.collapsed = False
        self.compute(f"report-{self.language}", panel.ui.reportButton)
        panel.progressBox.hide()
        panel.statusPanel.show_report()
        self.fly_to_the_target()
        self.shape()
        screens_data.scroll_to(panel.reportView.page.view, REPORT_SHOWN[self.language])
        self.picture("report", "report")

    def in_the_dark(self) -> None:
        """The fly-through in Slicer's dark theme."""
        self.desktop.dark(True)
        fly = self.panel.flyPanel.fly
        fly.go_to(fly._stops()[0])
        self.picture("dark", "fly")
        self.desktop.dark(False)

    def look_at_nodule(self) -> None:
        """Lead the slices through the nodule."""
        from LungAirwayWidgets.layout import shown_slice_nodes

        left, posterior, superior = screens_data.nodule_lps()
        for node in shown_slice_nodes():
            node.JumpSliceByOffsetting(-left, -posterior, superior)


def rows_of(table: Any) -> list[str]:
    """Return a table's rows as text: the tutorial's numbers are compared with them."""
    cells = [[table.item(row, column) for column in range(table.columnCount)] for row in range(table.rowCount)]
    heads = [table.verticalHeaderItem(row) for row in range(table.rowCount)]
    return [
        " | ".join(one.text().replace("\n", " ") for one in [head, *row] if one is not None)
        for head, row in zip(heads, cells, strict=True)
    ]


def slices_in_3d(shown: bool) -> None:
    """Show the axial and the coronal slice in the 3D view, seen from the front, or take them away."""
    import slicer

    manager = slicer.app.layoutManager()
    for name in ("Red", "Green"):
        manager.sliceWidget(name).mrmlSliceNode().SetSliceVisible(shown)
    view = manager.threeDWidget(0).threeDView()
    view.mrmlViewNode().SetBoxVisible(False)
    view.mrmlViewNode().SetAxisLabelsVisible(False)
    view.cameraNode().RotateTo(view.cameraNode().Anterior)
    view.resetFocalPoint()
    view.resetCamera(False, True, True)
