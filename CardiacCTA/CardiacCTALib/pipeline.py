"""From a coronary CT angiogram to a graded coronary analysis: the data flow from top to bottom.

Every front end comes in through :func:`run`; trees edited by hand go through :func:`reanalyse`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.patient_axes import turned_problems
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.run_info import run_info
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .artefacts import with_artefacts
from .bypass import graft_finding, with_bypassed
from .cadrads import grade
from .calcium import CalciumScore
from .calcium_arteries import score_series
from .calcium_series import calibration_problems, check_same_patient
from .coronaries import NO_OSTIUM
from .faint_calcium import faint_calcium
from .findings import Ischaemia, NotAtherosclerotic
from .given_trees import segmentation_of
from .issues import Consequence, Issue, QualityItem, gravest_first, issue
from .labels import CoronaryLabels, HeartLandmarks, label_trees
from .mask_trees import check_filled, trees_of_mask
from .measurements import (
    calcium_measurements,
    lesion_measurements,
    patient_measurements,
    scan_measurements,
    segment_measurements,
)
from .metal import check_metal
from .name_effects import with_name_effects
from .patient_findings import lesions_of, patient_findings
from .quality import check_extent, check_grafts, check_scan, check_steps, check_told_stents, check_vessels, unreadable
from .result import CoronaryResult
from .scan_model import ScanModel, measure_scan
from .segment import Clicks, EngineName, HeartSegmentation, SegmentOptions, network_for, segment
from .segment_map import segment_map
from .segments import BY_CODE
from .swapped import refuse_swapped
from .tree_checks import check_trees
from .vessel_result import VesselResult, measure_vessels
from .vessels import vessels_of

NO_SERIES = "no calcium series was given"
_NO_SCORE = "Calcium score: {}"


@dataclass(frozen=True, eq=False)
class CoronaryOptions:
    """What the user may choose; the defaults need nothing but a coronary CT.

    Parameters
    ----------
    engine
        ``auto``, ``classical`` or ``bundle``; see :class:`.segment.SegmentOptions`.
    clicks
        Arteries marked by the reader: an ostium and the tips that it leads to.
    calcium_series
        A series without contrast, for the calcium score.
    calcium_calibration
        Calcium (hydroxyapatite) in mg/cm3 per HU of the calcium series, from a phantom: gives the calcium mass.
    studies
        Whose the CT and the calcium series are, which tells two patients apart; None where that is not known.
    stents
        SCCT codes of segments known to hold a stent.
    ischaemia
        What CT-FFR or stress perfusion showed, as the reader states; None without a test.
    exceptions
        Findings that are not atherosclerotic, as the reader states.
    heart
        Chambers and great vessels from elsewhere, with their names; needs ``trees`` or ``coronary_mask``.
    trees
        Trees from elsewhere; need ``heart``.
    coronary_mask
        Lumen of the coronary arteries from elsewhere: its trees take the place of those found.
    """

    engine: EngineName = "auto"
    clicks: tuple[Clicks, ...] = ()
    calcium_series: Volume | None = None
    calcium_calibration: float | None = None
    studies: tuple[StudyInfo, StudyInfo] | None = field(default=None, repr=False)
    stents: frozenset[str] = frozenset()
    ischaemia: Ischaemia | None = None
    exceptions: frozenset[NotAtherosclerotic] = frozenset()
    heart: LabelMap | None = None
    trees: tuple[Tree, ...] = ()
    coronary_mask: LabelMap | None = None


def run(volume: Volume, options: CoronaryOptions | None = None, progress: Progress | None = None) -> CoronaryResult:
    """Analyse the coronary arteries of a contrast CT.

    Parameters
    ----------
    volume
        Coronary CT angiogram in HU.
    options
        The user's choices.
    progress
        Hears the steps and may stop the run.

    Raises
    ------
    InputError
        When the options contradict the image, or it is no coronary CT angiogram.
    SenseCareError
        When no heart is found.
    Cancelled
        When the user stopped the run.
    """
    options = options or CoronaryOptions()
    progress = progress or Progress()
    check_options(volume, options)
    try:
        found = _segment(volume, options, progress)
    except InputError as refused:
        refuse_swapped(refused, volume, options.calcium_series)
        raise
    return analyse(volume, found, options, progress)


def reanalyse(
    result: CoronaryResult, trees: Sequence[Tree], volume: Volume, options: CoronaryOptions, progress: Progress | None = None
) -> CoronaryResult:
    """Measure and grade again on trees that were edited: names given by hand stay, the chambers are those of the result.

    Parameters
    ----------
    result
        Whose chambers and grafts are kept.
    trees
        The edited trees.
    """
    found = segmentation_of(trees, result.heart, volume)
    return analyse(volume, replace(found, engine=result.engine, grafts=result.grafts), options, progress or Progress())


def analyse(volume: Volume, found: HeartSegmentation, options: CoronaryOptions, progress: Progress) -> CoronaryResult:
    """Name, measure and grade: all that follows from a segmentation."""
    with progress.step("Branch names"):
        labels = label_trees(found.trees, HeartLandmarks(found.heart, _root_of_aorta(found)))
        scan, reason = _scan_model(volume, found)
    with progress.step("Lumen, stenoses and plaque"):
        why = reason if scan is None else unreadable(volume, scan)
        if scan is None or why:
            vessels = tuple(VesselResult(one, None, None, reason=why) for one in vessels_of(labels.trees))
        else:
            vessels = measure_vessels(volume, vessels_of(labels.trees), scan, progress)
        vessels = with_bypassed(vessels, found.grafts, labels)
    with progress.step("Calcium score"):
        calcium, no_calcium = _calcium(options, found, labels)
    with progress.step("Quality and grade"):
        quality = _quality(volume, found, labels, vessels, scan, reason, options.stents)
        agatston = None if calcium is None else calcium.agatston()
        faint = None if calcium is None else faint_calcium(calcium)
        grafts = tuple(graft_finding(one, labels) for one in found.grafts)
        vessels = with_artefacts(vessels, quality)
        findings = patient_findings(labels, vessels, quality, agatston, options.stents, grafts)
        quality = gravest_first(with_name_effects(quality, findings))
        findings = patient_findings(labels, vessels, quality, agatston, options.stents, grafts)
        findings = replace(findings, faint_calcium=faint, ischaemia=options.ischaemia, not_atherosclerotic=options.exceptions)
        graded = grade(findings)
    with progress.step("Measurements"):
        lesions = lesions_of(vessels)
        numbers = {one.vessel.name: one for one in vessels}
        of_lesions = tuple(lesion_measurements(numbers[one.vessel], one.number) for one in lesions)
        of_segments = {part.code: segment_measurements(one, part) for one in vessels for part in one.vessel.stretches}
        examination = (
            *scan_measurements(scan, reason),
            *calcium_measurements(calcium, no_calcium),
            *patient_measurements(vessels, graded),
        )
        segments = segment_map(labels.trees, vessels, volume.grid)
    return CoronaryResult(
        heart=found.heart,
        segments=segments,
        trees=labels.trees,
        dominance=labels.dominance,
        scan=scan,
        vessels=vessels,
        lesions=lesions,
        calcium=calcium,
        quality=quality,
        findings=findings,
        grade=graded,
        segment_measurements=of_segments,
        lesion_measurements=of_lesions,
        examination={one.name: one for one in examination},
        engine=found.engine,
        run=run_info(volume.grid, volume, _chosen(options), progress),
        warnings=(
            *_remarks(found, quality),
            *dict.fromkeys(one.text for one in quality),
            *_not_scored(options, no_calcium),
            *([] if faint is None else [faint.say().text]),
        ),
        not_measured=_not_measured(vessels, no_calcium),
        grafts=found.grafts,
    )


def check_options(volume: Volume, options: CoronaryOptions) -> None:
    """Refuse, before any work, options that contradict the image or each other; all problems at once.

    Raises
    ------
    InputError
        With one sentence a problem; or that the calcium series is of another patient.
    """
    if options.calcium_series is not None and options.studies is not None:
        check_same_patient(*options.studies)
    problems = []
    if volume.modality != "CT":
        problems.append(f"the image is no CT but {volume.modality}")
    problems.extend(turned_problems(volume.grid))
    if options.trees and options.coronary_mask is not None:
        problems.append("give the arteries as trees or as a mask, not both")
    if options.trees and options.heart is None:
        problems.append("trees from elsewhere need the chambers that they belong to")
    if options.heart is not None and not options.trees and options.coronary_mask is None:
        problems.append("chambers from elsewhere need the arteries too: a coronary mask, or trees")
    for name, given in (("chambers", options.heart), ("coronary arteries", options.coronary_mask)):
        if given is not None and not given.grid.same_as(volume.grid):
            problems.append(f"the {name} given do not lie on the CT's grid; resample them to the CT first")
    if options.calcium_calibration is not None:
        problems.extend(calibration_problems(options.calcium_calibration, options.calcium_series is not None))
    problems.extend(f"{code} is no coronary segment" for code in sorted(options.stents - set(BY_CODE)))
    for click in options.clicks:
        problems.extend(_outside(volume, click))
    if problems:
        raise InputError("The coronary analysis cannot be made as asked.", problems)
    if options.coronary_mask is not None:
        check_filled(options.coronary_mask, volume)
    if options.heart is None:
        network_for(options.engine)


def _outside(volume: Volume, click: Clicks) -> list[str]:
    found = []
    for name, point in (("ostium", click.ostium_lps_mm), *(("tip", tip) for tip in click.tips_lps_mm)):
        index = volume.grid.kji_from_lps(np.array(point))
        if not ((index >= -0.5).all() and (index <= np.array(volume.grid.shape_kji) - 0.5).all()):
            found.append(f"the {name} {tuple(round(value, 1) for value in point)} (L, P, S mm) lies outside the image")
    return found


def _segment(volume: Volume, options: CoronaryOptions, progress: Progress) -> HeartSegmentation:
    """Take what the user gave, and find the rest."""
    if options.heart is not None:
        found = segmentation_of(options.trees, options.heart, volume)
    else:
        found = segment(volume, SegmentOptions(engine=options.engine, clicks=options.clicks), progress)
    if options.coronary_mask is None:
        return found
    with progress.step("Centrelines"):
        trees, remarks = trees_of_mask(options.coronary_mask, found.aorta_kji, found.heart.array_kji)
        given = segmentation_of(trees, found.heart, volume)
    return replace(given, engine=found.engine, coronary_kji=options.coronary_mask.mask(), remarks=remarks)


def _root_of_aorta(found: HeartSegmentation) -> FloatArray | None:
    """Return the middle of the aorta at the height of the ostia."""
    if not found.trees or not found.aorta_kji.any():
        return None
    ostia = np.array([tree.root.points_lps_mm[0] for tree in found.trees])
    where = found.heart.grid.lps_from_kji(np.argwhere(found.aorta_kji)[::7].astype(np.float64))
    gap = np.abs(where[:, 2] - ostia[:, 2].mean())
    near = (gap < 6.0) & (np.linalg.norm(where[:, :2] - ostia[:, :2].mean(axis=0), axis=1) < 30.0)
    return np.asarray(where[near].mean(axis=0)) if near.any() else None


def _scan_model(volume: Volume, found: HeartSegmentation) -> tuple[ScanModel | None, str]:
    try:
        return measure_scan(volume, found.aorta_kji), ""
    except InputError as error:
        return None, error.user_message


def _calcium(options: CoronaryOptions, found: HeartSegmentation, labels: CoronaryLabels) -> tuple[CalciumScore | None, str]:
    if options.calcium_series is None:
        return None, NO_SERIES
    try:
        given = options.calcium_series, found, labels.trees
        return score_series(*given, options.calcium_calibration, options.studies), ""
    except InputError as error:
        return None, " ".join([error.user_message, *error.problems])


def _quality(
    volume: Volume,
    found: HeartSegmentation,
    labels: CoronaryLabels,
    vessels: Sequence[VesselResult],
    scan: ScanModel | None,
    reason: str,
    stents: Collection[str],
) -> tuple[QualityItem, ...]:
    """Collect all that stands in the way, gravest first."""
    items = [
        *check_scan(volume, scan),
        *check_extent(found.heart, volume),
        *check_trees(found, labels, vessels, scan),
        *check_grafts(found, labels),
        *labels.doubts,
    ]
    if scan is None:
        items.append(issue(Issue.NO_SCAN_MODEL, Consequence.NOT_ASSESSABLE, reason=reason))
    else:
        items += [*check_vessels(vessels, scan), *check_steps(volume, found, vessels), *check_metal(volume, found, vessels, scan)]
    return gravest_first([*items, *check_told_stents(stents, items)])


def _not_measured(vessels: Sequence[VesselResult], no_calcium: str) -> tuple[str, ...]:
    found = [f"{one.vessel.name}: {one.reason}" for one in vessels if one.measured is None]
    if no_calcium:
        found.append(_NO_SCORE.format(no_calcium))
    found.append("Flow and ischaemia: not computed from this scan.")
    found.append("Bypass grafts: where one is seen it is said; none is measured.")
    return tuple(found)


def _remarks(found: HeartSegmentation, quality: Sequence[QualityItem]) -> tuple[str, ...]:
    """Return what the search for the arteries has to say, less what the quality list says too."""
    told = {NO_OSTIUM[str(dict(one.values)["side"])] for one in quality if one.issue is Issue.ONE_SIDE_MISSING}
    return tuple(one for one in found.remarks if one not in told)


def _not_scored(options: CoronaryOptions, no_calcium: str) -> tuple[str, ...]:
    """Return why there is no calcium score although a series was given."""
    return (_NO_SCORE.format(no_calcium),) if options.calcium_series is not None and no_calcium else ()


def _chosen(options: CoronaryOptions) -> dict[str, str]:
    return {
        "engine": options.engine,
        "clicks": str(len(options.clicks)),
        "calcium_series": "given" if options.calcium_series is not None else "none",
        "calcium_calibration": "none" if options.calcium_calibration is None else f"{options.calcium_calibration:g} mg/cm3/HU",
        "ischaemia": "none" if options.ischaemia is None else options.ischaemia.value,
        "exceptions": "; ".join(sorted(one.value for one in options.exceptions)) or "none",
        "stents": ",".join(sorted(options.stents)) or "none known",
        "coronary_mask": "given" if options.coronary_mask is not None else "none",
        "chambers": "given" if options.heart is not None else "own",
    }


def with_steps(result: CoronaryResult, progress: Progress) -> CoronaryResult:
    """Return the result with the run's seconds and memory brought up to date."""
    return replace(result, run=result.run.with_steps(progress))
