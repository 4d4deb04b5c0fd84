"""What a reader changed: the audit trail as a table."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Column, DataTable, Paragraph, Section

from ..reader_change import GRADE_WORDS, KIND_WORDS
from ..result import CoronaryResult
from .words import Words


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
            f"{words.say(KIND_WORDS[one.kind])} {one.subject}",
            _value(one.before, words),
            _value(one.after, words),
            one.remark or "–",
        )
        for one in result.changes
    )
    note = words.say(
        "Names, grade and the rules that fired are those after the changes; measured numbers are as the scan gave them."
    )
    return Section(words.say("Changes by the reader"), (DataTable(columns, rows, compact=True), Paragraph(note, small=True)))


def _value(text: str, words: Words) -> str:
    return words.say(GRADE_WORDS[text]) if text in GRADE_WORDS else text
