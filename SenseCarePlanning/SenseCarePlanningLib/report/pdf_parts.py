"""Drawn parts of the PDF that are no text: pictures, the clock of a bifurcation, signature lines."""

from __future__ import annotations

import math
from io import BytesIO

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import Flowable

from .images import PreparedImage
from .model import ClockFace, Tone
from .pdf_text import BOLD, INK, REGULAR

ACCENT = HexColor(0x0B5C7D)
RULE = HexColor(0xB9C4CC)
HEAD_FILL = HexColor(0xE6EDF2)
BAND_FILL = HexColor(0xF5F8FA)
TONE_FILL: dict[Tone, Color] = {
    Tone.NEUTRAL: white,
    Tone.GOOD: HexColor(0xE4F4E9),
    Tone.CAUTION: HexColor(0xF8DC94),
    Tone.BAD: HexColor(0xEBB9B1),
    Tone.INFO: HexColor(0xE3EEF6),
}
"""Fills of falling lightness (about 95, 88, 79 of 100), so that they differ in grey print too."""
TONE_EDGE: dict[Tone, Color] = {
    Tone.NEUTRAL: RULE,
    Tone.GOOD: HexColor(0x2E7D4F),
    Tone.CAUTION: HexColor(0xA66A00),
    Tone.BAD: HexColor(0x9E2A1F),
    Tone.INFO: ACCENT,
}


class Picture(Flowable):  # type: ignore[misc]
    """A picture scaled into the width it gets and ``max_height`` points."""

    def __init__(self, image: PreparedImage, max_height: float, alt: str, align: str = "center") -> None:
        super().__init__()
        self.image, self.max_height, self.alt, self.align = image, max_height, alt, align

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Return the size taken: the full width, the scaled height."""
        self.drawn_width = min(availWidth, self.max_height / self.image.aspect)
        self.width, self.height = availWidth, self.drawn_width * self.image.aspect
        return self.width, self.height

    def draw(self) -> None:
        """Draw the picture with a hairline around it."""
        x = 0.5 * (self.width - self.drawn_width) if self.align == "center" else 0.0
        reader = ImageReader(BytesIO(self.image.data))
        self.canv.drawImage(reader, x, 0.0, self.drawn_width, self.height)
        self.canv.setStrokeColor(RULE)
        self.canv.setLineWidth(0.4)
        self.canv.rect(x, 0.0, self.drawn_width, self.height, stroke=1, fill=0)


class Clock(Flowable):  # type: ignore[misc]
    """The openings of a bifurcation on a clock: the wanted one as a solid arrow, the others as rings."""

    def __init__(self, face: ClockFace, diameter: float) -> None:
        super().__init__()
        self.face, self.diameter = face, diameter
        self.text_size = 9.0

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Return the size taken: the clock and its words below."""
        self.width = availWidth
        self.height = self.diameter + (self.text_size + 3.0 if self.face.text else 0.0)
        return self.width, self.height

    def draw(self) -> None:
        """Draw rim, hour ticks, openings and words."""
        canvas, radius = self.canv, 0.5 * self.diameter - 1.0
        x, y = 0.5 * self.width, self.height - 0.5 * self.diameter
        canvas.setLineWidth(0.8)
        canvas.setStrokeColor(INK)
        canvas.setFillColor(white)
        canvas.circle(x, y, radius, stroke=1, fill=1)
        for hour in range(12):
            inner = radius * (0.8 if hour % 3 == 0 else 0.9)
            angle = math.radians(30.0 * hour)
            canvas.line(
                x + inner * math.sin(angle),
                y + inner * math.cos(angle),
                x + radius * math.sin(angle),
                y + radius * math.cos(angle),
            )
        for other in self.face.other_deg:
            angle = math.radians(other)
            canvas.circle(x + 0.6 * radius * math.sin(angle), y + 0.6 * radius * math.cos(angle), 0.13 * radius, stroke=1, fill=0)
        self._draw_arrow(x, y, radius, math.radians(self.face.wanted_deg))
        if self.face.text:
            canvas.setFont(BOLD, self.text_size)
            canvas.setFillColor(INK)
            canvas.drawCentredString(x, 2.0, self.face.text)

    def _draw_arrow(self, x: float, y: float, radius: float, angle: float) -> None:
        canvas = self.canv
        along, across = (math.sin(angle), math.cos(angle)), (math.cos(angle), -math.sin(angle))

        def at(forward: float, side: float) -> tuple[float, float]:
            """Return a place of the arrow by how far forward and aside it lies, in radii."""
            return (
                x + radius * (forward * along[0] + side * across[0]),
                y + radius * (forward * along[1] + side * across[1]),
            )

        path = canvas.beginPath()
        corners = ((-0.1, 0.09), (0.38, 0.09), (0.38, 0.26), (0.78, 0.0), (0.38, -0.26), (0.38, -0.09), (-0.1, -0.09))
        path.moveTo(*at(*corners[0]))
        for corner in corners[1:]:
            path.lineTo(*at(*corner))
        path.close()
        canvas.setFillColor(ACCENT)
        canvas.drawPath(path, stroke=0, fill=1)


class SignatureLines(Flowable):  # type: ignore[misc]
    """Lines to sign on, side by side, with a label below each."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.labels = labels

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Return the size taken."""
        self.width, self.height = availWidth, 20.0 * mm
        return self.width, self.height

    def draw(self) -> None:
        """Draw lines and labels."""
        count, gap = max(len(self.labels), 1), 6.0 * mm
        each = (self.width - gap * (count - 1)) / count
        self.canv.setStrokeColor(INK)
        self.canv.setFillColor(INK)
        self.canv.setLineWidth(0.6)
        self.canv.setFont(REGULAR, 8.5)
        for number, label in enumerate(self.labels):
            x = number * (each + gap)
            self.canv.line(x, 6.0 * mm, x + each, 6.0 * mm)
            self.canv.drawString(x, 2.0 * mm, label)
