"""What is known of a patient's coronary arteries before grading: one finding per segment and graft, with what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .constants import MODERATE_FROM
from .faint_calcium import FaintCalcium
from .segments import Artery, Segment, segment_of


class Feature(Enum):
    """Features of a high-risk plaque (CAD-RADS 2.0)."""

    POSITIVE_REMODELLING = "positive remodelling"
    LOW_ATTENUATION = "low attenuation"
    SPOTTY_CALCIUM = "spotty calcium"
    NAPKIN_RING = "napkin-ring sign"


class Ischaemia(Enum):
    """Result of CT-FFR or stress CT perfusion, as the modifier prints it."""

    POSITIVE = "I+"
    NEGATIVE = "I-"
    INDETERMINATE = "I±"


class NotAtherosclerotic(Enum):
    """What the modifier E stands for (CAD-RADS 2.0)."""

    DISSECTION = "dissection"
    ANOMALOUS_ORIGIN = "anomalous origin"
    ANEURYSM = "aneurysm or pseudoaneurysm"
    VASCULITIS = "vasculitis"
    FISTULA = "fistula"
    EXTRINSIC_COMPRESSION = "extrinsic compression"
    ARTERIOVENOUS_MALFORMATION = "arteriovenous malformation"


@dataclass(frozen=True)
class Stenosis:
    """Narrowing of the diameter in percent, with its 95 % interval where one is known.

    100 % is a total occlusion, and so is said only when one was seen: an interval that ends at 100 means "may be occluded".
    """

    percent: float
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.percent <= self.high <= 100:
            raise ValueError(f"expected 0 <= low <= percent <= high <= 100, got {self.percent} in {self.interval}")

    @property
    def low(self) -> float:
        """Lower end of the interval, the value itself without one."""
        return self.interval[0] if self.interval else self.percent

    @property
    def high(self) -> float:
        """Upper end of the interval, the value itself without one."""
        return self.interval[1] if self.interval else self.percent


OPEN = Stenosis(0.0)


def _check_assessed(name: str, stenosis: Stenosis | None, reason: str) -> None:
    if (stenosis is None) != bool(reason):
        raise ValueError(f"{name}: expected a stenosis or the reason why it cannot be assessed, got {stenosis} and {reason!r}")


@dataclass(frozen=True)
class SegmentFinding:
    """What was found in one segment.

    Parameters
    ----------
    code
        SCCT short name.
    stenosis
        The worst of the segment, in-stent ones included; None when it cannot be assessed.
    not_assessable
        Why it cannot be assessed ("motion"); required then. With a stenosis of 50 % and more: why a part of the segment beside it
        cannot. Empty where all of it was assessed.
    plaque
        Plaque was seen, with stenosis or without.
    plaque_features
        For each plaque that has any, its high-risk features beyond doubt.
    doubtful_features
        For each plaque that would be high-risk were all of its features beyond doubt, and is not: all of them.
    diameter_mm
        Healthy diameter: the median, or that at a lesion where that is more; None where it is not known, and the segment then
        counts as wide enough to be graded.
    stent
        It holds a stent.
    bypassed
        A graft that reaches beyond it feeds what it fed: it is not graded.
    at_limit
        The worst stenosis where the artery is 1.5 mm wide or less and, by its interval, may be wider: not graded, and not certain
        not to be. None without one.
    if_narrow
        The other side of it: what the stenosis would be, were those lesions not graded whose artery is wider than 1.5 mm and, by
        its interval, may not be. None where none of that matters.
    by_reader
        Its stenosis is a reader's grade: a category, no number.
    """

    code: str
    stenosis: Stenosis | None = OPEN
    not_assessable: str = ""
    plaque: bool = False
    plaque_features: tuple[frozenset[Feature], ...] = ()
    doubtful_features: tuple[frozenset[Feature], ...] = ()
    diameter_mm: float | None = None
    stent: bool = False
    bypassed: bool = False
    at_limit: Stenosis | None = None
    if_narrow: Stenosis | None = None
    by_reader: bool = False

    def __post_init__(self) -> None:
        if self.stenosis is None or self.stenosis.percent < MODERATE_FROM or not self.not_assessable:
            _check_assessed(segment_of(self.code).code, self.stenosis, self.not_assessable)

    @property
    def segment(self) -> Segment:
        """The SCCT segment."""
        return segment_of(self.code)


@dataclass(frozen=True)
class GraftFinding:
    """What was found in a bypass graft: its worst stenosis, and which artery it feeds (None: not known, and then not graded)."""

    name: str
    target: Artery | None
    stenosis: Stenosis | None = OPEN
    not_assessable: str = ""
    stent: bool = False

    def __post_init__(self) -> None:
        _check_assessed(self.name, self.stenosis, self.not_assessable)
        if self.target is None and self.stenosis is not None:
            raise ValueError(f"{self.name}: expected no stenosis of a graft to an artery that is not known, got {self.stenosis}")
        if self.target is Artery.LM:
            raise ValueError(f"{self.name}: expected a graft to the LAD, LCx, RCA or RI, got LM")


@dataclass(frozen=True)
class CoronaryFindings:
    """All that grading needs of one patient.

    Parameters
    ----------
    segments
        One finding per segment found. A segment that every heart has and that is neither here nor in ``absent`` was missed,
        and counts as not assessable.
    absent
        Codes that this heart does not have.
    agatston
        Calcium score of a non-contrast series; None without one.
    faint_calcium
        What the score rests on where noise can have made it; None for a score of 0, for one that is sure, and without one.
    ischaemia
        None when no test was done.
    """

    segments: tuple[SegmentFinding, ...]
    absent: frozenset[str] = frozenset()
    grafts: tuple[GraftFinding, ...] = ()
    agatston: float | None = None
    ischaemia: Ischaemia | None = None
    not_atherosclerotic: frozenset[NotAtherosclerotic] = frozenset()
    faint_calcium: FaintCalcium | None = None

    def __post_init__(self) -> None:
        codes = [finding.code for finding in self.segments]
        twice = sorted(
            {code for code in codes if codes.count(code) > 1} | (set(codes) & {segment_of(code).code for code in self.absent})
        )
        if twice:
            raise ValueError(f"expected each segment once, found or absent, got more for {', '.join(twice)}")
        if self.agatston is not None and not self.agatston >= 0:
            raise ValueError(f"expected an Agatston score of 0 or more, got {self.agatston}")

    @property
    def has_stent(self) -> bool:
        """Whether a segment or a graft holds a stent."""
        return any(one.stent for one in self.segments) or any(graft.stent for graft in self.grafts)
