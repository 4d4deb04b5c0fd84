"""Why the category is what it is: the rules that fired, what would change it, both ways to the burden, disputed boundaries."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, Column, DataTable, Heading, Notice, Paragraph, Section, Tone

from ..cadrads_category import graded_parts
from ..cadrads_rules import Rule
from ..calcium_series import whole_score
from ..constants import GRADED_ABOVE_MM, LEFT_MAIN_4B_FROM, P4_CALCIUM_FROM
from ..result import CoronaryResult
from .assessed import VESSEL_ORDER, any_assessed, greatest_stenosis
from .rows import counted_rows
from .words import Words, label_of

_DISPUTED = (
    (
        Rule.IF_LEFT_MAIN,
        label_of("Left main stenosis that makes category 4B"),
        label_of("{left_main} % and more"),
        label_of("more than {left_main} % (wording of 2016)"),
    ),
    (
        Rule.IF_SMALL,
        label_of("Segments that are graded"),
        label_of("wider than {width} mm"),
        label_of("{width} mm and wider"),
    ),
    (
        Rule.IF_RAMUS,
        label_of("Ramus intermedius among the three vessels"),
        label_of("counts for the LCx"),
        label_of("counts for none"),
    ),
    (
        Rule.IF_P4,
        label_of("Agatston score from which the burden is P4"),
        label_of("{score} and more"),
        label_of("more than {score}"),
    ),
    (
        Rule.IF_HIGHER_BURDEN,
        label_of("Burden where calcium score and segments differ"),
        label_of("by the calcium score, where it may be used"),
        label_of("the higher of both"),
    ),
)
"""Rule of the other reading, what it is about, how it is taken here, how else it is read; see ``constants``."""


def grading_section(result: CoronaryResult, words: Words) -> Section:
    """Return why the category is what it is, and what would change it."""
    grade = result.grade
    blocks: list[Block] = [Heading(words.say("Rules that fired"))]
    blocks.append(Notice("", grade.text, Tone.INFO, tuple(one.say(words.code) for one in grade.trace)))
    blocks.append(Heading(words.say("What would change it")))
    changes = tuple(one.say(words.code) for one in grade.what_if)
    if changes:
        blocks.append(Notice("", "", Tone.NEUTRAL, changes))
    else:
        blocks.append(Paragraph(words.say("No single change within the intervals or the disputed rules changes the category.")))
    blocks.append(_worst(result, words))
    blocks += [Heading(words.say("Plaque burden by both ways")), _burden(result, words)]
    blocks += [Heading(words.say("Boundaries that sources dispute")), _disputed(result, words)]
    blocks.append(
        Paragraph(
            words.say(
                "CAD-RADS 2.0 (Cury 2022, doi:10.1016/j.jcmg.2022.07.002); segments of 1.5 mm and less are not graded. Percent "
                "are rounded to whole numbers before grading."
            ),
            small=True,
        )
    )
    return Section("CAD-RADS 2.0", tuple(blocks), keep_together=True)


def _worst(result: CoronaryResult, words: Words) -> DataTable:
    """Return the greatest stenosis of each vessel, the segment that has it, and the lesions there."""
    worst = dict(result.grade.worst_percent)
    rows = []
    for vessel in VESSEL_ORDER:
        percent = worst.get(vessel, 0)
        highest = [part for part in graded_parts(result.findings) if part.vessel is vessel and part.percent == percent > 0]
        lesions = [row.name for row in counted_rows(result) if row.code in {part.name for part in highest}]
        where = words.say(", ").join(part.name for part in highest) or "–"
        rows.append((vessel.value, greatest_stenosis(result, vessel, words), where, words.say(", ").join(lesions) or "–"))
    columns = (
        Column(words.say("Vessel"), 0.8),
        Column(words.say("Greatest diameter stenosis"), 5.4),
        Column(words.say("Segment"), 1.1),
        Column(words.say("Lesion"), 1.1),
    )
    return DataTable(columns, tuple(rows), compact=True)


def _burden(result: CoronaryResult, words: Words) -> DataTable:
    """Return the burden by the calcium score and by the segments involved, and which of them is reported."""
    burden, agatston = result.grade.burden, result.findings.agatston
    no_score, reported = words.say("no calcium score"), words.say("reported")
    columns = (
        Column(words.say("How"), 3.0),
        Column(words.say("Counted"), 3.0),
        Column(words.say("Burden"), 1.2),
        Column("", 1.2),
    )
    by_calcium = burden.by_calcium is not None and any(one.rule is Rule.P_CALCIUM for one in burden.trace)
    by_segments = any(one.rule in (Rule.P_INVOLVEMENT, Rule.P_SMALL_ONLY) for one in burden.trace)
    score = no_score if agatston is None else words.say("Agatston score {score}", score=whole_score(agatston))
    involved = words.say("not assessed")
    if any_assessed(result):
        involved = words.say("segments involved (SIS): {count}", count=burden.involved_segments)
    rows = (
        (words.say("By the calcium score"), score, _level(burden.by_calcium), reported if by_calcium else "–"),
        (words.say("By the segments involved"), involved, _level(burden.by_involvement), reported if by_segments else "–"),
    )
    return DataTable(columns, rows, compact=True)


def _level(level: int | None) -> str:
    return "–" if level is None else f"P{level}"


def _disputed(result: CoronaryResult, words: Words) -> DataTable:
    """Return each boundary that sources dispute, how it is taken and read otherwise, and what the other reading does here."""
    fired = {one.rule: one.say(words.code) for one in result.grade.what_if}
    values = {"left_main": LEFT_MAIN_4B_FROM, "width": f"{GRADED_ABOVE_MM:g}", "score": P4_CALCIUM_FROM}
    columns = (
        Column(words.say("Boundary"), 2.6),
        Column(words.say("Taken here"), 1.8),
        Column(words.say("Other reading"), 2.0),
        Column(words.say("What it changes here"), 2.6),
    )
    rows = tuple(
        (
            words.say(what),
            words.say(taken, **values),
            words.say(other, **values),
            fired.get(rule, words.say("nothing")),
        )
        for rule, what, taken, other in _DISPUTED
    )
    return DataTable(columns, rows, compact=True)
