"""``phantom coronary``: a digital heart as DICOM series with its exact truth."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import JsonLines, console_sink
from ..errors import InputError
from ..progress import Progress
from ..whole_folder import check_output_folder

if TYPE_CHECKING:
    from ..phantom.coronary import CoronaryOptions
    from ..phantom.scanner import Scanner

KERNELS = ("soft", "standard", "sharp")


def add_coronary_parser(kinds: Any) -> None:
    """Add the digital hearts."""
    parser = kinds.add_parser(
        "coronary", help="a heart with coronary arteries, stenoses and plaques: a CCTA and a calcium score CT"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same patient (default 0)")
    parser.add_argument(
        "--stenosis",
        action="append",
        default=[],
        metavar="SEGMENT:PERCENT:KIND",
        help="e.g. 7:50:soft, pLAD:70:calcified+eccentric+arc120+hu1000 or 2:60:napkin+ri1.2+len12; may be repeated. KIND joins "
        "soft, lipid, fibrous, calcified, mixed, napkin, spotty or stent with eccentric, tandem, ostial, bifurcation and the "
        "numbers lenMM, riINDEX, arcDEG, huHU (calcium), softHU (plaque)",
    )
    parser.add_argument("--dominance", choices=("right", "left", "balanced"), help="drawn from the seed by default")
    parser.add_argument(
        "--ramus", action=argparse.BooleanOptionalAction, default=None, help="a ramus intermedius; drawn by default"
    )
    parser.add_argument(
        "--absent", action="append", default=[], metavar="BRANCH", help="D1, D2, OM1, OM2, AM or S1; may be repeated"
    )
    parser.add_argument(
        "--graft", action="append", default=[], choices=("LAD",), help="a bypass graft from the aorta to this artery"
    )
    parser.add_argument(
        "--hard", action="store_true", help="weak contrast, high noise, bright veins beside arteries, a step, a pacemaker lead"
    )
    parser.add_argument(
        "--step", type=float, metavar="MM", help="how far the heart jumps between two slabs (default 0; hard 1.6)"
    )
    parser.add_argument("--contrast-hu", type=float, metavar="HU", help="aorta at 120 kV (default 430; hard 270)")
    parser.add_argument("--pixels", type=int, default=512, metavar="N", help="rows and columns of the 200 mm field (default 512)")
    parser.add_argument("--slice", type=float, default=0.45, metavar="MM", dest="slice_mm", help="between slices (default 0.45)")
    parser.add_argument(
        "--psf", type=float, default=0.7, metavar="MM", help="point spread, full width at half maximum (default 0.7)"
    )
    parser.add_argument(
        "--noise-hu", type=float, default=22.0, metavar="HU", help="noise in soft tissue (default 22; hard doubles it)"
    )
    parser.add_argument("--kvp", type=float, default=120.0, metavar="KV", help="tube voltage, 70 to 140 (default 120)")
    parser.add_argument("--kernel", default="standard", choices=KERNELS)
    parser.add_argument("--no-calcium-series", action="store_true", help="without the non-contrast series for the calcium score")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for dicom/, calcium/ and truth/; new, empty or an earlier patient",
    )
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Make the patient, scan it, write it."""
    from ..phantom.coronary import make_coronary_patient
    from ..phantom.coronary_scan import scan_calcium, scan_coronary
    from ..phantom.coronary_write import write_coronary_patient

    check_output_folder(arguments.out)
    progress = Progress(console_sink(arguments.json))
    try:
        options, scanner = _asked_for(arguments)
        with progress.step("Anatomy"):
            patient = make_coronary_patient(options)
    except ValueError as error:
        raise InputError(f"The digital patient cannot be made as asked: {error}.") from error
    with progress.step("Scan"):
        scan = scan_coronary(patient, scanner)
    calcium = None
    if not arguments.no_calcium_series:
        with progress.step("Calcium score scan"):
            calcium = scan_calcium(patient)
    with progress.step("DICOM series and truth"):
        folder = write_coronary_patient(patient, scan, arguments.out, scanner=scanner, calcium=calcium)
    if arguments.json:
        JsonLines(sys.stdout).write({"event": "done", "exit_code": 0, "folder": str(folder)})
    else:
        print(f"\nDigital patient in {folder}\n  scan    {folder / 'dicom'}\n  truth   {folder / 'truth'}")
    return 0


def _check_scan(arguments: argparse.Namespace) -> None:
    """Refuse settings of the scan in the words and units of the command line; all problems at once."""
    from ..phantom.coronary_scan import MOST_FWHM_MM

    ranges = (
        ("--pixels", arguments.pixels, 64, 1000, ""),
        ("--slice", arguments.slice_mm, 0.2, 10.0, " mm"),
        ("--psf", arguments.psf, 0.0, MOST_FWHM_MM, " mm, full width at half maximum"),
    )
    problems = [
        f"{name} must be {least:g} to {most:g}{unit}; got {value:g}"
        for name, value, least, most, unit in ranges
        if not least <= value <= most
    ]
    if problems:
        raise InputError("The digital patient cannot be made as asked.", problems)


def _asked_for(arguments: argparse.Namespace) -> tuple[CoronaryOptions, Scanner]:
    from ..phantom.coronary import CoronaryOptions
    from ..phantom.coronary_guides import Dominance
    from ..phantom.coronary_lesions import read_lesion
    from ..phantom.coronary_scan import coronary_scanner

    _check_scan(arguments)
    options = CoronaryOptions(
        seed=arguments.seed,
        stenoses=tuple(read_lesion(text) for text in arguments.stenosis),
        dominance=None if arguments.dominance is None else Dominance(arguments.dominance),
        ramus=arguments.ramus,
        absent=frozenset(arguments.absent),
        hard=arguments.hard,
        step_mm=arguments.step,
        contrast_hu=arguments.contrast_hu,
        grafts=tuple(dict.fromkeys(arguments.graft)),
    )
    scanner = coronary_scanner(arguments.pixels, arguments.slice_mm, arguments.noise_hu, arguments.psf)
    return options, replace(scanner, kernel=arguments.kernel, kvp=arguments.kvp)
