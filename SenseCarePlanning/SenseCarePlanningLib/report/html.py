"""The report as one HTML file: pictures and font inside, nothing fetched, every text escaped."""

from __future__ import annotations

import base64
import logging
import time
from io import BytesIO
from pathlib import Path

from .files import write_whole
from .fonts import covered, font_path
from .images import prepared_image
from .model import CaseReport

logger = logging.getLogger(__name__)

_FAMILY = "SenseCareSans"
_FLAT = 0.75
"""Height over width; letters of flatter pictures are too small on a telephone."""


def _data_uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def _picture_uri(path: Path | None, width_mm: float, height_mm: float) -> str:
    """Return a picture as data URI; empty when there is none."""
    image = prepared_image(path, width_mm, height_mm)
    return _data_uri(image.data, image.mime) if image else ""


def _is_flat(path: Path | None, width_mm: float, height_mm: float) -> bool:
    """Tell whether a picture is so much wider than high that a narrow screen has to scroll it."""
    image = prepared_image(path, width_mm, height_mm)
    return image is not None and image.aspect < _FLAT


def _kind_of(value: object) -> str:
    return type(value).__name__


def _font_face(text: str, bold: bool) -> str:
    """Return the rule that embeds the glyphs of ``text``, so that hanzi show on a machine without Chinese fonts."""
    from fontTools import subset  # type: ignore[import-untyped]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    options = subset.Options()
    options.layout_features = []
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 13, 14]
    with TTFont(font_path(bold), recalcTimestamp=False, lazy=True) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=sorted(set(map(ord, text)) & covered()))
        subsetter.subset(font)
        stream = BytesIO()
        font.save(stream)
    source = _data_uri(stream.getvalue(), "font/ttf")
    weight = 700 if bold else 400
    return f'@font-face{{font-family:{_FAMILY};font-weight:{weight};src:url("{source}") format("truetype")}}'


def html_text(report: CaseReport) -> str:
    """Return the report as one HTML document."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.globals.update(kind_of=_kind_of, picture=_picture_uri, flat=_is_flat)
    template = environment.get_template("report.html.j2")
    mark = "/*fonts*/"
    page = template.render(report=report, style=Markup(mark + (folder / "report.css").read_text(encoding="utf-8")))
    if report.language.startswith("zh"):
        page = page.replace(mark, f"{_font_face(page, False)}\n{_font_face(page, True)}\n", 1)
    return page.replace(mark, "", 1)


def write_html(report: CaseReport, path: Path) -> None:
    """Write a report as one self-contained HTML file, whole or not at all.

    Parameters
    ----------
    report
        What to show; pictures are read from the paths it names and embedded.
    path
        File to write; an existing one is replaced.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    start = time.perf_counter()
    data = html_text(report).encode("utf-8")
    write_whole(path, data)
    logger.info("report as HTML: %.1f s, %d bytes", time.perf_counter() - start, len(data))
