"""The data of a bronchoscopy plan: target, routes, what reaches how far, and what to do at each bifurcation.

Only data lives here; each step that fills it is a file of its own (``nodule``, ``route``, ``feasibility``, ``instructions``).
Coordinates are LPS mm; distances mm; angles degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Measurement

BARE_BELOW_MM = 0.5
"""A target with a smaller radius is a bare point."""


class DensityClass(Enum):
    """Density class of a nodule (Fleischner terms)."""

    SOLID = "solid"
    PART_SOLID = "part_solid"
    GROUND_GLASS = "ground_glass"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Target:
    """What the bronchoscope should reach.

    Parameters
    ----------
    centre_lps_mm
        (3,) centre of mass of the target, or the clicked point.
    surface_lps_mm
        (N, 3) points on its surface; the centre alone for a bare point.
    source
        ``"point"`` (nothing measurable there), ``"click"`` (segmented around a click) or ``"mask"``.
    measurements
        Name -> Measurement: long_axis, short_axis, volume, mean_attenuation, distance_to_pleura, distance_to_fissure, ...
    lobe
        Lobe code (``RUL``, ``RML``, ``RLL``, ``LUL``, ``LLL``) or None outside the lobes.
    """

    centre_lps_mm: FloatArray
    surface_lps_mm: FloatArray
    source: str
    density: DensityClass = DensityClass.UNKNOWN
    measurements: dict[str, Measurement] = field(default_factory=dict)
    lobe: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def radius_mm(self) -> float:
        """Mean distance of the surface from the centre; 0 for a bare point."""
        offsets = self.surface_lps_mm - self.centre_lps_mm
        return float((offsets**2).sum(axis=1).__pow__(0.5).mean()) if len(offsets) else 0.0

    @property
    def is_point(self) -> bool:
        """Whether the target is a bare point, without a surface of its own."""
        return self.radius_mm < BARE_BELOW_MM


class ExtensionModel(Enum):
    """How a route continues past the visible tree."""

    STRAIGHT = "straight"
    MINIMUM_COST = "minimum_cost"
    ARTERY_FOLLOWING = "artery_following"


@dataclass(frozen=True, eq=False)
class Extension:
    """A guessed path from the last visible airway to the target surface."""

    model: ExtensionModel
    points_lps_mm: FloatArray
    length_mm: float
    cost: float
    crosses_vessel_mm: float = 0.0
    notes: tuple[str, ...] = ()


class TsuboiType(Enum):
    """Bronchus-nodule relation (Tsuboi 1967): I leads to it, II contained in it, III compressed, IV narrowed on the way."""

    I = "I"  # noqa: E741
    II = "II"
    III = "III"
    IV = "IV"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Route:
    """One way to the target: the visible airways to the exit, then the chosen extension.

    Parameters
    ----------
    rank
        1 for the best.
    branch_ids
        Trachea to exit branch.
    points_lps_mm, radius_mm
        (N, 3), (N,) centreline from the trachea to the exit point.
    exit_point_lps_mm
        (3,) where the route leaves the visible tree.
    exit_angle_deg
        Angle between the local airway axis and the direction to the target.
    gap_mm
        From the exit point to the nearest surface point of the target.
    confidence
        Share of the candidates' likelihood that falls on this exit branch (0 to 1).
    reason
        One sentence: why this route, e.g. "follows RB3b, 18 degrees off axis, 9 mm gap".
    extensions
        The three models; ``chosen_extension`` indexes the chosen one, None when the lumen reaches the target.
    warnings, warning_codes
        Sentences, and the stable code of each (``other_lobe``, ``crosses_fissure``, ``leaves_lung``, ``crosses_vessel``,
        ``through_the_wall``, ``comes_closer``).
    """

    rank: int
    branch_ids: tuple[int, ...]
    points_lps_mm: FloatArray
    radius_mm: FloatArray
    exit_point_lps_mm: FloatArray
    exit_angle_deg: float
    gap_mm: float
    cost: float
    confidence: float
    reason: str
    extensions: tuple[Extension, ...] = ()
    chosen_extension: int | None = None
    bronchus_sign: bool | None = None
    artery_sign: bool | None = None
    tsuboi: TsuboiType = TsuboiType.UNKNOWN
    warnings: tuple[str, ...] = ()
    warning_codes: tuple[str, ...] = ()

    @property
    def exit_branch_id(self) -> int:
        """The last visible branch."""
        return self.branch_ids[-1]


@dataclass(frozen=True)
class Scope:
    """One bronchoscope or catheter of the editable library; None where the source does not say."""

    id: str
    name: str
    tip_diameter_mm: float
    tube_diameter_mm: float | None
    channel_mm: float | None
    field_of_view_deg: float | None
    bend_up_deg: float | None
    bend_down_deg: float | None
    minimum_bend_radius_mm: float | None
    rigid_tip_mm: float | None
    working_length_mm: float | None
    source: str
    verified_on: str


class Reach(Enum):
    """Whether a scope gets as far as asked, the diameter's uncertainty carried through."""

    REACHES = "reaches"
    PROBABLY = "probably"
    NO = "no"


@dataclass(frozen=True)
class Feasibility:
    """One cell row of the route x scope matrix."""

    route_rank: int
    scope_id: str
    reach: Reach
    probability: float
    last_branch_id: int
    last_point_lps_mm: tuple[float, float, float]
    limiting_diameter: Measurement
    remaining_path: Measurement
    straight_distance: Measurement
    approach_angle: Measurement
    bend: Measurement
    minimum_curvature_radius: Measurement
    within_radial_ultrasound: bool
    reason: str


@dataclass(frozen=True)
class Instruction:
    """What to do at one bifurcation: advance, rotate to the clock hour, flex.

    ``clock_hour`` is 1 to 12 in the operator's picture (see ``orientation`` of the plan);
    ``openings`` lists every child as (branch id, label, clock hour, diameter mm), the wanted one included.
    """

    step: int
    branch_id: int
    next_branch_id: int
    carina_lps_mm: tuple[float, float, float]
    advance_mm: float
    depth_mm: float
    clock_hour: int
    clock_angle_deg: float
    rotate_deg: float
    flex_deg: float
    diameter_mm: float
    diameter_interval_mm: tuple[float, float]
    label: str
    next_label: str
    openings: tuple[tuple[int, str, int, float], ...]
    picture: str | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything planned for one target.

    ``orientation`` names the operator's convention: ``"anterior_12"`` (patient supine, scope from the head: anterior is
    12 o'clock) or ``"posterior_12"``.
    """

    target: Target
    routes: tuple[Route, ...]
    scopes: tuple[Scope, ...]
    feasibility: tuple[Feasibility, ...]
    instructions: dict[int, tuple[Instruction, ...]]
    orientation: str = "anterior_12"
    expected_motion: Measurement | None = None
    notes: tuple[str, ...] = ()
