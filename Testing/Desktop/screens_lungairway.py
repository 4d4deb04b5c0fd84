"""The pictures of the LungAirway module: each step on the digital patient, as the tutorial walks through them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import screens_data

from LungAirwayLib.constants import INTERMEDIATE

SIZE = (1440, 1024)
SECTIONS = ("run", "tree", "edit", "target", "route", "fly", "report")
RUN_SHOWN_FROM = 20
"""The running computation is shown from so many per cent on."""
REPORT_SHOWN = {"en": "Summary", "zh": "摘要"}
"""The report's part that is looked at."""
SHOWN_BRANCH, CUT_BRANCH, NEXT_BRANCH = INTERMEDIATE, "LB8", "LB9"


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
        tree, plan = Path(kept) / "airway-demo" / "001", Path(kept) / "airway-demo" / "002"
        shutil.copytree(screens_data.tree(), tree)
        shutil.copytree(screens_data.result(language), plan)
        pictures = Pictures(desktop, folder, language, Path(kept))
        pictures.before_the_plan(tree)
        pictures.with_the_plan(plan)
        if language == "en":
            pictures.in_the_dark()
        return pictures.taken


class Pictures:
    """The module's panel with the patient's CT, and the pictures taken of it."""

    def __init__(self, desktop: Any, folder: Path, language: str, kept: Path) -> None:
        import slicer

        from SenseCarePlanningWidgets.cases import load_series

        self.desktop, self.folder, self.language, self.kept = desktop, folder, language, kept
        self.taken: list[Path] = []
        desktop.load_module("LungAirway")
        desktop.add_dicom(screens_data.patient() / "dicom")
        first = next(path for path in sorted((screens_data.patient() / "dicom").rglob("*")) if path.is_file())
        self.volume = load_series(slicer.dicomDatabase.seriesForFile(str(first)))
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

    def before_the_plan(self, tree: Path) -> None:
        """CT, running computation, tree, correction, target."""
        from LungAirwayWidgets.layout import OVERVIEW, three_d_widget

        panel, desktop = self.panel, self.desktop
        self.look_at_nodule()
        self.picture("ct", "run")

        desktop.click(panel.ui.runButton)
        desktop.process_events(until=lambda: panel.progressBox.bar.value >= RUN_SHOWN_FROM, timeout=300)
        self.picture("run", "run")
        panel.progressBox.cancel_button.click()
        desktop.process_events(until=lambda: panel.runs.job is None, timeout=60)
        panel.progressBox.hide()

        slices_in_3d(False)
        panel.session.take_result(tree)
        panel.flyPanel.show_views()
        screens_data.smooth(three_d_widget(OVERVIEW).threeDView())
        self.shape()
        panel.guide.look_at_tree()
        self.choose(SHOWN_BRANCH)
        self.picture("tree", "tree")

        self.choose(CUT_BRANCH)
        panel.ui.editSection.collapsed = False
        desktop.process_events()
        desktop.click(panel.ui.cutOffButton)
        desktop.process_events(until=lambda: panel.session.edits.changed)
        self.choose(NEXT_BRANCH)
        self.picture("correct", "edit")
        desktop.click(panel.ui.undoButton)

        left, posterior, superior = screens_data.nodule_lps()
        panel.planPanel.target_node().AddControlPointWorld(-left, -posterior, superior)
        self.look_at_nodule()
        self.picture("target", "target")

    def with_the_plan(self, plan: Path) -> None:
        """Routes and bronchoscopes, fly-through, report."""
        panel = self.panel
        panel.session.take_result(plan)
        self.desktop.process_events()
        panel.guide.look_at_tree()
        fly = panel.flyPanel.fly
        stops = fly._stops()
        fly.go_to(stops[0])
        self.look_at_nodule()
        self.picture("routes", "route")
        fly.go_to(stops[min(2, len(stops) - 1)])
        self.picture("fly", "fly")
        fly.go_to(stops[-1])
        self.picture("target-through-the-wall", "fly")
        panel.statusPanel.show_report()
        panel.ui.reportSection.collapsed = False
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

    def choose(self, code: str) -> None:
        """Choose the branch of a name, once the table is there."""
        self.desktop.process_events(until=lambda: self.panel.treePanel._filling is None, timeout=60)
        named = {one.label.code: one.id for one in self.panel.session.edits.tree if one.label is not None}
        self.panel.session.choose_branch(named[code])

    def look_at_nodule(self) -> None:
        """Lead the slices through the nodule."""
        from LungAirwayWidgets.layout import shown_slice_nodes

        left, posterior, superior = screens_data.nodule_lps()
        for node in shown_slice_nodes():
            node.JumpSliceByOffsetting(-left, -posterior, superior)


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
