"""Everything one run of the airway pipeline found, in one frozen object that a folder holds without loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.run_info import EngineInfo, RunInfo
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .plan import Plan

__all__ = ["AirwayResult", "EngineInfo", "RunInfo"]


@dataclass(frozen=True, eq=False)
class AirwayResult:
    """The result of :func:`LungAirwayLib.pipeline.run`.

    Parameters
    ----------
    airway, lungs, lobes
        Label maps on the input grid (values in ``constants``); ``lungs`` and ``lobes`` are None when planned on a mask alone.
    vessels
        Arteries and veins as one mask; None without a CT.
    surface
        The lumen's surface.
    branch_measurements
        branch id -> Measurements of that branch (inner_diameter, minimum_diameter, wall_thickness, length, angle, ...).
    quality
        Measurements of the CT and of the tree's completeness (slice_spacing, noise, branch_count, lobes_supplied, ...).
    warnings
        Sentences for the reader, most important first.
    not_measured
        What was not measured, each with its reason, as sentences.
    """

    airway: LabelMap
    lungs: LabelMap | None
    lobes: LabelMap | None
    vessels: LabelMap | None
    tree: Tree
    surface: Surface
    branch_measurements: dict[int, tuple[Measurement, ...]]
    plan: Plan | None
    quality: dict[str, Measurement]
    engine: EngineInfo
    run: RunInfo
    warnings: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = field(default=())
