"""The rules of grading as sentences: each says what fired, with its values, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter

from SenseCarePlanningLib.plain_data import KeptByName

Value = str | int | tuple[str, ...]
Translate = Callable[[str], str]


class Rule(KeptByName):
    """Every rule that may fire; the value is the sentence, a message id of the catalogue."""

    NO_DISEASE = "No stenosis and no plaque were found: category 0."
    PLAQUE_ONLY = "Plaque without measurable stenosis: category 1."
    WORST = "The most severe stenosis is {percent} % in {part}."
    BY_READER = "Graded by the reader: {parts}."
    WORST_BY_READER = "The most severe stenosis is that in {part}, which the reader graded."
    WORST_INTERVAL = "The most severe stenosis is {percent} % ({low} to {high} %) in {part}."
    MINIMAL = "1 to 24 % is minimal: category 1."
    MILD = "25 to 49 % is mild: category 2."
    MODERATE = "50 to 69 % is moderate: category 3."
    SEVERE = "70 to 99 % is severe, here in {vessels} and not in all three vessels: category 4A."
    LEFT_MAIN = "The left main has {percent} %, and {limit} % or more makes category 4B."
    THREE_VESSELS = "LAD, LCx and RCA each have 70 % or more ({parts}): category 4B."
    OCCLUDED = "Totally occluded: {parts}: category 5."
    LIKELY_OCCLUDED = "A total occlusion is likelier than a lumen too thin to be seen: {parts}: category 5."
    NON_DIAGNOSTIC = "A part cannot be assessed and nothing else reaches 50 %: category N."
    N_MODIFIER = "A part cannot be assessed, but the category stands on another one: modifier N."
    NOT_ASSESSABLE = "{part} cannot be assessed: {reason}."
    NOT_SEEN = "{part} was not found, and every heart has it: it counts as not assessable."
    SMALL = "{part} is {diameter} mm wide, not over {limit} mm: it is not graded."
    BYPASSED = "{part} is bypassed and not graded."
    BYPASSED_STENOSIS = "{part} has {percent} %, is bypassed, and is not graded."
    RAMUS = "The ramus intermedius counts for the LCx among the three vessels."
    GRAFT = "The graft {part} is graded like the vessel it feeds ({vessel}): modifier G."
    GRAFT_SEEN = "A bypass graft ({part}) was seen and is not graded: modifier G."
    STENT = "{part} holds a stent, graded like the vessel itself: modifier S."
    STENT_NOT_READ = "{part} holds a stent whose lumen cannot be read: modifier S."
    STENT_DISEASE = "A stent means disease: not category 0."
    CALCIUM_DISEASE = "A calcium score above 0 means plaque: not category 0."
    CALCIUM_FAINT = (
        "The calcium score of {score} rests on {area} mm² in {spots} spot(s) with a peak of {peak} HU, which the noise of this "
        "series (SD {noise} HU) can have lifted over the threshold: 0 or {score}, not certain."
    )
    P_CALCIUM = "Plaque burden P{level} by a calcium score of {score}."
    P_FAINT = "Plaque burden P{level} rests on that calcium score and is as uncertain."
    P_INVOLVEMENT = "Plaque burden P{level} by {count} involved segments."
    P_SMALL_ONLY = "Plaque burden P{level} by plaque in segments that are too small to count."
    P_NOT_BY_CALCIUM_STENT = "The calcium score is not used for the burden, because there is a stent."
    P_NOT_BY_CALCIUM_ZERO = "The calcium score is not used for the burden, because it is 0 although there is plaque."
    P_DIFFER = "The calcium score gives P{calcium}, the involved segments give P{involved}."
    P_INCOMPLETE = "Parts that cannot be assessed may hold more plaque: the involved segments are a lower bound."
    HIGH_RISK = "A plaque in {part} has {features}: modifier HRP."
    HIGH_RISK_DOUBTFUL = "A plaque in {part} may have {features}, of which fewer than {least} are certain: no modifier HRP."
    HIGH_RISK_TOO_FEW = "High-risk features were found, but no plaque has two of them beyond doubt."
    ISCHAEMIA = "Ischaemia test, as the reader states: modifier {modifier}."
    NOT_ATHEROSCLEROTIC = "Not atherosclerotic, as the reader states: {what}: modifier E."
    NOT_CERTAIN = "Within the intervals the category may be {categories}: not certain."
    IF_STENOSIS = "With {percent} % in {part} the category would be {category}."
    IF_WITHOUT = "Without the stenosis in {part} the category would be {category}."
    IF_ASSESSED = "Were the parts that cannot be assessed free of stenosis, the category would be {category}."
    IF_LEFT_MAIN = "By the older wording (left main over 50 %) the category would be {category}."
    IF_NOT_BYPASSED = "If the graft did not lead round {parts}, the category would be {category}."
    IF_RAMUS = "If the ramus intermedius did not count for the LCx, the category would be {category}."
    AT_LIMIT = "A stenosis of {percent} % in {part} lies where the artery is about {limit} mm wide: not graded, and not certain."
    AT_BORDER = (
        "The stenosis of {percent} % in {part} is graded; its artery is about {limit} mm wide and by its interval may be too "
        "narrow to be: not certain."
    )
    IF_WIDER = "Were the artery wider than {limit} mm at the stenosis in {part}, the category would be {category}."
    IF_SMALL = "If a segment of exactly {limit} mm were graded, the category would be {category}."
    IF_HIGHER_BURDEN = "If the higher of both ways counted, the burden would be P{level}."
    IF_P4 = "If P4 began above a calcium score of 1000, the burden would be P3."


@dataclass(frozen=True)
class Fired:
    """A rule that fired, with the values of its sentence; a tuple is a list of names.

    Raises
    ------
    ValueError
        When a value of its sentence is missing.
    """

    rule: Rule
    values: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        check_complete(self.rule, self.values)

    def say(self, translate: Translate) -> str:
        """Return the sentence in the language of ``translate``, lists and names translated item by item."""
        return translate(self.rule.value).format(**{key: _said(value, translate) for key, value in self.values})

    @property
    def text(self) -> str:
        """The English sentence."""
        return self.say(str)

    @property
    def codes(self) -> tuple[str, ...]:
        """The words among the values: segments, vessels, categories, features."""
        return tuple(part for _, value in self.values for part in (value if isinstance(value, tuple) else (str(value),)))


def check_complete(sentence: KeptByName, values: tuple[tuple[str, Value], ...]) -> None:
    """Check that values fill a sentence: a file that lost one is refused when it is read, not where the sentence is said.

    Raises
    ------
    ValueError
        When values are missing.
    """
    wanted = {name for _, name, _, _ in Formatter().parse(sentence.value) if name}
    missing = sorted(wanted - {name for name, _ in values})
    if missing:
        raise ValueError(f"{type(sentence).__name__} {sentence.name} lacks what its sentence says: {', '.join(missing)}")


def fired(rule: Rule, **values: Value) -> Fired:
    """Return a rule with its values."""
    return Fired(rule, tuple(values.items()))


def _said(value: Value, translate: Translate) -> str:
    if isinstance(value, tuple):
        return translate(", ").join(translate(part) for part in value)
    return translate(value) if isinstance(value, str) else str(value)
