"""What stands in the way of a sure answer: one kind a sentence, with where it is and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from SenseCarePlanningLib.plain_data import KeptByName

from .cadrads_rules import Translate, Value, check_complete


class Consequence(Enum):
    """What an issue means. The names are a file format."""

    REMARK = "remark"
    DOUBTFUL = "doubtful"
    NOT_ASSESSABLE = "not assessable"


class Issue(KeptByName):
    """Every issue; the value is the sentence, a message id of the catalogue."""

    GAP = "A gap of {length} mm in {part} was bridged: what lies there was not seen."
    GAP_SEEN = "A gap of {length} mm in {part} was bridged; a lumen is seen along it."
    UNMEASURED = (
        "A branch of {length} mm, {width} mm wide, got no name among the numbered segments: it was followed and not measured."
    )
    TIP = "The distal end of {part} was not reached: the artery was followed for {length} mm only."
    LABEL_UNSURE = "A branch of {length} mm could not be named for certain: it may be {parts}."
    LABEL_DOUBT = "The name {part} is not certain ({percent} %)."
    LABEL_OTHER = "The name {part} is not certain ({percent} %): it may be {parts}."
    CUT_UNKNOWN = "{part} has no side branch that would end it: its border to {other} is estimated."
    NO_DIVISION = "The left coronary artery was not seen to divide into LAD and LCx."
    ARTERY_MISSING = "The {part} was not found beside the {other}: it may be absent, occluded from its origin on, or missed."
    LCX_ELSEWHERE = "The LCx does not leave the left coronary artery: an anomalous origin from the right side is possible."
    MIRRORED = (
        "The arteries lie as in a mirrored heart: left and right of the images may be swapped, or the heart lies on the right."
    )
    TWO_LEFT = "LAD and LCx have ostia of their own: there is no left main."
    ONE_SIDE_MISSING = (
        "The {side} coronary artery was not found: it may be missing, occluded from its origin on or start elsewhere; mark its "
        "ostium if you see it."
    )
    TOO_MANY_TREES = "{count} more vessels that leave the aorta were found: a bypass graft is possible; they were not assessed."
    UNUSUAL_ORIGIN = "The {side} coronary artery seems to leave the aorta on the wrong side: an anomalous origin is possible."
    ANATOMY = "{part} was not found, and every heart has it."
    NO_DOMINANCE = "No posterior descending artery was found; the dominance is not known."
    STEP = "The slices do not fit together at {height} mm (a shift of about {length} mm): a step by motion crosses {part}."
    STREAKS = (
        "Streaks of metal cross {part} along {length} mm (they add up to {level} HU): what is seen there may be made by them."
    )
    WEAK_CONTRAST = "The contrast is weak: the aorta has {level} HU, at least {wanted} HU are wanted."
    WEAK_VESSEL = "The contrast in {part} is too weak for its edge to be found."
    NOISE = "The noise is high: {level} HU in the aorta."
    THICK = "The slices are {thickness} mm thick; lumens are measured on slices of {wanted} mm and thinner only."
    HEART_CUT = "The scan ends within the heart ({sides}): arteries beyond it were not seen."
    OUTSIDE = "{part} leaves the scan after {length} mm."
    LIKE_CONTRAST = (
        "Calcium of {low} to {high} HU that is a millimetre thick cannot be told from contrast in this scan (lumen {level} HU, "
        "noise {noise} HU): it may be taken for lumen."
    )
    STENT = "{part} seems to hold a stent: the lumen inside it cannot be measured."
    STENT_LIKELY = (
        "{part} seems to hold a stent, a thin even ring along {length} mm as a ring of calcium seldom is: the lumen inside it "
        "cannot be measured."
    )
    STENT_TOLD = "{part} is said to hold a stent, whose place in it is not known: no lumen in it is graded."
    STENT_OR_CALCIUM = (
        "{part} holds a stent or calcium all round along {length} mm; which of both is not certain, and the lumen inside cannot "
        "be measured."
    )
    GRAFT = (
        "A vessel of {length} mm leaves the ascending aorta above the sinuses and is no coronary artery, towards {part}: a "
        "bypass graft, seen and not graded; the part of an artery that it leads round is not graded either."
    )
    CALCIUM = "Calcium surrounds the lumen in {part}: its stenosis cannot be told from blooming."
    CALCIUM_BESIDE = "Calcium beside the lumen in {part} ({arc} degrees): a severe stenosis there may be underestimated."
    NOT_MEASURED = "{part} could not be measured: {reason}"
    NO_SCAN_MODEL = "The sharpness of the scan could not be measured on the aorta: {reason}"


STENTS = frozenset({Issue.STENT, Issue.STENT_LIKELY, Issue.STENT_TOLD})
"""What is said of segments that hold a stent."""
LABELS = frozenset({Issue.LABEL_UNSURE, Issue.LABEL_DOUBT, Issue.LABEL_OTHER})
"""What is said of names that are not certain."""
NO_LEFT_MAIN = frozenset({Issue.TWO_LEFT, Issue.LCX_ELSEWHERE})
"""What is said of hearts that have no left main."""

UNNAMED = "an unnamed branch"
"""What is said for a branch without an SCCT name."""


@dataclass(frozen=True)
class QualityItem:
    """One issue.

    Parameters
    ----------
    issue, values
        The sentence and what is filled in.
    consequence
        What follows for the segments named.
    segments
        SCCT codes that it concerns; empty for the whole examination.
    point_lps_mm
        Where to look; None without a place.

    Raises
    ------
    ValueError
        When a value of its sentence is missing.
    """

    issue: Issue
    consequence: Consequence
    segments: tuple[str, ...] = ()
    values: tuple[tuple[str, Value], ...] = ()
    point_lps_mm: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        check_complete(self.issue, self.values)

    def say(self, translate: Translate) -> str:
        """Return the sentence in the language of ``translate``, names translated one by one."""
        return self.fill(self.issue.value, translate)

    def fill(self, sentence: str, translate: Translate, **others: str) -> str:
        """Return another sentence (message id) with its values; ``others`` are filled in as they are."""
        return translate(sentence).format(**{key: _said(value, translate) for key, value in self.values} | others)

    @property
    def text(self) -> str:
        """The English sentence."""
        return self.say(str)


def issue(kind: Issue, consequence: Consequence, *segments: str, point_lps_mm: object = None, **values: Value) -> QualityItem:
    """Return an issue with the values of its sentence; ``point_lps_mm`` is (3,) numbers."""
    point = None if point_lps_mm is None else tuple(float(value) for value in point_lps_mm)  # type: ignore[attr-defined]
    return QualityItem(kind, consequence, segments, tuple(values.items()), point)  # type: ignore[arg-type]


def gravest_first(items: Iterable[QualityItem]) -> tuple[QualityItem, ...]:
    """Return issues by their consequence, the gravest first, else as they come."""
    order = list(Consequence)
    return tuple(sorted(items, key=lambda item: -order.index(item.consequence)))


def _said(value: Value, translate: Translate) -> str:
    if isinstance(value, tuple):
        return translate(", ").join(translate(part) for part in value)
    return translate(value) if isinstance(value, str) else str(value)
