"""``regrade``: pictures, report, film and DICOM files of a coronary result, with what a reader changed since.

Nothing is measured anew but vessels whose line the reader moved, and they only where the result does not keep them.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_folder import DICOM_FILES, FILM_PDF, PICTURES, REPORT_HTML, REPORT_PDF, check_same_series, write_study
from ..console import console_sink
from ..errors import InputError
from ..progress import Progress
from ..whole_folder import MANIFEST, check_output_folder, whole_folder
from .airway import LANGUAGE_HELP, add_source_argument, of_its_study
from .coronary import EXCEPTIONS, ISCHAEMIA, Output, add_statements, say_done

if TYPE_CHECKING:
    from CardiacCTALib.reader_change import ReaderChange
    from CardiacCTALib.result import CoronaryResult
    from CardiacCTALib.vessel_result import VesselResult

    from ..tubes.line_edit import LinePoint

WRITTEN = (REPORT_PDF, REPORT_HTML, FILM_PDF, PICTURES, *DICOM_FILES)
"""What is written anew; all else of the result stays as it is."""
NONE = "none"
"""Takes a statement back."""


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("regrade", help=summary, description=summary.capitalize() + ".")
    parser.add_argument("result", type=Path, help="folder of a coronary result")
    parser.add_argument("--ct", type=Path, required=True, metavar="CT", help="the scan that it was made on: folder or image file")
    add_source_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results; may be the result's own")
    add_statements(parser, (NONE,))
    parser.add_argument(
        "--stent", action="append", default=[], metavar="SEGMENT",
        help="segment known to hold a stent (pLAD), as you state: modifier S; may be repeated; none takes it back",
    )  # fmt: skip
    parser.add_argument("--calcium-calibration", type=float, metavar="MG_PER_CM3_HU", help=argparse.SUPPRESS)
    parser.add_argument(
        "--reader", default="", metavar="NAME", help="who states --ischaemia, --exception or --stent; kept with the change"
    )
    parser.add_argument("--remark", default="", metavar="TEXT", help="why; kept with the change")
    parser.add_argument("--language", default="en", choices=("en", "zh"), help=LANGUAGE_HELP)
    parser.add_argument("--page", default="A4", choices=("A4", "Letter"), help="page size of the report")
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Read, apply the changes, write."""
    from CardiacCTALib.reader_changes import changed, load_changes, save_changes
    from CardiacCTALib.remeasured import keep_remeasured, kept_in
    from CardiacCTALib.result_io import load_result
    from CardiacCTALib.vessel_editor import remeasure

    from ..dicomio.load import load_image
    from .coronary_outputs import write_dicom_files, write_report_files

    if arguments.calcium_calibration is not None:
        raise InputError(
            "A calibration factor cannot be stated of a finished result: the calcium series has to be measured again. "
            "Run coronary with --calcium-series and --calcium-calibration."
        )
    check_output_folder(arguments.out, [arguments.ct], keeps_signed=arguments.out.resolve() == arguments.result.resolve())
    progress = Progress(console_sink(arguments.json, arguments.language))
    with progress.step("Reading the images"):
        first = load_result(arguments.result)
        # Whether it can be analysed was judged when it was: here only the place matters.
        loaded = of_its_study(load_image(arguments.ct, require_chest=False, body="heart"), arguments.dicom_files)
        if not loaded.volume.grid.same_as(first.heart.grid):
            raise InputError("This scan is not the one that the result was made on; name that one.")
        check_same_series(arguments.result, loaded.study)
    measured_now: list[tuple[VesselResult, VesselResult]] = []

    def measure(vessel: VesselResult, line: tuple[LinePoint, ...]) -> VesselResult:
        """Measure a vessel along its moved line, and remember it to be kept."""
        if first.scan is None:
            raise InputError("The sharpness of the scan is not known, so that no vessel can be measured.")
        found = remeasure(vessel, line, loaded.volume, first.scan, progress)
        measured_now.append((vessel, found))
        return found

    kept = kept_in(arguments.result, measure)
    result = changed(first, load_changes(arguments.result), kept)
    stated = statements(result, arguments)
    if stated:
        result = changed(first, (*result.changes, *stated), kept, earlier=result)
    output = Output(arguments.out, True, arguments.language, arguments.page, arguments.json)
    with whole_folder(arguments.out, keeps_signed=True) as scratch:
        _copy(arguments.result, scratch)
        _keep_calcium_picture(arguments.result, scratch)
        write_study(loaded.study, scratch)
        for vessel, found in measured_now:
            keep_remeasured(vessel, found, scratch)
        if stated:
            save_changes(result.changes, scratch)
        result, notes = write_report_files(result, loaded, scratch, output, progress)
        notes = [*notes, *write_dicom_files(result, loaded, scratch, progress, output.language)]
    return say_done(result, output, tuple(notes))


def statements(shown: CoronaryResult, arguments: argparse.Namespace) -> tuple[ReaderChange, ...]:
    """Return what the reader states on the command line, as changes.

    Raises
    ------
    InputError
        When nobody signed, it is stated already, or findings are stated and taken back at once.
    """
    from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
    from CardiacCTALib.reader_statements import exceptions_change, ischaemia_change, stents_change

    words = set(arguments.exception)
    found: list[ReaderChange] = []
    if NONE in words and len(words) > 1:
        raise InputError("Give --exception none alone: it takes all earlier statements back.")
    stents = set(arguments.stent)
    if NONE in stents and len(stents) > 1:
        raise InputError("Give --stent none alone: it takes all earlier statements back.")
    if arguments.ischaemia is not None:
        test = None if arguments.ischaemia == NONE else Ischaemia(ISCHAEMIA[arguments.ischaemia])
        found.append(ischaemia_change(shown, test, arguments.reader, arguments.remark))
    if words:
        findings = [NotAtherosclerotic(EXCEPTIONS[one]) for one in words - {NONE}]
        found.append(exceptions_change(shown, findings, arguments.reader, arguments.remark))
    if stents:
        found.append(stents_change(shown, stents - {NONE}, arguments.reader, arguments.remark))
    return tuple(found)


def _keep_calcium_picture(folder: Path, scratch: Path) -> None:
    """Copy the picture of the calcium score: its series is not read again, and no change of a reader touches it."""
    from CardiacCTALib.pictures import CALCIUM_PICTURE

    if (folder / CALCIUM_PICTURE).is_file():
        (scratch / CALCIUM_PICTURE).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / CALCIUM_PICTURE, scratch / CALCIUM_PICTURE)


def _copy(folder: Path, scratch: Path) -> None:
    """Copy what is not written anew."""
    for path in sorted(folder.iterdir()):
        if path.name in WRITTEN or path.name == MANIFEST:
            continue
        if path.is_dir():
            shutil.copytree(path, scratch / path.name)
        else:
            shutil.copyfile(path, scratch / path.name)
