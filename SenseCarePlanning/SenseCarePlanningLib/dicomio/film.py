"""A film as DICOM describes it: sheet, layout, orientation, and what a print server says about its state."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InputError

MM_PER_INCH = 25.4

FILM_SIZES_MM: dict[str, tuple[float, float]] = {
    "8INX10IN": (8 * MM_PER_INCH, 10 * MM_PER_INCH),
    "8_5INX11IN": (8.5 * MM_PER_INCH, 11 * MM_PER_INCH),
    "10INX12IN": (10 * MM_PER_INCH, 12 * MM_PER_INCH),
    "10INX14IN": (10 * MM_PER_INCH, 14 * MM_PER_INCH),
    "11INX14IN": (11 * MM_PER_INCH, 14 * MM_PER_INCH),
    "11INX17IN": (11 * MM_PER_INCH, 17 * MM_PER_INCH),
    "14INX14IN": (14 * MM_PER_INCH, 14 * MM_PER_INCH),
    "14INX17IN": (14 * MM_PER_INCH, 17 * MM_PER_INCH),
    "24CMX24CM": (240.0, 240.0),
    "24CMX30CM": (240.0, 300.0),
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
}
"""Film Size ID -> width and height, mm, upright: the defined terms of (2010,0050) in DICOM PS3.3 C.13.3."""

ORIENTATIONS = ("PORTRAIT", "LANDSCAPE")
PRIORITIES = ("LOW", "MED", "HIGH")
MEDIA = ("PAPER", "CLEAR FILM", "BLUE FILM", "MAMMO CLEAR FILM", "MAMMO BLUE FILM")
"""Medium Type, (2000,0030) in PS3.3 C.13.1."""

MOST_COLUMNS_OR_ROWS, MOST_COPIES = 20, 99
_LAYOUT = re.compile(r"\s*(\d+)\s*[x,\\*×]\s*(\d+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class FilmSettings:
    """How films are printed.

    Parameters
    ----------
    film_size
        Film Size ID, a key of :data:`FILM_SIZES_MM`.
    columns, rows
        Images side by side, and one below the other (``STANDARD\\columns,rows``).
    orientation
        Of the sheet.
    copies, priority, medium
        Of the print job.
    border
        Density around the images and in empty boxes: ``BLACK`` or ``WHITE``.
    magnification
        How the printer enlarges images to their boxes.
    bits
        12, with a fall-back to 8 where the printer refuses; or 8.
    true_size
        Print images as large as they are meant to be, where they know and fit; else they fill their boxes.

    Raises
    ------
    InputError
        With every setting that is not possible.
    """

    film_size: str = "14INX17IN"
    columns: int = 1
    rows: int = 1
    orientation: str = "PORTRAIT"
    copies: int = 1
    priority: str = "MED"
    medium: str = "BLUE FILM"
    border: str = "BLACK"
    magnification: str = "CUBIC"
    bits: int = 12
    true_size: bool = False

    def __post_init__(self) -> None:
        problems = []
        if self.film_size not in FILM_SIZES_MM:
            problems.append(f"there is no film size {self.film_size!r}; known: {', '.join(FILM_SIZES_MM)}")
        if not (1 <= self.columns <= MOST_COLUMNS_OR_ROWS and 1 <= self.rows <= MOST_COLUMNS_OR_ROWS):
            problems.append(f"the layout {self.columns},{self.rows} is not possible: 1 to {MOST_COLUMNS_OR_ROWS} each way")
        for name, value, known in (
            ("orientation", self.orientation, ORIENTATIONS),
            ("priority", self.priority, PRIORITIES),
            ("medium", self.medium, MEDIA),
            ("border", self.border, ("BLACK", "WHITE")),
        ):
            if value not in known:
                problems.append(f"there is no {name} {value!r}; known: {', '.join(known)}")
        if not 1 <= self.copies <= MOST_COPIES:
            problems.append(f"{self.copies} copies are not possible: 1 to {MOST_COPIES}")
        if self.bits not in (8, 12):
            problems.append(f"images are printed with 12 or 8 bit, not {self.bits}")
        if problems:
            raise InputError("The film cannot be printed as asked.", problems)

    @property
    def per_film(self) -> int:
        """Images on one film."""
        return self.columns * self.rows

    @property
    def display_format(self) -> str:
        """Image Display Format, (2010,0010)."""
        return f"STANDARD\\{self.columns},{self.rows}"

    @property
    def box_mm(self) -> tuple[float, float]:
        """Width and height of the room for one image, mm; the printer's margins make it somewhat smaller."""
        width, height = FILM_SIZES_MM[self.film_size]
        if self.orientation == "LANDSCAPE":
            width, height = height, width
        return width / self.columns, height / self.rows


def parse_layout(text: str) -> tuple[int, int]:
    """Read ``C,R`` or ``CxR`` as columns and rows.

    Raises
    ------
    InputError
        When the text is anything else.
    """
    found = _LAYOUT.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is no film layout; expected columns,rows, such as 3,4.")
    return int(found[1]), int(found[2])


@dataclass(frozen=True)
class PrinterState:
    """What a print server says about its printer: (2110,0010) NORMAL, WARNING or FAILURE, and (2110,0020) why."""

    status: str
    info: str = ""

    @property
    def reason(self) -> str:
        """Why it is so, in the printer's words; empty when it gives no reason."""
        why = self.info.strip().lower().replace("_", " ")
        return "" if why == "normal" else why

    @property
    def sentence(self) -> str:
        """The state in words; empty when all is well."""
        if self.status == "NORMAL":
            return ""
        kind = {"WARNING": "has a warning", "FAILURE": "has failed"}.get(self.status, "does not tell its state")
        return f"The printer {kind}: {self.reason}." if self.reason else f"The printer {kind}."
