"""Issues of one kind in one sentence that lists their segments: a step crosses many, and a sentence each would fill a page."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter

from SenseCarePlanningLib.report.words import label_of

from .cadrads_rules import Translate
from .issues import Issue, QualityItem

_PART = "{part}"
_WITH_LENGTH = label_of("{part} ({length} mm)")
TOGETHER: dict[Issue, tuple[str, str]] = {
    Issue.GAP: (label_of("Gaps were bridged, and what lies there was not seen: {parts}."), _WITH_LENGTH),
    Issue.GAP_SEEN: (label_of("Gaps were bridged, and a lumen is seen along them: {parts}."), _WITH_LENGTH),
    Issue.UNMEASURED: (
        label_of("Branches got no name among the numbered segments, were followed and not measured: {parts}."),
        label_of("{length} mm ({width} mm wide)"),
    ),
    Issue.TIP: (
        label_of("Distal ends were not reached; so far each artery was followed: {parts}."),
        _WITH_LENGTH,
    ),
    Issue.LABEL_DOUBT: (label_of("These names are not certain: {parts}."), label_of("{part} ({percent} %)")),
    Issue.LABEL_OTHER: (
        label_of("These names are not certain: {parts}."),
        label_of("{part} ({percent} %, may be {parts})"),
    ),
    Issue.CUT_UNKNOWN: (
        label_of("Segments have no side branch that would end them, and their borders are estimated: {parts}."),
        label_of("{part} to {other}"),
    ),
    Issue.ANATOMY: (label_of("Segments that every heart has were not found: {parts}."), _PART),
    Issue.STEP: (
        label_of(
            "The slices do not fit together at {height} mm (a shift of about {length} mm): a step by motion crosses {parts}."
        ),
        _PART,
    ),
    Issue.STREAKS: (
        label_of("Streaks of metal cross segments, and what is seen there may be made by them: {parts}."),
        label_of("{part} ({length} mm, up to {level} HU)"),
    ),
    Issue.WEAK_VESSEL: (label_of("The contrast is too weak for an edge to be found in {parts}."), _PART),
    Issue.OUTSIDE: (label_of("Segments leave the scan: {parts}."), label_of("{part} (after {length} mm)")),
    Issue.STENT: (label_of("Segments seem to hold a stent, whose lumen cannot be measured: {parts}."), _PART),
    Issue.STENT_LIKELY: (
        label_of(
            "Segments seem to hold a stent, a thin even ring as a ring of calcium seldom is, and the lumen inside it cannot be "
            "measured: {parts}."
        ),
        _WITH_LENGTH,
    ),
    Issue.STENT_TOLD: (
        label_of("Segments are said to hold a stent, whose place in them is not known, and no lumen in them is graded: {parts}."),
        _PART,
    ),
    Issue.STENT_OR_CALCIUM: (
        label_of(
            "Segments hold a stent or calcium all round; which of both is not certain, and the lumen inside cannot be measured: "
            "{parts}."
        ),
        _WITH_LENGTH,
    ),
    Issue.CALCIUM: (
        label_of("Calcium surrounds the lumen, and a stenosis there cannot be told from blooming: {parts}."),
        _PART,
    ),
    Issue.CALCIUM_BESIDE: (
        label_of("Calcium lies beside the lumen, and a severe stenosis there may be underestimated: {parts}."),
        label_of("{part} ({arc} degrees)"),
    ),
    Issue.NOT_MEASURED: (label_of("Arteries could not be measured: {parts}."), label_of("{part} ({reason})")),
}
"""Issue -> what is said of several (message id), and how each is listed in it (message id, or the name alone)."""


def said_together(items: Iterable[QualityItem], translate: Translate) -> tuple[str, ...]:
    """Return issues as sentences, each once: those of one kind, with the same values but for their places, in one.

    The order is that of the first of each kind.
    """
    groups: dict[object, list[QualityItem]] = {}
    for one in items:
        groups.setdefault(_kind_of(one), []).append(one)
    return tuple(dict.fromkeys(_said(group, translate) for group in groups.values()))


def _kind_of(item: QualityItem) -> object:
    """Return what issues that are said in one sentence have in common; the sentence itself where they are said one by one."""
    if item.issue not in TOGETHER:
        return item.text
    names = {name for _, name, _, _ in Formatter().parse(TOGETHER[item.issue][0]) if name} - {"parts"}
    return TOGETHER[item.issue][0], tuple(value for value in item.values if value[0] in names)


def _said(group: list[QualityItem], translate: Translate) -> str:
    if len({one.text for one in group}) == 1:
        return group[0].say(translate)
    listed = dict.fromkeys(one.fill(TOGETHER[one.issue][1], translate) for one in group)
    return group[0].fill(TOGETHER[group[0].issue][0], translate, parts=translate(", ").join(listed))
