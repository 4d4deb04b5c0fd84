"""What was not measured, how the rest came about, what it is for, and who reviewed it."""

from __future__ import annotations

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.report.measurement_table import missing_lines
from SenseCarePlanningLib.report.model import Block, Notice, Paragraph, Section, Signature, Tone
from SenseCarePlanningLib.report.run_page import run_blocks

from ..result import CoronaryResult
from .words import Words, label_of

_OPTION_NAMES = {
    "engine": label_of("Engine asked for"),
    "clicks": label_of("Arteries marked by hand"),
    "calcium_series": label_of("Calcium series"),
    "calcium_calibration": label_of("Calibration factor of the calcium"),
    "ischaemia": label_of("Ischaemia test, as the reader states"),
    "exceptions": label_of("Not atherosclerotic, as the reader states"),
    "stents": label_of("Stents named beforehand"),
    "coronary_mask": label_of("Mask of the arteries"),
    "chambers": label_of("Chambers"),
}
_OPTION_VALUES = {
    "given": label_of("given"),
    "own": label_of("made by this program"),
    "none": label_of("none"),
    "none known": label_of("none"),
}
_METHODS = (
    label_of(
        "Centrelines: followed from the ostia in the scan by the engine named below and named after SCCT. Lumen and outer wall: "
        "a model of the section, blurred as the aorta shows this scan to be blurred, is fitted to the HU across the centreline."
    ),
    label_of(
        "Diameter stenosis: 1 - d / D, with d the diameter of the circle of the lumen's area at the narrowest section and D the "
        "healthy diameter there. Two references stand side by side: a robust taper of the whole vessel with a step at each "
        "branch, and the mean of the plaque-free sections beside the lesion. Area stenosis: 1 - (1 - stenosis)²."
    ),
    label_of(
        "Intervals are 95 %: noise, point spread, level of the lumen, calcium beside it and the healthy reference are "
        "propagated. They were checked on digital arteries of known shape, not on patients."
    ),
    label_of(
        "A total occlusion is claimed where it is at least twice as likely as a lumen too thin to be seen; of stenoses from "
        "70 % on one in four is expected to be one before the scan is asked. The other stays possible unless its chance is "
        "under 2.5 %."
    ),
    label_of(
        "Every lesion is shown by three sections with the contours that were found, and by the HU along a cut through the "
        "narrowest one. The section named beside a number (such as L1-B) is where it was read."
    ),
)


def not_measured_section(result: CoronaryResult, words: Words) -> Section:
    """Return what was not measured, each with its reason."""
    said = [words.sentence(text) for text in result.not_measured]
    said += missing_lines(tuple(result.examination.values()), words)
    items = tuple(dict.fromkeys(said))
    title = words.say("What was not measured, and why")
    if not items:
        return Section(title, (Paragraph(words.say("Everything that this report lists was measured.")),))
    return Section(title, (Notice("", "", Tone.INFO, items),))


def methods_sections(result: CoronaryResult, study: StudyInfo | None, words: Words) -> list[Section]:
    """Return methods, engine, versions and parameters, and the run times."""
    table, steps = run_blocks(result.engine, result.run, study, words, _OPTION_NAMES, _OPTION_VALUES)
    blocks: tuple[Block, ...] = (*(Paragraph(words.say(text)) for text in _METHODS), table)
    found = [Section(words.say("Methods, versions and parameters"), blocks)]
    if steps is not None:
        found.append(Section(words.say("Run time"), (steps,), keep_together=True))
    return found


def limits_section(words: Words) -> Section:
    """Return intended use and limits, and where the reviewing clinician signs."""
    limits = (
        words.say(
            "For research, and for review by a clinician with the CT at hand. This program is not a medical device and was"
            " not cleared by any authority."
        ),
        words.say(
            "CT shows how narrow an artery is, not whether its territory lacks blood: flow reserve and perfusion are not "
            "computed."
        ),
        words.say(
            "Motion, calcium, stents and weak contrast hide the lumen. A part that is marked as not assessable may hold any "
            "stenosis."
        ),
        words.say(
            "Of bypass grafts only those from the ascending aorta are seen, and none is measured; anomalous courses, aneurysms "
            "and dissections are not looked for."
        ),
    )
    labels = (words.say("Reviewed by (name)"), words.say("Signature"), words.say("Date and time"))
    blocks = (Notice("", words.say("Intended use and limits"), Tone.CAUTION, limits), Signature(labels))
    return Section(words.say("Limits and review"), blocks, keep_together=True)
