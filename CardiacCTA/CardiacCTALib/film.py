"""The coronary film: what was found decides what is on it. From the same pictures and blocks as the report.

*findings*, the one-key layout: the heart from two sides with CAD-RADS and the calcium table beside it, the three main vessels
straightened, and three sections of each lesion, the gravest first. Regular and special layouts are filled in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.report.film_pdf import write_film
from SenseCarePlanningLib.report.film_sheet import Box, FilmBlock, FilmCell, FilmSheet, Layout, fill, layout_of
from SenseCarePlanningLib.report.model import DataTable, Figure, Notice, Tone
from SenseCarePlanningLib.report.study_page import patient_line

from .cadrads_category import Category, category_of, whole_percent
from .cadrads_rules import Rule
from .pictures_heart import VIEW_WORDS
from .pictures_vessel import LETTERS
from .read_in import probe_name
from .reader_change import GRADES, now
from .report_pages.assessed import unassessed
from .report_pages.plaque import calcium_section
from .report_pages.rows import MAIN, LesionRow, makes_4b, pictured_rows, shown_vessels
from .report_pages.summary import CATEGORY_WORDS, given_words
from .report_pages.words import Pictures, Words, label_of
from .result import CoronaryResult
from .segments import BY_CODE, Artery

FINDINGS = "findings"
COLUMNS, ROWS = 12, 14
_HEART_ROWS, _VESSEL_ROWS, _PROBE_ROWS = 4, 6, 2
_ON_FIRST = 2 * (ROWS - _HEART_ROWS - _VESSEL_ROWS) // _PROBE_ROWS
"""Lesions on the first film: two side by side in each row of sections."""
_LESION_LINES = 6
"""Lesions named beside the category, the gravest first; all have their sections."""
_ON_OTHERS = 2 * ROWS // _PROBE_ROWS
_ORDER = tuple(Category)
_NO_SECTION = {
    "A": label_of("no section: the lesion begins with the line of the vessel"),
    "C": label_of("no section: the lesion ends with the line of the vessel"),
}


class FilmKind(Enum):
    """Kinds of pictures that a film may be restricted to, by the names of the trade."""

    VR = "VR"
    MIP = "MIP"
    STRAIGHTENED = "SPR"
    CPR = "CPR"
    PROBE = "PROBE"
    TABLE = "TABLE"


@dataclass(frozen=True)
class FilmOptions:
    """How films are laid out.

    Parameters
    ----------
    size
        Film Size ID, such as ``14INX17IN``.
    layout
        ``findings``, a regular one such as ``3x4``, or ``L1`` to ``L7``.
    kinds
        What a regular or special layout shows; everything where None. *findings* has one of each kind, wherever there is one.
    vessels, lesions
        Names of vessels and numbers of lesions whose pictures are shown; all where None. What belongs to no vessel is always.
    landscape
        Lying instead of upright.
    language
        ``en`` or ``zh``.
    """

    size: str = "14INX17IN"
    layout: str = FINDINGS
    landscape: bool = False
    language: str = "en"
    kinds: frozenset[FilmKind] | None = None
    vessels: frozenset[str] | None = None
    lesions: frozenset[int] | None = None

    def shows(self, vessel: str, lesion: int | None = None) -> bool:
        """Tell whether the pictures of a vessel (empty for none), or of one of its lesions, are wanted."""
        wanted = not vessel or self.vessels is None or vessel in self.vessels
        return wanted and (lesion is None or self.lesions is None or lesion in self.lesions)


def build_film(
    result: CoronaryResult, pictures: dict[str, Path], *, study: StudyInfo | None = None, options: FilmOptions | None = None
) -> tuple[FilmSheet, ...]:
    """Arrange the pictures of a result on films.

    Parameters
    ----------
    pictures
        Key -> file, as :func:`.pictures.make_pictures` and ``make_turned_pictures`` give them; what is missing is left out.

    Returns
    -------
    tuple of FilmSheet
        Empty where a regular or special layout is to show nothing that there is.

    Raises
    ------
    ValueError
        For an unknown size, layout or language.
    """
    options = options or FilmOptions()
    words = Words.of(options.language)
    shown = Pictures({key: path for key, path in pictures.items() if path.is_file()})
    if options.layout == FINDINGS:
        layout = Layout(COLUMNS, ROWS, ())
        pages = _finding_pages(result, shown, words, options)
    else:
        layout = layout_of(options.layout)
        blocks, small = _in_order(result, shown, words, options)
        pages = fill(layout, blocks, small)
    sheet = FilmSheet(
        layout,
        (),
        options.size,
        options.landscape,
        f"{words.say('Coronary CT angiography')}  {result.grade.text}",
        patient_line(study, words),
        words.say("For review by a clinician – research use, not a medical device"),
    )
    count = len(pages)
    return tuple(replace(sheet, cells=cells, page_label=f"{number} / {count}") for number, cells in enumerate(pages, 1))


def write_coronary_film(
    result: CoronaryResult, pictures: dict[str, Path], path: Path, *, study: StudyInfo | None = None,
    options: FilmOptions | None = None, written: str = "",
) -> Path:  # fmt: skip
    """Write the films as a PDF with pages of the film's size, dated as written (ISO 8601; now); see :func:`build_film`."""
    version = result.run.versions.get("SenseCare Planning", "")
    sheets = build_film(result, pictures, study=study, options=options)
    write_film(sheets, path, written or now(), f"SenseCare Planning {version}".strip())
    return path


def gravest_first(rows: Sequence[LesionRow]) -> list[LesionRow]:
    """Return lesions by the category that each makes of the patient, a reader's where there is one; those not graded last."""

    def key(row: LesionRow) -> tuple[bool, int, float, int]:
        vessel = BY_CODE[row.code].vessel if row.code in BY_CODE else Artery.LAD
        percent = min(max(row.percent, GRADES[row.given[0]][0]), GRADES[row.given[-1]][1]) if row.given else row.percent
        alone = category_of({vessel: whole_percent(percent)}, plaque=True, not_assessable=False)
        return bool(row.reason), -_ORDER.index(alone), -percent, row.number

    return sorted(rows, key=key)


def _finding_pages(result: CoronaryResult, shown: Pictures, words: Words, options: FilmOptions) -> list[tuple[FilmCell, ...]]:
    third = COLUMNS // 3
    first: list[FilmCell] = [
        FilmCell(Box(at * third, 0, third, _HEART_ROWS), _figure(shown, key, words.say(VIEW_WORDS[key])))
        for at, key in enumerate(("heart_left", "heart_right"))
    ]
    rows = _wanted_rows(result, options)
    first.append(FilmCell(Box(2 * third, 0, third, _HEART_ROWS // 2), _grade_notice(result, rows, words)))
    calcium = _calcium_block(result, words)
    first.append(FilmCell(Box(2 * third, _HEART_ROWS // 2, third, _HEART_ROWS // 2), calcium))
    vessels = [one.vessel.name for one in shown_vessels(result)]
    chosen = [name for name in MAIN if name in vessels and options.shows(name)][:3]
    first += [
        FilmCell(Box(at * third, _HEART_ROWS, third, _VESSEL_ROWS), _figure(shown, f"straight_{name}", name))
        for at, name in enumerate(chosen)
    ]
    first += _lesion_cells(rows[:_ON_FIRST], _HEART_ROWS + _VESSEL_ROWS, shown, words)
    pages = [tuple(first)]
    for start in range(_ON_FIRST, len(rows), _ON_OTHERS):
        pages.append(tuple(_lesion_cells(rows[start : start + _ON_OTHERS], 0, shown, words)))
    return pages


def _lesion_cells(rows: Sequence[LesionRow], top: int, shown: Pictures, words: Words) -> list[FilmCell]:
    """Return three sections of each lesion, two lesions in a row."""
    width = COLUMNS // 6
    cells = []
    for at, row in enumerate(rows):
        for number, letter in enumerate(LETTERS):
            box = Box((at % 2) * 3 * width + number * width, top + (at // 2) * _PROBE_ROWS, width, _PROBE_ROWS)
            block: FilmBlock = _probe(row, letter, shown, words)
            if shown.get(f"lesion_{row.number}_{letter}") is None and shown.get(f"lesion_{row.number}_B") is not None:
                block = Notice(words.say(_NO_SECTION[letter]), probe_name(row.number, letter))
            cells.append(FilmCell(box, block, caption_lines=2))
    return cells


def _probe(row: LesionRow, letter: str, shown: Pictures, words: Words) -> Figure:
    name = probe_name(row.number, letter)
    return _figure(shown, f"lesion_{row.number}_{letter}", _lesion_line(row, words) if letter == "B" else name)


def _lesion_line(row: LesionRow, words: Words) -> str:
    """Return a lesion in one line, its possible grades with slashes between them: a film has no room for more."""
    percent = words.estimate(row.lesion.narrowings[0].diameter_stenosis_percent, "%", by_reader=row.by_reader)
    if row.reason:
        why = words.say(", ").join(words.reason(part) for part in row.reason.split("; "))
        return words.say(
            "{name} {segment}: {percent}, not graded: {reason}", name=row.name, segment=row.code or "–", percent=percent,
            reason=why,
        )  # fmt: skip
    grade = given_words(row, words, "/")
    if makes_4b(row) is not False:
        grade = words.say("{grade}, in the LM 4B" if makes_4b(row) else "{grade}, in the LM 4B from 50 %", grade=grade)
    return words.say(
        "{name} {segment}: {percent}, grade {grade}", name=row.name, segment=row.code or "–", percent=percent, grade=grade
    )


def _figure(shown: Pictures, key: str, caption: str) -> Figure:
    return Figure(shown.get(key), caption, caption, missing=caption)


def _wanted_rows(result: CoronaryResult, options: FilmOptions) -> list[LesionRow]:
    """Return the lesions that are wanted, the gravest first."""
    return gravest_first([row for row in pictured_rows(result) if options.shows(row.vessel.vessel.name, row.number)])


def _grade_notice(result: CoronaryResult, rows: Sequence[LesionRow], words: Words) -> Notice:
    grade = result.grade
    items = [words.say(CATEGORY_WORDS[grade.category])]
    if not grade.certain:
        possible = words.say(", ").join(one.value for one in grade.possible)
        items.append(words.say("Not certain: within the intervals the category may be {categories}.", categories=possible))
    items += [_lesion_line(row, words) for row in rows[:_LESION_LINES]]
    items += [one.say(words.code) for one in grade.trace if one.rule is Rule.BY_READER]
    missing = [code for code, _ in unassessed(result)]
    if missing:
        items.append(words.say("Not assessable: {segments}", segments=words.say(", ").join(missing)))
    return Notice("", grade.text, Tone.NEUTRAL, tuple(items))


def _calcium_block(result: CoronaryResult, words: Words) -> FilmBlock:
    """Return the calcium table of the report, or why there is none; without a calibration the column of the mass is left out."""
    section = calcium_section(result, words)
    for block in section.blocks:
        if isinstance(block, DataTable):
            keep = len(block.columns) - (result.calcium is not None and result.calcium.mass_mg() is None)
            rows = tuple(row[:keep] for row in block.rows)
            return replace(block, columns=block.columns[:keep], rows=rows, caption=section.title)
    score = result.examination.get("agatston_score")
    return Notice(words.measured(score) if score is not None else "", section.title)


def _in_order(
    result: CoronaryResult, shown: Pictures, words: Words, options: FilmOptions
) -> tuple[list[FilmBlock], frozenset[int]]:
    """Return what is wanted of all there is, in the order of reading: heart, vessels, lesions gravest first, numbers.

    With the numbers of the blocks that are told from a small box as well.
    """
    found: list[tuple[FilmKind, str, FilmBlock]] = [
        (FilmKind.MIP if key == "arteries" else FilmKind.VR, "", _figure(shown, key, words.say(text)))
        for key, text in VIEW_WORDS.items()
        if shown.get(key)
    ]
    for one in shown_vessels(result):
        name = one.vessel.name
        if shown.get(f"straight_{name}"):
            found.append((FilmKind.STRAIGHTENED, name, _figure(shown, f"straight_{name}", name)))
        if shown.get(f"strip_{name}"):
            found.append((FilmKind.PROBE, name, _figure(shown, f"strip_{name}", name)))
        if shown.get(f"vessel_{name}"):
            found.append((FilmKind.CPR, name, _figure(shown, f"vessel_{name}", name)))
        turned = sorted(key for key in shown.paths if key.startswith(f"turn_{name}_"))
        found += [(FilmKind.CPR, name, _figure(shown, key, f"{name} {int(key[-3:])}°")) for key in turned]
    rows = _wanted_rows(result, options)
    for row in rows:
        found += [
            (FilmKind.PROBE, row.vessel.vessel.name, _probe(row, letter, shown, words))
            for letter in LETTERS
            if shown.get(f"lesion_{row.number}_{letter}")
        ]
    found += [(FilmKind.TABLE, "", _grade_notice(result, rows, words)), (FilmKind.TABLE, "", _calcium_block(result, words))]
    wanted = [one for one in found if (options.kinds is None or one[0] in options.kinds) and options.shows(one[1])]
    small = frozenset(at for at, one in enumerate(wanted) if one[0] in (FilmKind.PROBE, FilmKind.TABLE))
    return [block for _, _, block in wanted], small
