"""Where coronary arteries run: guide points in the heart's template, what they lie on, and how wide they start.

Courses and origins follow the SCCT segment definitions (Leipsic 2014, doi:10.1016/j.jcct.2014.07.003). The guide
points are drawn from normal anatomy; :mod:`coronary_tree` lets every course settle in its groove or on its wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Points = tuple[tuple[float, float, float], ...]


class Dominance(Enum):
    """Which artery reaches the posterior interventricular groove. The names are a file format."""

    RIGHT = "right"
    LEFT = "left"
    BALANCED = "balanced"


SEGMENT_NAMES: dict[int, str] = {
    1: "pRCA",
    2: "mRCA",
    3: "dRCA",
    4: "R-PDA",
    5: "LM",
    6: "pLAD",
    7: "mLAD",
    8: "dLAD",
    9: "D1",
    10: "D2",
    11: "pLCX",
    12: "OM1",
    13: "LCX",
    14: "OM2",
    15: "L-PDA",
    16: "R-PLB",
    17: "RI",
    18: "L-PLB",
}
"""The 18 segments of the SCCT (Leipsic 2014); 13 is the mid and distal circumflex."""

OTHER_SEGMENT = 0
"""Of branches that the SCCT model does not number: acute marginal and septal."""


@dataclass(frozen=True)
class Guide:
    """One artery's course.

    Parameters
    ----------
    name
        Of the artery.
    parent
        Artery it leaves, None at an ostium.
    share
        Where on the parent, as a fraction of the parent's length.
    points
        Template points after the start.
    bed
        Fields of the heart whose surfaces it lies on: two for a groove, one for a wall, none when it is free.
    start_mm, end_mm
        Healthy lumen diameter at the start and the tip.
    """

    name: str
    parent: str | None
    share: float
    points: Points
    bed: tuple[str, ...]
    start_mm: float
    end_mm: float


BIFURCATION_POINT = (18.0, -20.5, -36.0)
LAD_POINTS: Points = (
    (24, -27, -39),
    (31, -35, -44),
    (32, -43, -52),
    (35, -49, -60),
    (38, -54, -68),
    (42, -59, -78),
    (46, -62, -88),
    (54, -61, -96),
    (62, -54, -102),
    (62, -46, -106),
)
LCX_POINTS: Points = ((24, -16, -38), (31, -11, -41), (39, -5, -46), (42, 4, -52), (40, 11, -59), (33, 17, -67), (24, 19, -73))
LCX_TO_CRUX: Points = ((12, 16, -79), (2, 9, -84))
RCA_POINTS: Points = (
    (-11, -48, -39),
    (-15, -51, -45),
    (-20, -49, -52),
    (-25, -46, -60),
    (-31, -41, -68),
    (-33, -36, -76),
    (-30, -28, -84),
    (-23, -18, -90),
    (-13, -7, -91),
    (-3, 3, -86),
)
PDA_POINTS: Points = ((5, -3, -94), (17, -13, -101), (30, -24, -106), (42, -34, -108))
RIGHT_PLB_POINTS: Points = ((5, 10, -85), (16, 11, -90), (27, 4, -97), (36, -5, -102))
ACUTE_MARGINAL_POINTS: Points = ((-24, -41, -84), (-10, -47, -97), (6, -51, -104), (20, -54, -107))
D1_POINTS: Points = ((40, -45, -55), (50, -42, -62), (59, -38, -71), (65, -33, -80), (67, -29, -87))
D2_POINTS: Points = ((44, -52, -69), (52, -50, -75), (60, -45, -83), (65, -40, -91))
SEPTAL_POINTS: Points = ((33, -46, -60), (30, -40, -68), (27, -35, -76))
OM1_POINTS: Points = ((47, -1, -55), (54, -6, -64), (59, -13, -74), (61, -20, -84), (61, -26, -92))
OM2_POINTS: Points = ((43, 10, -68), (48, 5, -77), (52, -3, -87), (52, -12, -96))
RI_POINTS: Points = (
    (25, -22, -38),
    (33, -23, -41),
    (42, -24, -47),
    (51, -25, -56),
    (58, -25, -66),
    (62, -24, -76),
    (64, -23, -84),
)
LEFT_PLB_POINTS: Points = ((28, 13, -82), (34, 6, -90), (40, -3, -98), (44, -11, -103))

LM_MM = 4.5
LAD_MM, LAD_END_MM = 3.7, 1.9
LCX_MM = {Dominance.RIGHT: 3.4, Dominance.BALANCED: 3.8, Dominance.LEFT: 4.2}
RCA_MM = {Dominance.RIGHT: 3.9, Dominance.BALANCED: 3.6, Dominance.LEFT: 2.8}
"""Lumen diameters of normal arteries: left main 4.5 +- 0.5, proximal LAD 3.7 +- 0.4, distal LAD 1.9 +- 0.4, proximal RCA
3.9 +- 0.6 (right) and 2.8 +- 0.5 (left dominance), LCX 3.4 +- 0.5 and 4.2 +- 0.6 mm (Dodge 1992, doi:10.1161/01.CIR.86.1.232).
Balanced hearts lie between, chosen. The left main is not set from here: it follows from its daughters."""

SIDE_MM = {"D1": 2.1, "D2": 1.8, "S1": 1.2, "OM1": 2.2, "OM2": 1.8, "RI": 2.2, "PDA": 2.2, "PLB": 2.0, "AM": 1.5}
"""Side branches at their origin, chosen: wide enough to be graded (over 1.5 mm) but for the septal and acute marginal."""

DISTAL_LCX_MM, DISTAL_RCA_LEFT_MM, SIDE_END_MM = 1.6, 1.3, 1.1


def guides(dominance: Dominance, ramus: bool, absent: frozenset[str]) -> list[Guide]:
    """Return the arteries of a heart, parents before children.

    Parameters
    ----------
    dominance
        Right: PDA and PLB from the RCA; balanced: R-PDA and L-PLB; left: both from the LCX.
    ramus
        Whether the left main divides in three.
    absent
        Names among ``D1``, ``D2``, ``OM1``, ``OM2``, ``AM``, ``S1`` that do not exist.

    Raises
    ------
    ValueError
        When another branch shall be absent.
    """
    known = frozenset({"D1", "D2", "OM1", "OM2", "AM", "S1"})
    if absent - known:
        raise ValueError(f"only {sorted(known)} can be absent, not {sorted(absent - known)}")
    left, right = dominance is Dominance.LEFT, dominance is Dominance.RIGHT
    lv, septum, base = ("lv_wall",), ("lv_wall", "rv_wall"), ("lv_wall", "la_wall")
    lcx = LCX_POINTS + (LCX_TO_CRUX if left else ())
    lcx_end = SIDE_MM["PDA"] if left else DISTAL_LCX_MM
    rca = RCA_POINTS[:-2] if left else RCA_POINTS
    reached = 0.70 if left else 1.0
    found = [
        Guide("LM", None, 0.0, ((11.0, -19.3, -34.5), BIFURCATION_POINT), (), LM_MM, LM_MM),
        Guide("LAD", "LM", 1.0, LAD_POINTS, septum, LAD_MM, LAD_END_MM * 0.75),
        Guide("LCX", "LM", 1.0, lcx, base, LCX_MM[dominance], lcx_end),
        Guide("D1", "LAD", 0.22, D1_POINTS, lv, SIDE_MM["D1"], SIDE_END_MM),
        Guide("D2", "LAD", 0.45, D2_POINTS, lv, SIDE_MM["D2"], SIDE_END_MM),
        Guide("S1", "LAD", 0.27, SEPTAL_POINTS, (), SIDE_MM["S1"], 0.9),
        Guide("OM1", "LCX", 0.38 * reached, OM1_POINTS, lv, SIDE_MM["OM1"], SIDE_END_MM),
        Guide("OM2", "LCX", 0.74 * reached, OM2_POINTS, lv, SIDE_MM["OM2"], SIDE_END_MM),
    ]
    if ramus:
        found.insert(2, Guide("RI", "LM", 1.0, RI_POINTS, lv, SIDE_MM["RI"], SIDE_END_MM))
    rca_end = DISTAL_RCA_LEFT_MM if left else 0.0
    found.append(Guide("RCA", None, 0.0, rca, ("ra_wall", "rv_wall"), RCA_MM[dominance], rca_end))
    found.append(Guide("AM", "RCA", 0.62 if left else 0.53, ACUTE_MARGINAL_POINTS, ("rv_wall",), SIDE_MM["AM"], 0.9))
    found.append(Guide("PDA", "LCX" if left else "RCA", 1.0, PDA_POINTS, septum, SIDE_MM["PDA"], SIDE_END_MM))
    if right:
        found.append(Guide("PLB", "RCA", 1.0, RIGHT_PLB_POINTS, lv, SIDE_MM["PLB"], SIDE_END_MM))
    else:
        share = 0.80 if left else 0.93
        found.append(Guide("PLB", "LCX", share, LEFT_PLB_POINTS, lv, SIDE_MM["PLB"] if left else 1.7, SIDE_END_MM))
    return [guide for guide in found if guide.name not in absent]
