"""Pages of the PDF: frame, head, foot, outline and metadata."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from .fonts import printable
from .model import CaseReport
from .pdf import binary_streams, timestamp_of
from .pdf_blocks import BODY, SECTION, Flowables, section_flowables
from .pdf_parts import ACCENT, RULE
from .pdf_text import BOLD, REGULAR, TextBlock, TextStyle, register_fonts

MARGIN_SIDE, MARGIN_TOP, MARGIN_BOTTOM = 15.0 * mm, 19.0 * mm, 17.0 * mm
TITLE = TextStyle(20.0, 26.0, bold=True, colour=ACCENT)
SMALLEST_HEAD = 6.5
"""Points: smaller letters in the head of a page would not be legible on paper."""
_FAINT = HexColor(0x44515C)


class _SectionTitle(TextBlock):
    """A section's title: ruled, and an entry of the outline."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, SECTION)
        self.key = key

    def draw(self) -> None:
        """Draw title and rule, and set the bookmark."""
        self.canv.bookmarkHorizontal(self.key, 0, self.height + 4.0)
        self.canv.addOutlineEntry(self.runs[0].text, self.key, 0)
        self.canv.setStrokeColor(ACCENT)
        self.canv.setLineWidth(0.8)
        self.canv.line(0, 0, self.width, 0)
        super().draw()


def _fitting_size(text: str, font: str, size: float, width: float) -> float:
    """Return the size at which a text fits, not below :data:`SMALLEST_HEAD`: a whole identity, rather than a large one."""
    taken = float(stringWidth(text, font, size))
    return max(min(size, 0.998 * size * width / max(taken, 1.0)), SMALLEST_HEAD)


def _shortened(text: str, font: str, size: float, width: float) -> str:
    """Return the text, or as much of it as fits with an ellipsis."""
    if stringWidth(text, font, size) <= width:
        return text
    while text and stringWidth(f"{text}…", font, size) > width:
        text = text[:-1]
    return f"{text}…"


class _Document(BaseDocTemplate):  # type: ignore[misc]
    """Draws head and foot; the number of pages is filled in when the last page is done."""

    def __init__(self, report: CaseReport, stream: BytesIO, size: tuple[float, float]) -> None:
        super().__init__(stream, pagesize=size, title=report.title, lang=report.language, initialFontName=REGULAR)
        self.report = report
        frame = Frame(
            MARGIN_SIDE,
            MARGIN_BOTTOM,
            size[0] - 2.0 * MARGIN_SIDE,
            size[1] - MARGIN_TOP - MARGIN_BOTTOM,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )
        self.addPageTemplates([PageTemplate("page", [frame], onPage=self._draw_furniture)])

    def _draw_furniture(self, canvas: Any, _document: Any) -> None:
        width, height = self.pagesize
        report, right = self.report, width - MARGIN_SIDE
        canvas.saveState()
        canvas.setFillColor(_FAINT)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        title = printable(report.title)[0]
        canvas.setFont(REGULAR, 8.5)
        canvas.drawRightString(right, height - 11.0 * mm, title)
        room = width - 2.0 * MARGIN_SIDE - stringWidth(title, REGULAR, 8.5) - 6.0 * mm
        patient = printable(report.patient_line)[0]
        letters = _fitting_size(patient, BOLD, 8.5, room)
        canvas.setFont(BOLD, letters)
        canvas.drawString(MARGIN_SIDE, height - 11.0 * mm, _shortened(patient, BOLD, letters, room))
        canvas.line(MARGIN_SIDE, height - 13.5 * mm, right, height - 13.5 * mm)
        canvas.line(MARGIN_SIDE, 13.0 * mm, right, 13.0 * mm)
        canvas.setFont(REGULAR, 8.5)
        canvas.drawString(MARGIN_SIDE, 9.0 * mm, _shortened(printable(report.purpose_line)[0], REGULAR, 8.5, 128.0 * mm))
        canvas.doForm(f"page{canvas.getPageNumber()}")
        canvas.restoreState()

    def finish(self, canvas: Any) -> None:
        """Define the page labels, now that the number of pages is known."""
        pages = canvas.getPageNumber() - 1
        date = self.report.created[:16].replace("T", " ")
        for page in range(1, pages + 1):
            label = self.report.page_label.format(page=page, pages=pages)
            canvas.beginForm(f"page{page}", 0, 0, *self.pagesize)
            canvas.setFillColor(_FAINT)
            canvas.setFont(REGULAR, 8.5)
            text = printable(f"{date}   {label}" if date else label)[0]
            canvas.drawRightString(self.pagesize[0] - MARGIN_SIDE, 9.0 * mm, text)
            canvas.endForm()


def _title_flowables(report: CaseReport) -> Flowables:
    subtitle: Flowables = [TextBlock(report.subtitle, BODY)] if report.subtitle else []
    return [TextBlock(report.title, TITLE), *subtitle]


def render(report: CaseReport, size_mm: tuple[float, float]) -> bytes:
    """Return the PDF of a report on pages of the given size."""
    register_fonts()
    size = (size_mm[0] * mm, size_mm[1] * mm)
    width = size[0] - 2.0 * MARGIN_SIDE
    stream = BytesIO()
    document = _Document(report, stream, size)

    class _Canvas(Canvas):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "invariant": 1, "pageCompression": 1})
            self._doc._timeStamp = timestamp_of(report.created)
            self.setProducer(report.producer)
            self.setCreator(report.producer)

        def save(self) -> None:
            """Draw what needs the number of pages, then save."""
            document.finish(self)
            super().save()

    story = _title_flowables(report)
    for number, section in enumerate(report.sections):
        story += section_flowables(section, width, _SectionTitle(section.title, f"section{number}"))
    with binary_streams():
        document.build(story, canvasmaker=_Canvas)
    return stream.getvalue()
