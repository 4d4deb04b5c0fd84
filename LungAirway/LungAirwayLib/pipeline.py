"""From a chest CT, or an airway mask, to a bronchoscopy plan: the data flow from top to bottom.

Every front end comes in through :func:`run`; an edited tree goes through :func:`replan`, another target through
:func:`retarget`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.run_info import run_info
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.leaks import flag_leaks
from SenseCarePlanningLib.tubes.radius import measure_sections, with_radii
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

from .airway_network import network_for
from .branch_evidence import flag_suspects, keep_airways, removal_note
from .engines import choose_engine
from .feasibility import assess
from .given_mask import airway_from_mask
from .grave_warnings import far_warnings, grave_warnings, gravest_first
from .instructions import instruct
from .labels import label_tree
from .lobes import segment_lobes_with_notes
from .measurements import completeness_warnings, measure_branches, quality
from .name_remarks import variant_sentences
from .names_by_hand import check_names, names_by_hand, with_names
from .narrowing import narrowing_warnings
from .nodule import measure_target
from .plan import Plan, Target
from .result import AirwayResult, RunInfo
from .route import plan_routes
from .scopes import load_scopes
from .segment import AirwaySegmentation, EngineName, SegmentOptions, segment_airway, without_pieces
from .suspects import suspect_warnings, without_names_on_suspects
from .windpipe import check_given_airway

ORIENTATIONS = ("anterior_12", "posterior_12")
MOST_ROUTES = 20
"""More exit branches than this are no plan; the report would not be read."""


@dataclass(frozen=True, eq=False)
class AirwayOptions:
    """What the user may choose; the defaults need nothing but a CT.

    Parameters
    ----------
    engine
        ``auto``, ``classical``, ``bundle`` or ``totalsegmentator``.
    bundle
        Folder of a MONAI bundle for the ``bundle`` engine.
    airway_mask
        An existing airway lumen mask; takes the place of the engine. Needed when there is no CT.
    target_lps_mm, target_mask
        The lesion as a point in LPS mm or as a mask; neither gives the tree alone, without a plan.
    scope_ids
        Bronchoscopes to compare; all of the library when empty.
    scope_file
        A scope library of the user's own.
    route_count
        How many exit branches to compare.
    orientation
        The operator's picture: ``anterior_12`` or ``posterior_12``.
    """

    engine: EngineName = "auto"
    bundle: Path | None = None
    airway_mask: LabelMap | None = None
    target_lps_mm: tuple[float, float, float] | None = None
    target_mask: LabelMap | None = None
    scope_ids: tuple[str, ...] = ()
    scope_file: Path | None = None
    route_count: int = 3
    orientation: str = "anterior_12"


def run(volume: Volume | None, options: AirwayOptions | None = None, progress: Progress | None = None) -> AirwayResult:
    """Plan a bronchoscopy.

    Parameters
    ----------
    volume
        The chest CT in HU; None to plan on ``options.airway_mask`` alone.
    options
        The user's choices.
    progress
        Hears the steps and may stop the run.

    Returns
    -------
    AirwayResult
        Everything found; ``plan`` is None without a target.

    Raises
    ------
    InputError
        When the options contradict the image: no image at all, a target outside it, an unknown scope or engine. Also
        when the chest stands on its head, or the airway mask is no airway.
    SenseCareError
        When no lungs or no trachea are found.
    Cancelled
        When the user stopped the run.
    """
    options = options or AirwayOptions()
    progress = progress or Progress()
    check_options(volume, options)
    found = _segment(volume, options, progress)
    with progress.step("Airway tree"):
        tree = build_tree(found.airway, root_lps_mm=found.root_lps_mm, probability=found.probability, bridges=found.bridges)
    if options.airway_mask is not None:
        found = replace(found, warnings=(*check_given_airway(tree, found.airway), *found.warnings))
    return analyse(volume, found, tree, options, progress, judge_branches=found.grown)


def replan(
    result: AirwayResult, tree: Tree, volume: Volume | None, options: AirwayOptions, progress: Progress | None = None
) -> AirwayResult:
    """Recompute everything downstream of an edited tree: names, lobes, numbers, target, routes.

    Parameters
    ----------
    result
        The result whose segmentation is kept.
    tree
        The edited tree.
    volume
        The CT that ``result`` was made of; None for a plan on a mask.
    options
        Target, scopes and orientation of the new plan.

    Raises
    ------
    InputError
        When a branch of the tree carries a name that is none of ours.
    """
    progress = progress or Progress()
    check_names(tree)
    return analyse(volume, _found(result, tree), tree, options, progress)


def retarget(
    result: AirwayResult, volume: Volume | None, options: AirwayOptions, progress: Progress | None = None
) -> AirwayResult:
    """Plan anew for another target, or none, on the tree as it is: seconds instead of a whole run.

    Parameters
    ----------
    result
        The result whose tree, lobes and numbers are kept.
    volume
        The CT that ``result`` was made of; None for a plan on a mask.
    options
        Target, scopes and orientation of the new plan.

    Raises
    ------
    InputError
        When the target or another choice contradicts the image.
    """
    progress = progress or Progress()
    check_options(volume, replace(options, airway_mask=result.airway) if volume is None else options)
    found = _found(result, result.tree)
    plan = None
    if options.target_lps_mm is not None or options.target_mask is not None:
        with progress.step("Target and routes"):
            plan = _plan(volume, found, result.tree, result.lobes, options)
    before = {*suspect_warnings(result.tree, result.plan), *far_warnings(result.plan)}
    kept = tuple(text for text in result.warnings if text not in before)
    return replace(
        result,
        plan=plan,
        run=_run_info(result.airway.grid, volume, options, progress),
        warnings=gravest_first((*far_warnings(plan), *suspect_warnings(result.tree, plan), *kept)),
        not_measured=_not_measured(volume, found, plan),
    )


def _found(result: AirwayResult, tree: Tree) -> AirwaySegmentation:
    return AirwaySegmentation(
        airway=result.airway,
        probability=None,
        lungs=result.lungs,
        vessels=result.vessels,
        engine=result.engine,
        root_lps_mm=tree.root.points_lps_mm[0],
    )


def analyse(
    volume: Volume | None,
    found: AirwaySegmentation,
    tree: Tree,
    options: AirwayOptions,
    progress: Progress,
    judge_branches: bool = False,
) -> AirwayResult:
    """Measure and name the tree, divide the lungs, plan: all that follows from a segmentation and its tree.

    With ``judge_branches`` what the CT does not show to be an airway is cut first (see :mod:`.branch_evidence`).
    """
    sections = None
    if volume is not None:
        with progress.step("Airway diameters"):
            sections = measure_sections(tree, volume, found.airway, progress=progress)
            tree = with_radii(tree, sections)
            if judge_branches:
                judged = keep_airways(tree, sections, volume, found.airway, found.lungs)
                tree, sections, found = judged.tree, judged.sections, without_pieces(found, judged)
    if volume is not None and sections is not None:
        tree = flag_suspects(tree, sections, volume, found.lungs)
    else:
        tree, _ = flag_leaks(tree)
    by_hand = names_by_hand(tree)
    with progress.step("Branch names and lobes"):
        tree = label_tree(tree, lungs=found.lungs)
        lobes: LabelMap | None = None
        lobe_notes: tuple[str, ...] = ()
        if found.lungs is not None:
            parted = segment_lobes_with_notes(volume, found.lungs, tree, found.vessels)
            lobes, lobe_notes = parted.lobes, parted.notes
            tree = label_tree(tree, lobes=lobes, lungs=found.lungs, lobe_confidence=parted.confidence)
        tree = with_names(without_names_on_suspects(tree), by_hand)
    with progress.step("Measurements"):
        numbers = measure_branches(tree, sections)
        grades = quality(volume, tree, found.lungs, lobes)
        if judge_branches:
            grades["false_airways_removed"] = removal_note(found.removed)
        surface = lumen_surface(found.airway, tree=tree)
    plan = None
    if options.target_lps_mm is not None or options.target_mask is not None:
        with progress.step("Target and routes"):
            plan = _plan(volume, found, tree, lobes, options)
    return AirwayResult(
        airway=found.airway,
        lungs=found.lungs,
        lobes=lobes,
        vessels=found.vessels,
        tree=tree,
        surface=surface,
        branch_measurements=numbers,
        plan=plan,
        quality=grades,
        engine=found.engine,
        run=_run_info(volume.grid if volume is not None else found.airway.grid, volume, options, progress),
        warnings=gravest_first(
            (
                *grave_warnings(tree, found.lungs, plan),
                *found.warnings,
                *suspect_warnings(tree, plan),
                *narrowing_warnings(tree),
                *variant_sentences(tree),
                *completeness_warnings(tree, lobes),
                *lobe_notes,
            )
        ),
        not_measured=_not_measured(volume, found, plan),
    )


def check_options(volume: Volume | None, options: AirwayOptions) -> None:
    """Refuse, before any work, options that contradict the image or each other; all problems at once.

    Raises
    ------
    InputError
        With one sentence a problem.
    """
    problems = choice_problems(options)
    if volume is None and options.airway_mask is None:
        problems.append("neither a CT nor an airway mask was given")
    if volume is not None and options.airway_mask is not None and not volume.grid.same_as(options.airway_mask.grid):
        problems.append("the airway mask does not lie on the CT's grid; resample it to the CT first")
    image = volume if volume is not None else options.airway_mask
    if image is not None and options.target_lps_mm is not None:
        problems.extend(_target_problems(image.grid, options.target_lps_mm))
    if image is not None and options.target_mask is not None and not image.grid.same_as(options.target_mask.grid):
        problems.append("the target mask does not lie on the image's grid; resample it to the image first")
    if problems:
        raise InputError("The plan cannot be made as asked.", problems)


def choice_problems(options: AirwayOptions) -> list[str]:
    """Return what is wrong with the options by themselves, one sentence each, without looking at any image."""
    problems = []
    if options.target_lps_mm is not None and options.target_mask is not None:
        problems.append("give the target as a point or as a mask, not both")
    if options.orientation not in ORIENTATIONS:
        problems.append(f"the orientation {options.orientation!r} is not one of {', '.join(ORIENTATIONS)}")
    if not 1 <= options.route_count <= MOST_ROUTES:
        problems.append(f"the number of routes must be at least 1 and at most {MOST_ROUTES}, not {options.route_count}")
    for check in (_check_scopes, _check_engine):
        try:
            check(options)
        except InputError as error:
            problems.extend([error.user_message, *error.problems])
    return problems


def _check_scopes(options: AirwayOptions) -> None:
    load_scopes(options.scope_file, options.scope_ids or None)


def _check_engine(options: AirwayOptions) -> None:
    wanted = SegmentOptions(engine=options.engine, bundle=options.bundle)
    if options.airway_mask is None and network_for(wanted) is None:
        choose_engine(wanted)


def _target_problems(grid: Grid, target_lps_mm: ArrayLike) -> list[str]:
    point = np.asarray(target_lps_mm, dtype=np.float64)
    if not np.isfinite(point).all():
        return [f"the target {point.tolist()} is not three numbers in mm"]
    index = grid.kji_from_lps(point)
    if (index >= -0.5).all() and (index <= np.array(grid.shape_kji) - 0.5).all():
        return []
    corners = grid.lps_from_ijk(np.stack(np.meshgrid(*[(0, size - 1) for size in grid.shape_kji[::-1]]), axis=-1).reshape(-1, 3))
    low, high = corners.min(axis=0), corners.max(axis=0)
    ranges = ", ".join(f"{axis} {a:.0f} to {b:.0f}" for axis, a, b in zip("LPS", low, high, strict=True))
    sentence = f"the target {tuple(point.tolist())} lies outside the image, which spans {ranges} mm (L, P, S)"
    return [f"{sentence}; Slicer shows R, A, S: change the first two signs, or use --target-ras"]


def _segment(volume: Volume | None, options: AirwayOptions, progress: Progress) -> AirwaySegmentation:
    """Run the engine, or take the user's mask with what the CT around it tells."""
    if options.airway_mask is None:
        assert volume is not None  # check_options has seen to it
        return segment_airway(volume, SegmentOptions(engine=options.engine, bundle=options.bundle), progress)
    return airway_from_mask(options.airway_mask, volume, progress)


def _plan(volume: Volume | None, found: AirwaySegmentation, tree: Tree, lobes: LabelMap | None, options: AirwayOptions) -> Plan:
    target: Target = measure_target(
        volume, point_lps_mm=options.target_lps_mm, mask=options.target_mask, lungs=found.lungs, lobes=lobes, tree=tree
    )
    routes = plan_routes(
        tree,
        target,
        volume=volume,
        airway=found.airway,
        probability=found.probability,
        lungs=found.lungs,
        lobes=lobes,
        vessels=found.vessels,
        count=options.route_count,
    )
    scopes = load_scopes(options.scope_file, options.scope_ids or None)
    return Plan(
        target=target,
        routes=routes,
        scopes=scopes,
        feasibility=assess(routes, tree, target, scopes),
        instructions={route.rank: instruct(route, tree, options.orientation) for route in routes},
        orientation=options.orientation,
    )


def _not_measured(volume: Volume | None, found: AirwaySegmentation, plan: Plan | None) -> tuple[str, ...]:
    missing = []
    if volume is None:
        missing.append("Wall thickness, lobes, vessels and image quality: the plan was made on an airway mask, without a CT.")
    if plan is None:
        missing.append("Routes, scopes and instructions: no target was given.")
    missing.append("Breathing motion: there is no second CT in expiration, so the target may lie elsewhere during the procedure.")
    return tuple(missing)


def _run_info(grid: Grid, volume: Volume | None, options: AirwayOptions, progress: Progress) -> RunInfo:
    chosen = {
        "engine": options.engine,
        "scopes": ",".join(options.scope_ids) or "all",
        "routes": str(options.route_count),
        "orientation": options.orientation,
        "target": "mask" if options.target_mask is not None else "point" if options.target_lps_mm is not None else "none",
    }
    return run_info(grid, volume, chosen, progress)


def with_steps(result: AirwayResult, progress: Progress) -> AirwayResult:
    """Return the result with the run's seconds and memory brought up to date."""
    return replace(result, run=replace(result.run, steps=tuple(progress.records)))
