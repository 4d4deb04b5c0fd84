"""Blocks of the page model as flowables of the PDF writer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import white
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, Spacer, Table, TableStyle
from reportlab.platypus import PageBreak as NewPage

from . import model
from .fonts import printable
from .images import prepared_image
from .pdf_parts import ACCENT, BAND_FILL, HEAD_FILL, RULE, TONE_EDGE, TONE_FILL, Clock, Picture, SignatureLines
from .pdf_text import REGULAR, Run, TextBlock, TextStyle

BODY = TextStyle(9.5, 13.0, space_after=2.0 * mm)
SMALL = TextStyle(8.5, 11.0, space_after=1.5 * mm)
CELL = TextStyle(9.0, 11.5)
COMPACT_CELL = TextStyle(8.5, 10.5)
LARGE = TextStyle(15.0, 19.0, bold=True)
KEY = TextStyle(9.0, 11.5, colour=ACCENT)
HEADING = TextStyle(10.5, 14.0, bold=True, space_before=2.5 * mm, space_after=1.2 * mm)
SECTION = TextStyle(13.5, 18.0, bold=True, colour=ACCENT, space_before=3.0 * mm, space_after=1.5 * mm)
CAPTION = TextStyle(8.5, 11.0, space_before=1.0 * mm)

Flowables = list[Any]

_WHOLE_UP_TO = 190.0 * mm
"""A table up to this height is not split where it should stay whole; less than the frame of either page size."""
_SHORT_TABLE = 12
_FIRST_ROWS = 4
"""So many rows of a longer table stand below its header before it may go on to the next page."""
_SHRINK_STEP = 0.05

_PADDING = [
    ("FONTNAME", (0, 0), (-1, -1), REGULAR),
    ("LEFTPADDING", (0, 0), (-1, -1), 3.5),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3.5),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
]


def aligned(style: TextStyle, align: str) -> TextStyle:
    """Return the style with another alignment."""
    return TextStyle(style.size, style.leading, style.bold, align, style.colour)


def cell_flowable(content: model.CellContent, style: TextStyle, align: str, width: float) -> Any:
    """Return what a table cell holds, ``width`` points wide."""
    if isinstance(content, str):
        return TextBlock(content, aligned(style, align))
    if isinstance(content, model.ClockFace):
        return Clock(content, min(width, content.diameter_mm * mm))
    if isinstance(content, model.Thumbnail):
        image = prepared_image(content.picture, width / mm, content.height_mm)
        if image is None:
            return TextBlock(content.missing, aligned(COMPACT_CELL, "center"))
        return Picture(image, content.height_mm * mm, content.alt)
    runs = [Run(content.lead, bold=True)] if content.lead else []
    if content.text:
        runs.append(Run(f"\n{content.text}" if content.lead else content.text))
    return TextBlock(runs, aligned(style, align))


class _WholeTable(Table):  # type: ignore[misc]
    """A table that goes to the next page rather than being split."""

    def split(self, availWidth: float, availHeight: float) -> list[Any]:
        """Refuse to be split."""
        return []


def make_table(
    rows: list[list[Any]],
    widths: list[float],
    marks: list[Any],
    *,
    space_after: float = 2.5 * mm,
    whole: bool = True,
    header: int = 0,
) -> Any:
    """Return a table of flowables; ``whole`` forbids splitting one that fits a page.

    The gap below is an attribute and no spacer: a spacer that no longer fits would open an empty page.
    """
    settings = {"colWidths": widths, "repeatRows": header, "style": TableStyle(marks), "spaceAfter": space_after}
    table = Table(rows, **settings)
    height = float(table.wrap(sum(widths), 1e6)[1])
    if max(table._rowHeights) > _WHOLE_UP_TO:
        return Table(rows, splitInRow=1, **settings)
    return _WholeTable(rows, **settings) if whole and height <= _WHOLE_UP_TO else table


def data_table(block: model.DataTable, width: float) -> Flowables:
    """Return a table with a repeated header; short tables stay on one page."""
    style = COMPACT_CELL if block.compact else CELL
    total = sum(column.weight for column in block.columns)
    widths = [width * column.weight / total for column in block.columns]
    header = [TextBlock(column.title, TextStyle(8.5, 10.5, bold=True, align=column.align)) for column in block.columns]
    rows: list[list[Any]] = [header]
    marks: list[Any] = [*_PADDING, ("BACKGROUND", (0, 0), (-1, 0), HEAD_FILL), ("LINEBELOW", (0, 0), (-1, 0), 0.8, ACCENT)]
    for number, row in enumerate(block.rows, start=1):
        cells = zip(row, block.columns, widths, strict=True)
        rows.append([cell_flowable(content, style, column.align, space - 7.0) for content, column, space in cells])
        for position, content in enumerate(row):
            if isinstance(content, model.Cell) and content.tone is not model.Tone.NEUTRAL:
                marks.append(("BACKGROUND", (position, number), (position, number), TONE_FILL[content.tone]))
    marks.append(("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE))
    if block.compact:
        marks.append(("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, BAND_FILL]))
        marks += [("TOPPADDING", (0, 1), (-1, -1), 1.0), ("BOTTOMPADDING", (0, 1), (-1, -1), 1.4)]
    caption: Flowables = [TextBlock(block.caption, SMALL)] if block.caption else []
    return [*caption, make_table(rows, widths, marks, whole=len(rows) <= _SHORT_TABLE, header=1)]


def matrix(block: model.Matrix, width: float) -> Flowables:
    """Return the coloured grid with its legend."""
    first = 0.24 if len(block.column_titles) > 2 else 0.34
    each = width * (1.0 - first) / max(len(block.column_titles), 1)
    titles = (block.corner, *block.column_titles)
    rows: list[list[Any]] = [[TextBlock(title, TextStyle(8.5, 10.5, bold=True)) for title in titles]]
    marks: list[Any] = [*_PADDING, ("BACKGROUND", (0, 0), (-1, 0), HEAD_FILL), ("GRID", (0, 0), (-1, -1), 0.6, RULE)]
    for number, (title, cells) in enumerate(zip(block.row_titles, block.cells, strict=True), start=1):
        rows.append([cell_flowable(cell, CELL, "left", each) for cell in (title, *cells)])
        for position, cell in enumerate(cells, start=1):
            marks.append(("BACKGROUND", (position, number), (position, number), TONE_FILL[cell.tone]))
    widths = [width * first, *[each] * len(block.column_titles)]
    legend: Flowables = [TextBlock(block.legend, SMALL)] if block.legend else []
    return [make_table(rows, widths, marks, space_after=1.5 * mm, header=1), *legend]


def key_values(block: model.KeyValueTable, width: float) -> Flowables:
    """Return names and values in columns."""
    pairs = max(block.pairs_per_line, 1)
    key_share = 0.36 if pairs > 1 else 0.3
    rows: list[list[Any]] = []
    for start in range(0, len(block.rows), pairs):
        line: list[Any] = []
        for key, value in block.rows[start : start + pairs]:
            line += [TextBlock(key, KEY), TextBlock(value, CELL)]
        rows.append(line + [""] * (2 * pairs - len(line)))
    if not rows:
        return []
    widths = [width / pairs * key_share, width / pairs * (1.0 - key_share)] * pairs
    marks = [*_PADDING, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE)]
    return [make_table(rows, widths, marks)]


def _shown(block: model.Figure, width: float, share: float = 1.0) -> Flowables:
    """Return picture and caption, or the reason why there is no picture, ``width`` points wide."""
    image = prepared_image(block.picture, width / mm, block.max_height_mm)
    if image is None:
        marks = [*_PADDING, ("BOX", (0, 0), (-1, -1), 0.5, RULE), ("BACKGROUND", (0, 0), (-1, -1), BAND_FILL)]
        text = TextBlock([Run(f"{block.caption}\n", bold=True), Run(block.missing)], COMPACT_CELL)
        return [make_table([[text]], [width], marks)]
    height = share * min(block.max_height_mm * mm, width * image.aspect)
    caption = TextBlock(block.caption, CAPTION)
    return [Picture(image, height, block.alt or block.caption), Spacer(1, 1.0 * mm), caption]


def _figure_table(figures: tuple[model.Figure, ...], width: float, share: float) -> Any:
    """Return pictures side by side as a table row, because a row is never parted from its caption."""
    gap = 3.0 * mm
    each = (width - gap * (len(figures) - 1)) / len(figures)
    row = [_shown(single, each, share) for single in figures]
    marks: list[Any] = [
        *_PADDING,
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-2, -1), gap),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    return make_table([row], [each + gap] * (len(row) - 1) + [each], marks, space_after=3.0 * mm)


class FittedFigures(Flowable):  # type: ignore[misc]
    """Pictures that shrink, down to a stated share, where they would otherwise leave the rest of a page empty."""

    def __init__(self, block: model.FigureRow, width: float) -> None:
        super().__init__()
        steps = max(round((1.0 - block.least_share) / _SHRINK_STEP), 0)
        shares = [1.0 - _SHRINK_STEP * number for number in range(steps + 1)]
        self.tables = [_figure_table(block.figures, width, share) for share in shares]
        self.spaceAfter = 3.0 * mm

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Return the largest size that fits the height, or the full size for the next page."""
        sizes = [table.wrap(availWidth, 1e6) for table in self.tables]
        at = next((number for number, size in enumerate(sizes) if size[1] <= availHeight), 0)
        self.chosen = self.tables[at]
        self.width, self.height = sizes[at]
        return self.width, self.height

    def least_height(self, width: float) -> float:
        """Return the height at the smallest share."""
        return float(self.tables[-1].wrap(width, 1e6)[1])

    def draw(self) -> None:
        """Draw the row chosen by the last :meth:`wrap`."""
        self.chosen.drawOn(self.canv, 0.0, 0.0)


def figure_row(block: model.FigureRow, width: float) -> Flowables:
    """Return pictures side by side."""
    return [FittedFigures(block, width)] if block.figures else []


def figure(block: model.Figure, width: float) -> Flowables:
    """Return one picture in the full width."""
    return figure_row(model.FigureRow((block,), block.least_share), width)


def notice(block: model.Notice, width: float) -> Flowables:
    """Return a framed message with a coloured edge."""
    bullet = 10.0
    rows: list[list[Any]] = []
    marks: list[Any] = [
        *_PADDING,
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 8.0),
        ("BACKGROUND", (0, 0), (-1, -1), TONE_FILL[block.tone]),
        ("LINEBEFORE", (0, 0), (0, -1), 3.0, TONE_EDGE[block.tone]),
    ]
    large = block.large_title and bool(block.title)
    if large:
        rows.append([TextBlock([Run(block.title, bold=True)], LARGE), ""])
        marks.append(("SPAN", (0, 0), (1, 0)))
    runs = [Run(block.title + ("\n" if block.text else ""), bold=True)] if block.title and not large else []
    if block.text:
        runs.append(Run(block.text))
    if runs:
        marks.append(("SPAN", (0, len(rows)), (1, len(rows))))
        rows.append([TextBlock(runs, CELL), ""])
    rows += [[TextBlock("•", CELL), TextBlock(item, CELL)] for item in block.items]
    if not rows:
        return []
    return [make_table(rows, [bullet + 6.0, width - bullet - 6.0], marks)]


def paragraph(block: model.Paragraph, width: float) -> Flowables:
    """Return running text; it takes the width of the frame."""
    runs = [Run(block.lead + " ", bold=True)] if block.lead else []
    return [TextBlock([*runs, Run(block.text)], SMALL if block.small else BODY)]


def together(block: model.Together, width: float) -> Flowables:
    """Return blocks that go to the next page together where this one does not hold them; a picture may shrink to stay."""
    flowables = [one for part in block.blocks for one in block_flowables(part, width)]
    return [CondPageBreak(min(_least_height(flowables, width), _WHOLE_UP_TO)), *flowables]


def _least_height(flowables: Flowables, width: float) -> float:
    """Return the height of flowables one below the other, pictures at their smallest."""
    heights = [one.least_height(width) if isinstance(one, FittedFigures) else one.wrap(width, 1e6)[1] for one in flowables]
    gaps = [max(one.getSpaceAfter(), other.getSpaceBefore()) for one, other in pairwise(flowables)]
    return float(sum(heights) + sum(gaps))


_WRITERS: dict[type, Callable[[Any, float], Flowables]] = {
    model.Heading: lambda block, width: [TextBlock(block.text, HEADING)],
    model.Paragraph: paragraph,
    model.KeyValueTable: key_values,
    model.DataTable: data_table,
    model.Matrix: matrix,
    model.Figure: figure,
    model.FigureRow: figure_row,
    model.Notice: notice,
    model.Signature: lambda block, width: [SignatureLines(tuple(printable(label)[0] for label in block.labels))],
    model.PageBreak: lambda block, width: [NewPage()],
    model.Together: together,
}


def block_flowables(block: model.Block, width: float) -> Flowables:
    """Return the flowables of one block, ``width`` points wide."""
    return _WRITERS[type(block)](block, width)


def first_height(flowables: Flowables, width: float) -> float:
    """Return the height of the smallest piece with which these flowables can start on a page."""
    height = 0.0
    for flowable in flowables:
        if isinstance(flowable, CondPageBreak):
            return height + float(flowable.height)
        if isinstance(flowable, FittedFigures):
            return height + flowable.least_height(width)
        taken = float(flowable.wrap(width, 1e6)[1])
        if isinstance(flowable, Table) and not isinstance(flowable, _WholeTable):
            return height + float(sum(flowable._rowHeights[: int(flowable.repeatRows or 0) + _FIRST_ROWS]))
        if not isinstance(flowable, TextBlock):
            return height + taken
        height += min(taken, 4.0 * flowable.style.leading) + flowable.getSpaceBefore() + flowable.getSpaceAfter()
    return height


def _is_text(flowables: Flowables) -> bool:
    return all(isinstance(flowable, TextBlock) for flowable in flowables)


def section_flowables(section: model.Section, width: float, heading: TextBlock) -> Flowables:
    """Return a section: its heading, then its blocks, headings never alone at the foot of a page."""
    groups: list[Flowables] = [[heading], *(block_flowables(block, width) for block in section.blocks)]
    is_heading = [True, *(isinstance(block, model.Heading) for block in section.blocks)]
    flowables: Flowables = []
    needed = 0.0
    following: Flowables = []
    for group, heads in zip(reversed(groups), reversed(is_heading), strict=True):
        introduces = _is_text(group) and bool(following) and not _is_text(following)
        needed = first_height(group, width) + (needed if heads or introduces else 0.0)
        following = group
        flowables = [CondPageBreak(needed), *group, *flowables] if heads else [*group, *flowables]
    if section.new_page:
        return [NewPage(), *flowables]
    if section.keep_together:
        whole = sum(first_height(group, width) for group in groups)
        return [CondPageBreak(min(whole, _WHOLE_UP_TO)), *flowables]
    return flowables
