"""How the stand-in looks: fonts that are everywhere the same, light and dark colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtGui, QtWidgets

FONTS = Path(__file__).resolve().parents[3] / "SenseCarePlanning" / "SenseCarePlanningLib" / "report" / "fonts"
DARK = {
    "Window": "#323232",
    "WindowText": "#f0f0f0",
    "Base": "#252525",
    "AlternateBase": "#2d2d2d",
    "Text": "#f0f0f0",
    "Button": "#3c3c3c",
    "ButtonText": "#f0f0f0",
    "ToolTipBase": "#3c3c3c",
    "ToolTipText": "#f0f0f0",
    "Mid": "#555555",
    "Light": "#5a5a5a",
    "Dark": "#1c1c1c",
    "Highlight": "#2a6fb5",
    "HighlightedText": "#ffffff",
    "PlaceholderText": "#9a9a9a",
    "Link": "#6db3f2",
}


def set_fonts(application: Any) -> None:
    """Use DejaVu Sans where the system has it, and the project's Noto Sans SC for what it lacks."""
    families = ["DejaVu Sans"]
    for path in sorted(FONTS.glob("*.ttf")):
        families += QtGui.QFontDatabase.applicationFontFamilies(QtGui.QFontDatabase.addApplicationFont(str(path)))
    font = QtGui.QFont()
    font.setFamilies(list(dict.fromkeys(families)))
    font.setPointSizeF(9.5)
    application.setFont(font)


def set_dark(application: QtWidgets.QApplication, dark: bool) -> None:
    """Choose dark or light colours."""
    palette = application.style().standardPalette()
    if dark:
        for name, color in DARK.items():
            palette.setColor(getattr(QtGui.QPalette.ColorRole, name), QtGui.QColor(color))
        for name in ("WindowText", "Text", "ButtonText"):
            role = getattr(QtGui.QPalette.ColorRole, name)
            palette.setColor(QtGui.QPalette.ColorGroup.Disabled, role, QtGui.QColor("#8a8a8a"))
    application.setPalette(palette)
