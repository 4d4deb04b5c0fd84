"""Films on a printer: dcmtk's dcmprscp as the real one, and a server that refuses, fails, talks out of turn and dies."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from SenseCarePlanningLib.dicomio import film_print
from SenseCarePlanningLib.dicomio.film import FilmSettings, parse_layout
from SenseCarePlanningLib.dicomio.film_print import FILM_BOX, FILM_SESSION, PrintError, print_films, printer_state
from SenseCarePlanningLib.dicomio.network import Destination, NetworkError, Patience
from SenseCarePlanningLib.errors import Cancelled, InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.report.grey_pages import WHITE, GreyPage

from .conftest import HURRY
from .printers import Printer, pixels_of
from .test_store import Stopper

needs_printer = pytest.mark.skipif(shutil.which("dcmprscp") is None, reason="dcmtk (dcmprscp) is not installed")

# The regular layouts of a Chinese CCTA workstation (columns, rows), and one picture to a film.
LAYOUTS = [(1, 1), (3, 3), (3, 4), (3, 5), (4, 4), (4, 5), (4, 6), (4, 7), (4, 8), (4, 9), (6, 6), (7, 6)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_print, "RETRY_AFTER_S", 0.05)


def pages(count: int, rows: int = 51, columns: int = 33) -> list[GreyPage]:
    """Pages of random grey, odd in size, each 60 mm wide."""
    random = np.random.default_rng(count)
    return [GreyPage(random.integers(0, WHITE + 1, (rows, columns)).astype(np.uint16), 60.0) for _ in range(count)]


def prints(database: Path) -> tuple[list[pydicom.Dataset], dict[str, pydicom.Dataset]]:
    """Return the Stored Print objects, and the hardcopy images by their UID."""
    sheets = [pydicom.dcmread(file) for file in sorted(database.glob("SP_*"), key=lambda file: file.stat().st_mtime_ns)]
    images = [pydicom.dcmread(file) for file in database.glob("HG_*")]
    return sheets, {str(image.SOPInstanceUID): image for image in images}


def printed(database: Path) -> list[tuple[int, np.ndarray]]:
    """Return (bits, pixels) of all images printed, film by film, in the order of their positions."""
    sheets, images = prints(database)
    found = []
    for sheet in sheets:
        boxes = [box for box in sheet.ImageBoxContentSequence if box.get("ReferencedImageSequence")]
        for box in sorted(boxes, key=lambda box: int(box.ImageBoxPosition)):
            image = images[str(box.ReferencedImageSequence[0].ReferencedSOPInstanceUID)]
            found.append((int(image.BitsStored), image.pixel_array))
    return found


@needs_printer
def test_a_real_print_server_gets_every_grey_value(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp()
    assert printer_state(there, allowed=True, patience=HURRY).sentence == ""
    wanted = pages(5)
    report = print_films(wanted, FilmSettings(columns=2, rows=2, film_size="14INX17IN"), there, allowed=True, patience=HURRY)
    assert (report.films, report.images, report.bits, report.remarks) == (2, 5, 12, ())
    found = printed(database)
    assert [bits for bits, _ in found] == [12] * 5
    for (_, pixels), page in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(pixels, page.grey)
    sheet = prints(database)[0][0]
    box = sheet.FilmBoxContentSequence[0]
    assert box.ImageDisplayFormat == "STANDARD\\2,2"
    assert (box.FilmSizeID, box.FilmOrientation) == ("14INX17IN", "PORTRAIT")


@needs_printer
def test_a_printer_without_12_bit_gets_8(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp(Supports12Bit="false")
    wanted = pages(3)
    report = print_films(wanted, FilmSettings(columns=1, rows=2), there, allowed=True, patience=HURRY)
    assert (report.films, report.bits) == (2, 8)
    assert any("8 bit" in remark for remark in report.remarks)
    for (bits, pixels), page in zip(printed(database), wanted, strict=True):
        assert bits == 8
        np.testing.assert_allclose(pixels.astype(float) * WHITE / 255, page.grey, atol=0.5 * WHITE / 255 + 1e-6)


@needs_printer
def test_8_bit_is_printed_when_asked_for(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp()
    report = print_films(pages(1), FilmSettings(bits=8), there, allowed=True, patience=HURRY)
    assert report.bits == 8 and report.remarks == ()
    assert [bits for bits, _ in printed(database)] == [8]


@pytest.mark.slow
@needs_printer
def test_every_layout_is_filled(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp()
    total = 0
    for columns, rows in LAYOUTS:
        count = columns * rows
        report = print_films(pages(count, 8, 6), FilmSettings(columns=columns, rows=rows), there, allowed=True, patience=HURRY)
        assert (report.films, report.images) == (1, count)
        total += count
    sheets, images = prints(database)
    assert {str(sheet.FilmBoxContentSequence[0].ImageDisplayFormat) for sheet in sheets} == {
        f"STANDARD\\{c},{r}" for c, r in LAYOUTS
    }
    assert len(images) == total


@needs_printer
def test_true_size_is_asked_for_in_millimetres(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp()
    report = print_films(pages(1), FilmSettings(true_size=True), there, allowed=True, patience=HURRY)
    assert report.remarks == ()
    box = prints(database)[0][0].ImageBoxContentSequence[0]
    assert float(box.RequestedImageSize) == pytest.approx(60.0)


@needs_printer
def test_a_printer_that_cannot_print_at_true_size_fills_the_box(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp(SupportsImageSize="false")
    report = print_films(pages(1), FilmSettings(true_size=True), there, allowed=True, patience=HURRY)
    assert (report.films, report.bits) == (1, 12)
    assert any("true size" in remark for remark in report.remarks)
    assert len(printed(database)) == 1


@needs_printer
def test_a_printer_of_few_settings_uses_its_own(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    there, database = dcmprscp(MagnificationType="REPLICATE", BorderDensity="", EmptyImageDensity="", MediumType="PAPER")
    report = print_films(pages(1), FilmSettings(), there, allowed=True, patience=HURRY)
    assert report.films == 1 and len(printed(database)) == 1
    assert any("medium" in remark for remark in report.remarks)
    assert any("magnification" in remark for remark in report.remarks)


@needs_printer
@pytest.mark.parametrize("settings", [FilmSettings(columns=5, rows=5), FilmSettings(film_size="A3")])
def test_a_film_that_the_printer_lacks_is_named(
    dcmprscp: Callable[..., tuple[Destination, Path]], settings: FilmSettings
) -> None:
    there, database = dcmprscp()
    with pytest.raises(PrintError, match=f"film {settings.film_size} with the layout {settings.columns},{settings.rows}"):
        print_films(pages(1), settings, there, allowed=True, patience=HURRY)
    assert printed(database) == []


def test_the_whole_dialogue_cleans_up_after_itself(serve: Callable[..., Destination]) -> None:
    printer = Printer()
    there = printer.start(serve)
    report = print_films(pages(3), FilmSettings(columns=1, rows=2, copies=2), there, allowed=True, patience=HURRY)
    assert (report.films, report.printer.status) == (2, "NORMAL")
    session, first, second = printer.created
    assert (session.NumberOfCopies, session.PrintPriority, session.MediumType) == (2, "MED", "BLUE FILM")
    # The Referenced Film Session Sequence is what several printers refuse a film box without.
    for box in (first, second):
        assert box.ReferencedFilmSessionSequence[0].ReferencedSOPClassUID == FILM_SESSION
    assert [int(image.ImageBoxPosition) for image in printer.images] == [1, 2, 1]
    assert [image.Polarity for image in printer.images] == ["NORMAL"] * 3
    assert len(printer.ordered) == 2
    assert printer.deleted == [FILM_BOX, FILM_BOX, FILM_SESSION]
    odd = printer.images[0].BasicGrayscaleImageSequence[0]
    assert (odd.Rows, odd.Columns, odd.BitsAllocated, odd.HighBit, odd.PhotometricInterpretation) == (
        51,
        33,
        16,
        11,
        "MONOCHROME2",
    )


def test_nothing_is_printed_without_a_yes(serve: Callable[..., Destination]) -> None:
    printer = Printer()
    there = printer.start(serve)
    with pytest.raises(InputError, match="not confirmed"):
        print_films(pages(1), FilmSettings(), there, allowed=False)
    with pytest.raises(InputError, match="not confirmed"):
        printer_state(there, allowed=False)
    with pytest.raises(InputError, match="no pages"):
        print_films([], FilmSettings(), there, allowed=True)
    assert printer.connections == 0


def test_a_failed_printer_is_not_printed_on(serve: Callable[..., Destination]) -> None:
    printer = Printer(state=[("FAILURE", "FILM JAM")])
    there = printer.start(serve)
    with pytest.raises(PrintError, match=r"reports a failure \(film jam\).*nothing was printed"):
        print_films(pages(1), FilmSettings(), there, allowed=True, patience=HURRY)
    assert printer.created == []


def test_a_warning_is_passed_on_and_the_film_printed(serve: Callable[..., Destination]) -> None:
    printer = Printer(state=[("WARNING", "SUPPLY LOW"), ("WARNING", "SUPPLY EMPTY")])
    there = printer.start(serve)
    report = print_films(pages(1), FilmSettings(), there, allowed=True, patience=HURRY)
    assert report.films == 1
    assert report.remarks == ("The printer has a warning: supply low.", "The printer has a warning: supply empty.")


@pytest.mark.parametrize("status", [0x0106, 0x0116, 0x0115, 0x0110, 0xC605])
def test_refused_12_bit_falls_back_to_8_once_and_for_all(serve: Callable[..., Destination], status: int) -> None:
    printer = Printer(refuse_12_bit=status)
    there = printer.start(serve)
    wanted = pages(2)
    report = print_films(wanted, FilmSettings(columns=2), there, allowed=True, patience=HURRY)
    assert report.bits == 8
    for image, page in zip(printer.images, wanted, strict=True):
        bits, data = pixels_of(image)
        assert bits == 8
        np.testing.assert_array_equal(np.frombuffer(data, np.uint8)[: page.grey.size].reshape(page.grey.shape), page.as_8_bit())


@pytest.mark.parametrize("status", [0x0110, 0x0213, 0xC605])
def test_a_failed_image_box_is_sent_again(serve: Callable[..., Destination], status: int) -> None:
    printer = Printer(image_answers=[0x0000, status, status])
    there = printer.start(serve)
    wanted = pages(3)
    report = print_films(wanted, FilmSettings(columns=3), there, allowed=True, patience=HURRY)
    assert (report.films, report.bits, printer.connections) == (1, 12, 1)
    assert [pixels_of(image) for image in printer.images] == [(12, page.grey.tobytes() + b"") for page in wanted]


def test_an_image_box_that_keeps_failing_ends_the_job_with_its_place(serve: Callable[..., Destination]) -> None:
    printer = Printer(image_answers=[0x0000] * 3 + [0xC605] * 20)
    there = printer.start(serve)
    with pytest.raises(PrintError, match=r"image 2 of film 2: it has too little memory.*C605.*1 of 2 films were printed"):
        print_films(pages(4), FilmSettings(columns=2), there, allowed=True, patience=HURRY)
    assert len(printer.ordered) == 1
    assert printer.deleted == [FILM_BOX, FILM_BOX, FILM_SESSION]


def test_an_image_too_large_for_its_box_is_sent_without_a_size(serve: Callable[..., Destination]) -> None:
    printer = Printer(image_answers=[0xC603])
    there = printer.start(serve)
    report = print_films(pages(1), FilmSettings(true_size=True), there, allowed=True, patience=HURRY)
    assert "RequestedImageSize" not in printer.images[0]
    assert report.remarks == ("The printer cannot print at true size; images fill their boxes.",)


def test_pages_without_a_size_or_too_large_are_not_claimed_to_be_at_true_size(serve: Callable[..., Destination]) -> None:
    printer = Printer()
    there = printer.start(serve)
    grey = pages(1)[0].grey
    mixed = [GreyPage(grey), GreyPage(grey, 200.0), GreyPage(grey, 100.0)]
    report = print_films(mixed, FilmSettings(columns=3, true_size=True), there, allowed=True, patience=HURRY)
    assert ["RequestedImageSize" in image for image in printer.images] == [False, False, True]
    assert len(report.remarks) == 2


def test_a_full_queue_is_waited_for_a_little(serve: Callable[..., Destination]) -> None:
    printer = Printer(order_answers=[0xC602, 0xC602])
    assert print_films(pages(1), FilmSettings(), printer.start(serve), allowed=True, patience=HURRY).films == 1
    full = Printer(order_answers=[0xC602] * 9)
    with pytest.raises(PrintError, match="queue is full"):
        print_films(pages(1), FilmSettings(), full.start(serve), allowed=True, patience=HURRY)


def test_warnings_of_the_order_are_told(serve: Callable[..., Destination]) -> None:
    printer = Printer(order_answers=[0xB60A], session_answers=[0xB600], image_answers=[0xB6FF])
    report = print_films(pages(1), FilmSettings(), printer.start(serve), allowed=True, patience=HURRY)
    assert report.remarks == (
        "The printer does not reserve memory.",
        "The printer gave a warning (status B6FF).",
        "The printer thinned an image out to fit its box.",
    )


@pytest.mark.parametrize("count", [0, 3, 5])
def test_boxes_that_do_not_fit_the_layout_are_refused(serve: Callable[..., Destination], count: int) -> None:
    printer = Printer(box_count=count)
    with pytest.raises(PrintError, match=f"made {count} image boxes"):
        print_films(pages(4), FilmSettings(columns=2, rows=2), printer.start(serve), allowed=True, patience=HURRY)
    assert printer.images == [] and printer.ordered == []


def test_a_printer_that_speaks_out_of_turn_is_heard(serve: Callable[..., Destination]) -> None:
    printer = Printer(chatty=True)
    report = print_films(pages(2), FilmSettings(columns=2), printer.start(serve), allowed=True, patience=HURRY)
    assert (report.films, printer.connections) == (1, 1)
    assert report.remarks == ("The printer has a warning: supply low.",)


def test_a_connection_lost_before_the_order_is_opened_again_and_no_film_doubled(serve: Callable[..., Destination]) -> None:
    printer = Printer(image_answers=[0x0000, 0x0000, 0x0000, None])
    report = print_films(pages(6), FilmSettings(columns=2), printer.start(serve), allowed=True, patience=HURRY)
    assert (report.films, printer.connections, len(printer.ordered)) == (3, 2, 3)


def test_a_connection_lost_after_the_order_is_not_repeated(serve: Callable[..., Destination]) -> None:
    printer = Printer(order_answers=[0x0000, None])
    with pytest.raises(PrintError, match=r"lost after the order to print film 2; it may have been printed.*1 of 3 films"):
        print_films(pages(3), FilmSettings(), printer.start(serve), allowed=True, patience=HURRY)
    assert (printer.connections, len(printer.ordered)) == (1, 2)


def test_a_connection_that_keeps_dying_is_an_error(serve: Callable[..., Destination]) -> None:
    printer = Printer(image_answers=[None, None, None])
    with pytest.raises(PrintError, match="lost, and lost again; nothing was printed"):
        print_films(pages(1), FilmSettings(), printer.start(serve), allowed=True, patience=HURRY)
    assert printer.connections == 2


def test_a_silent_printer_does_not_hold_the_program(serve: Callable[..., Destination]) -> None:
    release = threading.Event()
    printer = Printer(before_image=lambda: bool(release.wait(20)))  # type: ignore[arg-type,return-value]
    start = time.monotonic()
    with pytest.raises(PrintError, match="lost"):
        print_films(pages(1), FilmSettings(), printer.start(serve), allowed=True, patience=Patience(3.0, 1.0))
    release.set()
    assert time.monotonic() - start < 12


def test_cancelling_ends_a_wait_at_once(serve: Callable[..., Destination]) -> None:
    sink, release = Stopper(), threading.Event()

    def hang() -> None:
        sink.stop.set()
        release.wait(20)

    printer = Printer(before_image=hang)
    start = time.monotonic()
    with pytest.raises(Cancelled):
        print_films(
            pages(1), FilmSettings(), printer.start(serve), allowed=True, patience=Patience(3.0, 60.0), progress=Progress(sink)
        )
    assert time.monotonic() - start < 5
    release.set()
    assert printer.ordered == []


def test_an_archive_is_no_printer(serve: Callable[..., Destination]) -> None:
    there = serve(["1.2.840.10008.1.1"])
    with pytest.raises(NetworkError, match="offers none of the DICOM services"):
        print_films(pages(1), FilmSettings(), there, allowed=True, patience=HURRY)


def test_every_impossible_setting_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        FilmSettings(
            film_size="14X17", columns=0, orientation="UP", copies=0, medium="GLASS", bits=16, border="PINK", priority="NOW"
        )
    assert len(caught.value.problems) == 8


@pytest.mark.parametrize(("text", "layout"), [("3,4", (3, 4)), ("3x4", (3, 4)), (" 4*9 ", (4, 9)), (r"2\2", (2, 2))])
def test_layouts_are_read(text: str, layout: tuple[int, int]) -> None:
    assert parse_layout(text) == layout


@pytest.mark.parametrize("text", ["", "3", "a,b", "3,4,5", "-1,2"])
def test_what_is_no_layout_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_layout(text)


def test_a_grey_page_is_checked() -> None:
    for wrong in (np.zeros((2, 2), np.uint8), np.zeros((0, 2), np.uint16), np.full((2, 2), 4096, np.uint16)):
        with pytest.raises(ValueError, match="grey"):
            GreyPage(wrong)
    ramp = GreyPage(np.arange(4096, dtype=np.uint16).reshape(64, 64))
    steps = np.diff(ramp.as_8_bit().reshape(-1).astype(int))
    assert (steps >= 0).all() and steps.max() == 1
    assert (ramp.as_8_bit().min(), ramp.as_8_bit().max()) == (0, 255)


@needs_printer
def test_a_printer_of_the_least_abilities_prints(dcmprscp: Callable[..., tuple[Destination, Path]]) -> None:
    # dcmtk's IHERESTRICTED: implicit VR only, one image a film, short answers.
    there, database = dcmprscp(
        ImplicitOnly="true",
        DisableNewVRs="true",
        OmitSOPClassUIDFromCreateResponse="true",
        DisplayFormat="1,1",
        FilmSizeID=r"8INX10IN\14INX17IN",
        MediumType="STOREDPRINT",
        BorderDensity="",
        EmptyImageDensity="",
        SupportsImageSize="",
        MaxPDU="16384",
    )
    wanted = pages(1, 400, 300)
    report = print_films(wanted, FilmSettings(film_size="8INX10IN"), there, allowed=True, patience=HURRY)
    assert (report.films, report.bits) == (1, 12)
    np.testing.assert_array_equal(printed(database)[0][1], wanted[0].grey)
