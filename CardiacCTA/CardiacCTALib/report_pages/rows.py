"""The lesions of a result as the pages list them: number, segment, vessel, plaque."""

from __future__ import annotations

from dataclasses import dataclass

from SenseCarePlanningLib.report.model import Measurement

from ..plaque import LesionPlaque
from ..result import CoronaryResult
from ..stenosis import Lesion
from ..vessel_result import VesselResult


@dataclass(frozen=True)
class LesionRow:
    """One lesion.

    Parameters
    ----------
    number
        In the patient, from 1: ``L1`` in tables and pictures.
    code
        Segment; empty on a stretch without a name.
    counts
        Whether it counts for grading.
    numbers
        Its measurements by name.
    """

    number: int
    vessel: VesselResult
    code: str
    counts: bool
    lesion: Lesion
    plaque: LesionPlaque
    numbers: dict[str, Measurement]

    @property
    def name(self) -> str:
        """``L1``."""
        return f"L{self.number}"


def lesion_rows(result: CoronaryResult) -> tuple[LesionRow, ...]:
    """Return all lesions in the order of the result."""
    found = []
    for number, (one, numbers) in enumerate(zip(result.lesions, result.lesion_measurements, strict=True), 1):
        vessel = result.vessel(one.vessel)
        lesion, plaque = vessel.lesions[one.number], vessel.lesion_plaques[one.number]
        found.append(LesionRow(number, vessel, one.code, one.counts, lesion, plaque, {item.name: item for item in numbers}))
    return tuple(found)
