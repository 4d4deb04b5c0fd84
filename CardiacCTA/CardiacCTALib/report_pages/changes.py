"""What a reader changed: the audit trail as a table."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Column, DataTable, Paragraph, Section
from SenseCarePlanningLib.report.words import label_of

from ..reader_change import GRADE_WORDS
from ..result import CoronaryResult
from .words import Words

DRAWN_NOTE = label_of(
    "Walls drawn by the reader: {vessels}. Stenoses, lumen and plaque of these vessels follow from the drawn walls; their "
    "intervals are those of the measuring at this place and are marked as by the reader."
)
MOVED_NOTE = label_of("Measured again along a line that the reader moved: {vessels}.")


def changes_section(result: CoronaryResult, words: Words) -> Section:
    """Return all changes, oldest first: when, who, what, from which value to which, why."""
    columns = (
        Column(words.say("When"), 1.8),
        Column(words.say("Who"), 1.4),
        Column(words.say("What"), 2.2),
        Column(words.say("Before"), 1.4),
        Column(words.say("After"), 1.4),
        Column(words.say("Remark"), 2.2),
    )
    rows = tuple(
        (
            one.when[:16].replace("T", " "),
            one.reader,
            one.what(words.translate),
            _value(one.before, words),
            _value(one.after, words),
            one.remark or "–",
        )
        for one in result.changes
    )
    note = words.say(
        "Names, grade and the rules that fired are those after the changes; measured numbers are as the scan gave them."
    )
    notes = [Paragraph(note, small=True)]
    drawn = words.say(", ").join(one.vessel.name for one in result.vessels if one.by_reader)
    if drawn:
        notes.append(Paragraph(words.say(DRAWN_NOTE, vessels=drawn), small=True))
    moved = words.say(", ").join(one.vessel.name for one in result.vessels if one.edit.line)
    if moved:
        notes.append(Paragraph(words.say(MOVED_NOTE, vessels=moved), small=True))
    return Section(words.say("Changes by the reader"), (DataTable(columns, rows, compact=True), *notes))


def _value(text: str, words: Words) -> str:
    return words.say(GRADE_WORDS[text]) if text in GRADE_WORDS else text
