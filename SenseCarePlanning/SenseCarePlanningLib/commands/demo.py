"""``demo``: a digital patient, made on this machine, planned from its DICOM series to the printed report."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from ..console import console_sink
from ..progress import Progress
from ..whole_folder import check_output_folder
from .airway import Output, add_output_arguments, plan_and_write


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("demo", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    add_output_arguments(parser)
    for action in parser._actions:
        if action.dest == "out":
            action.required, action.default = False, Path("demo")
            action.help = "folder for the results (default: demo)"
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Make the patient as DICOM, read it back as any CT, plan on its nodule."""
    from LungAirwayLib.pipeline import AirwayOptions

    from ..dicomio.load import load_image
    from ..phantom.thorax import default_scanner, demo_options, make_thorax, scan
    from ..phantom.write import write_phantom

    check_output_folder(arguments.out)
    progress = Progress(console_sink(arguments.json, arguments.language))
    with tempfile.TemporaryDirectory() as scratch:
        with progress.step("Digital patient"):
            thorax = make_thorax(demo_options())
            simulated = scan(thorax, default_scanner(demo_options()))
            folder = write_phantom(simulated, Path(scratch) / "patient", thorax=thorax)
        with progress.step("Reading the images"):
            loaded = load_image(folder / "dicom")
        centre = tuple(float(value) for value in thorax.nodules[0].centre_lps_mm)
        options = AirwayOptions(target_lps_mm=(centre[0], centre[1], centre[2]))
        return plan_and_write(loaded, options, Output.of(arguments), progress)
