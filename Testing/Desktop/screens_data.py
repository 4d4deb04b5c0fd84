"""The case that the pictures show: the digital patient and its plan, made once a call, or kept for the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SMOOTHNESS = 3
CACHE_VARIABLE = "SENSECARE_SCREENS_CACHE"


def cache() -> Path:
    """Return the folder that the case is kept in: ``./run screenshots --cache DIR``, else one that goes with the call."""
    return Path(os.environ[CACHE_VARIABLE])


def patient() -> Path:
    """Return the digital patient's folder; made (about a minute) if it is not there."""
    from SenseCarePlanningWidgets.digital_patient import ARGUMENTS  # the reader of the tutorial sees the same

    folder = cache() / "Digital patient"
    if not (folder / "dicom").is_dir():
        _run("phantom", "thorax", *ARGUMENTS, "--out", str(folder))
    return folder


def nodule_lps() -> tuple[float, float, float]:
    """Return the middle of the nodule, LPS mm."""
    found = json.loads((patient() / "truth" / "nodules.json").read_text(encoding="utf-8"))
    rows = found["nodules"] if isinstance(found, dict) else found
    x, y, z = (float(value) for value in rows[0]["centre_lps_mm"])
    return (x, y, z)


def tree() -> Path:
    """Return the folder of the airway tree without a target; made (half a minute) if it is not there."""
    folder = cache() / "tree"
    if not folder.is_dir():
        _run("airway", str(patient() / "dicom"), "--plan-only", "--no-video", "--out", str(folder))
    return folder


def result(language: str) -> Path:
    """Return the folder of the plan with its report in a language; made (some minutes) if it is not there."""
    first, wanted = cache() / "en" / "Thorax", cache() / language / "Thorax"
    target = ",".join(f"{value:.2f}" for value in nodule_lps())
    if not first.is_dir():
        _run("airway", str(patient() / "dicom"), f"--target={target}", "--no-video", "--out", str(first))
    if not wanted.is_dir():
        ct = str(patient() / "dicom")
        _run(
            "replan", str(first), "--ct", ct, "--keep-plan", "--no-video", "--language", language, "--out", str(wanted)
        )  # fmt: skip
    return wanted


HEART = (
    "--seed", "11", "--dominance", "right", "--stenosis", "6:72:calcified+eccentric+arc120+len9",
    "--stenosis", "7:55:lipid+eccentric+ri1.2+len12", "--stenosis", "2:60:napkin+ri1.25+len12", "--stenosis", "13:35:spotty",
)  # fmt: skip
"""The digital heart of the pictures of CardiacCTA: four lesions of four kinds."""


def heart() -> Path:
    """Return the digital heart's folder; made (some minutes) if it is not there."""
    folder = cache() / "Digital heart"
    if not (folder / "dicom").is_dir():
        _run("phantom", "coronary", *HEART, "--out", str(folder))
    return folder


def coronary() -> Path:
    """Return the folder of the heart's result without a report; made (some minutes) if it is not there."""
    folder = cache() / "coronary"
    if not folder.is_dir():
        ct, calcium = (str(heart() / name) for name in ("dicom", "calcium"))
        _run("coronary", ct, "--calcium-series", calcium, "--no-report", "--out", str(folder))
    return folder


def coronary_report(language: str) -> Path:
    """Return the folder of the heart's result with its report in a language; made (some minutes) if it is not there."""
    folder = cache() / f"coronary-{language}"
    if not folder.is_dir():
        _run("regrade", str(coronary()), "--ct", str(heart() / "dicom"), "--language", language, "--out", str(folder))
    return folder


def smooth(view: Any) -> None:
    """Draw a 3D view with smooth edges, as a graphics card does."""
    from standin.wrapping import unwrap

    unwrap(view).scale = SMOOTHNESS


def scroll_to(view: Any, heading: str) -> None:
    """Scroll the report's page to a heading."""
    from standin.wrapping import unwrap

    page = unwrap(view)
    found = page.document().find(heading)
    assert not found.isNull(), f"the report has no heading {heading}"
    page.verticalScrollBar().setValue(int(page.document().documentLayout().blockBoundingRect(found.block()).top()) - 6)


SLICERS_WORDS = {
    "File": "文件",
    "Edit": "编辑",
    "View": "视图",
    "Help": "帮助",
    " Modules: ": " 模块： ",
    "Data Probe": "数据探针",
    "None": "无",
}
"""Words of Slicer's own window that its language pack translates; the stand-in has no language packs."""


def slicers_words(desktop: Any) -> None:
    """Translate what belongs to Slicer itself, where the pictures are Chinese."""
    from PySide6 import QtWidgets

    from SenseCarePlanningWidgets.texts import language

    if language() != "zh":
        return
    window = desktop._app.main_window
    for action in window.menuBar().actions():
        action.setText(SLICERS_WORDS.get(action.text(), action.text()))
    for part in window.findChildren(QtWidgets.QWidget):
        if isinstance(part, QtWidgets.QLabel | QtWidgets.QAbstractButton):
            part.setText(SLICERS_WORDS.get(part.text(), part.text()))
        if isinstance(part, QtWidgets.QComboBox):
            for at in range(part.count()):
                part.setItemText(at, SLICERS_WORDS.get(part.itemText(at), part.itemText(at)))


def _run(*arguments: str) -> None:
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    subprocess.run([sys.executable, str(package), *arguments], check=True, stdout=subprocess.DEVNULL)
