"""The pictures of the LungAirway module: each step on the digital patient, as the tutorial walks through them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import screens_data

SIZE = (1600, 1000)
SECTIONS = ("run", "tree", "edit", "target", "route", "fly", "report")


def take(desktop: Any, folder: Path, language: str) -> list[Path]:
    """Take the pictures into a folder and return them.

    Parameters
    ----------
    desktop
        A started stand-in whose language is set.
    folder
        Gets ``LungAirway-1-run.png`` and so on.
    language
        ``en`` or ``zh``, of the report that is shown.
    """
    with tempfile.TemporaryDirectory() as kept:
        plan = Path(kept) / "airway-demo" / "001"
        shutil.copytree(screens_data.result(language), plan)
        return _take(desktop, Path(folder), plan)


def _take(desktop: Any, folder: Path, plan: Path) -> list[Path]:
    import slicer

    if hasattr(slicer, "qSlicerWebWidget"):  # the stand-in's web view knows no style sheets
        del slicer.qSlicerWebWidget
    from SenseCarePlanningLib.dicomio.load import load_image
    from SenseCarePlanningMRML.volume_nodes import add_volume

    taken: list[Path] = []

    def picture(name: str, *opened: str) -> None:
        fold(panel, *opened)
        desktop.process_events()
        taken.append(desktop.screenshot_window(folder / f"LungAirway-{len(taken) + 1}-{name}.png", *SIZE))

    desktop.load_module("LungAirway")
    add_volume(desktop.scene, load_image(screens_data.patient() / "dicom").volume, "Digital patient")
    panel = desktop.show_module("LungAirway")
    left, posterior, superior = screens_data.nodule_lps()
    desktop.screenshot_window(folder / "LungAirway-1-run.png", *SIZE)  # gives the views their size
    slicer.app.layoutManager().resetSliceViews()
    slices_in_3d(True)
    point = panel.planPanel.target_node()
    point.AddControlPointWorld(-left, -posterior, superior)
    panel.progressBox.start()
    panel.progressBox.show_progress("Airway", 0.4)
    look_at(point)
    picture("run", "run", "target")
    panel.progressBox.hide()

    slices_in_3d(False)
    panel.session.take_result(plan)
    panel.flyPanel.show_views()
    panel._lookAtTree()
    look_at(point)
    named = {one.label.code: one.id for one in panel.session.result.tree if one.label is not None}
    panel.session.choose_branch(named.get("RB3", panel.session.result.tree.root_id))
    panel.flyPanel.fly.go_to(88.0)
    picture("tree", "tree")
    picture("correct", "tree", "edit")
    look_at(point)
    picture("target", "run", "target")
    look_at(point)
    picture("routes", "route")
    stops = panel.flyPanel.fly._stops()
    panel.flyPanel.fly.go_to(stops[min(2, len(stops) - 1)])
    picture("fly", "fly", "route")
    panel.flyPanel.fly.go_to(max(panel.flyPanel.fly.length_mm - 4.0, 0.0))
    picture("target-through-the-wall", "fly")
    panel._showReport()
    picture("report", "report")
    return taken


def fold(panel: Any, *opened: str) -> None:
    """Open the named sections and close the others."""
    for name in SECTIONS:
        getattr(panel.ui, f"{name}Section").collapsed = name not in opened


def look_at(point: Any) -> None:
    """Lead the slices through a point."""
    from LungAirwayWidgets.layout import shown_slice_nodes

    for node in shown_slice_nodes():
        node.JumpSliceByOffsetting(*point.GetNthControlPointPositionWorld(0))


def slices_in_3d(shown: bool) -> None:
    """Show the axial and the coronal slice in the 3D view, seen from the front, or take them away."""
    import slicer

    manager = slicer.app.layoutManager()
    for name in ("Red", "Green"):
        manager.sliceWidget(name).mrmlSliceNode().SetSliceVisible(shown)
    view = manager.threeDWidget(0).threeDView()
    view.cameraNode().RotateTo(view.cameraNode().Anterior)
    view.resetFocalPoint()
    view.resetCamera(False, True, True)
