"""The 18 coronary segments of the SCCT, which arteries they belong to, how they hang together, and dominance.

Leipsic et al. 2014, J Cardiovasc Comput Tomogr 8:342-358, doi:10.1016/j.jcct.2014.07.003 (checked in bibliographic records),
appendix 1, read through quotations of it. A bifurcation lesion counts for the mother segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from SenseCarePlanningLib.report.model import Code

from .constants import RAMUS_COUNTS_AS_LCX


class Artery(Enum):
    """The arteries that are counted and scored; the ramus intermedius is one of its own."""

    LM = "LM"
    LAD = "LAD"
    LCX = "LCx"
    RCA = "RCA"
    RI = "RI"


class Dominance(Enum):
    """Which side feeds the posterior descending artery."""

    RIGHT = "right"
    LEFT = "left"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Segment:
    """One of the 18 segments.

    Parameters
    ----------
    number
        SCCT number, 1 to 18.
    code
        Short name, a file format: ``pRCA`` to ``L-PLB``.
    name
        English name, the catalogue's message id.
    begin, end
        Where it begins and ends, in words (message ids).
    parent
        Number of the segment it comes from; None for the two that begin in the aorta.
    other_parents
        Segments it may come from instead, as variants do.
    constant
        Whether every heart has it, variants of origin apart: one that is not seen was missed, not absent.
    meaning
        SNOMED CT code of DICOM context group 3014.
    """

    number: int
    code: str
    name: str
    artery: Artery
    begin: str
    end: str
    parent: int | None
    meaning: Code
    constant: bool = False
    other_parents: tuple[int, ...] = ()

    @property
    def vessel(self) -> Artery:
        """The vessel it counts for among LM, LAD, LCx and RCA."""
        return Artery.LCX if self.artery is Artery.RI and RAMUS_COUNTS_AS_LCX else self.artery


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


_OSTIUM, _END, _LM_END = "ostium", "end of the vessel", "end of the left main"

SEGMENTS = (
    Segment(1, "pRCA", "Proximal RCA", Artery.RCA, _OSTIUM, "half the distance to the acute margin", None,
            _sct("91083009", "Proximal portion of right coronary artery"), constant=True),
    Segment(2, "mRCA", "Mid RCA", Artery.RCA, "half the distance to the acute margin", "acute margin of the heart", 1,
            _sct("450960006", "Mid portion of right coronary artery"), constant=True),
    Segment(3, "dRCA", "Distal RCA", Artery.RCA, "acute margin of the heart", "origin of the posterior descending artery", 2,
            _sct("41879009", "Distal portion of right coronary artery"), constant=True),
    Segment(4, "R-PDA", "Right posterior descending artery", Artery.RCA, "distal RCA", _END, 3,
            _sct("53655008", "Posterior descending branch of right coronary artery"), other_parents=(2,)),
    Segment(5, "LM", "Left main", Artery.LM, _OSTIUM, "bifurcation into LAD and LCx", None,
            _sct("3227004", "Left Main Coronary Artery"), constant=True),
    Segment(6, "pLAD", "Proximal LAD", Artery.LAD, _LM_END,
            "first large septal or first diagonal over 1.5 mm, whichever comes first", 5,
            _sct("68787002", "Proximal portion of anterior descending branch of left coronary artery"), constant=True),
    Segment(7, "mLAD", "Mid LAD", Artery.LAD, "end of the proximal LAD", "half the distance to the apex", 6,
            _sct("91748002", "Mid portion of anterior descending branch of left coronary artery"), constant=True),
    Segment(8, "dLAD", "Distal LAD", Artery.LAD, "half the distance to the apex", _END, 7,
            _sct("36672000", "Distal portion of anterior descending branch of left coronary artery"), constant=True),
    Segment(9, "D1", "First diagonal", Artery.LAD, "LAD", _END, 6,
            _sct("91750005", "1st Diagonal Coronary Artery"), other_parents=(7,)),
    Segment(10, "D2", "Second diagonal", Artery.LAD, "LAD", _END, 7,
            _sct("91751009", "2nd Diagonal Coronary Artery"), other_parents=(6, 8)),
    Segment(11, "pLCx", "Proximal LCx", Artery.LCX, _LM_END, "origin of the first obtuse marginal", 5,
            _sct("52433000", "Proximal portion of circumflex branch of left coronary artery"), constant=True),
    Segment(12, "OM1", "First obtuse marginal", Artery.LCX, "LCx", _END, 11,
            _sct("91754001", "1st Marginal Coronary Artery"), other_parents=(13,)),
    Segment(13, "LCx", "Mid and distal LCx", Artery.LCX, "origin of the first obtuse marginal",
            "end of the vessel or origin of the left posterior descending artery", 11,
            _sct("6511003", "Distal portion of circumflex branch of left coronary artery"), constant=True),
    Segment(14, "OM2", "Second obtuse marginal", Artery.LCX, "LCx", _END, 13,
            _sct("91755000", "2nd Marginal Coronary Artery"), other_parents=(11,)),
    Segment(15, "L-PDA", "Left posterior descending artery", Artery.LCX, "LCx", _END, 13,
            _sct("91760001", "Left Posterior Descending Circumflex Coronary Artery")),
    Segment(16, "R-PLB", "Right posterolateral branch", Artery.RCA, "RCA", _END, 3,
            _sct("91761002", "1st Right posterolateral Coronary Artery"), other_parents=(2,)),
    Segment(17, "RI", "Ramus intermedius", Artery.RI, "left main, between LAD and LCx", _END, 5,
            _sct("244252004", "Intermediate Artery (Ramus)")),
    Segment(18, "L-PLB", "Left posterolateral branch", Artery.LCX, "LCx", _END, 13,
            _sct("91757008", "1st Left Posterolateral Coronary Artery")),
)  # fmt: skip
"""All segments, by number. SNOMED CT has the LCx in three parts; segment 13 is its middle and distal part and bears the
distal part's code."""

BY_NUMBER: Mapping[int, Segment] = {segment.number: segment for segment in SEGMENTS}
BY_CODE: Mapping[str, Segment] = {segment.code: segment for segment in SEGMENTS}
CONSTANT = frozenset(segment.code for segment in SEGMENTS if segment.constant)
R_PDA, L_PDA, R_PLB, L_PLB, RAMUS, LEFT_MAIN = "R-PDA", "L-PDA", "R-PLB", "L-PLB", "RI", "LM"


def segment_of(code: str) -> Segment:
    """Return the segment of a code.

    Raises
    ------
    ValueError
        For a code that is none of the 18.
    """
    if code not in BY_CODE:
        raise ValueError(f"expected one of {', '.join(BY_CODE)}, got {code!r}")
    return BY_CODE[code]


def dominance_of(present: Iterable[str]) -> Dominance | None:
    """Return the dominance that the segments present mean; None when no posterior descending artery was found.

    The artery that gives the posterior descending artery is dominant. Balanced: both give one, or the right gives the
    posterior descending and only the left the posterolateral branches (definitions of radiologyreview.net and
    cardiologysite.com; SYNTAX knows the two sides only).

    Raises
    ------
    ValueError
        For a code that is none of the 18.
    """
    codes = {segment_of(code).code for code in present}
    if R_PDA in codes:
        shared = L_PDA in codes or (L_PLB in codes and R_PLB not in codes)
        return Dominance.BALANCED if shared else Dominance.RIGHT
    return Dominance.LEFT if L_PDA in codes else None


def expected_segments(dominance: Dominance) -> frozenset[str]:
    """Return the codes of a heart of that dominance without variants: the ramus and the second side branches are extra."""
    posterior = {
        Dominance.RIGHT: {R_PDA, R_PLB},
        Dominance.LEFT: {L_PDA, L_PLB},
        Dominance.BALANCED: {R_PDA, L_PLB},
    }
    return CONSTANT | {"D1", "OM1"} | posterior[dominance]


def anatomy_doubts(present: Iterable[str], absent: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what speaks against a set of labels, one sentence each; empty when they form a heart.

    Parameters
    ----------
    present
        Codes found.
    absent
        Codes that a reader declared absent in this heart, such as ``LM`` when LAD and LCx have ostia of their own.

    Raises
    ------
    ValueError
        For a code that is none of the 18, or one that is both present and absent.
    """
    here, gone = ({segment_of(code).code for code in codes} for codes in (present, absent))
    if here & gone:
        raise ValueError(f"expected each segment present or absent, got both for {', '.join(sorted(here & gone))}")
    doubts = [
        f"{segment.code} was not found, and every heart has it."
        for segment in SEGMENTS
        if segment.constant and segment.code not in here | gone
    ]
    if dominance_of(here) is None and not {R_PDA, L_PDA} <= gone:
        doubts.append("No posterior descending artery was found; the dominance is not known.")
    if RAMUS in here and LEFT_MAIN in gone:
        doubts.append("A ramus intermedius needs a left main that divides in three.")
    return tuple(doubts)


def segment_involvement_score(with_plaque: Iterable[str]) -> int:
    """Return the SIS: how many segments hold plaque (Min et al. 2007), ramus and L-PLB included.

    Raises
    ------
    ValueError
        For a code that is none of the 18.
    """
    return len({segment_of(code).code for code in with_plaque})
