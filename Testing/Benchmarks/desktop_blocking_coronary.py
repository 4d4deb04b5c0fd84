"""How long the coronary panel holds up the window: each slot's time on a digital heart of true size, on the desktop's stand-in.

    python Testing/Benchmarks/desktop_blocking_coronary.py --cache DIR

The heart and its report lie in ``--cache``, as ``./run screenshots --cache`` keeps them, and are made when absent (some
minutes). For each step the slots that took most processor time are printed, as in ``desktop_blocking.py``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("Testing/Desktop", "Testing/Benchmarks", "SenseCarePlanning", "CardiacCTA")]
WAIT_S = 600.0
TURNS, DRAGS = 24, 12


def main() -> None:
    """Walk through the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    import screens_data
    from desktop_blocking import Stopwatch
    from standin.desktop import Desktop

    os.environ[screens_data.CACHE_VARIABLE] = str(parser.parse_args().cache.absolute())
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        desktop = Desktop(Path(folder))
        result = Path(folder) / "result"
        shutil.copytree(screens_data.coronary_report("en"), result)
        Walk(desktop, result, Stopwatch()).all()
        desktop.stop()


class Walk:
    """The steps, on the artery with the longest line."""

    def __init__(self, desktop: Any, result: Path, watch: Any) -> None:
        import screens_data
        import slicer

        from SenseCarePlanningWidgets.cases import load_series

        self.desktop, self.watch, self.result = desktop, watch, result
        desktop.load_module("CardiacCTA")
        desktop.add_dicom(screens_data.heart() / "dicom")
        first = next(path for path in sorted((screens_data.heart() / "dicom").rglob("*")) if path.is_file())
        volume = load_series(slicer.dicomDatabase.seriesForFile(str(first)))
        self.panel = desktop.show_module("CardiacCTA")
        self.panel.ui.inputSelector.setCurrentNode(volume)
        self.session = self.panel.session

    def done(self, step: str) -> None:
        """Wait until all that goes on beside the window is shown, and print the step's slots."""
        session, panel = self.session, self.panel
        self.desktop.process_events(until=lambda: not session.taking_up and not session.preparing, timeout=WAIT_S)
        self.desktop.process_events(until=lambda: not panel.vesselPanel.drawing and not panel.filmPanel.busy, timeout=WAIT_S)
        self.watch.report(step)

    def all(self) -> None:
        """Take every step."""
        ui, session = self.panel.ui, self.session
        self.watch.report("module shown, CT chosen")
        session.take_result(self.result)
        for name in ("vessel", "along", "lesion", "change", "report", "film"):
            getattr(ui, f"{name}Section").collapsed = False
        self.done("result taken up")
        session.choose_vessel(max(session.result.vessels, key=lambda one: one.vessel.length_mm).vessel.name)
        self.done("vessel chosen")
        for kind in ("stretched", "projected", "straightened"):
            ui.kindComboBox.setCurrentIndex(ui.kindComboBox.findData(kind))
            for at in range(TURNS):
                ui.turnSlider.value = 360.0 * at / TURNS
                self.desktop.process_events()
            self.done(f"turned, {kind}")
        ui.readerEdit.text = "Dr. Li"
        ui.drawComboBox.setCurrentIndex(ui.drawComboBox.findData("lumen"))
        self._drag(lambda at: 0.05 * at)
        self.done("lumen edge dragged")
        self.panel.drawPanel.release()
        self.done("let go and kept")
        ui.drawComboBox.setCurrentIndex(ui.drawComboBox.findData("line"))
        self._drag(lambda at: 0.08 * at)
        self.panel.drawPanel.release()
        self.done("line moved, measured anew")
        self.desktop.click(ui.drawFilmButton)
        self.done("film drawn")
        ui.layoutComboBox.setCurrentIndex(ui.layoutComboBox.findData("4x5"))
        self.done("film laid out anew")
        length = session.length_mm()
        print(f"vessel of {length:.0f} mm, {len(session.result.vessels)} vessels, CT {session.result.heart.grid.shape_kji}")

    def _drag(self, shift_mm: Any) -> None:
        """Drag the edge that lies up, outwards step by step, each step followed."""
        drawing, along, at = self.panel.drawPanel.drawing, self.session.along, self.session.at_mm
        edge, frame = along.views.walls[1].wall.ring_lps_mm(at)[0], along.views.line.at(at)[1]
        assert drawing.press(edge, at)
        for step in range(1, DRAGS + 1):
            drawing.move(edge + shift_mm(step) * frame[1])
            self.desktop.process_events(until=lambda: not drawing.following, timeout=WAIT_S)
            self.desktop.process_events(until=lambda: not self.panel.vesselPanel.drawing, timeout=WAIT_S)


if __name__ == "__main__":
    main()
