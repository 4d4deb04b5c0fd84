"""One change that a reader made to a coronary result: what, from which value to which, who, when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from SenseCarePlanningLib.i18n import Translator
from SenseCarePlanningLib.report.words import label_of

from .vessel_edit import VesselEdit


class ChangeKind(Enum):
    """What was changed; the values are a file format."""

    LABEL = "label"
    GRADE = "grade"
    VESSEL = "vessel"


class Drawn(Enum):
    """What was drawn on a vessel; the values are a file format."""

    LUMEN = "lumen"
    OUTER = "outer"
    LINE = "line"


KIND_WORDS = {
    ChangeKind.LABEL: label_of("Name of a segment"),
    ChangeKind.GRADE: label_of("Grade of a segment"),
    ChangeKind.VESSEL: label_of("Walls and line of the vessel"),
}
DRAWN_WORDS = {
    Drawn.LUMEN: label_of("Lumen edge of {vessel} at {place} mm, {angle}°"),
    Drawn.OUTER: label_of("Outer wall of {vessel} at {place} mm, {angle}°"),
    Drawn.LINE: label_of("Line of {vessel} at {place} mm"),
}


@dataclass(frozen=True)
class DrawnPlace:
    """Where something was drawn: mm along the vessel, and on a wall the angle from "up" towards "left", degrees."""

    what: Drawn
    arc_mm: float
    angle_deg: float = 0.0


@dataclass(frozen=True)
class ReaderChange:
    """A change as it stands in the audit trail.

    Parameters
    ----------
    kind
        What was changed.
    subject
        SCCT code of the segment, or name of the vessel, as it was called before the change.
    before, after
        SCCT codes for a name; for a grade categories of :data:`GRADES`, ``not assessed`` or ``as measured``; for a vessel the
        radius of the wall or the point of the line (L, P, S mm) at ``place``, ``drawn`` or ``as measured``.
    reader
        Who made it, as the reader signed.
    when
        ISO date and time with its offset from UTC.
    remark
        Why; may be empty.
    edit
        For a vessel: all that is drawn on it from now on.
    place
        For a vessel: where it was drawn; None where what was drawn is taken back.
    """

    kind: ChangeKind
    subject: str
    before: str
    after: str
    reader: str
    when: str
    remark: str = ""
    edit: VesselEdit | None = None
    place: DrawnPlace | None = None

    def __post_init__(self) -> None:
        if (self.kind is ChangeKind.VESSEL) != (self.edit is not None):
            raise ValueError(f"a change of a vessel holds what is drawn on it, others do not; got {self.kind} with {self.edit!r}")

    def what(self, translate: Translator) -> str:
        """Return what was changed, with where: ``Grade of a segment pLAD``."""
        if self.place is None:
            return f"{translate(KIND_WORDS[self.kind])} {self.subject}"
        return translate(DRAWN_WORDS[self.place.what]).format(
            vessel=self.subject, place=f"{self.place.arc_mm:.1f}", angle=f"{self.place.angle_deg:.0f}"
        )

    def say(self, translate: Translator) -> str:
        """Return the change as one line for the reader."""
        text = translate("{when}, {reader}: {what}, from {before} to {after}").format(
            when=self.when[:16].replace("T", " "),
            reader=self.reader,
            what=self.what(translate),
            before=translate(GRADE_WORDS.get(self.before, self.before)),
            after=translate(GRADE_WORDS.get(self.after, self.after)),
        )
        return f"{text} ({self.remark})" if self.remark else text


def graded_codes(changes: Sequence[ReaderChange]) -> dict[str, ReaderChange]:
    """Return code -> change of the segments whose grade is a reader's after changes in order, by their names after them."""
    found: dict[str, ReaderChange] = {}
    for one in changes:
        if one.kind is ChangeKind.LABEL:
            names = {one.before: one.after, one.after: one.before}
            found = {names.get(code, code): replace(change, subject=names.get(code, code)) for code, change in found.items()}
        elif one.kind is ChangeKind.GRADE:
            found[one.subject] = one
    return {code: one for code, one in found.items() if one.after != AS_MEASURED}


NOT_ASSESSED, AS_MEASURED, DRAWN = "not assessed", "as measured", "drawn"
GRADES: dict[str, tuple[float, float]] = {
    "0": (0.0, 0.0),
    "1": (1.0, 24.0),
    "2": (25.0, 49.0),
    "3": (50.0, 69.0),
    "4A": (70.0, 99.0),
    "5": (100.0, 100.0),
}
"""Category of one segment -> percent diameter stenosis, from and to, in whole percent (CAD-RADS 2.0, Cury et al. 2022,
doi:10.1016/j.jcmg.2022.07.002, table 2)."""
GRADE_WORDS = {
    "0": label_of("0 (no stenosis)"),
    "1": label_of("1 (1–24 %)"),
    "2": label_of("2 (25–49 %)"),
    "3": label_of("3 (50–69 %)"),
    "4A": label_of("4A (70–99 %)"),
    "5": label_of("5 (occluded)"),
    NOT_ASSESSED: label_of("not assessed"),
    AS_MEASURED: label_of("as measured"),
    DRAWN: label_of("drawn"),
}
