"""What is read first: the CAD-RADS category with its certainty, the lesions in one line each, what to beware of."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import (
    Block,
    Column,
    DataTable,
    Figure,
    FigureRow,
    KeyValueTable,
    Notice,
    Paragraph,
    Section,
    Tone,
)

from ..cadrads_category import Category
from ..high_risk import doubtful_features, present_features
from ..issues import Issue
from ..pictures_heart import VIEW_WORDS
from ..result import CoronaryResult
from ..said_issues import said_together
from ..segments import Dominance
from .assessed import VESSEL_ORDER, all_assessed, any_assessed, greatest_stenosis, unassessed, ungraded_plaque
from .rows import LesionRow, counted_rows, lesion_rows, makes_4b
from .words import Pictures, Words, label_of

CATEGORY_WORDS = {
    Category.NONE: label_of("no plaque and no stenosis"),
    Category.MINIMAL: label_of("minimal stenosis (1–24 %) or plaque without stenosis"),
    Category.MILD: label_of("mild stenosis (25–49 %)"),
    Category.MODERATE: label_of("moderate stenosis (50–69 %)"),
    Category.SEVERE: label_of("severe stenosis (70–99 %) in one or two vessels"),
    Category.SEVERE_EXTENSIVE: label_of("left main 50 % or more, or severe stenosis in three vessels"),
    Category.OCCLUDED: label_of("total occlusion"),
    Category.NON_DIAGNOSTIC: label_of("not diagnostic"),
}
DOMINANCE_WORDS = {
    Dominance.RIGHT: label_of("right dominant"),
    Dominance.LEFT: label_of("left dominant"),
    Dominance.BALANCED: label_of("balanced"),
}
MADE_BY = {
    Issue.STEP: label_of("{grade}; lies on a step by motion"),
    Issue.STREAKS: label_of("{grade}; lies in metal streaks"),
}
"""What stands beside a reader's grade of what the scan may have made."""
NOT_GRADED = label_of("Listed and not graded:")
KEY_WARNINGS = 5
"""So many warnings stand in the box; all follow under quality."""


def summary_section(result: CoronaryResult, words: Words) -> Section:
    """Return the box that is read first."""
    grade = result.grade
    tone = Tone.CAUTION if not grade.certain or grade.category is Category.NON_DIAGNOSTIC else Tone.INFO
    items = [words.say(CATEGORY_WORDS[grade.category])]
    if not grade.certain:
        possible = words.say(", ").join(one.value for one in grade.possible)
        items.append(words.say("Not certain: within the intervals the category may be {categories}.", categories=possible))
    blocks: list[Block] = [Notice("", grade.text, tone, tuple(items), large_title=True)]
    blocks.append(KeyValueTable(tuple(_key_rows(result, words)), pairs_per_line=1))
    rows = lesion_rows(result)
    graded, rest = [row for row in rows if row.counts], [row for row in rows if not row.counts]
    if graded:
        blocks.append(_lesion_table(graded, words))
    if rest:
        blocks.append(Paragraph(not_graded(rest, words), words.say(NOT_GRADED), small=True))
    if not rows:
        blocks.append(Paragraph(nothing_found(result, words)))
    missing = unassessed(result)
    if missing:
        names = words.say(", ").join(f"{code} ({words.reason(reason)})" for code, reason in missing)
        blocks.append(Notice(names, words.say("Not assessable"), Tone.BAD))
    warnings = said_warnings(result, words)
    if warnings:
        hidden = len(warnings) - KEY_WARNINGS
        more = (words.say("and {count} more, see the quality section", count=hidden),) if hidden > 0 else ()
        blocks.append(Notice("", words.say("Beware"), Tone.CAUTION, (*warnings[:KEY_WARNINGS], *more)))
    return Section(words.say("Summary"), tuple(blocks))


def said_warnings(result: CoronaryResult, words: Words) -> tuple[str, ...]:
    """Return what to beware of, each once: the quality list in the reader's language first, then what the reading said.

    Issues of one kind are one sentence that lists their segments.
    """
    quality = said_together(result.quality, words.code)
    known = {one.text for one in result.quality}
    rest = [words.sentence(text) for text in result.warnings if text not in known]
    return tuple(dict.fromkeys((*quality, *rest)))


def nothing_found(result: CoronaryResult, words: Words) -> str:
    """Return what is said where no lesion is listed."""
    if all(one.measured is None for one in result.vessels):
        return words.say("No vessel was measured: nothing can be said of narrowings or plaque.")
    if not all_assessed(result):
        return words.say("No narrowing of 15 % or more and no plaque was found where it was assessed.")
    return words.say("No narrowing of 15 % or more and no plaque was found in the vessels measured.")


def _key_rows(result: CoronaryResult, words: Words) -> list[tuple[str, str]]:
    worst = words.say("; ").join(
        words.say("{vessel}: {stenosis}", vessel=vessel.value, stenosis=greatest_stenosis(result, vessel, words))
        for vessel in VESSEL_ORDER
    )
    dominance = words.say(DOMINANCE_WORDS[result.dominance]) if result.dominance else words.say("not known")
    burden = _burden(result, words)
    score = result.examination.get("agatston_score")
    said = words.say("not stated") if score is None else words.measured(score)
    risky = [(row, high_risk_words(row, words)) for row in counted_rows(result)]
    features = words.say("; ").join(
        words.say("{lesion}: {features}", lesion=row.name, features=said) for row, said in risky if said
    )
    return [
        (words.say("Greatest stenosis of each vessel"), worst),
        (words.say("Plaque burden"), burden),
        (words.say("High-risk features"), features or _no_features(result, words)),
        (words.say("Agatston score"), said),
        (words.say("Coronary dominance"), dominance),
    ]


def _burden(result: CoronaryResult, words: Words) -> str:
    """Return the burden; what was not assessed has none, and what was assessed in part may have more."""
    burden = result.grade.burden
    level = f"P{burden.level}" if burden.level is not None else ""
    by = burden.by_calcium, burden.by_involvement
    if None not in by and by[0] != by[1]:
        level = words.say("{burden} (P{calcium} by calcium score, P{involved} by segments)", burden=level, calcium=by[0],
                          involved=by[1])  # fmt: skip
    if not any_assessed(result):
        missing = words.say("segments not assessed")
        return f"{level}{words.say(', ')}{missing}" if level else words.say("not assessed")
    if not level:
        level = words.say("no plaque found") if all_assessed(result) else words.say("no plaque found where it was assessed")
    told = [level, words.say("segments involved (SIS): {count}", count=burden.involved_segments)]
    hidden = ungraded_plaque(result)
    if hidden:
        names = words.say(", ").join(f"{row.name} {row.code}".strip() for row in hidden)
        told.append(words.say("plaque in lesions that are not graded: {lesions}", lesions=names))
    return words.say(", ").join(told)


def _no_features(result: CoronaryResult, words: Words) -> str:
    if not any_assessed(result):
        return words.say("not assessed")
    rows = [row for row in lesion_rows(result) if not row.reason]
    if any(not sign.certain for row in rows for sign in row.plaque.features):
        return words.say("none beyond doubt")
    return words.say("none found") if all_assessed(result) else words.say("none found where it was assessed")


def high_risk_words(row: LesionRow, words: Words) -> str:
    """Return the signs of high-risk plaque in one line, those not certain said to be so; empty without any."""
    sure = sorted(present_features(row.plaque.features), key=str)
    doubtful = sorted(doubtful_features(row.plaque.features), key=str)
    told = [words.say(one.value) for one in sure]
    told += [words.say("{sign} (not certain)", sign=words.say(one.value)) for one in doubtful]
    return words.say(", ").join(told)


def _lesion_table(rows: list[LesionRow], words: Words) -> DataTable:
    columns = (
        Column(words.say("Lesion"), 0.8),
        Column(words.say("Segment"), 1.05),
        Column(words.say("From the ostium"), 1.1, "right"),
        Column(words.say("Diameter stenosis (95 %)"), 1.95),
        Column("MLD", 0.85, "right"),
        Column(words.say("Plaque"), 1.75),
        Column(words.say("Grade"), 3.0),
    )
    return DataTable(
        columns,
        tuple(
            (
                row.name,
                row.code or "–",
                words.with_unit(row.lesion.distance_mm, "mm", 0),
                words.estimate(row.lesion.narrowings[0].diameter_stenosis_percent, "%", by_reader=row.by_reader),
                words.with_unit(row.lesion.mld_mm.value, "mm"),
                words.say(row.plaque.volumes.kind.value),
                grade_words(row, words),
            )
            for row in rows
        ),
    )


def grade_words(row: LesionRow, words: Words, with_mark: bool = True) -> str:
    """Return the categories that are possible for a lesion alone, marked where a reader gave them; with a note where it does not
    count.

    In the left main with what it makes of the patient, whose category is not that of the lesion.
    """
    said = given_words(row, words, words.say(" or "), with_mark)
    patient = makes_4b(row)
    if patient and row.counts:
        return words.say("{grade}; left main: patient 4B", grade=said)
    if patient is None and row.counts:
        return words.say("{grade}; left main: patient 4B from 50 %", grade=said)
    if row.reason:
        return words.say("{grade} (not graded: {reason})", grade=said, reason=words.reason(row.reason))
    return said


def given_words(row: LesionRow, words: Words, between: str, with_mark: bool = True) -> str:
    """Return the categories that are possible for a lesion, and of one that a reader graded what of the scan lies there."""
    said = between.join(row.grades)
    if row.plaque_only:
        said = words.say("{grade} (plaque, no stenosis)", grade=said)
    said = words.marked(said, with_mark and bool(row.given))
    for issue in row.made_by:
        said = words.say(MADE_BY[issue], grade=said)
    return said


def not_graded(rows: list[LesionRow], words: Words) -> str:
    """Return narrowings that do not count for grading in one line, each with the reason."""
    return words.say("; ").join(
        words.say(
            "{name} {segment}: {percent}, {reason}",
            name=row.name,
            segment=row.code or row.vessel.vessel.name,
            percent=words.estimate(row.lesion.narrowings[0].diameter_stenosis_percent, "%", by_reader=row.by_reader),
            reason=words.say(", ").join(words.reason(part) for part in row.reason.split("; ")),
        )
        for row in rows
    )


def overview_section(result: CoronaryResult, pictures: Pictures, words: Words) -> Section:
    """Return the heart from three sides and the arteries alone."""
    figures = [
        Figure(pictures.get(key), words.say(text), words.say(text), words.picture_missing(pictures.reason), max_height_mm=88.0)
        for key, text in VIEW_WORDS.items()
    ]
    blocks: list[Block] = [FigureRow(tuple(figures[:2])), FigureRow(tuple(figures[2:]))]
    blocks.append(
        Paragraph(
            words.say(
                "Colours: the gravest category that the 95 % interval of a lesion, or a reader's grade, leaves possible. Grey: "
                "not assessed, or not wholly. Striped: a lesion that is listed and not graded. Lesions hidden behind the heart "
                "in a view are not named in it."
            ),
            small=True,
        )
    )
    return Section(words.say("The heart and its arteries"), tuple(blocks), new_page=True)
