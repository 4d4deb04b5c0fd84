"""``coronary``: from a coronary CT angiogram to a folder with named arteries, stenoses, plaque, CAD-RADS and report."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..console import JsonLines, console_language, console_sink, tell
from ..errors import InputError
from ..progress import Progress
from ..report.words import label_of
from ..whole_folder import check_output_folder, whole_folder
from .airway import LANGUAGE_HELP, add_source_argument, list_results, of_its_study, point

if TYPE_CHECKING:
    from CardiacCTALib.pipeline import CoronaryOptions
    from CardiacCTALib.result import CoronaryResult
    from CardiacCTALib.segment import Clicks

    from ..dicomio.load import LoadedImage
    from ..volume import LabelMap, Volume

ISCHAEMIA = {"+": "I+", "-": "I-", "+-": "I±"}
"""Word of the command line -> modifier."""
EXCEPTIONS = {
    "dissection": "dissection",
    "anomalous-origin": "anomalous origin",
    "aneurysm": "aneurysm or pseudoaneurysm",
    "vasculitis": "vasculitis",
    "fistula": "fistula",
    "extrinsic-compression": "extrinsic compression",
    "arteriovenous-malformation": "arteriovenous malformation",
}
"""Word of the command line -> finding that is not atherosclerotic."""
KINDS = {
    "report.pdf": label_of("report"),
    "report.html": label_of("report"),
    "film.pdf": label_of("film"),
    "coronary.json": label_of("result"),
}
"""File of a result -> what the console calls it."""
ENGINES = ("auto", "classical", "bundle", "totalsegmentator")


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("coronary", help=summary, description=summary.capitalize() + ".")
    parser.add_argument("input", type=Path, help="DICOM folder or file, NIfTI, NRRD or MHA of a coronary CT angiogram")
    parser.add_argument("--series", help="series number, UID or end of the UID, when the folder holds several")
    add_source_argument(parser)
    parser.add_argument(
        "--calcium-series", type=Path, metavar="S", help="series without contrast, for the calcium score: folder or image file"
    )
    parser.add_argument(
        "--calcium-calibration", type=float, metavar="MG_PER_CM3_HU",
        help="hydroxyapatite in mg/cm3 per HU, from a phantom of this scanner and voltage: gives the calcium mass",
    )  # fmt: skip
    parser.add_argument(
        "--ostium", type=point, action="append", default=[], metavar="L,P,S",
        help="where an artery leaves the aorta, LPS mm; the tips after it belong to it; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--tip", type=point, action=_Tip, default=[], metavar="L,P,S", help="where a branch ends, LPS mm; may be repeated"
    )
    parser.add_argument(
        "--artery-mask", "--mask", dest="mask", type=Path, metavar="FILE",
        help="existing mask of the lumen of the coronary arteries, on the CT's grid",
    )  # fmt: skip
    parser.add_argument(
        "--heart-mask", type=Path, metavar="FILE",
        help="existing labels of chambers and aorta, numbered as a result's heart.nii.gz, on the CT's grid; with --artery-mask",
    )  # fmt: skip
    parser.add_argument(
        "--stent", action="append", default=[], metavar="SEGMENT", help="segment known to hold a stent (pLAD); may be repeated"
    )
    add_statements(parser)
    parser.add_argument(
        "--engine",
        default="auto",
        choices=ENGINES,
        help="how the arteries are found; bundle asks a network, too (default auto: classical)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the results; must be new, empty or an earlier result"
    )
    parser.add_argument("--no-report", action="store_true", help="write the result only; no pictures, report or DICOM files")
    parser.add_argument("--language", default="en", choices=("en", "zh"), help=LANGUAGE_HELP)
    parser.add_argument("--page", default="A4", choices=("A4", "Letter"), help="page size of the report")
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    parser.set_defaults(start=start)


def add_statements(parser: Any, none: tuple[str, ...] = ()) -> None:
    """Add what a reader may state of the patient; ``none`` is the word that takes it back, where that is possible."""
    parser.add_argument(
        "--ischaemia", choices=(*ISCHAEMIA, *none), help="what CT-FFR or stress perfusion showed, as you state: modifier I"
    )
    parser.add_argument(
        "--exception", action="append", default=[], choices=(*EXCEPTIONS, *none),
        help="finding that is not atherosclerotic, as you state: modifier E; may be repeated",
    )  # fmt: skip


class _Tip(argparse.Action):
    """Keeps each tip with the number of the ostium that was given last before it."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None) -> None:
        namespace.tip = [*namespace.tip, (len(namespace.ostium) - 1, values)]


@dataclass(frozen=True)
class Output:
    """Where and how the results are written."""

    folder: Path
    report: bool
    language: str
    page: str
    as_json: bool


def start(arguments: argparse.Namespace) -> int:
    """Read, analyse, write."""
    from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
    from CardiacCTALib.pipeline import CoronaryOptions, check_options

    from ..dicomio.files import read_label_map
    from ..dicomio.load import load_image

    clicks = clicks_of(arguments.ostium, arguments.tip)
    given = (arguments.input, arguments.calcium_series, arguments.mask, arguments.heart_mask)
    check_output_folder(arguments.out, given)
    progress = Progress(console_sink(arguments.json, arguments.language))
    with progress.step("Reading the images"):
        loaded = read_ccta(arguments.input, arguments.series, arguments.dicom_files)
        calcium = None if arguments.calcium_series is None else load_image(arguments.calcium_series, body="heart")
        mask = None if arguments.mask is None else read_label_map(arguments.mask)
        heart = None if arguments.heart_mask is None else read_heart(arguments.heart_mask)
    options = CoronaryOptions(
        engine=arguments.engine,
        clicks=clicks,
        calcium_series=None if calcium is None else calcium.volume,
        studies=None if calcium is None else (loaded.study, calcium.study),
        calcium_calibration=arguments.calcium_calibration,
        stents=frozenset(arguments.stent),
        ischaemia=None if arguments.ischaemia is None else Ischaemia(ISCHAEMIA[arguments.ischaemia]),
        exceptions=frozenset(NotAtherosclerotic(EXCEPTIONS[one]) for one in arguments.exception),
        coronary_mask=mask,
        heart=heart,
    )
    check_options(loaded.volume, options)
    output = Output(arguments.out, not arguments.no_report, arguments.language, arguments.page, arguments.json)
    return analyse_and_write(loaded, options, output, progress)


def clicks_of(ostia: list[tuple[float, float, float]], tips: list[tuple[int, tuple[float, float, float]]]) -> tuple[Clicks, ...]:
    """Return the marked arteries.

    Raises
    ------
    InputError
        When a tip comes before any ostium, or an ostium has no tip.
    """
    from CardiacCTALib.segment import Clicks

    problems = []
    if any(number < 0 for number, _ in tips):
        problems.append("give --ostium before the --tip that belong to it")
    for number in range(len(ostia)):
        if not any(of == number for of, _ in tips):
            problems.append(f"the ostium {ostia[number]} has no --tip")
    if problems:
        raise InputError("The marked arteries are incomplete.", problems)
    return tuple(Clicks(ostium, tuple(tip for of, tip in tips if of == number)) for number, ostium in enumerate(ostia))


def read_ccta(path: Path, series: str | None, dicom_files: Path | None) -> LoadedImage:
    """Read the contrast CT."""
    from ..dicomio.load import load_image

    return of_its_study(load_image(path, series=series, body="heart"), dicom_files)


def read_heart(path: Path) -> LabelMap:
    """Read labels of chambers and great vessels, numbered as in ``heart.nii.gz`` of a result.

    Raises
    ------
    InputError
        When the file cannot be read, holds other numbers, or no aorta.
    """
    from CardiacCTALib.structures import AORTA, HEART_NAMES

    from ..dicomio.files import read_label_map
    from ..volume import LabelMap

    found = read_label_map(path)
    values = {int(value) for value in np.unique(found.array_kji)} - {0}
    problems = []
    if unknown := sorted(values - set(HEART_NAMES)):
        problems.append(f"it holds the numbers {', '.join(map(str, unknown))}; known are 1 to {max(HEART_NAMES)}")
    if AORTA not in values:
        problems.append(f"it has no ascending aorta (number {AORTA}), at which the arteries begin")
    if problems:
        raise InputError(f"The labels of the heart in {path.name} cannot be used.", problems)
    return LabelMap(found.array_kji, found.affine_ijk_to_lps, HEART_NAMES)


def analyse_and_write(loaded: LoadedImage, options: CoronaryOptions, output: Output, progress: Progress) -> int:
    """Run the pipeline and write every form of its result; the folder appears when all of it is there."""
    from CardiacCTALib.pipeline import run

    result = run(loaded.volume, options, progress)
    told = replace(result, warnings=(*loaded.warnings, *result.warnings))
    return write_result(told, loaded, output, progress, options.calcium_series)


def write_result(
    result: CoronaryResult, loaded: LoadedImage, output: Output, progress: Progress, calcium: Volume | None = None
) -> int:
    """Write every form of a result that was asked for, and say what there is."""
    from .coronary_outputs import write_outputs

    with whole_folder(output.folder) as scratch:
        notes = write_outputs(result, loaded, scratch, output, progress, calcium)
    return say_done(result, output, tuple(notes))


def say_done(result: CoronaryResult, output: Output, notes: tuple[str, ...]) -> int:
    """Say what there is, and what is to be beware of; returns the exit code.

    Parameters
    ----------
    notes
        What could not be written, beside the warnings of the result.
    """
    from CardiacCTALib.report_pages.summary import said_warnings
    from CardiacCTALib.report_pages.words import Words

    words = Words.of(console_language(output.language, output.as_json))
    # A program gets each warning as the result has it; a reader gets those of one kind together, as the report has them.
    warnings = result.warnings if output.as_json else said_warnings(result, words)
    for note in (*warnings, *words.sentences(notes)):
        tell(note, output.as_json, words.language)
    if output.as_json:
        files = sorted(file.name for file in output.folder.iterdir() if file.is_file())
        JsonLines(sys.stdout).write(
            {"event": "done", "exit_code": 0, "folder": str(output.folder), "files": files, "cad_rads": result.grade.text}
        )
        return 0
    print(f"\n{result.grade.text}")
    list_results(output.folder, KINDS, words)
    return 0
