"""What is shown of one measured vessel: its line, walls and reformats, the angle that shows a lesion, and where to probe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.overlay import Colour
from SenseCarePlanningLib.render.vessel_picture import LUMEN, OUTER, DrawnWall, prepare_drawing
from SenseCarePlanningLib.tubes.crosssection import ray_angles
from SenseCarePlanningLib.tubes.reformat import Reformatter
from SenseCarePlanningLib.tubes.sheets import turning_axes
from SenseCarePlanningLib.tubes.tube_line import TubeLine
from SenseCarePlanningLib.tubes.wall_lines import TubeWall
from SenseCarePlanningLib.volume import Volume

from .branching import WITHIN_MM
from .lumen import Measured
from .plaque import BINS_HU, PlaqueMap, plaque_map
from .plaque_ring import ring_of
from .reference import DISEASED_WALL_MM, plaque_free
from .section_model import LEAST_RADIUS_MM
from .stenosis import Lesion
from .vessel_result import VesselResult

GRADE_COLOURS: dict[str, Colour] = {
    "": (102, 187, 106),
    "1": (212, 225, 87),
    "2": (255, 238, 88),
    "3": (255, 152, 0),
    "4A": (229, 57, 53),
    "5": (186, 104, 200),
}
"""Colour of a stretch by the gravest category that is possible for its lesion; without a stenosis the first."""
NORMAL, CALCIFIED, UNKNOWN = 0, len(BINS_HU) + 1, len(BINS_HU) + 2
"""Classes of the unrolled wall; between the first two lie those of ``BINS_HU``, in order."""
CLASS_COLOURS: tuple[Colour, ...] = (
    (238, 240, 243), (214, 48, 49), (255, 193, 7), (84, 170, 90), (0, 0, 0), (160, 174, 192),
)  # fmt: skip
CLOSED_MM = 3.0 * LEAST_RADIUS_MM
"""In an occlusion no lumen is drawn where it is no wider. Chosen: the fit draws none narrower than twice that radius."""
_PROBE_CLEAR_MM = 1.5


@dataclass(frozen=True)
class ProbePlaces:
    """Sections at which a lesion is shown: the healthy one before it, the narrowest, the healthy one after it; None without."""

    before: int | None
    narrowest: int
    after: int | None

    @property
    def sections(self) -> tuple[int, ...]:
        """Those that there are, proximal first."""
        return tuple(one for one in (self.before, self.narrowest, self.after) if one is not None)


@dataclass(frozen=True, eq=False)
class VesselViews:
    """One measured vessel and the scan around it.

    Parameters
    ----------
    result
        A vessel that was measured.
    volume
        The scan, HU.

    Raises
    ------
    ValueError
        When the vessel was not measured.
    """

    result: VesselResult
    volume: Volume

    def __post_init__(self) -> None:
        if self.result.measured is None:
            raise ValueError(f"{self.result.vessel.name} was not measured: {self.result.reason}")

    @property
    def measured(self) -> Measured:
        """The measured vessel."""
        assert self.result.measured is not None
        return self.result.measured

    @cached_property
    def line(self) -> TubeLine:
        """The smoothed centreline with the frames that the walls count in."""
        walls = self.measured.walls
        return TubeLine(self.measured.line_lps_mm, walls.frames, walls.arc_mm)

    @cached_property
    def reformatter(self) -> Reformatter:
        """The scan prepared around the vessel."""
        return Reformatter.around(self.volume, self.line)

    @cached_property
    def walls(self) -> tuple[DrawnWall, DrawnWall]:
        """Outer wall and lumen as they are drawn; asking for them makes the first drawing as quick as the next."""
        prepare_drawing()
        walls = self.measured.walls
        away = walls.points_lps_mm - self.line.points_lps_mm
        centre = np.stack([(away * walls.frames[:, row]).sum(axis=1) for row in (1, 2)], axis=1)
        outer, lumen = (TubeWall(self.line, centre, radius) for radius in (walls.outer_mm, walls.lumen_mm))
        return DrawnWall(outer, OUTER), DrawnWall(lumen, LUMEN)

    @cached_property
    def closed(self) -> NDArray[np.bool_]:
        """Which sections (N,) are told to have no lumen: those of an occlusion that are fitted as narrow as can be."""
        diameter = self.measured.walls.diameter_mm
        found = np.zeros(len(diameter), dtype=bool)
        for lesion in self.result.lesions:
            if lesion.occluded:
                part = slice(lesion.first, lesion.last + 1)
                found[part] |= diameter[part] <= CLOSED_MM
                found[lesion.narrowest] = True
        return found

    @cached_property
    def told_walls(self) -> tuple[DrawnWall, DrawnWall]:
        """The walls as a report draws them along the vessel: no lumen where none is told."""
        outer, lumen = self.walls
        radius = np.where(self.closed[:, None], -lumen.wall.radius_mm, lumen.wall.radius_mm)  # nothing lies inside such a wall
        return outer, replace(lumen, wall=replace(lumen.wall, radius_mm=radius))

    def walls_at(self, section: int) -> tuple[DrawnWall, ...]:
        """Return the walls as a report draws them in a section: the outer one alone where no lumen is told."""
        return self.walls[:1] if self.closed[section] else self.walls

    @property
    def worst(self) -> Lesion | None:
        """The lesion with the greatest stenosis; None in a vessel without."""
        return max(self.result.lesions, key=lambda one: one.narrowings[0].diameter_stenosis_percent.value, default=None)

    def angle_deg(self, lesion: Lesion | None = None) -> float:
        """Return the angle of a straightened reformat that shows a lesion (the worst by default) where its plaque is thickest."""
        lesion = lesion or self.worst
        if lesion is None:
            return 0.0
        walls = self.measured.walls
        part = slice(lesion.first, lesion.last + 1)
        thick = (walls.outer_mm - walls.lumen_mm)[part].mean(axis=0)
        angle = ray_angles(len(thick))
        return float(np.degrees(np.arctan2((thick * np.sin(angle)).sum(), (thick * np.cos(angle)).sum())))

    def widest_angle_deg(self) -> float:
        """Return the angle of a stretched reformat at which the vessel's course is spread out the most."""
        axes = turning_axes(self.line)
        away = (self.line.points_lps_mm - self.line.points_lps_mm.mean(axis=0)) @ axes[1:].T
        direction = np.linalg.svd(away, full_matrices=False)[2][0]
        return float(np.degrees(np.arctan2(direction[1], direction[0])))

    def probe_places(self, lesion: Lesion) -> ProbePlaces:
        """Return where a lesion is probed: its narrowest section, and the middle of the healthy stretches on both sides.

        Those are the stretches that the adjacent reference is measured on. On a side where it has none, the nearest plaque-free
        section; without any in its reach, the section just outside of the lesion.
        """
        walls, count = self.measured.walls, len(self.measured.walls.arc_mm)
        stenosis = self.result.stenosis
        counted = np.flatnonzero(stenosis.adjacent.weights[lesion.narrowest]) if stenosis else np.zeros(0, dtype=np.int64)
        fair = plaque_free(walls) & self.measured.visible
        for other in self.result.lesions:
            fair[other.first : other.last + 1] = False
        found: list[int | None] = []
        for edge, side in ((lesion.first, -1), (lesion.last, 1)):
            away = (walls.arc_mm - walls.arc_mm[edge]) * side
            near = np.flatnonzero(fair & (away >= _PROBE_CLEAR_MM) & (away <= WITHIN_MM))
            beside = counted[away[counted] > 0.0]
            if len(beside):
                found.append(int(beside[len(beside) // 2]))
            elif len(near):
                found.append(int(near[np.argmin(away[near])]))
            else:
                outside = int(np.abs(away - _PROBE_CLEAR_MM).argmin())
                found.append(outside if 0 < outside < count - 1 and away[outside] > 0.0 else None)
        return ProbePlaces(found[0], lesion.narrowest, found[1])

    @cached_property
    def unrolled(self) -> PlaqueMap:
        """The wall unrolled."""
        measured = self.measured
        return plaque_map(measured, measured.walls, ring_of(measured, measured.walls))

    def composition(self) -> NDArray[np.int64]:
        """Return the class (N, J) of each place of the unrolled wall; see :data:`NORMAL`."""
        wall = self.unrolled
        plaque = wall.thickness_mm > DISEASED_WALL_MM
        found = np.full(plaque.shape, NORMAL, dtype=np.int64)
        tops = [high for _, _, high in BINS_HU[:-1]]
        known = np.isfinite(wall.mean_hu)
        found[plaque & known] = 1 + np.searchsorted(tops, wall.mean_hu[plaque & known], side="right")
        found[plaque & ~known] = UNKNOWN
        found[wall.calcium] = CALCIFIED
        return found


def grade_colour(grades: Sequence[str]) -> Colour:
    """Return the colour of a lesion by the categories that are possible for it, mildest first."""
    return GRADE_COLOURS.get(grades[-1], GRADE_COLOURS[""])


def diameter_band(measured: Measured) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % interval (N,), (N,) of the lumen's diameter, section by section."""
    spread = 1.96 * np.sqrt(np.diag(measured.covariance_mm2))
    diameter = measured.walls.diameter_mm
    return np.maximum(diameter - spread, 0.0), diameter + spread
