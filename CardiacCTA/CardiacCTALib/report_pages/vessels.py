"""Vessel by vessel: its reformats and profiles, and each lesion with sections, contours, and both references side by side."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import (
    Block,
    Column,
    DataTable,
    Figure,
    FigureRow,
    Heading,
    Measurement,
    Notice,
    Paragraph,
    Section,
    Together,
    Tone,
)

from ..pictures_vessel import LETTERS
from ..read_in import ReadIn, probe_name, read_in
from ..reference import ReferenceKind
from ..result import CoronaryResult
from ..vessel_result import VesselResult
from .assessed import blind_codes
from .quality import segment_title
from .rows import LesionRow, lesion_rows, shown_vessels
from .summary import NOT_GRADED, grade_words, not_graded
from .words import Pictures, Words, label_of

REFERENCE_WORDS = {
    ReferenceKind.TAPER: label_of("against the taper of the vessel"),
    ReferenceKind.ADJACENT: label_of("against the healthy sections beside it"),
}
READ_IN_WORDS = {ReadIn.PROFILE: label_of("profile"), ReadIn.WALL: label_of("plaque map")}
_PAIRED = ("diameter_stenosis", "area_stenosis", "reference_diameter")
_SINGLE = ("minimum_lumen_diameter", "minimum_lumen_area", "lesion_length", "distance_from_ostium", "remodelling_index",
           "plaque_burden_at_narrowest", "calcium_arc")  # fmt: skip
_PROBE_WORDS = {
    "A": label_of("{name}: healthy, before"),
    "B": label_of("{name}: narrowest"),
    "C": label_of("{name}: healthy, after"),
}


def vessel_sections(result: CoronaryResult, pictures: Pictures, words: Words) -> list[Section]:
    """Return a section for each vessel shown, lesions included; and one that names the vessels without pages."""
    rows = lesion_rows(result)
    shown = shown_vessels(result)
    found = [_vessel_section(result, one, tuple(row for row in rows if row.vessel is one), pictures, words) for one in shown]
    others = [one for one in result.vessels if one not in shown]
    if others:
        columns = (Column(words.say("Vessel"), 1.5), Column(words.say("What was found"), 6.0))
        table = tuple(
            (one.vessel.name, _in_a_line(result, one, [row for row in rows if row.vessel is one], words)) for one in others
        )
        found.append(Section(words.say("Other vessels"), (DataTable(columns, table),)))
    return found


def _in_a_line(result: CoronaryResult, one: VesselResult, rows: list[LesionRow], words: Words) -> str:
    if one.measured is None:
        return words.say("not measured: {reason}", reason=words.reason(one.reason))
    length = words.with_unit(one.vessel.length_mm, "mm", 0)
    blind = blind_codes(result, one)
    codes = words.say(", ").join(blind)
    if rows and blind:
        return words.say(
            "measured along {length}; not assessable: {segments}; not graded: {lesions}",
            length=length, segments=codes, lesions=not_graded(rows, words),
        )  # fmt: skip
    if blind:
        return words.say("measured along {length}; not assessable: {segments}", length=length, segments=codes)
    if rows:
        return words.say("measured along {length}; not graded: {lesions}", length=length, lesions=not_graded(rows, words))
    return words.say("measured along {length}: no narrowing of 15 % or more and no plaque", length=length)


def _vessel_section(
    result: CoronaryResult, one: VesselResult, rows: tuple[LesionRow, ...], pictures: Pictures, words: Words
) -> Section:
    name = one.vessel.name
    missing = words.picture_missing(pictures.reason)
    blocks: list[Block] = [
        Figure(
            pictures.get(f"vessel_{name}"),
            words.say(
                "{vessel}: straightened (left; distances are true) and stretched reformats. Blue: lumen, orange: outer wall, "
                "dashed: centreline. Brackets: lesions, with the 95 % interval of the diameter stenosis; broken ones are not "
                "graded.",
                vessel=name,
            ),
            words.say("{vessel}: reformats along the vessel", vessel=name),
            missing,
            max_height_mm=118.0,
            least_share=0.7,
        ),
        Figure(
            pictures.get(f"profile_{name}"),
            words.say(
                "{vessel}: diameters along the vessel; the stenosis is the gap between lumen and healthy diameter.", vessel=name
            ),
            words.say("{vessel}: diameter profile", vessel=name),
            missing,
            max_height_mm=55.0,
            least_share=0.8,
        ),
        Figure(
            pictures.get(f"wall_{name}"),
            words.say("{vessel}: the wall unrolled, in colours of its composition: the plaque map.", vessel=name),
            words.say("{vessel}: map of the wall", vessel=name),
            missing,
            max_height_mm=48.0,
            least_share=0.8,
        ),
    ]
    blind = blind_codes(result, one)
    if blind:
        blocks.append(Paragraph(words.say(", ").join(blind), words.say("Not assessable:"), small=True))
    if not rows:
        blocks.append(Paragraph(_nothing_in_it(blind, words)))
    rest = [row for row in rows if not row.counts]
    if rest:
        blocks.append(Paragraph(not_graded(rest, words), words.say(NOT_GRADED), small=True))
    blocks += [Together(tuple(lesion_blocks(row, pictures, words))) for row in rows if row.pictured]
    return Section(words.say("Vessel {vessel}", vessel=name), tuple(blocks))


def _nothing_in_it(blind: tuple[str, ...], words: Words) -> str:
    if blind:
        return words.say("No narrowing of 15 % or more and no plaque was found where it was assessed.")
    return words.say("No narrowing of 15 % or more and no plaque was found in this vessel.")


def lesion_blocks(row: LesionRow, pictures: Pictures, words: Words) -> list[Block]:
    """Return one lesion: three sections and the profile through the narrowest, then its numbers with where each was read."""
    missing = words.picture_missing(pictures.reason)
    figures = []
    for letter, text in zip(LETTERS, _PROBE_WORDS.values(), strict=True):
        picture = pictures.get(f"lesion_{row.number}_{letter}")
        if picture is None and pictures.get(f"lesion_{row.number}_B") is not None:
            continue  # the lesion reaches that end of the line: there is no section
        said = words.say(text, name=probe_name(row.number, letter))
        figures.append(Figure(picture, said, said, missing, max_height_mm=52.0))
    edges = words.say("HU along the cut in {name}", name=probe_name(row.number, "B"))
    figures.append(Figure(pictures.get(f"lesion_{row.number}_edges"), edges, edges, missing, max_height_mm=52.0))
    title = words.say("{name}: {segment}, grade {grade}", name=row.name, segment=segment_title(row.code, words),
                      grade=grade_words(row, words))  # fmt: skip
    blocks: list[Block] = [Heading(title), FigureRow(tuple(figures), least_share=0.8), _paired(row, words), _single(row, words)]
    remarks = tuple(words.sentence(text) for text in row.remarks)
    if remarks:
        blocks.append(Notice("", "", Tone.CAUTION, remarks))
    return blocks


def _paired(row: LesionRow, words: Words) -> DataTable:
    """Return stenoses and healthy diameters against both references, side by side; the first one is graded."""
    kinds = [one.reference for one in row.lesion.narrowings]
    kinds += [kind for kind in (ReferenceKind.TAPER, ReferenceKind.ADJACENT) if kind not in kinds]
    graded = words.say("graded")
    columns = (
        Column(words.say("Quantity"), 2.6),
        *(
            Column(
                f"{words.say(REFERENCE_WORDS[kind])} ({graded})"
                if not at and not row.reason
                else words.say(REFERENCE_WORDS[kind]),
                3.0,
            )
            for at, kind in enumerate(kinds)
        ),
        Column(words.say("Read in"), 1.3),
    )
    rows = tuple(
        (
            words.measurement_name(f"{name}_{ReferenceKind.TAPER.value}"),
            *(_said(row.numbers.get(f"{name}_{kind.value}"), words) for kind in kinds),
            _read_in(f"{name}_{ReferenceKind.TAPER.value}", row, words),
        )
        for name in _PAIRED
    )
    return DataTable(columns, rows, compact=True)


def _read_in(name: str, row: LesionRow, words: Words) -> str:
    """Return which picture shows a number: the letter of a section, or the chart above."""
    kind = read_in(name)
    return probe_name(row.number, "B") if kind is ReadIn.NARROWEST else words.say(READ_IN_WORDS[kind])


def _said(item: Measurement | None, words: Words) -> str:
    if item is None:
        return words.say("no healthy section beside it")
    return words.measured(item)


def _single(row: LesionRow, words: Words) -> DataTable:
    """Return what needs no reference, two quantities a line, with the section that each was read in."""
    cells = []
    for name in _SINGLE:
        item = row.numbers.get(name)
        if item is not None:
            cells.append((words.measurement_name(name), words.measured(item), _read_in(name, row, words)))
    if len(cells) % 2:
        cells.append(("", "", ""))
    titles = (Column(words.say("Quantity"), 2.5), Column(words.say("Value"), 2.1), Column(words.say("Read in"), 1.3))
    return DataTable((*titles, *titles), tuple((*cells[at], *cells[at + 1]) for at in range(0, len(cells), 2)), compact=True)
