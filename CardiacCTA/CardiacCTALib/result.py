"""Everything one run of the coronary pipeline found, in one frozen object that a folder holds without loss."""

from __future__ import annotations

from dataclasses import dataclass

from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.run_info import EngineInfo, RunInfo
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

from .cadrads import CadRads
from .calcium import CalciumScore
from .findings import CoronaryFindings
from .heart_segmentation import Graft
from .issues import QualityItem
from .patient_findings import SegmentLesion
from .reader_change import ReaderChange
from .scan_model import ScanModel
from .segments import Dominance
from .vessel_result import VesselResult


@dataclass(frozen=True, eq=False)
class CoronaryResult:
    """The result of :func:`CardiacCTALib.pipeline.run`.

    Parameters
    ----------
    heart
        Chambers and great vessels on the input grid (values in ``structures``).
    segments
        SCCT segments on the input grid: value = SCCT number, 19 for branches without one.
    trees
        Named trees, one an ostium; label codes are SCCT codes, ``other`` or ``unsure``.
    dominance
        None where no posterior descending artery was found.
    scan
        Point spread and noise; None where they could not be measured, and then no vessel is.
    vessels
        Main arteries first; those that could not be measured with the reason.
    lesions
        Every lesion with its segment, in the order of the vessels.
    calcium
        None without a series, or when it could not be scored (``not_measured`` says why).
    quality
        All that stands in the way of a sure answer, gravest first.
    findings, grade
        What was graded, and the CAD-RADS that follows.
    segment_measurements, lesion_measurements
        By SCCT code; and one tuple for each of ``lesions``.
    examination
        Measurements of scan, calcium and patient, by name.
    warnings
        Sentences for the reader, most important first.
    not_measured
        What was not measured, each with its reason.
    grafts
        Bypass grafts that were seen.
    changes
        What a reader changed, oldest first, applied to the rest already; kept in a file of its own (``reader_changes``).
    """

    heart: LabelMap
    segments: LabelMap
    trees: tuple[Tree, ...]
    dominance: Dominance | None
    scan: ScanModel | None
    vessels: tuple[VesselResult, ...]
    lesions: tuple[SegmentLesion, ...]
    calcium: CalciumScore | None
    quality: tuple[QualityItem, ...]
    findings: CoronaryFindings
    grade: CadRads
    segment_measurements: dict[str, tuple[Measurement, ...]]
    lesion_measurements: tuple[tuple[Measurement, ...], ...]
    examination: dict[str, Measurement]
    engine: EngineInfo
    run: RunInfo
    warnings: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    grafts: tuple[Graft, ...] = ()
    changes: tuple[ReaderChange, ...] = ()

    def vessel(self, name: str) -> VesselResult:
        """Return a vessel by name.

        Raises
        ------
        KeyError
            When there is none.
        """
        for one in self.vessels:
            if one.vessel.name == name:
                return one
        raise KeyError(name)
