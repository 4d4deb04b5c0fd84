"""How long the panels hold up the window: each slot's time on a result of true size and a long list, on the desktop's stand-in.

    python Testing/Benchmarks/desktop_blocking.py --patient DIR --plan DIR

``--patient`` and ``--plan`` are made when absent (a digital patient at 0.8 mm and its plan; some minutes). The stand-in's
wrappers are written in Python and slower than Slicer's; drawing is by software. For each step the three slots that took most
processor time are printed with it and with their wall time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing" / "Desktop"), str(ROOT / "SenseCarePlanning"), str(ROOT / "LungAirway")]
SPACING_MM = 0.8
RESULT_COUNT = 200
"""So many results the hub lists."""


class Stopwatch:
    """The worst time of each slot since the last report, in seconds."""

    def __init__(self) -> None:
        from standin import signals

        self._deliver = signals.deliver
        self.worst: dict[str, tuple[float, float]] = {}
        signals.deliver = self._timed

    def _timed(self, receiver: Any, values: Any) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        self._deliver(receiver, values)
        took = (time.perf_counter() - wall, time.thread_time() - cpu)
        name = getattr(receiver, "__qualname__", repr(receiver))
        if took[1] > self.worst.get(name, (0.0, 0.0))[1]:
            self.worst[name] = took

    def report(self, step: str) -> None:
        """Print the slots that took longest."""
        ordered = sorted(self.worst.items(), key=lambda one: one[1][1], reverse=True)[:3]
        for name, (wall, cpu) in ordered:
            print(f"{step:<28} {name:<44} {1000 * cpu:7.0f} ms CPU {1000 * wall:7.0f} ms wall", flush=True)
        self.worst = {}


def main() -> None:
    """Walk through the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patient", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    arguments = parser.parse_args()
    from airway_patient import add_ct, make_patient, make_result

    patient = make_patient(arguments.patient, SPACING_MM)
    plan = make_result(patient, arguments.plan)
    from standin.desktop import Desktop

    with tempfile.TemporaryDirectory() as folder:
        desktop = Desktop(Path(folder))
        watch = Stopwatch()
        _walk(desktop, add_ct(desktop.scene, patient), plan, Path(folder), watch)
        _walk_hub(desktop, patient.dicom, plan, Path(folder), watch)
        desktop.stop()


def _walk(desktop: Any, volume: Any, plan: Path, folder: Path, watch: Stopwatch) -> None:
    import slicer

    slicer.app.settings().setValue("SenseCarePlanning/CasesFolder", str(folder / "cases"))
    desktop.load_module("LungAirway")
    panel = desktop.show_module("LungAirway")
    shape = slicer.util.arrayFromVolume(volume).shape
    panel.flyPanel.show_views()
    desktop.screenshot_window(folder / "window.png")
    watch.report("module shown")

    def settled() -> bool:
        return panel.runs.job is None and not panel.session.taking_up and not panel.treePanel.filling

    desktop.click(panel.ui.runButton)
    desktop.process_events(until=lambda: panel.runs.job is None or panel.runs.job.pid is not None, timeout=120)
    watch.report("CT written, child started")
    panel.onCancel()
    desktop.process_events(until=settled, timeout=120)
    watch.report("cancelled")
    panel.session.take_result(plan, at_once=False)
    desktop.process_events(until=settled, timeout=300)
    count, triangles = len(panel.session.result.tree), len(panel.session.result.surface.triangles)
    watch.report("result taken up")
    panel.ui.branchTable.selectRow(count // 2)
    desktop.process_events()
    watch.report("branch chosen")
    panel.ui.colorComboBox.setCurrentIndex(2)
    desktop.process_events()
    watch.report("colours changed")
    panel.ui.editSection.collapsed = False
    panel.session.choose_branch(max(panel.session.result.tree.tips, key=lambda one: one.length_mm).id)
    desktop.click(panel.ui.cutOffButton)
    desktop.process_events(until=settled, timeout=120)
    watch.report("branch cut off")
    desktop.click(panel.ui.undoButton)
    desktop.process_events(until=settled, timeout=120)
    watch.report("undone")
    desktop.click(panel.ui.usePaintButton)
    desktop.process_events(until=lambda: panel.runs.job is None or panel.runs.job.pid is not None, timeout=120)
    watch.report("painting given to a child")
    panel.onCancel()
    desktop.process_events(until=settled, timeout=120)
    for place in (50.0, 120.0, 180.0):
        panel.ui.flySlider.value = place
        desktop.process_events()
    watch.report("fly-through, three places")
    panel.ui.routeTable.selectColumn(1)
    desktop.process_events()
    watch.report("another route")
    print(f"CT {shape}, {count} branches, {triangles} triangles")


def _walk_hub(desktop: Any, dicom: Path, plan: Path, folder: Path, watch: Stopwatch) -> None:
    from hub_data import write_result

    desktop.load_module("SenseCarePlanning")
    from SenseCarePlanningWidgets import cases

    for number in range(RESULT_COUNT):
        write_result(folder / "hub" / f"Case {number // 10}" / f"{number:03d}", patient="Doe^Jane")
    shutil.copytree(plan, folder / "hub" / "newest")
    cases.set_cases_folder(folder / "hub")
    desktop.add_dicom(dicom)
    panel = desktop.show_module("SenseCarePlanning")
    watch.report("hub shown")

    def listed() -> bool:
        return not panel.caseList.filling

    desktop.process_events(until=listed, timeout=120)
    watch.report("hub, cases read")
    panel.ui.searchEdit.text = "jane"
    desktop.process_events()
    panel.ui.searchEdit.text = ""
    desktop.process_events()
    watch.report("hub, searched")
    panel.caseList.choose(f"folder:{folder / 'hub' / 'newest'}")
    desktop.process_events()
    watch.report("hub, case chosen")
    panel.ui.modelsCollapsibleButton.collapsed = False
    panel.ui.checkCollapsibleButton.collapsed = False
    desktop.process_events()
    watch.report("hub, models and self-check")
    desktop.click(panel.ui.openButton)
    desktop.process_events(until=lambda: not slicer_module("LungAirway").session.taking_up, timeout=300)
    watch.report("hub, result shown")
    print(f"{len(panel.caseList.cases)} cases")


def slicer_module(name: str) -> Any:
    """Return a module's panel."""
    import slicer

    return slicer.util.getModuleWidget(name)


if __name__ == "__main__":
    main()
