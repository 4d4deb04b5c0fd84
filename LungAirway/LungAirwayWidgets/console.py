"""Planning on nodes of the scene and showing results, for Slicer's console: without the panel, which follows when it is open."""

from typing import Any

import slicer

from . import jobs
from .case import case_of, next_folder
from .ct_export import ct_of, own_grid, point_of_target, segment_on
from .session import Session


def plan(volume_node: Any, target: Any = None, airway: Any = None, **options: Any) -> Any:
    """Plan and return the result.

    Parameters
    ----------
    volume_node
        The CT; None to plan on ``airway`` alone.
    target
        A markups node, (r, a, s) in mm as Slicer shows it, or (segmentation node, segment id); None for the tree alone.
    airway
        An airway segmentation as (segmentation node, segment id); None to find the airway in the CT.
    options
        Of :class:`LungAirwayLib.pipeline.AirwayOptions`.
    """
    from LungAirwayLib import pipeline  # needs packages that Slicer lacks

    volume = ct_of(volume_node) if volume_node is not None else None
    grid = volume.grid if volume is not None else None
    if airway is not None:
        node, segment = airway
        here = point_of_target(target)
        options["airway_mask"] = segment_on(grid, node, segment) if grid is not None else own_grid(node, segment, here)
        grid = options["airway_mask"].grid
    options.update(_target(target, grid))
    return pipeline.run(volume, pipeline.AirwayOptions(**options))


def _target(target: Any, grid: Any) -> dict[str, Any]:
    point = point_of_target(target)
    if point is not None:
        return {"target_lps_mm": point}
    if target is None or hasattr(target, "GetNthControlPointPositionWorld"):
        return {}
    return {"target_mask": segment_on(grid, *target)}


def start(volume_node: Any, on_finished: Any, target: Any, on_progress: Any, root: Any, choices: Any) -> Any:
    """Plan in a child process, into a new folder below ``root``, with the choices of :func:`.jobs.choices`; returns the job."""
    case = case_of(volume_node)
    if target is not None:
        case.target = target
    return jobs.run_job(case, next_folder(case, root), jobs.choices(*choices)).start(on_progress, None, on_finished)


def show(volume_node: Any, folder: Any, wait: Any) -> Any:
    """Show a result folder as the result of a CT; returns the result, or, when that comes beside the window, None."""
    panel = getattr(slicer.modules, "LungAirwayWidget", None)
    session = panel.session if panel is not None else Session()
    at_once = wait or panel is None
    if session.case is None or session.case.volume is not volume_node:
        session.open(volume_node, at_once)
    session.take_result(folder, at_once)
    return session.result
