"""Planning on nodes of the scene at once, for Slicer's console: no panel, no child process."""

from typing import Any

from .ct_export import ct_of, own_grid, point_of_target, segment_on


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
