"""The lesions of a result as the pages list them: number, segment, vessel, plaque."""

from __future__ import annotations

from dataclasses import dataclass

from SenseCarePlanningLib.report.model import Measurement

from ..artefacts import READ_REMARKS, REMARKS, is_artefact
from ..cadrads_category import whole_percent
from ..constants import MODERATE_FROM
from ..given_grades import PLAQUE_ONLY, given_grades, without_stenosis
from ..issues import Issue
from ..patient_findings import at_border
from ..plaque import LesionPlaque
from ..reader_change import graded_codes
from ..result import CoronaryResult
from ..segments import Artery
from ..stenosis import Lesion
from ..ungraded import BORDER, made_by, why_ungraded
from ..vessel_result import VesselResult

_FROM_50 = ("3", "4A")
"""Grades of a lesion from 50 % on, short of an occlusion: the left main is 4B from there."""
MAIN = ("LAD", "LCx", "RCA")
"""Vessels that are always shown; others where they have a lesion."""


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
        Whether it counts for grading, where its segment can be assessed.
    numbers
        Its measurements by name.
    reason
        Why it is not graded (message ids with semicolons between); empty where it is.
    given
        Categories that a reader's grade of its segment leaves possible, where they are not the measured ones; else empty.
    spared
        Whether a reader sees no stenosis in its segment.
    """

    number: int
    vessel: VesselResult
    code: str
    counts: bool
    lesion: Lesion
    plaque: LesionPlaque
    numbers: dict[str, Measurement]
    reason: str = ""
    given: tuple[str, ...] = ()
    spared: bool = False

    @property
    def plaque_only(self) -> bool:
        """Whether it is disease without stenosis by a reader's grade."""
        return self.spared and self.given == (PLAQUE_ONLY,)

    @property
    def grades(self) -> tuple[str, ...]:
        """Categories that are possible, mildest first: by the reader's grade, else by the interval of the stenosis."""
        return self.given or self.lesion.grades

    @property
    def name(self) -> str:
        """``L1``."""
        return f"L{self.number}"

    @property
    def made_by(self) -> tuple[Issue, ...]:
        """What of the scan lies there and may have made it, where it is graded all the same: a reader graded its segment."""
        return () if self.reason else made_by(self.lesion)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said of it: sentences of the catalogue."""
        other = {REMARKS[issue]: READ_REMARKS[issue] for issue in self.made_by}
        border = (BORDER,) if self.counts and not self.reason and not self.given and at_border(self.lesion) else ()
        return (*(other.get(text, text) for text in self.lesion.remarks), *border)

    @property
    def by_reader(self) -> bool:
        """Whether its numbers rest on walls that a reader drew."""
        return self.vessel.drawn_lesion(self.lesion)

    @property
    def percent(self) -> float:
        """Diameter stenosis against the preferred reference."""
        return self.lesion.narrowings[0].diameter_stenosis_percent.value

    @property
    def pictured(self) -> bool:
        """Whether it has sections of its own: where it counts, and where it would matter if it did."""
        return self.counts or whole_percent(self.percent) >= MODERATE_FROM


def lesion_rows(result: CoronaryResult) -> tuple[LesionRow, ...]:
    """Return all lesions: those that count for grading as measured first, each group in the order of the result.

    A reader's grade renumbers none: what it makes count keeps its place.
    """
    found = []
    given, spared = given_grades(result), without_stenosis(result)
    by_code = {finding.code: finding for finding in result.findings.segments}

    def measured_first(at: int) -> tuple[bool, int]:
        """Return the place of a lesion in the list."""
        one = result.lesions[at]
        return not one.counts or is_artefact(result.vessel(one.vessel).lesions[one.number]), at

    order = sorted(range(len(result.lesions)), key=measured_first)
    for number, at in enumerate(order, 1):
        one, numbers = result.lesions[at], result.lesion_measurements[at]
        vessel = result.vessel(one.vessel)
        lesion, plaque = vessel.lesions[one.number], vessel.lesion_plaques[one.number]
        why = why_ungraded(vessel, one, by_code.get(one.code))
        named = {item.name: item for item in numbers}
        found.append(
            LesionRow(
                number, vessel, one.code, one.counts, lesion, plaque, named, why, given.get(at, ()), one.code in spared
            )
        )  # fmt: skip
    return tuple(found)


def counted_rows(result: CoronaryResult) -> tuple[LesionRow, ...]:
    """Return the lesions that count for grading."""
    return tuple(row for row in lesion_rows(result) if row.counts)


def drawn_codes(result: CoronaryResult) -> tuple[str, ...]:
    """Return the segments whose numbers rest on walls that a reader drew, each once, in the order of the vessels."""
    codes = (part.code for one in result.vessels if one.by_reader for part in one.vessel.stretches if one.drawn_stretch(part))
    return tuple(dict.fromkeys(codes))


def codes_by_reader(result: CoronaryResult) -> frozenset[str]:
    """Return the segments whose walls a reader drew or whose grade a reader gave; the others are as the image gave them."""
    return frozenset((*drawn_codes(result), *graded_codes(result.changes)))


def pictured_rows(result: CoronaryResult) -> tuple[LesionRow, ...]:
    """Return the lesions that have sections of their own."""
    return tuple(row for row in lesion_rows(result) if row.pictured)


def makes_4b(row: LesionRow) -> bool | None:
    """Tell whether a lesion of the left main makes the patient's category 4B by itself; None where its interval leaves it open.

    A total occlusion is category 5, and so is its patient.
    """
    if row.code != Artery.LM.value or row.reason:
        return False
    reach = [grade in _FROM_50 for grade in row.grades]
    if not any(reach):
        return False
    return True if all(reach) else None


def shown_vessels(result: CoronaryResult) -> tuple[VesselResult, ...]:
    """Return the vessels with pages of their own: the main ones that were measured, and those with a lesion that is pictured."""
    lesions = pictured_rows(result)
    return tuple(
        one
        for one in result.vessels
        if one.measured is not None and (one.vessel.name in MAIN or any(row.vessel is one for row in lesions))
    )
