"""``airway``: from a chest CT, or an airway mask, to a folder with tree, plan, report, scene and video."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..console import JsonLines, console_language, console_sink, in_cells, tell
from ..errors import InputError
from ..geometry import lps_from_ras
from ..progress import Progress
from ..report.words import Words, label_of
from ..whole_folder import check_output_folder, whole_folder

if TYPE_CHECKING:
    from LungAirwayLib.pipeline import AirwayOptions
    from LungAirwayLib.result import AirwayResult
    from LungAirwayLib.segment import EngineName

    from ..dicomio.load import LoadedImage
    from ..volume import LabelMap

LANGUAGE_HELP = "language of the report and of what is said here; JSON lines stay English (default en)"
KINDS = {
    "report.pdf": label_of("report"),
    "report.html": label_of("report"),
    "scene.mrb": label_of("scene"),
    "flythrough.mp4": label_of("video"),
    "plan.json": label_of("plan"),
}
"""File of a plan -> what the console calls it."""
KIND_CELLS = 7
ENGINES = ("auto", "classical", "bundle", "totalsegmentator")


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("airway", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("input", nargs="?", type=Path, help="DICOM folder or file, NIfTI, NRRD or MHA of a chest CT")
    parser.add_argument("--mask", type=Path, help="existing airway mask; without INPUT the plan is made on it alone")
    parser.add_argument("--series", help="series number, UID or end of the UID, when the folder holds several")
    add_source_argument(parser)
    add_plan_arguments(parser)
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="airway segmentation (default: the best present)")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="MONAI bundle for the bundle engine")
    add_output_arguments(parser)
    parser.set_defaults(start=start)


def add_source_argument(parser: argparse.ArgumentParser) -> None:
    """Add whose CT an image file is."""
    parser.add_argument(
        "--dicom-files",
        type=Path,
        metavar="FILE",
        help="JSON list of the DICOM files that an image file was made from: whose study report and segmentation belong to",
    )


def of_its_study(loaded: LoadedImage, dicom_files: Path | None) -> LoadedImage:
    """Give an image file the study that its list of DICOM files names; what is DICOM itself keeps its own."""
    from ..dicomio.source import read_file_list, with_source

    if dicom_files is None or loaded.is_dicom:
        return loaded
    return with_source(loaded, read_file_list(dicom_files))


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a plan is made for: target, bronchoscopes, number of routes, the operator's picture."""
    parser.add_argument("--target", type=point, metavar="L,P,S", help="the lesion's centre, LPS mm")
    parser.add_argument("--target-ras", type=point, metavar="R,A,S", help="the same in RAS mm, as Slicer shows it")
    parser.add_argument("--target-mask", type=Path, metavar="FILE", help="the lesion as a mask")
    parser.add_argument(
        "--scope", action="append", default=[], metavar="ID", help="bronchoscope to compare; may be repeated (default: all)"
    )
    parser.add_argument("--scope-file", type=Path, metavar="FILE", help="a scope library of your own (JSON)")
    parser.add_argument("--routes", type=int, default=3, metavar="N", help="how many exit branches to compare (default 3)")
    parser.add_argument(
        "--orientation",
        default="anterior_12",
        choices=("anterior_12", "posterior_12"),
        help="what lies at 12 o'clock in the trachea",
    )


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every planning command shares: where to write, in which language, how to show progress."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the results; must be new, empty or an earlier result"
    )
    parser.add_argument("--no-video", action="store_true", help="leave the fly-through video out")
    parser.add_argument("--plan-only", action="store_true", help="write masks, tree and plan; no pictures, report or scene")
    parser.add_argument("--language", default="en", choices=("en", "zh"), help=LANGUAGE_HELP)
    parser.add_argument("--page", default="A4", choices=("A4", "Letter"), help="page size of the report")
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")


def point(text: str) -> tuple[float, float, float]:
    """Read ``L,P,S`` as three finite numbers.

    Raises
    ------
    argparse.ArgumentTypeError
        When the text is anything else.
    """
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    try:
        x, y, z = (float(part) for part in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers like -55,20,-110") from None
    if not np.isfinite([x, y, z]).all():
        raise argparse.ArgumentTypeError(f"{text!r} is not three finite numbers")
    return (x, y, z)


def start(arguments: argparse.Namespace) -> int:
    """Read, plan, write."""
    from LungAirwayLib.pipeline import check_options, choice_problems

    if arguments.input is None and arguments.mask is None:
        raise InputError("Give a chest CT (a DICOM folder or an image file), or an airway mask with --mask.")
    if arguments.target is not None and arguments.target_ras is not None:
        raise InputError("Give the target once: with --target (LPS) or with --target-ras (RAS).")
    if arguments.bundle is not None and arguments.engine not in ("auto", "bundle"):
        raise InputError(f"--bundle goes with --engine bundle, not with --engine {arguments.engine}.")
    check_output_folder(arguments.out, (arguments.input, arguments.mask, arguments.target_mask))
    # What can be refused without the images is refused before minutes are spent on reading them.
    problems = choice_problems(_options(arguments, None, None))
    if problems:
        raise InputError("The plan cannot be made as asked.", problems)
    progress = Progress(console_sink(arguments.json, arguments.language))
    with progress.step("Reading the images"):
        loaded, airway_mask, target_mask = _read(arguments)
    options = _options(arguments, airway_mask, target_mask)
    check_options(loaded.volume if loaded is not None else None, options)
    return plan_and_write(loaded, options, Output.of(arguments), progress)


def _options(arguments: argparse.Namespace, airway_mask: LabelMap | None, target_mask: LabelMap | None) -> AirwayOptions:
    """Collect the user's choices; the masks are None before they are read."""
    engine: EngineName = "bundle" if arguments.bundle is not None else arguments.engine
    return replace(plan_options(arguments, airway_mask, target_mask), engine=engine, bundle=arguments.bundle)


def plan_options(arguments: argparse.Namespace, airway_mask: LabelMap | None, target_mask: LabelMap | None) -> AirwayOptions:
    """Collect what :func:`add_plan_arguments` added."""
    from LungAirwayLib.pipeline import AirwayOptions

    target = arguments.target
    if arguments.target_ras is not None:
        target = tuple(lps_from_ras(arguments.target_ras).tolist())
    return AirwayOptions(
        airway_mask=airway_mask,
        target_lps_mm=target,
        target_mask=target_mask,
        scope_ids=tuple(arguments.scope),
        scope_file=arguments.scope_file,
        route_count=arguments.routes,
        orientation=arguments.orientation,
    )


def _read(arguments: argparse.Namespace) -> tuple[LoadedImage | None, LabelMap | None, LabelMap | None]:
    """Read every input; a mask on another grid is a problem that :func:`check_options` names."""
    from ..dicomio.files import read_label_map
    from ..dicomio.load import load_image

    airway = read_label_map(arguments.mask) if arguments.mask is not None else None
    target = read_label_map(arguments.target_mask) if arguments.target_mask is not None else None
    if arguments.input is None:
        return None, airway, target
    return of_its_study(load_image(arguments.input, series=arguments.series), arguments.dicom_files), airway, target


@dataclass(frozen=True)
class Output:
    """Where and how the results are written."""

    folder: Path
    video: bool
    language: str
    page: str
    as_json: bool
    plan_only: bool = False

    @staticmethod
    def of(arguments: argparse.Namespace) -> Output:
        """Return the output part of the command's arguments."""
        video = not arguments.no_video
        return Output(arguments.out, video, arguments.language, arguments.page, arguments.json, arguments.plan_only)


def plan_and_write(loaded: LoadedImage | None, options: Any, output: Output, progress: Progress) -> int:
    """Run the pipeline and write every form of its result; the folder appears when all of it is there."""
    from LungAirwayLib.grave_warnings import gravest_first
    from LungAirwayLib.pipeline import run

    volume = loaded.volume if loaded is not None else None
    result = run(volume, options, progress)
    if loaded is not None:
        result = replace(result, warnings=gravest_first((*loaded.warnings, *result.warnings)))
    return write_result(result, loaded, output, progress)


def write_result(result: AirwayResult, loaded: LoadedImage | None, output: Output, progress: Progress) -> int:
    """Write every form of a result that was asked for, and say what there is."""
    from .airway_outputs import write_outputs

    with whole_folder(output.folder) as scratch:
        notes = write_outputs(result, loaded, scratch, output, progress)
    of_target = result.plan.target.notes if result.plan is not None else ()
    words = console_words(output)
    for note in words.sentences((*result.warnings, *of_target, *notes)):
        tell(note, output.as_json, words.language)
    tell_results(output)
    return 0


def console_words(output: Output) -> Words:
    """Return how things of the lungs are said on the console."""
    from LungAirwayLib.report_pages.words import Words as LungWords

    return LungWords.of(console_language(output.language, output.as_json))


def tell_results(output: Output) -> None:
    """Say what lies in the finished folder."""
    if output.as_json:
        files = sorted(file.name for file in output.folder.iterdir() if file.is_file())
        JsonLines(sys.stdout).write({"event": "done", "exit_code": 0, "folder": str(output.folder), "files": files})
    else:
        list_results(output.folder, KINDS, console_words(output))


def list_results(folder: Path, kinds: Mapping[str, str], words: Words) -> None:
    """Print those files of a finished folder that a user opens, each with what it is."""
    print("\n" + words.say("Results in {folder}", folder=folder))
    for name, kind in kinds.items():
        if (folder / name).is_file():
            print(f"  {in_cells(words.say(kind), KIND_CELLS)} {folder / name}")
