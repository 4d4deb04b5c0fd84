"""What a report is made of: measurements with interval and evidence, findings, and pages that no writer computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Evidence:
    """Where a number can be looked at: a place in the patient and the picture that shows it (file name in the result)."""

    point_lps_mm: tuple[float, float, float] | None = None
    picture: str | None = None


@dataclass(frozen=True)
class Code:
    """A coded concept, such as SCT 955009 "Bronchus"."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Measurement:
    """A number with unit, interval and evidence, or the reason why it was not measured.

    Parameters
    ----------
    name
        Stable machine name, such as ``long_axis``.
    value
        The number; None when it was not measured.
    unit
        UCUM unit, such as ``mm`` or ``[hnsf'U]``.
    interval
        95 % interval; None where no uncertainty is known, said in ``method``. Without a value: what can be said nevertheless,
        such as 0 to an upper bound.
    method
        How it was obtained, in one phrase.
    reason_missing
        Why there is no value; required when ``value`` is None.
    by_reader
        Whether it rests on what a reader drew; its interval is that of the measuring and is printed with this mark.
    """

    name: str
    value: float | None
    unit: str
    interval: tuple[float, float] | None = None
    method: str = ""
    reason_missing: str = ""
    code: Code | None = None
    evidence: Evidence = field(default_factory=Evidence)
    by_reader: bool = False

    def __post_init__(self) -> None:
        if self.value is None and not self.reason_missing:
            raise ValueError(f"measurement {self.name!r} has neither a value nor the reason why it is missing")
        if self.value is not None and not np.isfinite(self.value):
            raise ValueError(f"measurement {self.name!r} is not finite: {self.value!r}")


def not_measured(name: str, unit: str, reason: str) -> Measurement:
    """Return the legal value "not measured, because ..."."""
    return Measurement(name=name, value=None, unit=unit, reason_missing=reason)


class Tone(Enum):
    """How a cell or notice is coloured; every use carries a symbol or words too, so that grey print loses nothing."""

    NEUTRAL = "neutral"
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    INFO = "info"


@dataclass(frozen=True)
class Cell:
    """One table cell: an emphasised first line and plain text; either may be empty, ``\\n`` starts a new line."""

    text: str = ""
    lead: str = ""
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True)
class ClockFace:
    """A small clock: where the openings lie in the operator's picture.

    Parameters
    ----------
    wanted_deg
        Direction of the wanted opening, degrees clockwise from 12 o'clock.
    other_deg
        Directions of the other openings.
    text
        The same in words, such as "2 o'clock".
    diameter_mm
        Printed size of the clock.
    """

    wanted_deg: float
    other_deg: tuple[float, ...] = ()
    text: str = ""
    diameter_mm: float = 12.0


@dataclass(frozen=True)
class Thumbnail:
    """A small picture in a table cell; ``missing`` is printed where there is no picture."""

    picture: Path | None
    alt: str
    height_mm: float = 17.0
    missing: str = ""


CellContent = str | Cell | ClockFace | Thumbnail


@dataclass(frozen=True)
class Column:
    """A table column.

    Parameters
    ----------
    title
        What it holds, with the unit where all cells share one.
    weight
        Share of the table's width.
    align
        ``left``, ``center`` or ``right``; numbers go right.
    """

    title: str
    weight: float = 1.0
    align: str = "left"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``lead`` is printed bold in front, ``small`` sets it as a note."""

    text: str
    lead: str = ""
    small: bool = False


@dataclass(frozen=True)
class KeyValueTable:
    """Names and values, in one or two pairs a line."""

    rows: tuple[tuple[str, str], ...]
    pairs_per_line: int = 2


@dataclass(frozen=True)
class DataTable:
    """A table with a header that repeats on each page."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[CellContent, ...], ...]
    caption: str = ""
    compact: bool = False

    def __post_init__(self) -> None:
        wrong = [len(row) for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"table rows need {len(self.columns)} cells, found rows of {sorted(set(wrong))}")


@dataclass(frozen=True)
class Matrix:
    """A grid of coloured cells with row and column titles; ``legend`` explains symbols and colours."""

    corner: str
    column_titles: tuple[str, ...]
    row_titles: tuple[Cell, ...]
    cells: tuple[tuple[Cell, ...], ...]
    legend: str = ""

    def __post_init__(self) -> None:
        wide = {len(row) for row in self.cells} - {len(self.column_titles)}
        if wide or len(self.cells) != len(self.row_titles):
            raise ValueError(f"the matrix needs {len(self.row_titles)} rows of {len(self.column_titles)} cells")


@dataclass(frozen=True)
class Figure:
    """A picture with its caption.

    Parameters
    ----------
    picture
        File to show; None when it could not be made.
    caption, alt
        Text under the picture, and what it shows for who cannot see it.
    missing
        Why there is no picture; printed in its place.
    max_height_mm
        The picture is scaled into the width it has and this height.
    least_share
        As for :class:`FigureRow`.
    """

    picture: Path | None
    caption: str
    alt: str = ""
    missing: str = ""
    max_height_mm: float = 95.0
    least_share: float = 1.0


@dataclass(frozen=True)
class FigureRow:
    """Pictures side by side, all equally wide.

    Parameters
    ----------
    least_share
        The pictures may be printed down to this share of their size where that lets them stay on a page.
    """

    figures: tuple[Figure, ...]
    least_share: float = 1.0


@dataclass(frozen=True)
class Notice:
    """A framed message that must not be overlooked; ``large_title`` where the title is the message of the page."""

    text: str
    title: str = ""
    tone: Tone = Tone.CAUTION
    items: tuple[str, ...] = ()
    large_title: bool = False


@dataclass(frozen=True)
class Signature:
    """Empty lines to sign on, one label each."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class PageBreak:
    """What follows starts on a new page."""


@dataclass(frozen=True)
class Together:
    """Blocks that belong together, such as a finding with its pictures and numbers: on one page, where one holds them."""

    blocks: tuple[Block, ...]


Block = Heading | Paragraph | KeyValueTable | DataTable | Matrix | Figure | FigureRow | Notice | Signature | PageBreak | Together


@dataclass(frozen=True)
class Section:
    """A titled part of the report; it appears in the document's outline.

    Parameters
    ----------
    new_page, keep_together
        Start on a new page; stay on one page where it fits.
    """

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False
    keep_together: bool = False

    @property
    def leaves(self) -> tuple[Block, ...]:
        """All blocks in order, those that are kept together one by one."""
        return tuple(leaf for block in self.blocks for leaf in _leaves(block))


def _leaves(block: Block) -> tuple[Block, ...]:
    return tuple(leaf for one in block.blocks for leaf in _leaves(one)) if isinstance(block, Together) else (block,)


@dataclass(frozen=True)
class CaseReport:
    """A whole report, ready to be written as PDF or HTML; no writer computes anything.

    Parameters
    ----------
    title, subtitle
        Head of the first page. The document's metadata hold ``title`` only: no patient identity.
    language
        BCP 47 tag, such as ``en`` or ``zh-Hans``.
    patient_line
        Short form of the patient block in the head of every page.
    purpose_line
        Foot of every page: who has to review it and what it is not.
    page_label
        Pattern with ``{page}`` and ``{pages}``.
    created
        ISO 8601 date and time of the result; the writers take no time of their own, so the same report gives the same bytes.
    producer
        Program and version.
    """

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    language: str = "en"
    patient_line: str = ""
    purpose_line: str = ""
    page_label: str = "{page} / {pages}"
    created: str = ""
    producer: str = ""
