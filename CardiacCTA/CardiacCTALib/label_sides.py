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
SEPTAL_WIDE_MM = 0.9
"""A septal from this width on is a large one, which ends the proximal LAD. Chosen: no source gives a number."""
VENTRICULAR_MM = 12.0
"""A branch that gets this much nearer to the apex runs on a ventricle, others to the atria or the conus. Chosen."""


@dataclass(frozen=True)
class Borders:
    """Where, round the axis of the left ventricle, branches on the ventricles part, degrees, and how sharp these borders are.

    Parameters
    ----------
    rv_pda, pda_plb, plb_om
        Between branches on the right ventricle, posterior descending, posterolateral and marginal branches.
    origin
        A branch of the LCx that leaves behind this is the likelier to be posterolateral.
    scale
        So far beyond a border a name is held for 73 % sure.
    """

    rv_pda: float
    pda_plb: float
    plb_om: float
    origin: float
    scale: float


BY_CHAMBERS = Borders(56.0, 99.0, 168.0, 190.0, 4.0)
BY_ARTERIES = Borders(56.0, 99.0, 168.0, 190.0, 6.0)
"""Chosen on digital hearts: halfway between the middles of these branches, which in axes from the chambers lie at 34, 80, 118
(from the RCA) to 159 (from the LCx) and 180 to 228 degrees. Axes from the arteries alone are turned against these, less exact."""
RV_REACH_MM, OM_D_DEG = 46.0, 300.0
"""Posterior branches lie within this distance of the axis, branches on the right ventricle beyond; marginals do not turn farther
than the second. Chosen."""
LATERAL_SHIFT_DEG, THIRD_SHIFT_DEG = 8.0, 12.0
"""A posterolateral branch is the less likely to come from the LCx where the RCA has one, and the likelier where it has none,
above all where it is the third branch: the border to the marginals moves by this. Chosen."""
ORIGIN_SHARE = 0.4
"""Where a branch of the LCx leaves counts by this share beside where its middle runs. Chosen."""
_BESIDE_SCALE_MM = 3.0


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


def kind_on_lad(side: Side, lad: Way, frame: HeartFrame) -> Kind:
    """Tell a diagonal, which runs on the free wall's side of the LAD, from a septal or a branch to the right ventricle.

    The middle of the branch is set beside the LAD at the same depth; what counts is how far it lies round towards the free wall.
    """
    middle = _middle(side.way)
    depth = frame.depth_mm(lad.points_lps_mm)
    beyond = lad.arc_mm >= side.arc_mm
    beside = np.flatnonzero(beyond)[np.abs(depth[beyond] - frame.depth_mm(middle).mean()).argmin()]
    across = frame.across_mm(lad.points_lps_mm[beside : beside + 1])[0]
    onward = np.array([across[1], -across[0]]) / max(float(np.linalg.norm(across)), 1e-6)  # against the turn
    gap = float((frame.across_mm(middle).mean(axis=0) - across) @ onward)
    certain = sure(abs(gap), _BESIDE_SCALE_MM)
    return Kind("D", certain, "S") if gap > 0.0 else Kind("S", certain, "D")


def kind_on_groove(way: Way, frame: HeartFrame) -> Kind:
    """Tell marginal, posterolateral and posterior descending branches, and those on the right ventricle, from each other."""
    depth = frame.depth_mm(way.points_lps_mm)
    gain = float(depth.max() - depth[0])
    if gain < VENTRICULAR_MM:
        return Kind("atrial", sure(VENTRICULAR_MM - gain, 3.0), "OM")
    turn, borders = mean_turn_deg(way, frame), borders_of(frame)
    reach = float(frame.reach_mm(_middle(way)).mean())
    if turn > OM_D_DEG or turn < borders.rv_pda or (turn < borders.pda_plb and reach > RV_REACH_MM):
        gap = min((turn - borders.rv_pda) % 360.0, (borders.rv_pda - turn) % 360.0)
        return Kind("RV", sure(gap, borders.scale), "PDA")
    limits, names = (borders.rv_pda, borders.pda_plb, borders.plb_om, OM_D_DEG), ("RV", "PDA", "PLB", "OM", "D")
    at = int(np.searchsorted(limits, turn))
    gap, second = min((turn - limits[at - 1], names[at - 1]), (limits[at] - turn, names[at + 1]))
    return Kind(names[at], sure(gap, borders.scale), second)


def borders_of(frame: HeartFrame) -> Borders:
    """Return the borders that hold in a frame."""
    return BY_CHAMBERS if frame.from_chambers else BY_ARTERIES


def lateral_or_marginal(way: Way, frame: HeartFrame, shift_deg: float) -> Kind:
    """Tell the last branch of the LCx on the free wall: posterolateral (``PLB``) or marginal (``OM``)?

    Parameters
    ----------
    shift_deg
        Added to the border between the two.
    """
    origin = float(frame.turn_deg(way.points_lps_mm[:1])[0])
    borders = borders_of(frame)
    turn = mean_turn_deg(way, frame) + ORIGIN_SHARE * (min(origin, 260.0) - borders.origin)
    margin = borders.plb_om + shift_deg - turn
    certain = sure(abs(margin), borders.scale)
    return Kind("PLB", certain, "OM") if margin > 0.0 else Kind("OM", certain, "PLB")
