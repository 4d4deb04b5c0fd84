"""The web view: text, tables and pictures of a page; no scripts and only simple style sheets."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtPrintSupport, QtWidgets

from .emulation import Emits, emulated


@emulated
class qSlicerWebWidget(QtWidgets.QWidget, Emits):
    """Shows a local page."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._page, self._address = QtWidgets.QTextBrowser(self), ""
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._page)

    def _get_url(self) -> str:
        return self._address

    def _set_url(self, address: str) -> None:
        self.setUrl(address)

    def setUrl(self, address: str) -> None:
        """Show a local file; an address in the network is remembered and not fetched."""
        self._address = address
        url = QtCore.QUrl(address) if "://" in address else QtCore.QUrl.fromLocalFile(address)
        self.send("loadStarted()")
        if url.isLocalFile():
            self._page.setSource(url, QtGui.QTextDocument.ResourceType.HtmlResource)
        QtCore.QTimer.singleShot(0, self._loaded)

    def setHtml(self, text: str, _: Any = None) -> None:
        """Show a text."""
        self._page.setHtml(text)
        QtCore.QTimer.singleShot(0, self._loaded)

    def _loaded(self) -> None:
        self.send("loadFinished(bool)", bool(self._page.toPlainText()) or not self._address)

    def evalJS(self, _: str) -> None:
        """Scripts do not run here."""
        self.send("evalResult(QString,QString)", "", "")

    def printToPdf(self, path: str, *_: Any) -> None:
        """Write the page as PDF."""
        printer = QtPrintSupport.QPrinter()
        printer.setOutputFormat(QtPrintSupport.QPrinter.OutputFormat.PdfFormat)
        printer.setOutputFileName(path)
        self._page.document().print_(printer)
        self.send("pdfPrintingFinished(QString,bool)", path, QtCore.QFileInfo(path).size() > 0)

    def webView(self) -> Any:
        """Return the part that shows the page."""
        return self._page
