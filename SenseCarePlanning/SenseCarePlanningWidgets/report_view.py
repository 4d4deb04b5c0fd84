"""A finished report in the module: shown, printed, saved as PDF, its folder opened."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.case_folder import DICOM_FILES, REPORT_HTML, REPORT_PDF, read_case
from SenseCarePlanningLib.errors import SenseCareError

from .cases import result_case
from .error_message import shown_failures
from .texts import tr as _

PANEL_SIZE = (420, 420)
WINDOW_SIZE = (900, 900)
"""Of the page in the panel, and of the large view (width, height), in pixels."""


SIMPLE_STYLE = """<style>
h1 { font-size: x-large; color: #2b7fa8; } h2 { font-size: large; color: #2b7fa8; } h3 { font-size: medium; }
th, td { padding: 3px; } .key { color: #808890; }
</style>"""
"""What a text browser understands; the blue is readable on light and on dark."""
IMAGE_SHARE, IMAGE_WIDTH, THUMB_SHARE, THUMB_WIDTH = 0.85, 560, 0.12, 96
"""Width of a picture, and of one within a table: a share of the page's and at most so many pixels."""
NARROW, NARROW_COLUMNS = 600, 4
"""On a page narrower than so many pixels, a table of more columns than so many is told row by row."""
DROPPED = (r"<style.*?</style>", r"<svg.*?</svg>", r"<footer.*?</footer>")
# A table takes a pixel more than the page when its columns are rounded up: 98 % leaves it room.
REPLACED = {
    r"<dl[^>]*>": '<table border="0" cellspacing="0" cellpadding="2" width="100%">',
    r"</dl>": "</table>",
    r"<div><dt>(.*?)</dt><dd>": r'<tr><td width="35%" class="key">\1</td><td>',
    r"</dd></div>": "</td></tr>",
    r"<table(?= class|>)": '<table border="1" cellspacing="0" cellpadding="3" width="98%"',
    r"<figcaption>": "<br><small>",
    r"</figcaption>": "</small>",
    r"<(?:figure|aside)[^>]*>": "<p>",
    r"</(?:figure|aside)>": "</p>",
}


def simplified_html(text: str, width: int) -> str:
    """Return a report's HTML as a text browser shows it well.

    It knows neither grids nor drawings nor pictures that scale, so pairs become tables, drawings go, and pictures get a width.
    On a narrow page a wide table becomes a paragraph for each row, which wraps at any width.

    Parameters
    ----------
    width
        Of the page, in pixels.
    """
    for pattern in DROPPED:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    if width < NARROW:
        text = re.sub(r"<table.*?</table>", lambda found: _told_row_by_row(found.group()), text, flags=re.DOTALL)
    for pattern, kept in REPLACED.items():
        text = re.sub(pattern, kept, text, flags=re.DOTALL)
    text = re.sub(r'<img class="thumb" style="[^"]*"', f'<img width="{min(round(THUMB_SHARE * width), THUMB_WIDTH)}"', text)
    text = re.sub(r"<img (?!width)", f'<img width="{min(round(IMAGE_SHARE * width), IMAGE_WIDTH)}" ', text)
    return text.replace("</head>", SIMPLE_STYLE + "</head>", 1)


def _told_row_by_row(table: str) -> str:
    """Return a wide table as paragraphs, ``title: value`` for each cell; a table of few columns as it is."""
    head, _mark, body = table.partition("</thead>")
    titles = [re.sub(r"\s*<br>\s*", " ", one) for one in re.findall(r"<th(?: [^>]*)?>(.*?)</th>", head, re.DOTALL)]
    if len(titles) <= NARROW_COLUMNS:
        return table
    told = re.findall(r"<caption>(.*?)</caption>", head, re.DOTALL)
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL):
        first, *others = re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row, re.DOTALL)
        values = [f"{title}: {value}" for title, value in zip(titles[1:], others, strict=False) if value.strip()]
        told.append(" · ".join([f"<b>{titles[0]} {first}</b>", *values]))
    return "".join(f"<p>{one}</p>" for one in told)


class ReportPage:
    """The report's page: Slicer's web view where it has one, else a text browser with a simplified page."""

    def __init__(self) -> None:
        self._web = hasattr(slicer, "qSlicerWebWidget")
        self.view: Any = slicer.qSlicerWebWidget() if self._web else qt.QTextBrowser()
        self.view.objectName = "reportPage"
        if not self._web:
            self.view.setOpenExternalLinks(False)
            self.view.setOpenLinks(False)
            # One that comes after the page was laid out leaves the page wider than the view.
            self.view.verticalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOn

    def show_file(self, path: Path, width: int) -> None:
        """Show a report's HTML file on a page of some width (pixels)."""
        if self._web:
            self.view.url = qt.QUrl.fromLocalFile(str(path)).toString()
        else:
            self.view.html = simplified_html(path.read_text(encoding="utf-8"), width)


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
        self.dicom_button = self._button(
            row, _("Save DICOM..."), "reportDicomButton", _("Save report and segmentation as DICOM files, for the archive.")
        )
        layout.addLayout(row)
        row = qt.QHBoxLayout()  # five in one row are wider than a panel
        self.folder_button = self._button(row, _("Open folder"), "reportFolderButton", _("Show all files of this case."))
        self.large_button = self._button(row, _("Large view"), "reportLargeButton", _("Show the report in a window of its own."))
        layout.addLayout(row)
        self.large_button.connect("clicked()", self.show_large)
        self.print_button.connect("clicked()", self.print_report)
        self.save_button.connect("clicked()", self.save_pdf)
        self.dicom_button.connect("clicked()", self.save_dicom)
        self.folder_button.connect("clicked()", self.open_folder)
        self.note: Any = qt.QLabel()
        self.note.objectName, self.note.wordWrap = "reportNote", True
        layout.addWidget(self.note)
        self._page: ReportPage | None = None
        self._window: Any = None
        self._large: ReportPage | None = None
        self.clear()

    @property
    def page(self) -> ReportPage:
        """The page; made when the first report is shown: a web view starts a browser of its own."""
        if self._page is None:
            self._page = ReportPage()
            self._page.view.setMinimumHeight(PANEL_SIZE[1])
            self.widget.layout().addWidget(self._page.view)
        return self._page

    def _say(self, text: str) -> None:
        """Show a sentence in place of the page, or the page again where it is empty."""
        self.note.text = text
        self.note.visible = bool(text)
        if self._page is not None:
            self._page.view.visible = not text

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
        self.dicom_button.enabled = bool(self._dicom_files())
        self.folder_button.enabled = self.folder.is_dir()
        self.large_button.enabled = page.is_file()
        if not page.is_file():
            self._say(_("This case has no report yet; make the plan first."))
            return False
        self.page.show_file(page, PANEL_SIZE[0])
        self._say("")
        return True

    def clear(self) -> None:
        """Show that there is no report."""
        self.folder = None
        for button in (self.print_button, self.save_button, self.dicom_button, self.folder_button, self.large_button):
            button.enabled = False
        self._say(_("No report is open."))

    def show_large(self) -> None:
        """Show the report in a window of its own, which stays until it is closed."""
        with shown_failures():
            path = self._present_folder() / REPORT_HTML
            if self._window is None:
                self._window = qt.QDialog(slicer.util.mainWindow())
                self._window.objectName = "reportWindow"
                self._window.resize(*WINDOW_SIZE)
                self._large = ReportPage()
                qt.QVBoxLayout(self._window).addWidget(self._large.view)
            assert self._large is not None
            self._window.windowTitle = _("Report: {name}").format(name=result_case(read_case(self._present_folder())).name)
            self._large.show_file(path, WINDOW_SIZE[0])
            self._window.show()
            self._window.raise_()

    def close(self) -> None:
        """Close the window: the module is unloaded."""
        if self._window:
            self._window.close()
            self._window.deleteLater()
        self._window = self._large = None

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

    def _dicom_files(self) -> list[Path]:
        return [self.folder / name for name in DICOM_FILES if (self.folder / name).is_file()] if self.folder is not None else []

    def save_dicom(self) -> None:
        """Ask for a folder, and copy the DICOM report and segmentation there."""
        with shown_failures():
            name = read_case(self._present_folder()).name  # not the patient's: a file's name is no place for it
            chosen = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Choose a folder for the DICOM files"), "")
            if not chosen:
                return
            for path in self._dicom_files():
                target = Path(chosen) / f"{name}-{path.name}"
                if target.exists():
                    raise SenseCareError(_("{name} is there already; choose another folder.").format(name=target.name))
                shutil.copyfile(path, target)

    def _present_folder(self) -> Path:
        if self.folder is None or not self.folder.is_dir():
            raise SenseCareError(_("The folder of this case is no longer there; make the plan again."))
        return self.folder
