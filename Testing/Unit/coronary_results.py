"""Small coronary results of digital arteries, for tests of pictures, pages and films."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_tube import Tube, TubeSpec, make_tube

from CardiacCTALib.cadrads import grade
from CardiacCTALib.findings import CoronaryFindings, SegmentFinding
from CardiacCTALib.issues import Consequence, Issue, issue
from CardiacCTALib.measurements import (
    calcium_measurements,
    lesion_measurements,
    patient_measurements,
    scan_measurements,
    segment_measurements,
)
from CardiacCTALib.patient_findings import lesions_of
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.segments import Dominance
from CardiacCTALib.stenosis import finding_of
from CardiacCTALib.structures import HEART_NAMES
from CardiacCTALib.vessel_result import VesselResult, measure_vessels
from CardiacCTALib.vessels import Stretch, Vessel
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.report.model import CaseReport
from SenseCarePlanningLib.run_info import EngineInfo, run_info
from SenseCarePlanningLib.volume import LabelMap

SPEC = TubeSpec(
    length_mm=32.0, lesion_at_mm=16.0, lesion_length_mm=9.0, voxel_mm=0.42, noise_hu=24.0, seed=7, stenosis=0.55,
    remodelling=1.2, eccentric=0.9, eccentric_deg=60.0,
)  # fmt: skip


def one_lesion() -> tuple[CoronaryResult, Tube]:
    """A patient whose LAD has a stenosis of 55 % with eccentric plaque, and whose other segments were not seen."""
    tube = make_tube(SPEC)
    scan = measure_scan(tube.volume, tube.aorta_kji)
    stretches = (Stretch("pLAD", 0.0, 20.0), Stretch("mLAD", 20.0, SPEC.length_mm))
    radius = np.full(len(tube.points_lps_mm), 1.5)
    vessel = Vessel("LAD", 0, (0,), tube.points_lps_mm, radius, stretches, (), 0.0)
    beside = tube.points_lps_mm + np.array([12.0, 0.0, 0.0])
    branch = replace(vessel, name="D1", points_lps_mm=beside, stretches=(Stretch("D1", 0.0, 20.0),))
    vessels = (*measure_vessels(tube.volume, (vessel,), scan), VesselResult(branch, None, None, reason="not measured"))
    found = vessels[0]
    findings = CoronaryFindings(
        (
            SegmentFinding("pLAD", finding_of(found.lesions[0]), plaque=True, diameter_mm=3.0),
            SegmentFinding("mLAD", diameter_mm=2.6),
            SegmentFinding("D1", None, "motion", diameter_mm=2.0),
        )
    )
    graded = grade(findings)
    lesions = lesions_of(vessels)
    quality = (
        issue(Issue.STEP, Consequence.NOT_ASSESSABLE, "D1", part="D1", height=12, length="1.4"),
        issue(Issue.LABEL_DOUBT, Consequence.DOUBTFUL, "pLAD", part="pLAD", percent=78),
    )
    numbers = (*scan_measurements(scan, ""), *calcium_measurements(None, "no calcium series was given"),
               *patient_measurements(vessels, graded))  # fmt: skip
    labels = np.where(tube.aorta_kji, 6, 0).astype(np.uint8)
    affine = tube.volume.affine_ijk_to_lps
    return CoronaryResult(
        heart=LabelMap(labels, affine, HEART_NAMES),
        segments=LabelMap(np.zeros_like(labels), affine, {}),
        trees=(),
        dominance=Dominance.RIGHT,
        scan=scan,
        vessels=vessels,
        lesions=lesions,
        calcium=None,
        quality=quality,
        findings=findings,
        grade=graded,
        segment_measurements={part.code: segment_measurements(one, part) for one in vessels for part in one.vessel.stretches},
        lesion_measurements=tuple(lesion_measurements(found, one.number) for one in lesions),
        examination={one.name: one for one in numbers},
        engine=EngineInfo("classical", "none", "1"),
        run=replace(run_info(tube.volume.grid, tube.volume, {"engine": "auto"}, Progress()), created="2026-01-02T03:04:05+00:00"),
        warnings=tuple(one.text for one in quality),
        not_measured=("Flow and ischaemia: not computed from this scan.",),
    ), tube


def all_text(report: CaseReport) -> list[str]:
    """Every text of a report, cells and notes included."""

    def texts(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, (tuple, list)):
            return [text for one in value for text in texts(one)]
        return [text for one in fields(value) for text in texts(getattr(value, one.name))] if is_dataclass(value) else []

    return texts(report.sections)


def nothing_measured(result: CoronaryResult) -> CoronaryResult:
    """The same patient when the sharpness of the scan could not be measured."""
    vessels = tuple(VesselResult(one.vessel, None, None, reason="not measured") for one in result.vessels)
    findings = CoronaryFindings(tuple(SegmentFinding(one.code, None, "motion") for one in result.findings.segments))
    graded = grade(findings)
    numbers = (*scan_measurements(None, "not measured"), *calcium_measurements(None, "no calcium series was given"),
               *patient_measurements(vessels, graded))  # fmt: skip
    return replace(
        result, scan=None, vessels=vessels, lesions=(), lesion_measurements=(), findings=findings, grade=graded,
        dominance=None, examination={one.name: one for one in numbers},
        segment_measurements={part.code: segment_measurements(one, part) for one in vessels for part in one.vessel.stretches},
    )  # fmt: skip
