"""What a reader changed: the audit trail as a table."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Column, DataTable, Paragraph, Section
from SenseCarePlanningLib.report.words import label_of

from ..result import CoronaryResult
from .rows import drawn_codes
from .words import Words

NOTE = label_of("Names, grade and the rules that fired are those after the changes; measured numbers are as the scan gave them.")
NOTE_DRAWN = label_of(
    "Names, grade and the rules that fired are those after the changes; so are the numbers where walls were drawn. All other "
    "numbers are as the scan gave them."
)
DRAWN_NOTE = label_of(
    "Walls drawn by the reader: {vessels}. Stenosis, lumen and plaque of what they reach (segments: {segments}) follow from the "
    "drawn walls; their intervals are those of the measuring at this place, and they are marked as by the reader. The healthy "
    "diameter along the whole vessel is fitted to the drawn lumen too, which may move its other numbers by a little."
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
            *one.values(words.translate),
            one.remark or "–",
        )
        for one in result.changes
    )
    drawn = words.say(", ").join(one.vessel.name for one in result.vessels if one.by_reader)
    notes = [Paragraph(words.say(NOTE_DRAWN if drawn else NOTE), small=True)]
    if drawn:
        codes = words.say(", ").join(drawn_codes(result)) or words.say("none")
        notes.append(Paragraph(words.say(DRAWN_NOTE, vessels=drawn, segments=codes), small=True))
    moved = words.say(", ").join(one.vessel.name for one in result.vessels if one.edit.line)
    if moved:
        notes.append(Paragraph(words.say(MOVED_NOTE, vessels=moved), small=True))
    return Section(words.say("Changes by the reader"), (DataTable(columns, rows, compact=True), *notes))
