"""The airways in numbers: one row a named bronchus, and every branch in the appendix."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, Cell, Column, DataTable, Measurement, Notice, Paragraph, Section, Tone
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag

from ..constants import INTERMEDIATE, LEFT_MAIN, LOBAR_CODES, RIGHT_MAIN, SEGMENT_CODES, TRACHEA
from ..result import AirwayResult
from .quality import overview_row
from .words import Pictures, Words, label_of

NAMED_CODES = (TRACHEA, RIGHT_MAIN, LEFT_MAIN, INTERMEDIATE, *LOBAR_CODES, *SEGMENT_CODES)
FLAG_NAMES = {
    BranchFlag.BRIDGED: label_of("gap bridged"),
    BranchFlag.LEAK_SUSPECTED: label_of("leak suspected"),
    BranchFlag.LOOP_REMOVED: label_of("loop cut"),
    BranchFlag.MANUALLY_EDITED: label_of("edited"),
}


def _value(result: AirwayResult, branch: Branch, name: str, words: Words) -> str:
    """Return a measurement of a branch without its unit, a dash when there is none."""
    found: Measurement | None = next((item for item in result.branch_measurements.get(branch.id, ()) if item.name == name), None)
    if found is None:
        return "–"
    if found.value is None:
        return words.lumen(0.0, found.interval) if found.interval is not None else "–"
    interval = words.interval(found.interval, found.unit)
    value = words.number(found.value, found.unit)
    return f"{value} ({interval})" if interval else value


def _minimum(branch: Branch, words: Words) -> str:
    return words.lumen(branch.minimum_diameter_mm, branch.minimum_diameter_interval_mm)


def _has_walls(result: AirwayResult) -> bool:
    """Tell whether the wall of any branch was measured; without one its column is left out."""
    return any(
        item.name == "wall_thickness" and item.value is not None
        for measurements in result.branch_measurements.values()
        for item in measurements
    )


def _columns(words: Words, walls: bool) -> tuple[Column, ...]:
    columns = (
        Column(words.say("Length\n(mm)"), 1.1, "right"),
        Column(words.say("Diameter\n(mm, 95 %)"), 2.1, "right"),
        Column(words.say("Narrowest\n(mm, 95 %)"), 2.1, "right"),
    )
    return (*columns, Column(words.say("Wall\n(mm, 95 %)"), 2.0, "right")) if walls else columns


def _numbers(result: AirwayResult, branch: Branch, words: Words, walls: bool) -> tuple[str, ...]:
    diameter = _value(result, branch, "inner_diameter", words)
    numbers = (
        words.number(branch.length_mm, "mm"),
        diameter if diameter != "–" else words.number(branch.diameter_mm, "mm"),
        _minimum(branch, words),
    )
    return (*numbers, _value(result, branch, "wall_thickness", words)) if walls else numbers


def airway_section(result: AirwayResult, pictures: Pictures, words: Words) -> Section:
    """Return one row for every named bronchus down to the segments, and which segments were not found."""
    tree, walls = result.tree, _has_walls(result)
    by_code: dict[str, list[Branch]] = {}
    for branch in tree:
        if branch.label is not None:
            by_code.setdefault(branch.label.code, []).append(branch)
    rows: list[tuple[str | Cell, ...]] = []
    for code in (code for code in NAMED_CODES if code in by_code):
        first = by_code[code][0]
        name = words.full_name(code)
        beyond = len(tree.subtree(first.id)) - 1
        confidence = f"{100 * first.label.confidence:.0f} %" if first.label is not None else "–"
        rows.append(
            (
                Cell(lead=words.short_branch(first) if code in SEGMENT_CODES else ""),
                name,
                confidence,
                str(beyond),
                *_numbers(result, first, words, walls),
            )
        )
    title = words.say("Named bronchi")
    missing = [code for code in SEGMENT_CODES if code not in by_code]
    if not rows:
        return Section(title, (Notice(words.say("No branch of this tree has a name."), tone=Tone.CAUTION),))
    columns = (
        Column(words.say("Code"), 1.1),
        Column(words.say("Bronchus"), 3.8),
        Column(words.say("Confi-\ndence"), 1.0, "right"),
        Column(words.say("Branches\nbeyond"), 1.65, "right"),
        *_columns(words, walls),
    )
    blocks: list[Block] = [DataTable(columns, tuple(rows), compact=True), Paragraph(_bound_note(words), small=True)]
    if missing:
        codes = words.say(", ").join(missing)
        blocks.append(Paragraph(words.say("Segmental bronchi not found or not named with confidence: {codes}.", codes=codes)))
    whole = overview_row(pictures, words) if result.plan is not None and result.plan.routes else None
    return Section(title, (*blocks, whole) if whole is not None else tuple(blocks))


def _bound_note(words: Words) -> str:
    return words.say("A diameter with < is an upper bound: the scan cannot tell a narrower lumen from one of that size.")


def branch_section(result: AirwayResult, words: Words) -> Section:
    """Return every branch."""
    tree, walls = result.tree, _has_walls(result)
    flagged = any(branch.flags for branch in tree)
    columns = (
        Column(words.say("No."), 0.7, "right"),
        Column(words.say("Name"), 2.4),
        Column(words.say("From"), 1.1, "right"),
        Column(words.say("Gen."), 0.8, "right"),
        *_columns(words, walls),
        *((Column(words.say("Remarks"), 2.2),) if flagged else ()),
    )
    rows = []
    for branch in tree:
        flags = words.say(", ").join(words.say(FLAG_NAMES[flag]) for flag in sorted(branch.flags, key=lambda flag: flag.value))
        name = words.short_branch(branch) if branch.label is not None else "–"
        parent = "–" if branch.parent_id is None else str(branch.parent_id)
        remarks = (flags or "–",) if flagged else ()
        rows.append((str(branch.id), name, parent, str(branch.generation), *_numbers(result, branch, words, walls), *remarks))
    title = words.say("Appendix: all branches")
    note = Paragraph(f"{_names_note(words)} {_bound_note(words)}", small=True)
    return Section(title, (note, DataTable(columns, tuple(rows), compact=True)), new_page=True)


def _names_note(words: Words) -> str:
    return words.say(
        "Names: RB9+10 is the common trunk of RB9 and RB10, RB3.2 the second part of RB3 beyond a side branch, RB3-1 such a side "
        "branch, RB3* a further, smaller piece of segment 3 with an origin of its own; a, b, c are subsegments, i, ii and the "
        "numbers after them all below. From: number of the branch above. Gen.: bifurcations since the trachea."
    )
