"""``send`` and ``print`` as a user calls them: a lung result to a PACS and on film, and every way it cannot go."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import evt
from reportlab.pdfgen.canvas import Canvas

from LungAirwayLib.structured_report import measurement_document
from SenseCarePlanningLib.cli import main
from SenseCarePlanningLib.dicomio.load import LoadedImage
from SenseCarePlanningLib.dicomio.network import Destination
from SenseCarePlanningLib.dicomio.report_pdf import write_report_dicom
from SenseCarePlanningLib.dicomio.seg import SegmentDescription, write_seg
from SenseCarePlanningLib.dicomio.store import VERIFICATION
from SenseCarePlanningLib.dicomio.structured_report import write_structured_report
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.volume import LabelMap
from SenseCarePlanningLib.whole_folder import whole_folder

from ..report.conftest import make_case
from .printers import Printer
from .test_store import ask, needs_orthanc, start_orthanc

SENT = [SegmentationStorage, EncapsulatedPDFStorage, Comprehensive3DSRStorage, SecondaryCaptureImageStorage]


@pytest.fixture(scope="module")
def result(patient: LoadedImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder with the DICOM objects of a lung result, a report of two pages and three pictures."""
    folder = tmp_path_factory.mktemp("results") / "Miller"
    mask = LabelMap((patient.volume.array_kji > 0).astype(np.uint8), patient.volume.affine_ijk_to_lps, {1: "x"})
    with whole_folder(folder) as scratch:
        (scratch / "run.json").write_text("{}", encoding="utf-8")
        canvas = Canvas(str(scratch / "report.pdf"), pagesize=(595, 842))
        for text in ("First page", "Second page"):
            canvas.drawString(100, 700, text)
            canvas.showPage()
        canvas.save()
        (scratch / "pictures").mkdir()
        for number, name in enumerate(("step_1_1", "tree_overview", "target_axial")):
            Image.new("RGB", (60, 40 + number), (9, 80 * number, 200)).save(scratch / "pictures" / f"{name}.png")
        assert write_report_dicom(scratch / "report.pdf", patient.study, scratch / "report.dcm") is None
        assert write_seg([(SegmentDescription(1, "Airway"), mask)], patient, scratch / "seg.dcm") is None
        assert write_structured_report(measurement_document(make_case()), patient, scratch / "sr.dcm") is None
    return folder


def archive(serve: Callable[..., Destination], statuses: list[int] | None = None) -> tuple[Destination, list[pydicom.Dataset]]:
    received: list[pydicom.Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return statuses.pop(0) if statuses else 0x0000

    return serve([VERIFICATION, *SENT], [(evt.EVT_C_STORE, keep)]), received


def test_a_lung_result_goes_to_the_archive(
    result: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    there, received = archive(serve)
    assert main(["send", str(result), "--to", str(there)]) == 0
    shown = capsys.readouterr()
    assert f"5 of 5 files stored by {there}." in shown.out
    assert [data.SOPClassUID for data in received] == [*SENT[:3], *[SENT[3]] * 2]
    assert {data.PatientID for data in received} == {"SECRET7"} and len({data.StudyInstanceUID for data in received}) == 1
    assert [data.ImageComments for data in received[3:]] == ["Target axial", "Tree overview"]
    assert "SECRET7" not in shown.out + shown.err and "Doe" not in shown.out + shown.err


def test_the_lungs_measurements_are_in_the_structured_report(result: Path) -> None:
    report = hd.sr.srread(result / "sr.dcm")
    groups = {group.tracking_identifier: group for group in report.content.get_image_measurement_groups()}
    assert {"Target", "trachea", "RMB", "LMB", "RULB", "RB3", "LB10"} <= set(groups)
    target = {one.name.meaning: one.value for one in groups["Target"].get_measurements()}
    assert target["Long axis"] == pytest.approx(18.24)
    assert [site.value.value for site in groups["RMB"].finding_sites] == ["70074004"]
    assert [site.value.value for site in groups["RB3"].finding_sites] == ["955009"]
    derived = [(one.name.value, one.derivation.meaning if one.derivation else "") for one in groups["RB3"].get_measurements()]
    assert derived[:2] == [("81827009", "Median"), ("81827009", "Minimum")]


@pytest.mark.parametrize(("option", "count"), [("--no-pictures", 3), ("--all-pictures", 6)])
def test_how_many_pictures_go_is_a_choice(result: Path, serve: Callable[..., Destination], option: str, count: int) -> None:
    there, received = archive(serve)
    assert main(["send", str(result), "--to", str(there), option]) == 0
    assert len(received) == count
    if option == "--all-pictures":
        assert received[3].ImageComments == "Route 1, step 1"


def test_what_was_not_stored_is_told_and_fails(
    result: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    there, _ = archive(serve, [0x0000, 0xA700])
    assert main(["send", str(result), "--to", str(there), "--no-pictures"]) == 1
    shown = capsys.readouterr()
    assert "FAILED  report.dcm: not stored: the archive is out of room" in shown.out
    assert "1 of 3 files were not stored" in shown.err
    there, _ = archive(serve, [0xC000])
    assert main(["send", str(result), "--to", str(there), "--no-pictures", "--json"]) == 1
    done = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["stored"] for one in done[-2]["files"]] == [False, True, True]
    assert done[-1]["event"] == "error"


def test_a_dry_run_opens_no_connection(
    result: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[object] = []
    there = serve([VERIFICATION], [(evt.EVT_CONN_OPEN, seen.append)])
    assert main(["send", str(result), "--to", str(there), "--dry-run"]) == 0
    assert main(["print", str(result), "--to", str(there), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "Comprehensive 3D SR Storage" in shown and "2 images on 2 films" in shown
    assert seen == []


@needs_orthanc
def test_orthanc_takes_the_whole_result(result: Path, tmp_path: Path, start_process: Callable[..., Path]) -> None:
    there, web = start_orthanc(tmp_path, start_process)
    assert main(["send", str(result), "--to", str(there)]) == 0
    assert main(["send", str(result), "--to", str(there)]) == 0, "sending it again is no failure"
    (study,) = ask(web, "/studies")
    series = ask(web, f"/studies/{study}/series")
    assert sorted(one["MainDicomTags"]["Modality"] for one in series) == ["DOC", "OT", "SEG", "SR"]
    assert len(ask(web, f"/studies/{study}/instances")) == 5


def test_a_report_is_printed(result: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    there = printer.start(serve)
    done = main(["print", str(result), "--to", str(there), "--layout", "2,1", "--orientation", "landscape", "--dpi", "60"])
    assert done == 0
    assert "1 film with 2 images of 12 bit" in capsys.readouterr().out
    assert [int(image.ImageBoxPosition) for image in printer.images] == [1, 2]
    first = printer.images[0].BasicGrayscaleImageSequence[0]
    pixels = np.frombuffer(first.PixelData, "<u2").reshape(first.Rows, first.Columns)
    assert pixels.max() == 4095 and pixels.min() < 1000
    # An A4 page fits a box of 8.5 x 14 inch by its width.
    assert first.Columns == pytest.approx(8.5 * 60, abs=2)


def test_pages_and_pictures_are_chosen(result: Path, serve: Callable[..., Destination]) -> None:
    printer = Printer()
    there = printer.start(serve)
    assert main(["print", str(result), "--to", str(there), "--pages", "2", "--dpi", "60", "--true-size"]) == 0
    assert len(printer.images) == 1 and float(printer.images[0].RequestedImageSize) == pytest.approx(209.9, abs=0.3)
    assert main(["print", str(result), "--to", str(there), "--what", "pictures", "--layout", "3x4", "--bits", "8"]) == 0
    assert len(printer.images) == 4
    assert printer.images[-1].BasicGrayscaleImageSequence[0].BitsStored == 8


def test_a_film_is_printed_at_the_films_resolution(
    result: Path, serve: Callable[..., Destination], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = (printer := Printer()).start(serve)
    canvas = Canvas(str(tmp_path / "sheets.pdf"), pagesize=(8 * 72, 10 * 72))
    canvas.showPage()
    canvas.save()
    arguments = ["print", str(result), "--to", str(there), "--what", "film", "--dpi", "60"]
    assert main(arguments) == 2
    assert "no film sheets" in capsys.readouterr().err
    assert main([*arguments, "--film", str(tmp_path / "gone.pdf")]) == 2
    assert "no file gone.pdf" in capsys.readouterr().err
    assert main([*arguments, "--film", str(tmp_path / "sheets.pdf")]) == 0
    assert printer.created[-1].FilmSizeID == "8INX10IN", "the sheets' own size"
    sheet = printer.images[0].BasicGrayscaleImageSequence[0]
    assert (sheet.Columns, sheet.Rows) == (480, 600)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["send", "{tmp}/absent", "--to", "h:1:A"], "does not exist"),
        (["send", "{tmp}", "--to", "h:1:A"], "no result"),
        (["send", "{result}", "--to", "h"], "HOST:PORT:AET"),
        (["send", "{result}"], "--to"),
        (["send", "{result}", "--to", "h:1:A", "--from", 17 * "X"], "AE title"),
        (["print", "{result}", "--to", "h:1:A", "--timeout", "0"], "1 to 3600 seconds"),
        (["print", "{result}", "--to", "h:1:A", "--layout", "9"], "film layout"),
        (["print", "{result}", "--to", "h:1:A", "--film-size", "BIG"], "film size"),
        (["print", "{result}", "--to", "h:1:A", "--dpi", "5000"], "dots per inch"),
        (["print", "{result}", "--to", "h:1:A", "--pages", "3"], "pages 1 to 2"),
        (["print", "{result}", "--to", "h:1:A", "--pages", "x"], "choice of pages"),
        (["print", "{result}", "--to", "h:1:A", "--bits", "10"], "invalid choice"),
        (["print", "{result}", "--to", "h:1:A", "--what", "film"], "of the lung, which has no film sheets"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], sentence: str, result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [one.replace("{tmp}", str(tmp_path)).replace("{result}", str(result)) for one in arguments]
    assert main(given) == 2
    shown = capsys.readouterr().err
    assert sentence in shown and "Traceback" not in shown


def test_a_result_without_dicom_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with whole_folder(tmp_path / "plain") as scratch:
        (scratch / "run.json").write_text("{}", encoding="utf-8")
    assert main(["send", str(tmp_path / "plain"), "--to", "h:1:A"]) == 2
    assert "belongs to no study" in capsys.readouterr().err
    assert main(["print", str(tmp_path / "plain"), "--to", "h:1:A"]) == 2
    assert main(["print", str(tmp_path / "plain"), "--to", "h:1:A", "--what", "pictures"]) == 2


def test_nobody_there_is_one_sentence(result: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert main(["print", str(result), "--to", "127.0.0.1:1:PRINTER", "--dpi", "60"]) == 1
    assert capsys.readouterr().err.strip().endswith("whether the other side is running.")


def test_a_stop_says_that_what_was_sent_stays(
    result: Path, serve: Callable[..., Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(event: evt.Event) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.0)
        return 0x0000

    there = serve([VERIFICATION, *SENT], [(evt.EVT_C_STORE, stop)])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert main(["send", str(result), "--to", str(there), "--no-pictures"]) == 1
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert "files that were sent until then stay" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("study", "line"),
    [
        (StudyInfo(), "Name not stated · ID not stated · CT undated"),
        (
            StudyInfo(patient_name="Wang^XiaoDong=王^小东", patient_id="7", birth_date="1958-02-03", study_date="2026-03-01"),
            "王小东 (Wang XiaoDong) · ID 7 · born 1958-02-03 · CT of 2026-03-01",
        ),
    ],
)
def test_the_line_under_a_picture_names_the_patient(study: StudyInfo, line: str) -> None:
    assert importlib.import_module("SenseCarePlanningLib.commands.print").patient_line(study) == line
