"""The pictures of the CardiacCTA module: each step on a digital heart with four lesions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import screens_data

SIZE = (1440, 1160)
SECTIONS = ("run", "vessel", "along", "lesion", "calcium", "grade", "change", "report", "film")
WAIT_S = 300.0
TURN_DEG, DRAWN_RAY, DRAWN_MM = 35.0, 6, 0.35
READER = {"en": "Dr. Li", "zh": "李医生"}
REMARK = {"en": "seen in two phases", "zh": "两期图像一致"}


def take(desktop: Any, folder: Path, language: str) -> list[Path]:
    """Take the pictures into a folder and return them.

    Parameters
    ----------
    desktop
        A started stand-in whose language is set.
    folder
        Gets ``CardiacCTA-1-vessels.png`` and so on.
    language
        ``en`` or ``zh``.
    """
    with tempfile.TemporaryDirectory() as kept:
        pictures = Pictures(desktop, folder, language, Path(kept))
        pictures.vessels()
        pictures.along()
        pictures.turned()
        pictures.film()
        pictures.drawn()
        pictures.findings()
        pictures.changes()
        return pictures.taken


class Pictures:
    """The module's panel with the heart's CT and its result."""

    def __init__(self, desktop: Any, folder: Path, language: str, kept: Path) -> None:
        import slicer

        from SenseCarePlanningWidgets.cases import load_series

        self.desktop, self.folder, self.language = desktop, folder, language
        self.taken: list[Path] = []
        desktop.load_module("CardiacCTA")
        volumes = []
        for number, name in enumerate(("dicom", "calcium"), start=1):
            desktop.add_dicom(screens_data.heart() / name)
            first = next(path for path in sorted((screens_data.heart() / name).rglob("*")) if path.is_file())
            volumes.append(load_series(slicer.dicomDatabase.seriesForFile(str(first))))
            if ":" not in volumes[-1].GetName():  # as Slicer names what comes from its database
                volumes[-1].SetName(f"{number}: {volumes[-1].GetName()}")
        self.panel = desktop.show_module("CardiacCTA")
        self.panel.ui.inputSelector.setCurrentNode(volumes[0])
        self.panel.ui.calciumSelector.setCurrentNode(volumes[1])
        desktop.screenshot_window(kept / "shape.png", *SIZE)  # the views take their places
        result = kept / "result"
        shutil.copytree(screens_data.coronary_report(language), result)
        self.panel.session.take_result(result)
        self.settle()

    def settle(self) -> None:
        """Wait until all that goes on beside the window is shown."""
        session, panel = self.panel.session, self.panel.vesselPanel
        self.desktop.process_events(until=lambda: not session.taking_up and not session.preparing, timeout=WAIT_S)
        self.desktop.process_events(until=lambda: not panel.drawing, timeout=WAIT_S)

    def picture(self, name: str, *opened: str) -> None:
        """Take the next picture with these sections open."""
        import slicer

        for section in SECTIONS:
            getattr(self.panel.ui, f"{section}Section").collapsed = section not in opened
        self.desktop.process_events()
        self.desktop.process_events()  # tables are fitted once they are seen
        screens_data.slicers_words(self.desktop)
        screens_data.smooth(slicer.app.layoutManager().threeDWidget(0).threeDView())
        path = self.folder / f"CardiacCTA-{len(self.taken) + 1}-{name}.png"
        self.taken.append(self.desktop.screenshot_window(path, *SIZE))

    def vessels(self) -> None:
        """The vessel list with the arteries in three dimensions."""
        print(self.panel.ui.statusLabel.text)
        self.picture("vessels", "run", "vessel")

    def along(self) -> None:
        """The first lesion: straightened vessel, cross-sections, slices."""
        self.panel.ui.lesionTable.selectRow(0)
        self.settle()
        self.picture("along", "along", "lesion")

    def turned(self) -> None:
        """The same vessel stretched, as a slab, turned."""
        ui = self.panel.ui
        ui.kindComboBox.setCurrentIndex(ui.kindComboBox.findData("stretched"))
        ui.slabComboBox.setCurrentIndex(ui.slabComboBox.findData("mip"))
        ui.turnSlider.value = TURN_DEG
        self.settle()
        self.picture("turned", "along")

    def drawn(self) -> None:
        """The lumen edge at the second lesion under the mouse."""
        ui, panel = self.panel.ui, self.panel.drawPanel
        for box, value in ((ui.kindComboBox, "straightened"), (ui.slabComboBox, "thin"), (ui.drawComboBox, "look")):
            box.setCurrentIndex(box.findData(value))
        ui.turnSlider.value = 0.0
        ui.readerEdit.text = READER[self.language]
        ui.lesionTable.selectRow(1)
        self.settle()
        ui.drawComboBox.setCurrentIndex(ui.drawComboBox.findData("lumen"))
        session = self.panel.session
        ring = session.along.views.walls[1].wall.ring_lps_mm(session.at_mm)
        edge, middle = ring[DRAWN_RAY], session.along.views.line.at(session.at_mm)[0]
        panel.drawing.press(edge, session.at_mm)
        panel.drawing.move(edge + DRAWN_MM * (edge - middle) / float(((edge - middle) ** 2).sum() ** 0.5))
        self.desktop.process_events(until=lambda: bool(panel.drawing.said), timeout=WAIT_S)
        self.settle()
        self.picture("drawing", "along")
        panel.release()
        self.settle()

    def findings(self) -> None:
        """Calcium score, and CAD-RADS with its rules."""
        self.picture("grade", "calcium", "grade")

    def changes(self) -> None:
        """A grade changed by the reader."""
        ui = self.panel.ui
        ui.changeSection.collapsed = False
        self.desktop.process_events()
        ui.readerEdit.text, ui.remarkEdit.text = READER[self.language], REMARK[self.language]
        ui.segmentComboBox.setCurrentIndex(ui.segmentComboBox.findData("pLAD"))
        ui.gradeComboBox.setCurrentIndex(ui.gradeComboBox.findData("4A"))
        self.desktop.click(ui.gradeButton)
        self.settle()
        self.picture("changes", "grade", "change")

    def film(self) -> None:
        """The film by the findings, drawn."""
        ui = self.panel.ui
        ui.filmSection.collapsed = False
        self.desktop.process_events()
        self.desktop.click(ui.drawFilmButton)
        self.desktop.process_events(until=lambda: not self.panel.filmPanel.busy, timeout=WAIT_S)
        self.picture("film", "film")
