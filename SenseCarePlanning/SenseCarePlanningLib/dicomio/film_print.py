"""Films on a DICOM printer: Basic Grayscale Print Management (PS3.4 annex H) as its user.

One association: N-GET of the printer's state, N-CREATE of a film session and, film by film, of a film box; N-SET of its image
boxes with 12 bit, or 8 where the printer refuses; N-ACTION prints it; N-DELETE cleans up. N-EVENT-REPORTs are taken note of
and never waited for. A connection lost before the order to print is opened again and the film begun anew; one lost after it
is not, since the film may be in the tray already.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ..errors import Cancelled, InputError, SenseCareError
from ..progress import Progress
from ..report.grey_pages import GreyPage
from .film import FilmSettings, PrinterState
from .network import Destination, Link, NetworkError, Patience, open_link, require_consent

logger = logging.getLogger(__name__)

META = "1.2.840.10008.5.1.1.9"
FILM_SESSION, FILM_BOX, IMAGE_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2", "1.2.840.10008.5.1.1.4"
PRINTER, PRINTER_INSTANCE = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17"
SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
STEP = "Printing films"
SESSION_LABEL = "SenseCare Planning"

ATTEMPTS = 2
RETRIES = 2
"""So often an image box, or the order to print, is tried again after a refusal that may pass."""
RETRY_AFTER_S = 1.0

WRONG_VALUE = frozenset({0x0105, 0x0106, 0x0107, 0x0114, 0x0115, 0x0116, 0x0120, 0x0121})
"""The printer does not take an attribute or its value (PS3.7 annex C): trying again changes nothing."""
TOO_LARGE = frozenset({0xC603, 0xC613})
"""The image is larger than its box (PS3.4 H.4.3)."""
QUEUE_FULL = frozenset({0xC601, 0xC602})
NO_MEMORY = 0xC605

_WARNINGS = {
    0xB600: "the printer does not reserve memory",
    0xB601: "the printer prints no copies for itself",
    0xB602: "the printer found an empty film",
    0xB603: "the printer found an empty film",
    0xB604: "the printer made an image smaller than asked for",
    0xB605: "the printer used other densities than asked for",
    0xB609: "the printer cropped an image to its box",
    0xB60A: "the printer thinned an image out to fit its box",
}


class PrintError(SenseCareError):
    """Not all films were printed; the message says how many were."""


class _Lost(Exception):
    """The connection was lost, or no answer came in time."""


@dataclass(frozen=True)
class PrintReport:
    """What was printed.

    Parameters
    ----------
    printer
        Its state at the start.
    films, images
        Films that the printer took the order for, and images on them.
    bits
        12 or 8: the fewest that an image was printed with.
    remarks
        What the printer or the user should know, as sentences.
    """

    printer: PrinterState
    films: int
    images: int
    bits: int
    remarks: tuple[str, ...] = ()


@dataclass
class _Job:
    """What outlives a connection."""

    pages: Sequence[GreyPage]
    settings: FilmSettings
    progress: Progress
    films_done: int = 0
    bits: int = 12
    sizes: bool = True
    ordered: bool = False
    printer: PrinterState | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def film_count(self) -> int:
        return -(-len(self.pages) // self.settings.per_film)

    def remark(self, sentence: str) -> None:
        if sentence and sentence not in self.remarks:
            self.remarks.append(sentence)

    def failed(self, why: str, detail: str = "") -> PrintError:
        done = "nothing was printed" if not self.films_done else f"{self.films_done} of {self.film_count} films were printed"
        return PrintError(f"{why}; {done}.", detail)


def printer_state(destination: Destination, *, allowed: bool, patience: Patience | None = None) -> PrinterState:
    """Ask a print server for its printer's state.

    Raises
    ------
    InputError
        Without the user's yes.
    NetworkError
        When it cannot be reached, refuses or does not answer.
    """
    with open_link(destination, {META: [SYNTAXES]}, allowed=allowed, patience=patience) as link:
        try:
            return _state(link)
        except _Lost:
            raise NetworkError(f"{destination} took the connection but did not tell the printer's state.") from None


def print_films(
    pages: Sequence[GreyPage],
    settings: FilmSettings,
    destination: Destination,
    *,
    allowed: bool,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> PrintReport:
    """Print pages on films, as many to a film as the layout holds.

    Parameters
    ----------
    pages
        In the order of the boxes: left to right, then down; may make each page only when it is asked for.
    allowed
        The user's explicit yes that these pages may go to this printer.
    progress
        Shows how far it is, and stops it; films ordered until then are printed.

    Returns
    -------
    PrintReport
        Once the printer has taken the order for every film (it may still be printing).

    Raises
    ------
    InputError
        Without the yes, or without pages.
    NetworkError
        When the printer cannot be reached or refuses the connection.
    PrintError
        When the printer refuses or is lost; says which films are printed.
    Cancelled
        When the user stopped.
    """
    require_consent(allowed, destination)
    if not len(pages):
        raise InputError("Nothing was printed: there are no pages.")
    job = _Job(pages, settings, progress or Progress(), bits=settings.bits, sizes=settings.true_size)
    start = time.perf_counter()
    with job.progress.step(STEP):
        for attempt in range(ATTEMPTS):
            try:
                _print_over_one_link(job, destination, patience)
                break
            except _Lost as error:
                if job.ordered:
                    number = job.films_done + 1
                    raise job.failed(
                        f"The connection to {destination} was lost after the order to print film {number}; it may have been "
                        "printed: look at the printer before you print it again"
                    ) from error
                if attempt == ATTEMPTS - 1:
                    raise job.failed(f"The connection to {destination} was lost, and lost again") from error
                logger.warning("connection to the printer lost before film %d; opening it again", job.films_done + 1)
    assert job.printer is not None  # the loop ended well
    logger.info("%d films, %d bit, %.1f s", job.films_done, job.bits, time.perf_counter() - start)
    return PrintReport(job.printer, job.films_done, len(pages), job.bits, tuple(job.remarks))


def _print_over_one_link(job: _Job, destination: Destination, patience: Patience | None) -> None:
    cancelled = job.progress.sink.is_cancelled
    with open_link(destination, {META: [SYNTAXES]}, allowed=True, patience=patience, is_cancelled=cancelled) as link:
        state = _state(link)
        job.printer = job.printer or state
        if state.status == "FAILURE":
            raise job.failed(f"The printer reports a failure ({state.reason or 'no reason given'}); see to it and print again")
        job.remark(state.sentence)
        session = _create_session(link, job)
        try:
            while job.films_done < job.film_count:
                _print_film(link, job, session)
            job.remark(_state(link).sentence)
        finally:
            _delete(link, FILM_SESSION, session)
            for sop_class, event, information in link.reports:
                job.remark(_told_by(sop_class, event, information))


def _told_by(sop_class: str, event: int, information: Any) -> str:
    """Put an N-EVENT-REPORT of the printer (PS3.4 H.4.4: 2 is a warning, 3 a failure) into words."""
    if sop_class != PRINTER or event not in (2, 3):
        return ""
    info = str(getattr(information, "PrinterStatusInfo", "") or "")
    return PrinterState("WARNING" if event == 2 else "FAILURE", info).sentence


def _ask(call: Callable[..., Any], *arguments: Any) -> tuple[int, Dataset | None]:
    """Make a DIMSE-N call within the meta SOP class; returns status and attributes.

    Raises
    ------
    _Lost
        When no answer came.
    """
    try:
        answer = call(*arguments, meta_uid=META)
    except (RuntimeError, ValueError) as error:  # pynetdicom will not send over what the other side has just closed
        raise _Lost from error
    status, attributes = answer if isinstance(answer, tuple) else (answer, None)
    code = getattr(status, "Status", None)
    if code is None:
        raise _Lost
    return int(code), attributes


def _is_fine(code: int) -> bool:
    """Tell whether a status is success or a warning (PS3.7 annex C: 0107, 0116 and all that begin with B)."""
    return code in (0x0000, 0x0107, 0x0116) or code >> 12 == 0xB


def _warn(job: _Job, code: int) -> None:
    if code:
        sentence = _WARNINGS.get(code, f"the printer gave a warning (status {code:04X})")
        job.remark(f"{sentence[:1].upper()}{sentence[1:]}.")


def _state(link: Link) -> PrinterState:
    wanted = [0x21100010, 0x21100020]  # status and why; other attributes are the printer's choice, and some refuse them
    code, found = _ask(link.association.send_n_get, wanted, PRINTER, PRINTER_INSTANCE)
    if code != 0x0000 or found is None:
        return PrinterState("UNKNOWN", f"status {code:04X}")
    status = str(found.get("PrinterStatus", "") or "UNKNOWN").strip().upper()
    return PrinterState(status, str(found.get("PrinterStatusInfo", "") or ""))


def _create_session(link: Link, job: _Job) -> str:
    attributes = Dataset()
    attributes.NumberOfCopies = job.settings.copies
    attributes.PrintPriority = job.settings.priority
    attributes.MediumType = job.settings.medium
    attributes.FilmSessionLabel = SESSION_LABEL  # never the patient's name: print queues are shown to everybody
    for given in (attributes, _only(attributes, "NumberOfCopies")):
        uid = _new_uid()
        code, _ = _ask(link.association.send_n_create, given, FILM_SESSION, uid)
        if _is_fine(code):
            _warn(job, code)
            if given is not attributes:
                job.remark("The printer took its own medium and priority: it knows none of those asked for.")
            return uid
        if code not in WRONG_VALUE:
            break
    raise job.failed(f"The printer does not begin a film session (status {code:04X})")


def _only(attributes: Dataset, *keywords: str) -> Dataset:
    kept = Dataset()
    for keyword in keywords:
        setattr(kept, keyword, attributes[keyword].value)
    return kept


def _new_uid() -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


def _print_film(link: Link, job: _Job, session: str) -> None:
    settings, first = job.settings, job.films_done * job.settings.per_film
    box, images = _create_film_box(link, job, session)
    try:
        for number in range(first, min(first + settings.per_film, len(job.pages))):
            job.progress.update(number / len(job.pages))
            _fill(link, job, images[number - first], number - first + 1, job.pages[number])
        _order(link, job, box)
        job.films_done += 1
    finally:
        _delete(link, FILM_BOX, box)


def _create_film_box(link: Link, job: _Job, session: str) -> tuple[str, list[str]]:
    """Return the UIDs of a new film box and of its image boxes, in the order of their positions."""
    settings = job.settings
    attributes = Dataset()
    attributes.ImageDisplayFormat = settings.display_format
    attributes.FilmOrientation = settings.orientation
    attributes.FilmSizeID = settings.film_size
    attributes.MagnificationType = settings.magnification
    attributes.BorderDensity = attributes.EmptyImageDensity = settings.border
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = FILM_SESSION, session
    attributes.ReferencedFilmSessionSequence = [reference]
    needed = ("ImageDisplayFormat", "FilmOrientation", "FilmSizeID", "ReferencedFilmSessionSequence")
    code = 0
    for given in (attributes, _only(attributes, *needed)):
        uid = _new_uid()
        code, found = _ask(link.association.send_n_create, given, FILM_BOX, uid)
        if _is_fine(code):
            _warn(job, code)
            boxes = [str(item.ReferencedSOPInstanceUID) for item in (found or Dataset()).get("ReferencedImageBoxSequence", [])]
            if len(boxes) != settings.per_film:
                _delete(link, FILM_BOX, uid)
                raise job.failed(
                    f"The printer made {len(boxes)} image boxes for the layout {settings.columns},{settings.rows}, "
                    f"which has {settings.per_film}"
                )
            if given is not attributes:
                job.remark("The printer took its own magnification and border: it does not know those asked for.")
            return uid, boxes
        if code not in WRONG_VALUE:
            break
    raise job.failed(
        f"The printer does not make a film {settings.film_size} with the layout {settings.columns},{settings.rows} "
        f"(status {code:04X}); choose another size or layout"
    )


def _fill(link: Link, job: _Job, box: str, position: int, page: GreyPage) -> None:
    """Send an image to its box; what the printer refuses is sent again: without a size, with 8 bit, or after a pause.

    Raises
    ------
    PrintError
        When the printer refuses it for good.
    """
    ways = _ways(job, page)
    retries = RETRIES
    while True:
        bits, width_mm = ways[0]
        given = _image_box(page, position, bits, width_mm)
        code, _ = _ask(link.association.send_n_set, given, IMAGE_BOX, box)
        out_of_range = code == 0x0116 and len(ways) > 1  # a warning by the letter, but the printer may have kept nothing
        if _is_fine(code) and not out_of_range:
            _warn(job, code)
            _learn(job, page, bits, width_mm)
            return
        if code not in WRONG_VALUE | TOO_LARGE and retries:
            retries -= 1
            logger.warning("image box %d refused with status %04X; trying again", position, code)
            _pause(job)
            continue
        del ways[0]
        if code in TOO_LARGE:  # fewer bits make no image smaller
            ways = [way for way in ways if way == (bits, None)]
        if not ways:
            memory = ": it has too little memory for it" if code == NO_MEMORY else ""
            raise job.failed(
                f"The printer does not take image {position} of film {job.films_done + 1}{memory} (status {code:04X})"
            )


def _ways(job: _Job, page: GreyPage) -> list[tuple[int, float | None]]:
    """Return bits and width to try for an image, the wanted ones first."""
    width_mm = _true_width(job, page)
    return list(dict.fromkeys((bits, width) for bits in (job.bits, 8) for width in (width_mm, None)))


def _learn(job: _Job, page: GreyPage, bits: int, width_mm: float | None) -> None:
    """Keep for all further images what the printer has turned out not to take."""
    if bits < job.bits:
        job.bits = bits
        job.remark("The printer does not take images of 12 bit; they were printed with 8 bit.")
    if width_mm is None and _true_width(job, page) is not None:
        job.sizes = False
        job.remark("The printer cannot print at true size; images fill their boxes.")


def _true_width(job: _Job, page: GreyPage) -> float | None:
    """Return the width to ask for; None when images fill their boxes."""
    if not job.sizes:
        return None
    width, height = job.settings.box_mm
    if page.width_mm is None or page.height_mm is None:
        job.remark("Images without a size of their own fill their boxes.")
        return None
    if page.width_mm > width or page.height_mm > height:
        job.remark("Images larger than their boxes are not at true size; choose a larger film or fewer images.")
        return None
    return page.width_mm


def _pause(job: _Job) -> None:
    """Wait a moment, unless the user asks to stop."""
    until = time.monotonic() + RETRY_AFTER_S
    while time.monotonic() < until:
        if job.progress.sink.is_cancelled():
            raise Cancelled()
        time.sleep(0.05)


def _image_box(page: GreyPage, position: int, bits: int, width_mm: float | None) -> Dataset:
    image = Dataset()
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = page.grey.shape
    image.BitsAllocated, image.BitsStored, image.HighBit = (16, 12, 11) if bits == 12 else (8, 8, 7)
    image.PixelRepresentation = 0
    pixels = (page.grey.astype("<u2") if bits == 12 else page.as_8_bit()).tobytes()
    image.add_new("PixelData", "OW" if bits == 12 else "OB", pixels + b"\0" * (len(pixels) % 2))
    box = Dataset()
    box.ImageBoxPosition, box.Polarity = position, "NORMAL"
    if width_mm is not None:
        box.RequestedImageSize = f"{width_mm:.2f}"
    box.BasicGrayscaleImageSequence = [image]
    return box


def _order(link: Link, job: _Job, box: str) -> None:
    """Have the film printed; a full queue is waited for a little.

    Raises
    ------
    PrintError
        When the printer refuses.
    """
    for retries in range(RETRIES, -1, -1):
        job.ordered = True
        code, _ = _ask(link.association.send_n_action, None, 1, FILM_BOX, box)
        job.ordered = False
        if _is_fine(code):
            _warn(job, code)
            return
        if code not in QUEUE_FULL or not retries:
            full = ": its queue is full" if code in QUEUE_FULL else ""
            raise job.failed(f"The printer does not print film {job.films_done + 1}{full} (status {code:04X})")
        _pause(job)


def _delete(link: Link, sop_class: str, uid: str) -> None:
    """Clean up; what cannot be deleted ends with the association."""
    if not link.is_open:
        return
    try:
        code, _ = _ask(link.association.send_n_delete, sop_class, uid)
    except _Lost:
        return
    if code != 0x0000:
        logger.info("the printer did not delete a box or session: status %04X", code)
