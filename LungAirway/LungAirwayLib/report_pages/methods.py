"""What was not measured, how the rest came about, what it is for, and who reviewed it."""

from __future__ import annotations

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.report.measurement_table import missing_lines
from SenseCarePlanningLib.report.model import (
    Block,
    Notice,
    Paragraph,
    Section,
    Signature,
    Tone,
)
from SenseCarePlanningLib.report.run_page import run_blocks

from ..result import AirwayResult
from .words import Words, label_of

_OPTION_NAMES = {
    "engine": label_of("Engine asked for"),
    "scopes": label_of("Bronchoscopes"),
    "routes": label_of("Number of routes"),
    "orientation": label_of("Operator's picture"),
    "target": label_of("Target given as"),
    "bundle": label_of("Bundle"),
}
_OPTION_VALUES = {
    "anterior_12": label_of("12 o'clock in the trachea is anterior"),
    "posterior_12": label_of("12 o'clock in the trachea is posterior"),
}
_LISTED = ("inner_diameter", "minimum_diameter", "wall_thickness", "length")
"""Measurements of a branch whose absence is worth a line."""
_METHODS = (
    label_of(
        "Airway: segmented by the engine named below, thinned to centrelines and turned into a tree; a loop is cut at its "
        "narrowest place and a gap is bridged only where direction, calibre and image agree. Both are marked."
    ),
    label_of(
        "Diameters: of the lumen across the centreline; where the CT allows, at half the height of the wall's edge. The "
        "narrowest diameter over the middle half of a branch decides what passes. Intervals are 95 %."
    ),
    label_of(
        "Routes: every branch is a candidate exit; its cost grows with the distance to the target and with the angle off "
        "its axis. Leaving the lung, crossing a lobe border or a vessel makes it dearer."
    ),
    label_of(
        "Names: segmental numbering of Jackson and Huber (1943) and Boyden (1955), matched by position, direction and "
        "calibre. A name that cannot be told is not given. Confidence is that of the segment; the letters and numbers below it "
        "go by direction alone and may differ from a colleague's."
    ),
)


def not_measured_section(result: AirwayResult, words: Words) -> Section:
    """Return what was not measured, each with its reason."""
    said = list(words.sentences(result.not_measured))
    said += missing_lines(tuple(result.quality.values()), words)
    if result.plan is not None:
        said += missing_lines(tuple(result.plan.target.measurements.values()), words)
    said += _unmeasured_branches(result, words)
    items = tuple(dict.fromkeys(said))
    title = words.say("What was not measured, and why")
    if not items:
        return Section(title, (Paragraph(words.say("Everything that this report lists was measured.")),))
    return Section(title, (Notice("", "", Tone.INFO, items),))


def _unmeasured_branches(result: AirwayResult, words: Words) -> list[str]:
    """Count branches by what was not measured on them and why; a few hundred equal sentences help no one."""
    counts: dict[tuple[str, str], int] = {}
    for measurements in result.branch_measurements.values():
        for item in measurements:
            if item.value is None and item.name in _LISTED:
                key = (item.name, item.reason_missing)
                counts[key] = counts.get(key, 0) + 1
    return [
        words.say(
            "{name} of {count} branches: {reason}",
            name=words.measurement_name(name),
            count=count,
            reason=words.sentence(reason),
        )
        for (name, reason), count in sorted(counts.items(), key=lambda item: -item[1])
    ]


def methods_sections(result: AirwayResult, study: StudyInfo | None, words: Words) -> list[Section]:
    """Return methods, engine, versions and parameters, and the run times."""
    title = words.say("Methods, versions and parameters")
    table, steps = run_blocks(result.engine, result.run, study, words, _OPTION_NAMES, _OPTION_VALUES)
    blocks: tuple[Block, ...] = (*(Paragraph(words.say(text)) for text in _METHODS), table)
    if steps is None:
        return [Section(title, blocks)]
    return [Section(title, blocks), Section(words.say("Run time"), (steps,), keep_together=True)]


def limits_section(words: Words) -> Section:
    """Return intended use and limits, and where the reviewing clinician signs."""
    limits = (
        words.say(
            "For research, and for review by a clinician with the CT at hand. This program is not a medical device and was"
            " not cleared by any authority."
        ),
        words.say(
            "The CT shows one breath at one moment. Between full inspiration and expiration nodules moved 17.6 mm on average "
            "(Chen 2015, doi:10.1378/chest.14-1425), and parts of the lung collapse under anaesthesia: expect the target "
            "elsewhere."
        ),
        words.say(
            "An airway thinner than about two voxels, or filled with mucus, does not appear in the tree. A missing branch "
            "is no proof that there is none."
        ),
        words.say("Past the visible airway every path is a guess. Vessels near it have to be judged on the CT by the physician."),
        words.say("Clock hours hold for the orientation stated on the sheet and do not account for the scope's own twist."),
    )
    labels = (words.say("Reviewed by (name)"), words.say("Signature"), words.say("Date and time"))
    blocks = (Notice("", words.say("Intended use and limits"), Tone.CAUTION, limits), Signature(labels))
    return Section(words.say("Limits and review"), blocks, keep_together=True)
