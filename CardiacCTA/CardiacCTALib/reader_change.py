"""One change that a reader made to a coronary result: what, from which value to which, who, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from SenseCarePlanningLib.i18n import Translator
from SenseCarePlanningLib.report.words import label_of


class ChangeKind(Enum):
    """What was changed; the values are a file format."""

    LABEL = "label"
    GRADE = "grade"


KIND_WORDS = {ChangeKind.LABEL: label_of("Name of a segment"), ChangeKind.GRADE: label_of("Grade of a segment")}


@dataclass(frozen=True)
class ReaderChange:
    """A change as it stands in the audit trail.

    Parameters
    ----------
    kind
        What was changed.
    subject
        SCCT code of the segment, as it was called before the change.
    before, after
        SCCT codes for a name; for a grade categories of :data:`GRADES`, ``not assessed`` or ``as measured``.
    reader
        Who made it, as the reader signed.
    when
        ISO date and time with its offset from UTC.
    remark
        Why; may be empty.
    """

    kind: ChangeKind
    subject: str
    before: str
    after: str
    reader: str
    when: str
    remark: str = ""

    def say(self, translate: Translator) -> str:
        """Return the change as one line for the reader."""
        text = translate("{when}, {reader}: {what} {subject}, from {before} to {after}").format(
            when=self.when[:16].replace("T", " "),
            reader=self.reader,
            what=translate(KIND_WORDS[self.kind]),
            subject=self.subject,
            before=translate(GRADE_WORDS.get(self.before, self.before)),
            after=translate(GRADE_WORDS.get(self.after, self.after)),
        )
        return f"{text} ({self.remark})" if self.remark else text


NOT_ASSESSED, AS_MEASURED = "not assessed", "as measured"
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
}
