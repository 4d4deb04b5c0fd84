"""The report as PDF: vector text in embedded fonts, the same bytes for the same report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .files import write_whole
from .model import CaseReport

logger = logging.getLogger(__name__)

PAGE_SIZES_MM = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}


def write_pdf(report: CaseReport, path: Path, page_size: str = "A4") -> None:
    """Write a report as PDF, whole or not at all.

    Parameters
    ----------
    report
        What to print; pictures are read from the paths it names.
    path
        File to write; an existing one is replaced.
    page_size
        ``A4`` or ``Letter``.

    Raises
    ------
    ValueError
        For another page size.
    OSError
        When the file cannot be written.
    """
    if page_size not in PAGE_SIZES_MM:
        raise ValueError(f"expected a page size in {tuple(PAGE_SIZES_MM)}, got {page_size!r}")
    from .pdf_pages import render

    start = time.perf_counter()
    data = render(report, PAGE_SIZES_MM[page_size])
    write_whole(path, data)
    logger.info("report as PDF (%s): %.1f s, %d bytes", page_size, time.perf_counter() - start, len(data))


def timestamp_of(created: str) -> Any:
    """Return the PDF library's time stamp for an ISO 8601 text; 1 January 2000 when it is empty or no date."""
    from reportlab.lib.utils import TimeStamp

    stamp = TimeStamp(invariant=1)
    try:
        moment = datetime.fromisoformat(created.replace("Z", "+00:00"))
    except ValueError:
        return stamp
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    stamp.t = moment.replace(tzinfo=timezone.utc).timestamp()
    stamp.lt = tuple(time.gmtime(stamp.t))
    stamp.YMDhms = stamp.lt[:6]
    return stamp


@contextmanager
def binary_streams() -> Iterator[None]:
    """Write pictures as they are, not as letters (base 85), which takes a quarter more room and seconds of Python."""
    from reportlab import rl_config

    before = rl_config.useA85
    rl_config.useA85 = 0
    try:
        yield
    finally:
        rl_config.useA85 = before
