"""Which target the routes were planned for, kept with the scene: so that another one is told, and Undo knows the one before."""

import json
from typing import Any

import numpy as np

from LungAirwayLib.plan import Target

from .ct_export import point_of

MOVED_MM = 1.0
"""A target that lies farther from the planned one is another."""


def target_input(case: Any, result_lps: Any) -> dict[str, Any]:
    """Return what is given as the target now; empty without one.

    Parameters
    ----------
    result_lps
        Takes points (N, 3) of the scene (RAS mm) to the result's space (LPS mm).
    """
    node, segment = case.targetSegmentation, case.targetSegment
    if node is not None and segment:
        centre = node.GetSegmentCenterRAS(segment) if node.GetSegmentation().GetSegment(segment) is not None else None
        place = result_lps(np.array([centre]))[0].tolist() if centre is not None else None
        return {"segment": [node.GetName(), segment], "at": place}
    point = point_of(case.target)
    if point is None:
        return {}
    x, y, z = point
    return {"point": True, "at": result_lps(np.array([[-x, -y, z]]))[0].tolist()}


def is_another(planned: dict[str, Any], given: dict[str, Any]) -> bool:
    """Tell whether the given target is not the planned one: another segment or node, or farther than ``MOVED_MM`` from it."""
    if planned.get("segment") != given.get("segment") or planned.get("point") != given.get("point"):
        return True
    if planned["at"] is None or given["at"] is None:
        return bool(planned["at"] != given["at"])
    return bool(np.linalg.norm(np.subtract(planned["at"], given["at"])) > MOVED_MM)


def misses(target: Target, given: dict[str, Any]) -> bool:
    """Tell whether a place is not that of a planned target: for a result that came without what it was planned with."""
    if given["at"] is None:
        return False
    off = float(np.linalg.norm(np.subtract(target.centre_lps_mm, given["at"])))
    return off > MOVED_MM + (target.radius_mm if target.source == "click" else 0.0)


def keep(case: Any, folder: str, given: dict[str, Any], kept: list[str]) -> None:
    """Remember the target of a result; those of results that are not in ``kept`` are forgotten."""
    known = {**_read(case), folder: given}
    case.plannedTargets = [json.dumps([one, known[one]]) for one in known if one in kept or one == folder]


def planned_target(case: Any) -> dict[str, Any] | None:
    """Return the target that the case's result was planned for; None when it came without it."""
    return _read(case).get(case.folder)


def _read(case: Any) -> dict[str, dict[str, Any]]:
    return dict(json.loads(text) for text in case.plannedTargets)
