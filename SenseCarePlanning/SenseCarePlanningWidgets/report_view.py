"""A finished report in the module: shown, printed, saved as PDF, its folder opened."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.errors import SenseCareError

from .error_message import shown_failures
from .texts import tr as _

REPORT_HTML, REPORT_PDF = "report.html", "report.pdf"
NARROW_WIDTH = 900
"""The window of the large view, in pixels."""


def simplified_html(text: str) -> str:
    """Return a report's HTML without what a QTextBrowser shows wrongly.

    It knows neither style sheets beyond simple ones nor pictures scaled by them, so the style goes, tables get a frame and
    pictures a width that fits a module panel.
    """
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"<table\b", '<table border="1" cellspacing="0" cellpadding="3" width="100%"', text, flags=re.IGNORECASE)
    text = re.sub(r"<(h1)\b", r'<\1 style="font-size:large"', text, flags=re.IGNORECASE)
    text = re.sub(r"<(h2|h3)\b", r'<\1 style="font-size:medium"', text, flags=re.IGNORECASE)
    return re.sub(r"<img\b", '<img width="380"', text, flags=re.IGNORECASE)


class ReportView:
    """Shows ``report.html`` of a result folder; put :attr:`widget` into a layout."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.widget: Any = qt.QFrame()
        self.widget.objectName = "reportView"
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        row = qt.QHBoxLayout()
        self.print_button = self._button(
            row, _("Print"), "reportPrintButton", _("Open the print-ready PDF in your PDF program and print it there.")
        )
        self.save_button = self._button(row, _("Save PDF..."), "reportSaveButton", _("Save a copy of the PDF."))
        self.folder_button = self._button(row, _("Open folder"), "reportFolderButton", _("Show all files of this case."))
        layout.addLayout(row)
        self.print_button.connect("clicked()", self.print_report)
        self.save_button.connect("clicked()", self.save_pdf)
        self.folder_button.connect("clicked()", self.open_folder)
        self._web = hasattr(slicer, "qSlicerWebWidget")
        self.view: Any = slicer.qSlicerWebWidget() if self._web else qt.QTextBrowser()
        self.view.objectName = "reportPage"
        self.view.setMinimumHeight(360)
        if not self._web:
            self.view.setOpenExternalLinks(False)
            self.view.setOpenLinks(False)
        layout.addWidget(self.view)
        self.clear()

    @staticmethod
    def _button(row: Any, text: str, name: str, tip: str) -> Any:
        button = qt.QPushButton(text)
        button.objectName, button.toolTip = name, tip
        row.addWidget(button)
        return button

    def show_folder(self, folder: Path | str) -> bool:
        """Show the report of a result folder; False, with a sentence in the view, when it holds none."""
        self.folder = Path(folder)
        page = self.folder / REPORT_HTML
        has_pdf = (self.folder / REPORT_PDF).is_file()
        self.print_button.enabled = self.save_button.enabled = has_pdf
        self.folder_button.enabled = self.folder.is_dir()
        if not page.is_file():
            self._set_html(f"<p>{_('This case has no report yet; make the plan first.')}</p>")
            return False
        if self._web:
            self.view.url = qt.QUrl.fromLocalFile(str(page)).toString()
        else:
            self._set_html(simplified_html(page.read_text(encoding="utf-8")))
        return True

    def clear(self) -> None:
        """Show that there is no report."""
        self.folder = None
        self.print_button.enabled = self.save_button.enabled = self.folder_button.enabled = False
        self._set_html(f"<p>{_('No report is open.')}</p>")

    def _set_html(self, text: str) -> None:
        if self._web:
            self.view.setHtml(text)
        else:
            self.view.html = text

    def print_report(self) -> None:
        """Open the PDF in the system's program for it, which prints."""
        self._open(REPORT_PDF)

    def open_folder(self) -> None:
        """Open the folder in the system's file manager."""
        self._open("")

    def _open(self, name: str) -> None:
        with shown_failures():
            folder = self._present_folder()
            if not qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder / name))):
                raise SenseCareError(_("No program on this machine opens it; save the PDF and open it elsewhere."))

    def save_pdf(self) -> None:
        """Ask where, and copy the PDF there."""
        with shown_failures():
            source = self._present_folder() / REPORT_PDF
            chosen = qt.QFileDialog.getSaveFileName(
                slicer.util.mainWindow(), _("Save the report as PDF"), str(Path.home() / REPORT_PDF), "PDF (*.pdf)"
            )
            if chosen:
                target = Path(chosen)
                shutil.copyfile(source, target if target.suffix.lower() == ".pdf" else target.with_suffix(".pdf"))

    def _present_folder(self) -> Path:
        if self.folder is None or not self.folder.is_dir():
            raise SenseCareError(_("The folder of this case is no longer there; make the plan again."))
        return self.folder
