"""The pictures of the hub: every page with something on it, as the tutorial walks through them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import screens_data

SIZE = (1440, 980)
REPORT_SHOWN = {"en": "Summary", "zh": "摘要"}
"""The report's part that is looked at."""


def take(desktop: Any, folder: Path, language: str) -> list[Path]:
    """Take the pictures into a folder and return them.

    Parameters
    ----------
    desktop
        A started stand-in whose language is set.
    folder
        Gets ``Hub-1-cases.png`` and so on.
    language
        ``en`` or ``zh``, of the report that is shown.
    """
    import slicer

    # The stand-in's web view knows no style sheets; what a Slicer without one shows is nearer to what the reader will see.
    if hasattr(slicer, "qSlicerWebWidget"):
        del slicer.qSlicerWebWidget
    patient = screens_data.patient()
    desktop.load_module("LungAirway")
    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    results = desktop.folder / "results"
    for number, made in enumerate((screens_data.tree(), screens_data.result(language)), 1):
        shutil.copytree(made, results / "Bronchoscopy" / f"{number:03d}")
    cases.set_cases_folder(results)
    desktop.add_dicom(patient / "dicom")
    panel = desktop.show_module("SenseCarePlanning")
    desktop.process_events(until=lambda: not panel.caseList.filling)
    taken: list[Path] = []

    def picture(name: str) -> None:
        desktop.process_events()
        screens_data.slicers_words(desktop)
        taken.append(desktop.screenshot_window(folder / f"Hub-{len(taken) + 1}-{name}.png", *SIZE))

    desktop.screenshot_window(folder / "Hub-1-cases.png", *SIZE)  # gives the views their size
    study = next(case.key for case in panel.caseList.cases if case.kind == "study")
    panel.caseList.choose(study)
    desktop.click(panel.ui.openButton)
    look_at_lungs(desktop)
    show_slices(desktop, True)
    picture("cases")
    show_slices(desktop, False)

    finished = next(case.key for case in panel.caseList.cases if case.result is not None and case.result.has_target)
    panel.caseList.choose(finished)
    desktop.click(panel.ui.openButton)
    show_tree(desktop)
    picture("result")

    fold(panel, "report")
    panel.onReport()
    desktop.click(panel.reportView.large_button)
    panel.reportView._window.resize(900, 620)
    screens_data.scroll_to(panel.reportView.page.view, REPORT_SHOWN[language])
    screens_data.scroll_to(panel.reportView._large.view, REPORT_SHOWN[language])
    picture("report")
    window = panel.reportView._window
    if window is not None:
        taken.append(desktop.screenshot(folder / f"Hub-{len(taken) + 1}-report-window.png", window))
        window.close()

    fold(panel, "samples", "models", "check")
    picture("self-check")

    if language == "en":
        desktop.dark(True)
        fold(panel, "cases", "case", "report")
        picture("dark")
    return taken


SECTIONS = ("cases", "case", "report", "samples", "models", "check")


def fold(panel: Any, *opened: str) -> None:
    """Open the named sections and close the others."""
    for name in SECTIONS:
        getattr(panel.ui, f"{name}CollapsibleButton").collapsed = name not in opened


def look_at_lungs(desktop: Any) -> None:
    """Show the CT as a chest radiologist windows it, in slices through the nodule."""
    import slicer

    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        display = node.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(1500, -600)
    left, posterior, superior = screens_data.nodule_lps()
    for name in ("Red", "Yellow", "Green"):
        slicer.app.layoutManager().sliceWidget(name).fitSliceToBackground()
        slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().JumpSliceByOffsetting(-left, -posterior, superior)
    desktop.process_events()


def show_slices(desktop: Any, shown: bool) -> None:
    """Show the coronal and the axial slice in the 3D view, or take them away."""
    import slicer

    for name in ("Red", "Green"):
        slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().SetSliceVisible(shown)
    look_from_the_front(desktop)


def show_tree(desktop: Any) -> None:
    """Turn the 3D view to the tree, as the airway module does."""
    import slicer

    from LungAirwayWidgets import layout

    def models() -> list[Any]:
        found = slicer.util.getNodesByClass("vtkMRMLModelNode")
        return [node for node in found if node.GetAttribute("SenseCarePlanning.Role") in ("surface", "target ball")]

    def is_coloured() -> bool:
        return len(models()) == 2 and all(node.GetNthDisplayNode(0).GetVisibility() for node in models())

    desktop.process_events(until=is_coloured, timeout=60)
    for _ in range(50):  # the last nodes of the result follow one by one
        desktop.process_events()
    look_at_lungs(desktop)
    left, posterior, superior = screens_data.nodule_lps()
    view = layout.three_d_widget(layout.OVERVIEW).threeDView()
    screens_data.smooth(view)
    layout.look_at_models(models(), layout.side_of((-left, -posterior, superior), models()[0]))
    desktop.process_events()


def look_from_the_front(desktop: Any) -> None:
    """Turn the 3D view to what is in it, from the front, without the box."""
    import ctk
    import slicer

    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    view.mrmlViewNode().SetBoxVisible(False)
    view.mrmlViewNode().SetAxisLabelsVisible(False)
    desktop.process_events()
    axis = ctk.ctkAxesWidget.Anterior if hasattr(ctk, "ctkAxesWidget") else 5
    view.lookFromViewAxis(axis)
    view.resetFocalPoint()
    view.resetCamera(False, True, True)
    desktop.process_events()
