"""One change that a reader made to a coronary result: what, from which value to which, who, when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from SenseCarePlanningLib.i18n import Translator
from SenseCarePlanningLib.report.words import label_of

from .vessel_edit import VesselEdit


class ChangeKind(Enum):
    """What was changed; the values are a file format."""

    LABEL = "label"
    GRADE = "grade"
    VESSEL = "vessel"
    ISCHAEMIA = "ischaemia"
    EXCEPTION = "exception"
    STENT = "stent"


STATED = frozenset({ChangeKind.ISCHAEMIA, ChangeKind.EXCEPTION, ChangeKind.STENT})
"""What a reader states of the patient."""


class Drawn(Enum):
    """What was drawn on a vessel; the values are a file format."""

    LUMEN = "lumen"
    OUTER = "outer"
    LINE = "line"


KIND_WORDS = {
    ChangeKind.LABEL: label_of("Name of a segment"),
    ChangeKind.GRADE: label_of("Grade of a segment"),
    ChangeKind.VESSEL: label_of("Walls and line of the vessel"),
    ChangeKind.ISCHAEMIA: label_of("Ischaemia test (CT-FFR or perfusion), as the reader states"),
    ChangeKind.EXCEPTION: label_of("Not atherosclerotic, as the reader states"),
    ChangeKind.STENT: label_of("Segments that hold a stent, as the reader states"),
}
DRAWN_WORDS = {
    Drawn.LUMEN: label_of("Lumen edge of {vessel}, {place} mm from the ostium, {angle}°"),
    Drawn.OUTER: label_of("Outer wall of {vessel}, {place} mm from the ostium, {angle}°"),
    Drawn.LINE: label_of("Line of {vessel}, {place} mm from the ostium"),
}


@dataclass(frozen=True)
class DrawnPlace:
    """Where something was drawn.

    Parameters
    ----------
    arc_mm
        Along the vessel's own line or walls, as the anchors of the edit count.
    angle_deg
        On a wall, from "up" towards "left".
    ostium_mm
        So far from the ostium the vessel begins; None in trails of the first versions.
    """

    what: Drawn
    arc_mm: float
    angle_deg: float = 0.0
    ostium_mm: float | None = None

    @property
    def from_ostium_mm(self) -> float:
        """Distance from the ostium, as all tables count; from the vessel's own start where its distance is not known."""
        return (self.ostium_mm or 0.0) + self.arc_mm


@dataclass(frozen=True)
class ReaderChange:
    """A change as it stands in the audit trail.

    Parameters
    ----------
    kind
        What was changed.
    subject
        SCCT code of the segment, or name of the vessel, as it was called before the change; empty for the patient.
    before, after
        SCCT codes for a name; for a grade categories of :data:`GRADES` (before, all that were possible: ``3 or 4A``),
        ``not assessed`` or ``as measured``; for a vessel the radius of the wall or the point of the line (L, P, S mm) at
        ``place``, ``drawn`` or ``as measured``; for a statement its values (SCCT codes for stents)
        or ``not stated``.
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
            return f"{translate(KIND_WORDS[self.kind])} {self.subject}".rstrip()
        return translate(DRAWN_WORDS[self.place.what]).format(
            vessel=self.subject, place=f"{self.place.from_ostium_mm:.1f}", angle=f"{self.place.angle_deg:.0f}"
        )

    def values(self, translate: Translator) -> tuple[str, str]:
        """Return what was before and what is after, in the reader's words."""
        return self._said(self.before, translate), self._said(self.after, translate)

    def _said(self, text: str, translate: Translator) -> str:
        if self.kind is ChangeKind.GRADE:
            return translate(OR).join(translate(GRADE_WORDS.get(one, one)) for one in text.split(OR))
        if self.kind in (ChangeKind.EXCEPTION, ChangeKind.STENT):
            return translate(STATEMENTS).join(translate(one) for one in text.split(STATEMENTS))
        return translate(GRADE_WORDS.get(text, text)) if self.kind is not ChangeKind.LABEL else text

    def say(self, translate: Translator) -> str:
        """Return the change as one line for the reader."""
        before, after = self.values(translate)
        text = translate("{when}, {reader}: {what}, from {before} to {after}").format(
            when=self.when[:16].replace("T", " "),
            reader=self.reader,
            what=self.what(translate),
            before=before,
            after=after,
        )
        return f"{text} ({self.remark})" if self.remark else text


def now() -> str:
    """Return the time, of a change or of a report: local, to the second, with its offset from UTC."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


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


NOT_ASSESSED, AS_MEASURED, DRAWN, NOT_STATED = "not assessed", "as measured", "drawn", "not stated"
OR, STATEMENTS = " or ", "; "
"""Between the categories that were possible, and between the statements of one change."""
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
    NOT_STATED: label_of("not stated"),
}
