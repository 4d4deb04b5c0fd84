"""Text for the PDF: lines broken at Latin words and between hanzi, drawn as vector text. No markup, so nothing to escape."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable

from .fonts import font_path, printable

REGULAR, BOLD = "SenseCareSans", "SenseCareSans-Bold"
INK = HexColor(0x16212B)

_NEVER_FIRST = set("，。、；：？！）】》”’％℃°,.;:?!)]}%…·")
_NEVER_LAST = set("（【《“‘([{")


def register_fonts() -> None:
    """Make the shipped fonts known to the PDF writer (once per process)."""
    known = set(pdfmetrics.getRegisteredFontNames())
    for name, bold in ((REGULAR, False), (BOLD, True)):
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, str(font_path(bold))))


@dataclass(frozen=True)
class TextStyle:
    """How a text is set: sizes in points."""

    size: float = 9.0
    leading: float = 12.0
    bold: bool = False
    align: str = "left"
    colour: Color = INK
    space_after: float = 0.0
    space_before: float = 0.0

    @property
    def font(self) -> str:
        """Registered name of the font."""
        return BOLD if self.bold else REGULAR


@dataclass(frozen=True)
class Run:
    """A piece of text in one weight."""

    text: str
    bold: bool = False


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _atoms(text: str) -> list[str]:
    """Split into unbreakable pieces: Latin words with their space, single hanzi with their punctuation."""
    atoms: list[str] = []
    glue = False
    for character in text:
        previous = atoms[-1] if atoms else ""
        joins_word = bool(previous) and not (previous.endswith((" ", "/", "_")) or _is_wide(character) or _is_wide(previous[-1]))
        if character == " " or character in _NEVER_FIRST or glue or joins_word:
            atoms = [*atoms[:-1], previous + character] if atoms else [character]
        else:
            atoms.append(character)
        glue = character in _NEVER_LAST
    return atoms


def _width(text: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, font, size))


def _fitting(piece: str, font: str, size: float, width: float) -> int:
    """Return how many characters of an over-long piece fit, at least one."""
    low, high = 1, len(piece)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(piece[:middle], font, size) <= width else (low, middle - 1)
    return low


Line = list[tuple[str, str]]
"""Pieces of one line: (font, text)."""


def break_lines(runs: list[Run], style: TextStyle, width: float) -> list[Line]:
    """Break runs of text into lines no wider than ``width`` points; a newline in a text starts a new line."""
    lines: list[Line] = [[]]
    used = 0.0
    for run in runs:
        font = BOLD if run.bold or style.bold else REGULAR
        for number, part in enumerate(run.text.split("\n")):
            if number:
                lines.append([])
                used = 0.0
            for atom in _atoms(part):
                rest = atom
                while rest:
                    if used + _width(rest.rstrip(" "), font, style.size) <= width + 0.01:
                        lines[-1].append((font, rest))
                        used += _width(rest, font, style.size)
                        break
                    if used > 0:
                        lines.append([])
                        used = 0.0
                        continue
                    count = _fitting(rest, font, style.size, width)
                    lines[-1].append((font, rest[:count]))
                    rest = rest[count:]
                    if rest:
                        lines.append([])
    return [_merged(line) for line in lines]


def _merged(line: Line) -> Line:
    merged: Line = []
    for font, text in line:
        if merged and merged[-1][0] == font:
            merged[-1] = (font, merged[-1][1] + text)
        else:
            merged.append((font, text))
    if merged:
        merged[-1] = (merged[-1][0], merged[-1][1].rstrip(" "))
    return merged


class TextBlock(Flowable):  # type: ignore[misc]
    """A paragraph of runs that breaks into lines and across pages.

    Parameters
    ----------
    runs
        The text; characters that the font lacks are drawn as boxes.
    style
        Size, leading, alignment and colour.
    indent
        Points kept free on the left.
    """

    def __init__(self, runs: str | list[Run], style: TextStyle, indent: float = 0.0, lines: list[Line] | None = None) -> None:
        super().__init__()
        pieces = [Run(runs, style.bold)] if isinstance(runs, str) else runs
        self.runs = [Run(printable(run.text)[0], run.bold) for run in pieces]
        self.style = style
        self.indent = indent
        self._lines = lines
        self._fixed = lines is not None
        self._broken_for = -1.0

    def getSpaceBefore(self) -> float:
        """Return the space above, in points."""
        return self.style.space_before

    def getSpaceAfter(self) -> float:
        """Return the space below, in points."""
        return self.style.space_after

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Break the lines for a width; return the size taken."""
        if not self._fixed and self._broken_for != availWidth:
            self._lines = break_lines(self.runs, self.style, availWidth - self.indent)
            self._broken_for = availWidth
        self.width, self.height = availWidth, len(self._lines or []) * self.style.leading
        return self.width, self.height

    def split(self, availWidth: float, availHeight: float) -> list[Any]:
        """Split at a line so that the first part fits; at least two lines stay together where there are more."""
        self.wrap(availWidth, availHeight)
        lines = self._lines or []
        count = int(availHeight / self.style.leading + 1e-6)
        if count >= len(lines):
            return [self]
        if len(lines) - count == 1:
            count -= 1
        if count < min(2, len(lines)):
            return []
        return [TextBlock(self.runs, self.style, self.indent, part) for part in (lines[:count], lines[count:])]

    def draw(self) -> None:
        """Draw the lines."""
        canvas, style = self.canv, self.style
        canvas.setFillColor(style.colour)
        baseline = self.height - 0.5 * (style.leading - style.size) - 0.86 * style.size
        for line in self._lines or []:
            total = sum(_width(text, font, style.size) for font, text in line)
            room = self.width - self.indent - total
            x = self.indent + {"left": 0.0, "center": room / 2.0, "right": room}[style.align]
            for font, text in line:
                canvas.setFont(font, style.size)
                canvas.drawString(x, baseline, text)
                x += _width(text, font, style.size)
            baseline -= style.leading
