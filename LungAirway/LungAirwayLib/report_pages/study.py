"""Who was scanned and how: only what the source states."""

from __future__ import annotations

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.report import study_page
from SenseCarePlanningLib.report.model import Section
from SenseCarePlanningLib.report.study_page import patient_line

from ..result import AirwayResult
from .words import Words

__all__ = ["patient_line", "study_section"]


def study_section(study: StudyInfo | None, result: AirwayResult, words: Words) -> Section:
    """Return the patient and study block."""
    return study_page.study_section(study, result.airway.grid, result.run.input_geometry, words)
