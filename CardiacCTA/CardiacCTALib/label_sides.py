"""What leaves the main courses: diagonals and septals, marginals, posterior descending and posterolateral branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .heart_frame import HeartFrame
from .label_courses import sure
from .label_paths import Side, Way

BRANCH_MM, BRANCH_WIDE_MM = 15.0, 1.0
"""A side branch is named from this length and width at its origin on. Chosen: the SCCT names diagonals over 1.5 mm, and what is
thinner in a scan may be so by the scan; findings on branches under 1.5 mm are not graded."""
SEPTAL_WIDE_MM = 1.0
"""A septal from this width on is a large one, which ends the proximal LAD. Chosen: no source gives a number."""
VENTRICULAR_MM = 12.0
"""A branch that gets this much nearer to the apex runs on a ventricle, others to the atria or the conus. Chosen."""
PDA_PLB_DEG, PLB_OM_DEG, RV_PDA_DEG, RV_REACH_MM = 87.0, 156.0, 50.0, 46.0
"""Where, round the axis of the left ventricle, posterior descending, posterolateral and marginal branches part, and the branches
on the right ventricle end. Chosen on digital hearts, in which the middles of these branches lie at 72, 100 (from the RCA) to 145
(from the LCx), 170 to 215 and 34 degrees."""
LATERAL_SHIFT_DEG, THIRD_SHIFT_DEG = 8.0, 12.0
"""A posterolateral branch is the less likely to come from the LCx where the RCA has one, and the likelier where it has none,
above all where it is the third branch: the border to the marginals moves by this. Chosen."""
ORIGIN_SHARE, ORIGIN_DEG = 0.4, 174.0
"""A branch of the LCx that leaves more posteriorly than this is the likelier to be posterolateral: so much of the difference
counts beside where its middle runs. Chosen."""
SEPTAL_DEG = -14.0
TURN_SCALE_DEG = 6.0


@dataclass(frozen=True)
class Kind:
    """What a side branch is: ``D``, ``S``, ``OM``, ``PLB``, ``PDA``, ``RV`` or ``atrial``, how sure, and the second best."""

    name: str
    confidence: float
    second: str


def is_worth_naming(side: Side) -> bool:
    """Tell whether a branch is long and wide enough to be named."""
    return side.way.length_mm >= BRANCH_MM and side.diameter_mm >= BRANCH_WIDE_MM


def _middle(way: Way) -> np.ndarray:
    return way.points_lps_mm[way.between(0.3 * way.length_mm, 0.7 * way.length_mm)]


def mean_turn_deg(way: Way, frame: HeartFrame) -> float:
    """Return the mean angle round the axis of a branch's middle part."""
    across = frame.across_mm(_middle(way)).mean(axis=0)
    return float(np.degrees(np.arctan2(across[1], across[0])) % 360.0)


def kind_on_lad(side: Side, frame: HeartFrame) -> Kind:
    """Tell a diagonal, which runs round to the free wall, from a septal or a branch to the right ventricle."""
    start = float(frame.turn_deg(side.way.points_lps_mm[:1])[0])
    change = (mean_turn_deg(side.way, frame) - start + 180.0) % 360.0 - 180.0
    certain = sure(abs(change - SEPTAL_DEG), TURN_SCALE_DEG)
    return Kind("D", certain, "S") if change < SEPTAL_DEG else Kind("S", certain, "D")


def kind_on_groove(way: Way, frame: HeartFrame) -> Kind:
    """Tell marginal, posterolateral and posterior descending branches, and those on the right ventricle, from each other."""
    depth = frame.depth_mm(way.points_lps_mm)
    gain = float(depth.max() - depth[0])
    if gain < VENTRICULAR_MM:
        return Kind("atrial", sure(VENTRICULAR_MM - gain, 3.0), "OM")
    turn = mean_turn_deg(way, frame)
    reach = float(frame.reach_mm(_middle(way)).mean())
    if turn > 300.0 or turn < RV_PDA_DEG or (turn < PDA_PLB_DEG and reach > RV_REACH_MM):
        gap = min((turn - RV_PDA_DEG) % 360.0, (RV_PDA_DEG - turn) % 360.0)
        return Kind("RV", sure(gap, TURN_SCALE_DEG), "PDA")
    limits, names = (RV_PDA_DEG, PDA_PLB_DEG, PLB_OM_DEG, 300.0), ("RV", "PDA", "PLB", "OM", "D")
    at = int(np.searchsorted(limits, turn))
    gap, second = min((turn - limits[at - 1], names[at - 1]), (limits[at] - turn, names[at + 1]))
    return Kind(names[at], sure(gap, TURN_SCALE_DEG), second)


def lateral_or_marginal(way: Way, frame: HeartFrame, shift_deg: float) -> Kind:
    """Tell the last branch of the LCx on the free wall: posterolateral (``PLB``) or marginal (``OM``)?

    Parameters
    ----------
    shift_deg
        Added to the border between the two.
    """
    origin = float(frame.turn_deg(way.points_lps_mm[:1])[0])
    turn = mean_turn_deg(way, frame) + ORIGIN_SHARE * (min(origin, 260.0) - ORIGIN_DEG)
    margin = PLB_OM_DEG + shift_deg - turn
    certain = sure(abs(margin), TURN_SCALE_DEG)
    return Kind("PLB", certain, "OM") if margin > 0.0 else Kind("OM", certain, "PLB")
