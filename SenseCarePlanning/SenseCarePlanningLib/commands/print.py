"""``print``: a result's report, its film sheets or its pictures on film."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_folder import FILM_PDF, REPORT_PDF, read_case
from ..console import JsonLines, console_sink
from ..dicomio.film import FILM_SIZES_MM, MEDIA, ORIENTATIONS, FilmSettings, parse_layout
from ..dicomio.study import StudyInfo, person_name
from ..errors import InputError
from ..progress import Progress
from .result_dicom import (
    add_destination_arguments,
    check_current,
    check_result,
    destination_of,
    pictures_of,
    stopping_keeps_what_is_done,
    study_of,
    title_of,
)

if TYPE_CHECKING:
    from ..report.grey_pages import GreyPage

A4_MM = (210.0, 297.0)
FILM_SIZE = "14INX17IN"
_SAME_MM = 1.0
LEAST_DPI, MOST_DPI = 60.0, 600.0


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("print", help=summary, description=f"{summary[:1].upper()}{summary[1:]}.")
    add_destination_arguments(parser)
    parser.add_argument(
        "--what", default="report", choices=("report", "film", "pictures"),
        help="pages of the report, the film sheets of a coronary result, or the pictures",
    )  # fmt: skip
    parser.add_argument(
        "--film", type=Path, metavar="PDF", help="with --what film: these sheets instead of the result's film.pdf"
    )
    parser.add_argument("--pages", metavar="1-3,7", help="which pages of the report, or which of the pictures (default: all)")
    parser.add_argument(
        "--film-size", metavar="SIZE", help=f"one of {', '.join(FILM_SIZES_MM)} (default {FILM_SIZE}, or the film sheets' own)"
    )
    parser.add_argument("--layout", default="1,1", metavar="C,R", help="images side by side, and one below the other")
    parser.add_argument("--orientation", type=str.upper, choices=ORIENTATIONS, help="default PORTRAIT, or the film sheets' own")
    parser.add_argument("--medium", default="BLUE FILM", type=str.upper, choices=MEDIA)
    parser.add_argument("--copies", type=int, default=1, metavar="N")
    parser.add_argument(
        "--bits", type=int, default=12, choices=(8, 12), help="grey levels (default 12, 8 if the printer refuses)"
    )
    parser.add_argument("--dpi", type=float, default=300.0, help="dots per inch of film (default 300)")
    parser.add_argument("--true-size", action="store_true", help="print pages at their own size, where they fit")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Draw the pages and print them."""
    from ..dicomio.film_print import print_films

    destination, patience = destination_of(arguments)
    check_current(check_result(arguments.result))
    settings = _settings(arguments)
    pages = _chosen(_pages(arguments, settings), arguments.pages)
    films = -(-len(pages) // settings.per_film)
    if arguments.dry_run:
        if arguments.json:
            JsonLines(sys.stdout).write({"event": "contents", "to": str(destination), "films": films, "images": len(pages)})
        else:
            what = f"{_counted(len(pages), 'image')} on {_counted(films, 'film')}"
            print(f"Would be printed on {destination}: {what}; they name the patient.")
        return 0
    progress = Progress(console_sink(arguments.json))
    # The destination in the command is the user's explicit yes.
    with stopping_keeps_what_is_done("films that were ordered"):
        report = print_films(pages, settings, destination, allowed=True, patience=patience, progress=progress)
    if arguments.json:
        JsonLines(sys.stdout).write(
            {
                "event": "done", "exit_code": 0, "films": report.films, "images": report.images, "bits": report.bits,
                "printer": report.printer.status, "remarks": list(report.remarks),
            }
        )  # fmt: skip
        return 0
    for remark in report.remarks:
        print(f"Note: {remark}", file=sys.stderr)
    what = f"{_counted(report.films, 'film')} with {_counted(report.images, 'image')}"
    print(f"{what} of {report.bits} bit taken by {destination} for printing.")
    return 0


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _settings(arguments: argparse.Namespace) -> FilmSettings:
    columns, rows = parse_layout(arguments.layout)
    if not LEAST_DPI <= arguments.dpi <= MOST_DPI:
        raise InputError(f"The resolution must be {LEAST_DPI:.0f} to {MOST_DPI:.0f} dots per inch, got {arguments.dpi:g}.")
    size, orientation = FILM_SIZE, "PORTRAIT"
    if arguments.what == "film":
        size, orientation = _own_size(_pdf_of(arguments)) or (size, orientation)
    return FilmSettings(
        film_size=(arguments.film_size or size).upper(),
        columns=columns,
        rows=rows,
        orientation=arguments.orientation or orientation,
        copies=arguments.copies,
        medium=arguments.medium,
        bits=arguments.bits,
        true_size=arguments.true_size,
    )


def _pages(arguments: argparse.Namespace, settings: FilmSettings) -> Sequence[GreyPage]:
    from ..report.grey_pages import PdfPages, page_size_mm
    from ..report.picture_pages import PicturePages

    folder = arguments.result
    if arguments.what == "pictures":
        pictures = pictures_of(folder, steps=True)
        if not pictures:
            raise InputError(f"The result {folder.name} holds no pictures.")
        return PicturePages([(path, title_of(path)) for path in pictures], patient_line(study_of(folder)))
    path = _pdf_of(arguments)
    page_mm = page_size_mm(path) if arguments.what == "film" else A4_MM
    return PdfPages(path, dpi=_page_dpi(arguments.dpi, settings, page_mm))


def _pdf_of(arguments: argparse.Namespace) -> Path:
    """Return the report or the film sheets of a result.

    Raises
    ------
    InputError
        When it has none.
    """
    folder, film = arguments.result, arguments.what == "film"
    path: Path = folder / (FILM_PDF if film else REPORT_PDF)
    if film and arguments.film is not None:
        path = arguments.film
    if path.is_file():
        return path
    if film and arguments.film is not None:
        raise InputError(f"There is no file {path.name} to print.")
    heart = read_case(folder).organ == "heart"
    if film and not heart:
        raise InputError(f"The result {folder.name} is one of the lung, which has no film sheets; print its report or pictures.")
    command = "./run regrade" if heart else "./run replan --keep-plan"
    raise InputError(f"The result {folder.name} holds no {'film' if film else 'report'}; write it with {command}.")


def _own_size(path: Path) -> tuple[str, str] | None:
    """Return film size and orientation that the sheets of a PDF were made for; None for no size of film."""
    from ..report.grey_pages import page_size_mm

    width, height = page_size_mm(path)
    upright = sorted((width, height))
    for name, size in FILM_SIZES_MM.items():
        if all(abs(one - other) <= _SAME_MM for one, other in zip(upright, sorted(size), strict=True)):
            return name, ("PORTRAIT" if width <= height else "LANDSCAPE")
    return None


def _page_dpi(film_dpi: float, settings: FilmSettings, page_mm: tuple[float, float]) -> float:
    """Return the resolution of a page at its own size that gives the film's resolution in its box."""
    if settings.true_size:
        return film_dpi
    width, height = settings.box_mm
    return max(film_dpi * min(width / page_mm[0], height / page_mm[1]), LEAST_DPI)


def patient_line(study: StudyInfo) -> str:
    """Return what is printed under a picture: whose it is, and of which examination."""
    name = person_name(study.patient_name or "") or "Name not stated"
    parts = [name, f"ID {study.patient_id or 'not stated'}"]
    if study.birth_date:
        parts.append(f"born {study.birth_date}")
    parts.append(f"CT of {study.study_date}" if study.study_date else "CT undated")
    return " · ".join(parts)


def _chosen(pages: Sequence[GreyPage], wanted: str | None) -> Sequence[GreyPage]:
    """Return the pages asked for.

    Raises
    ------
    InputError
        When the choice cannot be read, or names a page that is not there.
    """
    from ..report.grey_pages import ChosenPages

    if wanted is None:
        return pages
    numbers: list[int] = []
    for part in wanted.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if found is None:
            raise InputError(f"{wanted!r} is no choice of pages; expected something like 1-3,7.")
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last <= len(pages):
            raise InputError(f"There are pages 1 to {len(pages)}; {part.strip()} is not among them.")
        numbers.extend(range(first - 1, last))
    return ChosenPages(pages, numbers)
