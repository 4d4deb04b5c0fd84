"""How good the scan is, what could not be assessed and why, and every segment with what was found."""

from __future__ import annotations

from SenseCarePlanningLib.report.measurement_table import measurement_blocks
from SenseCarePlanningLib.report.model import (
    Block,
    Cell,
    CellContent,
    Column,
    DataTable,
    Heading,
    Measurement,
    Notice,
    Paragraph,
    Section,
    Tone,
)

from ..cadrads_category import counts_by_size
from ..findings import SegmentFinding
from ..issues import Consequence
from ..result import CoronaryResult
from ..said_issues import said_together
from ..segments import BY_CODE, SEGMENTS
from .assessed import unassessed
from .rows import codes_by_reader
from .words import Words, label_of

_SCAN = ("aortic_attenuation", "noise", "point_spread_fwhm")
_CONSEQUENCES = {
    Consequence.NOT_ASSESSABLE: (label_of("Not assessable"), Tone.BAD),
    Consequence.DOUBTFUL: (label_of("Doubtful"), Tone.CAUTION),
    Consequence.REMARK: (label_of("Remarks"), Tone.INFO),
}


def quality_section(result: CoronaryResult, words: Words) -> Section:
    """Return scan quality and everything that stands in the way of a sure answer."""
    items = tuple(result.examination[name] for name in _SCAN if name in result.examination)
    blocks: list[Block] = [*measurement_blocks(items, words)]
    if result.scan is not None:
        blocks.append(
            Paragraph(
                words.say(
                    "A lumen narrower than about {size} is smaller than this scan resolves: its width rests on its brightness.",
                    size=words.with_unit(result.scan.fwhm_mm, "mm"),
                ),
                small=True,
            )
        )
    for consequence, (title, tone) in _CONSEQUENCES.items():
        said = said_together((one for one in result.quality if one.consequence is consequence), words.code)
        if said:
            blocks.append(Notice("", words.say(title), tone, said))
    missing = unassessed(result)
    if missing:
        blocks.append(Heading(words.say("Segments that were not assessed")))
        columns = (Column(words.say("Segment"), 3.0), Column(words.say("Why"), 5.0))
        rows = tuple((words.segment(code), words.reason(reason)) for code, reason in missing)
        blocks.append(DataTable(columns, rows))
    known = {one.text for one in result.quality}
    others = tuple(dict.fromkeys(words.sentence(text) for text in result.warnings if text not in known))
    if others:
        blocks.append(Notice("", words.say("Warnings"), Tone.CAUTION, others))
    return Section(words.say("Quality of the scan"), tuple(blocks))


def segment_section(result: CoronaryResult, words: Words) -> Section:
    """Return all 18 segments: stenosis, plaque, healthy diameter, least lumen, or why not."""
    columns = (
        Column("SCCT", 0.85, "right"),
        Column(words.say("Segment"), 3.4),
        Column(words.say("Diameter stenosis (95 %)"), 2.2),
        Column(words.say("Plaque"), 1.1),
        Column(words.say("Healthy diameter (mm)"), 1.4, "right"),
        Column(words.say("Least lumen (mm²)"), 1.4, "right"),
        Column(words.say("Read at (mm)"), 1.2, "right"),
        Column(words.say("Length (mm)"), 1.2, "right"),
    )
    found = {one.code: one for one in result.findings.segments}
    read = codes_by_reader(result)
    rows: list[tuple[CellContent, ...]] = []
    for segment in SEGMENTS:
        finding = found.get(segment.code)
        numbers = {item.name: item for item in result.segment_measurements.get(segment.code, ())}
        if finding is None:
            state = words.say("absent") if segment.code in result.findings.absent else words.say("not found")
            rows.append((str(segment.number), words.segment(segment.code), state, "–", "–", "–", "–", "–"))
            continue
        rows.append(
            (
                str(segment.number),
                words.segment(segment.code),
                _stenosis(finding, words, segment.code in read),
                words.yes_no(finding.plaque) if finding.plaque or finding.stenosis is not None else words.say("not assessed"),
                _width(numbers.get("reference_diameter"), words),
                _value(numbers.get("minimum_lumen_area"), words),
                _value(numbers.get("least_lumen_distance"), words),
                _value(numbers.get("length"), words),
            )
        )
    blocks = (DataTable(columns, tuple(rows), compact=True), Paragraph(_borders(words), small=True))
    return Section(words.say("Segments"), blocks)


def _borders(words: Words) -> str:
    return words.say(
        "Segments after SCCT (Leipsic 2014, doi:10.1016/j.jcct.2014.07.003). The healthy diameter is that of the vessel's taper. "
        "The least lumen lies as far from the artery's ostium as stands beside it: see the diameter profile of its vessel."
    )


def _stenosis(finding: SegmentFinding, words: Words, by_reader: bool) -> Cell | str:
    if finding.stenosis is None:
        return Cell(words.reason(finding.not_assessable), words.say("Not assessable"), Tone.BAD)
    interval = None if finding.stenosis.high == 0 else finding.stenosis.interval
    said = words.marked("" if interval is None else f"{interval[0]:.0f}–{interval[1]:.0f}", by_reader)
    if interval is None:
        text = words.say("none") if finding.stenosis.percent == 0 else f"{finding.stenosis.percent:.0f} %"
    else:
        text = f"{finding.stenosis.percent:.0f} %"
    whole = f"{text} ({said})" if said else text
    if finding.stenosis.percent and not counts_by_size(finding):
        whole = words.say(", ").join((whole, words.say("not graded")))
    if not finding.not_assessable:
        return whole
    return Cell(whole, words.say("In part not assessable: {reason}", reason=words.reason(finding.not_assessable)), Tone.CAUTION)


def _value(item: Measurement | None, words: Words) -> str:
    return "–" if item is None or item.value is None else words.number(item.value, item.unit, 1)


def _width(item: Measurement | None, words: Words) -> str:
    return "–" if item is None or item.value is None else words.width(item.value)


def segment_title(code: str, words: Words) -> str:
    """Return a segment's name for a heading, or a dash for a stretch without one."""
    return words.segment(code) if code in BY_CODE else words.say("stretch without a name")
