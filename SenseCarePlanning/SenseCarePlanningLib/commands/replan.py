"""``replan``: an earlier result folder with another target, an edited tree or a painted airway; or with its report written."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import console_sink
from ..errors import InputError
from ..progress import Progress
from ..whole_folder import check_output_folder
from .airway import (
    Output,
    add_output_arguments,
    add_plan_arguments,
    add_source_argument,
    of_its_study,
    plan_options,
    write_result,
)

if TYPE_CHECKING:
    from LungAirwayLib.result import AirwayResult

    from ..dicomio.load import LoadedImage
    from ..volume import Volume


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("replan", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("result", type=Path, help="folder of an earlier result")
    parser.add_argument("--ct", type=Path, metavar="INPUT", help="the CT that the result was made of")
    parser.add_argument("--series", help="series number, UID or end of the UID, when the CT's folder holds several")
    add_source_argument(parser)
    parser.add_argument("--tree", type=Path, metavar="FILE", help="the edited tree (tree.json)")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="the corrected airway mask, on the CT's grid")
    parser.add_argument("--keep-plan", action="store_true", help="change nothing; only write pictures, report, scene and video")
    parser.add_argument(
        "--video-of", type=int, metavar="ROUTE", help="write the fly-through video of one route, and nothing else"
    )
    add_plan_arguments(parser)
    add_output_arguments(parser)
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Read the result, plan again, write."""
    from LungAirwayLib.pipeline import choice_problems
    from LungAirwayLib.result_io import load_result

    if arguments.tree is not None and arguments.mask is not None:
        raise InputError("Give an edited tree or a painted airway, not both.")
    check_output_folder(arguments.out, [arguments.ct])
    problems = choice_problems(plan_options(arguments, None, None))
    if problems:
        raise InputError("The plan cannot be made as asked.", problems)
    progress = Progress(console_sink(arguments.json, arguments.language))
    if arguments.video_of is not None:
        return _film(arguments, progress)
    with progress.step("Reading the images"):
        result = load_result(arguments.result)
        loaded = _ct(arguments, result)
    if not arguments.keep_plan:
        result = _planned(arguments, result, loaded.volume if loaded is not None else None, progress)
    return write_result(result, loaded, Output.of(arguments), progress)


def _film(arguments: argparse.Namespace, progress: Progress) -> int:
    """Write the video of one route of the result."""
    from LungAirwayLib.camera_io import load_camera_paths
    from LungAirwayLib.flythrough import render_flythrough
    from LungAirwayLib.result_io import load_result

    from ..case_folder import VIDEO
    from ..render.offscreen import rendering_available
    from ..whole_folder import whole_folder
    from .airway import tell_results

    with progress.step("Reading the images"):
        result, paths = load_result(arguments.result), load_camera_paths(arguments.result)
    if arguments.video_of not in paths:
        known = ", ".join(str(rank) for rank in sorted(paths)) or "none"
        raise InputError(f"The result has no way for the camera on route {arguments.video_of}; it has: {known}.")
    reason = rendering_available()
    if reason:
        raise InputError(reason)
    with whole_folder(arguments.out) as scratch, progress.step("Fly-through video"):
        render_flythrough(result, paths[arguments.video_of], scratch / VIDEO, language=arguments.language, progress=progress)
    tell_results(Output.of(arguments))
    return 0


def _ct(arguments: argparse.Namespace, result: AirwayResult) -> LoadedImage | None:
    from ..case_folder import check_same_series
    from ..dicomio.load import load_image

    if arguments.ct is None:
        return None
    loaded = load_image(arguments.ct, series=arguments.series)
    if not loaded.volume.grid.same_as(result.airway.grid, tolerance_mm=0.01):
        raise InputError(
            "The CT is not the one that the result was made of: its size or place differs. Choose that CT, or run anew."
        )
    found = of_its_study(loaded, arguments.dicom_files)
    check_same_series(arguments.result, found.study)
    return found


def _planned(arguments: argparse.Namespace, result: AirwayResult, volume: Volume | None, progress: Progress) -> AirwayResult:
    from LungAirwayLib.cut_mask import without_cut_branches
    from LungAirwayLib.given_mask import one_piece, top_of_trachea
    from LungAirwayLib.grave_warnings import gravest_first
    from LungAirwayLib.pipeline import check_options, replan, retarget
    from LungAirwayLib.windpipe import check_given_airway

    from ..dicomio.files import read_label_map
    from ..tubes.build import build_tree
    from ..tubes.io import load_tree

    target_mask = read_label_map(arguments.target_mask) if arguments.target_mask is not None else None
    options = plan_options(arguments, None, target_mask)
    if arguments.tree is None and arguments.mask is None:
        return retarget(result, volume, options, progress)
    check_options(volume, options if volume is not None else replace(options, airway_mask=result.airway))
    if arguments.tree is not None:
        tree = load_tree(arguments.tree)
        airway = without_cut_branches(result.airway, result.tree, tree)
        return replan(replace(result, airway=airway), tree, volume, options, progress)
    painted = read_label_map(arguments.mask)
    if not painted.grid.same_as(result.airway.grid, tolerance_mm=0.01):
        raise InputError("The painted airway does not lie on the CT's grid; resample it to the CT first.")
    airway, notes = one_piece(painted)
    with progress.step("Airway tree"):
        tree = build_tree(airway, root_lps_mm=top_of_trachea(airway))
        notes = (*check_given_airway(tree, airway), *notes)
    planned = replan(replace(result, airway=airway), tree, volume, options, progress)
    return replace(planned, warnings=gravest_first((*notes, *planned.warnings)))
