"""What tests of the airway module do with the panel: show it, show a plan, press and wait."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from airway_patient import Patient, add_ct

SECTIONS = ("run", "tree", "edit", "target", "route", "fly", "report")


def show_panel(desktop: Any, patient: Patient, cases: Path) -> Any:
    """Show the panel with the patient's CT chosen; results go to a folder of the test's own."""
    import slicer

    slicer.app.settings().setValue("SenseCarePlanning/CasesFolder", str(cases))
    desktop.load_module("LungAirway")
    ct = add_ct(desktop.scene, patient)
    panel = desktop.show_module("LungAirway")
    assert panel.ui.inputSelector.currentNode() is ct
    return panel


def show_plan(desktop: Any, panel: Any, patient: Patient, plan: Path, folder: Path) -> Any:
    """Show a copy of the patient's plan, the target set as a point, every section open."""
    shutil.copytree(plan, folder)
    panel.planPanel.target_node().AddControlPointWorld(*patient.target_ras)
    panel.session.take_result(folder)
    panel.flyPanel.show_views()
    panel.guide.look_at_tree()
    open_all(panel)
    settle(desktop, panel)
    return panel


def open_all(panel: Any) -> None:
    """Open every section of the panel."""
    for name in SECTIONS:
        getattr(panel.ui, f"{name}Section").collapsed = False


def settle(desktop: Any, panel: Any) -> None:
    """Wait until what goes on beside the window is done: a result taken up, a correction, rows of the table."""
    desktop.process_events(until=lambda: not panel.session.taking_up and not panel.treePanel.filling, timeout=60)


def press(desktop: Any, panel: Any, button: Any) -> None:
    """Click and wait."""
    desktop.click(button)
    settle(desktop, panel)


def branch_called(panel: Any, code: str) -> int:
    """Return the branch with a name."""
    return int(next(one.id for one in panel.session.edits.tree if one.label is not None and one.label.code == code))
