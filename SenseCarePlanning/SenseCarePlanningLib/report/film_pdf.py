"""Films as a PDF whose pages have the size of the film: black ground, white letters, pictures as large as their boxes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from .files import write_whole
from .film_sheet import FilmCell, FilmSheet
from .fonts import printable
from .images import prepared_image
from .model import Cell, DataTable, Figure, Notice
from .pdf import binary_streams, timestamp_of

logger = logging.getLogger(__name__)

_EDGE, _HEAD, _FOOT, _GAP = 6.0, 9.0, 7.0, 1.5
"""Millimetres: unprinted edge, head line, foot line, and between boxes."""
_TEXT, _SMALLEST = 8.0, 4.5
_MM = 72.0 / 25.4
_NEVER_FIRST, _HANZI_FROM = "，。；：、）！？%", 0x2E80
_FAINT = (0.72, 0.76, 0.8)


def write_film(sheets: Sequence[FilmSheet], path: Path, created: str = "", producer: str = "") -> None:
    """Write films as one PDF, a page each, whole or not at all.

    Parameters
    ----------
    sheets
        What to print; pictures are read from the paths they name.
    path
        File to write; an existing one is replaced.
    created
        ISO 8601 time of the result: the same films give the same bytes.
    producer
        Program and version.

    Raises
    ------
    ValueError
        When there is no sheet.
    OSError
        When the file cannot be written.
    """
    if not sheets:
        raise ValueError("a film needs at least one sheet")
    start = time.perf_counter()
    from reportlab.pdfgen.canvas import Canvas

    from .pdf_text import register_fonts

    register_fonts()
    stream = BytesIO()
    canvas = Canvas(stream, pagesize=_points(sheets[0]), invariant=1, pageCompression=1)
    canvas._doc._timeStamp = timestamp_of(created)
    canvas.setTitle(printable(sheets[0].title)[0])
    canvas.setProducer(producer)
    canvas.setCreator(producer)
    with binary_streams():
        for sheet in sheets:
            _draw_sheet(canvas, sheet)
            canvas.showPage()
        canvas.save()
    write_whole(path, stream.getvalue())
    logger.info("%d films as PDF: %.1f s, %d bytes", len(sheets), time.perf_counter() - start, stream.tell())


def _points(sheet: FilmSheet) -> tuple[float, float]:
    width, height = sheet.size_mm
    return width * _MM, height * _MM


def _draw_sheet(canvas: Any, sheet: FilmSheet) -> None:
    width, height = _points(sheet)
    canvas.setPageSize((width, height))
    canvas.setFillColorRGB(0, 0, 0)
    canvas.rect(0, 0, width, height, stroke=0, fill=1)
    room = width - 2.0 * _EDGE * _MM
    top = height - (_EDGE + 0.5 * _HEAD) * _MM
    _line(canvas, sheet.patient_line, _EDGE * _MM, top, 0.55 * room, bold=True)
    _line(canvas, sheet.title, width - _EDGE * _MM, top, 0.43 * room, bold=True, right=True)
    _line(canvas, sheet.purpose_line, _EDGE * _MM, _EDGE * _MM, 0.8 * room, faint=True)
    _line(canvas, sheet.page_label, width - _EDGE * _MM, _EDGE * _MM, 0.18 * room, faint=True, right=True)
    field = (room / sheet.layout.columns, (height - (2.0 * _EDGE + _HEAD + _FOOT) * _MM) / sheet.layout.rows)
    for cell in sheet.cells:
        box = cell.box
        left = _EDGE * _MM + box.column * field[0] + 0.5 * _GAP * _MM
        upper = height - (_EDGE + _HEAD) * _MM - box.row * field[1] - 0.5 * _GAP * _MM
        _draw_cell(canvas, cell, left, upper, box.columns * field[0] - _GAP * _MM, box.rows * field[1] - _GAP * _MM)


def _draw_cell(canvas: Any, cell: FilmCell, left: float, top: float, width: float, height: float) -> None:
    block = cell.block
    if isinstance(block, Figure):
        _draw_figure(canvas, block, left, top, width, height, cell.caption_lines)
    elif isinstance(block, DataTable):
        _draw_table(canvas, block, left, top, width, height)
    else:
        _draw_notice(canvas, block, left, top, width, height)


def _draw_figure(
    canvas: Any, figure: Figure, left: float, top: float, width: float, height: float, caption_lines: int = 0
) -> None:
    """Draw a picture in the middle of its box, the caption below in as many lines as it needs."""
    from reportlab.lib.utils import ImageReader

    caption = _broken(figure.caption, width, _TEXT) if figure.caption else []
    room = height - 1.3 * _TEXT * max(len(caption), caption_lines)
    image = prepared_image(figure.picture, width / _MM, room / _MM)
    if image is None:
        _line(canvas, figure.missing or figure.alt, left, top - 2.0 * _TEXT, width, faint=True)
        return
    scale = min(width / image.width_px, room / image.height_px)
    size = (image.width_px * scale, image.height_px * scale)
    start = left + 0.5 * (width - size[0])
    canvas.drawImage(ImageReader(BytesIO(image.data)), start, top - size[1], size[0], size[1], mask=None)
    if len(caption) > 1 or (caption and _wide(caption[0], _TEXT) > size[0]):
        start = left
    for number, line in enumerate(caption):
        _line(canvas, line, start, top - size[1] - (1.05 + 1.25 * number) * _TEXT, width)


def _wide(text: str, size: float, bold: bool = False) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    from .pdf_text import BOLD, REGULAR

    return float(stringWidth(printable(text)[0], BOLD if bold else REGULAR, size))


def _draw_notice(canvas: Any, notice: Notice, left: float, top: float, width: float, height: float) -> None:
    """Write a text, smaller where its box would not hold it; what still does not fit is left out and said so by an ellipsis."""
    texts = (*((notice.text,) if notice.text else ()), *notice.items)
    size = _TEXT
    lines = [part for text in texts for part in _broken(text, width, size)]
    head = 3.5 if notice.title else 1.6
    while (head + 1.4 * len(lines)) * size > height and size > _SMALLEST:
        size = max(0.92 * size, _SMALLEST)
        lines = [part for text in texts for part in _broken(text, width, size)]
    most = max(int((height / size - head) / 1.4), 1)
    if len(lines) > most:
        lines = [*lines[: most - 1], "…"]
    y = top - 1.6 * size
    if notice.title:
        _line(canvas, notice.title, left, y, width, bold=True, size=1.5 * size)
        y -= 1.9 * size
    for line in lines:
        _line(canvas, line, left, y, width, size=size)
        y -= 1.4 * size


def _broken(text: str, width: float, size: float) -> list[str]:
    """Break a text into lines that fit, at spaces, and between any two characters where there are none (Chinese)."""
    lines: list[str] = []
    line = ""
    for word in _words(printable(text)[0]):
        if line and _wide(line + word.rstrip(), size) > width:
            lines.append(line.rstrip())
            line = word.lstrip()
        else:
            line += word
    return [*lines, line.rstrip()] if line.strip() else lines


def _words(text: str) -> list[str]:
    """Return the pieces of a text between which a line may break: words with the space after them, and single hanzi."""
    words: list[str] = []
    for character in text:
        joins = words and not words[-1].endswith(" ") and ord(character) < _HANZI_FROM and ord(words[-1][-1]) < _HANZI_FROM
        if words and (joins or character in _NEVER_FIRST):
            words[-1] += character
        else:
            words.append(character)
    return words


def _draw_table(canvas: Any, table: DataTable, left: float, top: float, width: float, height: float) -> None:
    rows = [tuple(column.title for column in table.columns), *(tuple(_text(one) for one in row) for row in table.rows)]
    total = sum(column.weight for column in table.columns)
    rooms = [width * column.weight / total - 4.0 for column in table.columns]
    fits = [
        room / max(_wide(text, 1.0, not at), 1e-6) for at, row in enumerate(rows) for text, room in zip(row, rooms, strict=True)
    ]
    size = max(min(_TEXT, height / (1.5 * (len(rows) + 1)), *fits), _SMALLEST)
    y = top - 1.2 * size
    if table.caption:
        _line(canvas, table.caption, left, y, width, bold=True, size=size)
        y -= 1.6 * size
    for number, row in enumerate(rows):
        x = left
        for column, text in zip(table.columns, row, strict=True):
            room = width * column.weight / total
            right = column.align == "right"
            _line(canvas, text, x + room - 2.0 if right else x, y, room - 4.0, bold=not number, right=right, size=size)
            x += room
        canvas.setStrokeColorRGB(*_FAINT)
        canvas.setLineWidth(0.6 if not number else 0.2)
        canvas.line(left, y - 0.4 * size, left + width, y - 0.4 * size)
        y -= 1.5 * size


def _text(content: object) -> str:
    if isinstance(content, Cell):
        return " ".join(part for part in (content.lead, content.text) if part)
    return content if isinstance(content, str) else ""


def _line(
    canvas: Any, text: str, x: float, y: float, room: float, *, bold: bool = False, faint: bool = False, right: bool = False,
    size: float = _TEXT,
) -> None:  # fmt: skip
    """Write one line, smaller where it would not fit; what still does not ends in an ellipsis."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    from .pdf_text import BOLD, REGULAR

    font = BOLD if bold else REGULAR
    shown = printable(text)[0]
    taken = float(stringWidth(shown, font, size))
    letters = max(min(size, 0.998 * size * room / max(taken, 1e-6)), min(_SMALLEST, size))
    while shown and stringWidth(shown, font, letters) > room:
        shown = shown.rstrip("…")[:-1] + "…" if len(shown) > 1 else ""
    canvas.setFillColorRGB(*(_FAINT if faint else (1, 1, 1)))
    canvas.setFont(font, letters)
    (canvas.drawRightString if right else canvas.drawString)(x, y, shown)
