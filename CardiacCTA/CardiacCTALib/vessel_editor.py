"""One measured vessel, prepared so that a mouse can drag its walls: every new position is graded within a frame.

What does not depend on the walls (brightness of the lumen, the scan freed of its glow) is kept; stenoses, plaque and grade are
computed again in full, by the same code that measured them first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from SenseCarePlanningLib.blas import one_blas_thread
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.line_edit import LinePoint, pass_points
from SenseCarePlanningLib.tubes.wall_edit import Anchor, wall_at
from SenseCarePlanningLib.volume import Volume

from .branching import Bifurcation
from .dark_core import quiet_ring
from .lumen import Measured, Walls
from .occlusion import LumenBrightness, lumen_brightness
from .outer_unseen import Behind
from .plaque import analyse_plaque, plaque_wall, whole_plaque
from .plaque_region import behind_walls, plaque_region
from .plaque_ring import Ring, RingGround, ring_again, ring_between, ring_ground
from .scan_model import ScanModel
from .stenosis import find_lesions, taper_and_region
from .stents import find_stents
from .vessel_edit import VesselEdit, Wall, check_line, check_walls, move_wall
from .vessel_result import VesselResult, measure_vessels, moved_sections
from .vessels import Stretch, Vessel
from .wall_edits import edited_walls

STEP = "Lumen, stenoses and plaque"


@dataclass(frozen=True, eq=False)
class VesselEditor:
    """A vessel as measured, ready for edits of its walls; see :meth:`of`.

    Parameters
    ----------
    base
        The vessel as measured: never changed.
    brightness, ground
        What does not depend on the walls.
    ring, behind
        Of the walls as measured: where a reader moves them little, little of it is looked at again.
    """

    base: VesselResult
    brightness: LumenBrightness
    ground: RingGround
    ring: Ring
    behind: Behind

    @classmethod
    def of(cls, base: VesselResult) -> VesselEditor:
        """Prepare a vessel; takes a tenth of a second or two.

        Raises
        ------
        InputError
            When the vessel was not measured: there are no walls to move.
        """
        if base.measured is None:
            raise InputError(f"{base.vessel.name} was not measured; it has no walls that could be moved.", [base.reason])
        # what follows from the fit alone is worked out here, and found there when walls are dragged
        measured, walls = base.measured, base.measured.walls
        behind = behind_walls(measured, walls)
        plaque_region(measured, walls, behind=behind)
        find_stents(measured)
        ground = ring_ground(measured, walls)
        ring = ring_between(measured, walls, ground)
        quiet_ring(ring)
        return cls(base, lumen_brightness(measured), ground, ring, behind)

    @property
    def measured(self) -> Measured:
        """The walls as measured, with what they rest on."""
        assert self.base.measured is not None
        return self.base.measured

    def moved(self, edit: VesselEdit, wall: Wall, anchor: Anchor) -> VesselEdit:
        """Return an edit with one more anchor; earlier ones stay, see :func:`vessel_edit.move_wall`.

        Raises
        ------
        InputError
            When the anchor is refused.
        """
        return move_wall(self.measured, edit, wall, anchor)

    def radius_mm(self, edit: VesselEdit, wall: Wall, arc_mm: float, angle_deg: float) -> float:
        """Return where a wall lies with an edit, at one place (mm along the walls) and angle (degrees from up towards left)."""
        walls = self.walls(edit)
        return wall_at(walls.lumen_mm if wall is Wall.LUMEN else walls.outer_mm, walls.arc_mm, arc_mm, angle_deg)

    def walls(self, edit: VesselEdit) -> Walls:
        """Return the walls with an edit; unchanged (the same object) without anchors.

        Between anchors that pull apart a wall is thrown no farther than what was sampled.
        """
        first = self.measured.walls
        if not edit.moves_walls:
            return first
        drawn, most = edited_walls(first, edit.lumen, edit.outer), self.measured.options.reach_mm
        lumen, outer = (
            np.minimum(new, np.maximum(old, most))
            for new, old in ((drawn.lumen_mm, first.lumen_mm), (drawn.outer_mm, first.outer_mm))
        )
        return replace(drawn, lumen_mm=lumen, outer_mm=np.maximum(outer, lumen))

    @one_blas_thread()
    def edited(self, edit: VesselEdit) -> VesselResult:
        """Return the vessel with an edit: lesions, stenoses, grades and plaque follow; what was measured stays in ``base``.

        Covariances, levels and the scan's samples are those measured, so that the intervals are those of the method at this
        place; ``VesselResult.edit`` says that a reader drew the walls.

        Raises
        ------
        InputError
            When an anchor is refused, see :func:`vessel_edit.check_walls`.
        """
        if not edit.moves_walls:
            return replace(self.base, edit=edit)
        check_walls(self.measured, edit)
        vessel, walls = self.base.vessel, self.walls(edit)
        measured = replace(self.measured, walls=walls)
        drawn = moved_sections(self.measured.walls.lumen_mm, walls.lumen_mm)
        brightness = self.brightness.drawn(drawn, walls.lumen_area_mm2)
        known = taper_and_region(measured, walls, vessel.bifurcations, self.behind)
        stenosis = find_lesions(measured, vessel.bifurcations, ostium_mm=vessel.ostium_mm, brightness=brightness, known=known)
        ring = ring_again(walls, self.ground, (self.measured.walls, self.ring))
        wall = plaque_wall(measured, walls, ring, vessel.bifurcations, known[1])
        plaques = tuple(analyse_plaque(measured, lesion, wall=wall) for lesion in stenosis.lesions)
        whole = whole_plaque(measured, wall)
        return VesselResult(
            vessel, measured, stenosis, plaques, whole, bypassed_mm=self.base.bypassed_mm, edit=edit, undrawn=self.base
        )


def moved_vessel(vessel: Vessel, line: Sequence[LinePoint]) -> Vessel:
    """Return a vessel whose line passes moved points; its segments and bifurcations keep their places in it.

    Raises
    ------
    InputError
        When a point is refused, see :func:`vessel_edit.check_line`.
    """
    check_line(vessel, line)
    points = pass_points(vessel.points_lps_mm, vessel.arc_mm, line)
    moved = replace(vessel, points_lps_mm=points)
    before, after = vessel.arc_mm, moved.arc_mm

    def there(arc_mm: float) -> float:
        """Return the arc on the moved line of a place on the old one."""
        return float(np.interp(arc_mm, before, after))

    return replace(
        moved,
        stretches=tuple(Stretch(one.code, there(one.from_mm), there(one.to_mm), one.assumed) for one in vessel.stretches),
        bifurcations=tuple(Bifurcation(there(one.arc_mm), one.parent_mm, one.side_mm) for one in vessel.bifurcations),
    )


def remeasure(
    one: VesselResult, line: Sequence[LinePoint], volume: Volume, scan: ScanModel, progress: Progress | None = None
) -> VesselResult:
    """Measure one vessel again along a moved line; seconds, beside the window.

    Parameters
    ----------
    one
        The vessel as the run measured it.
    volume
        The scan that the result was made on, HU.
    progress
        Hears the step, and may stop it before it begins.

    Raises
    ------
    InputError
        When a point is refused or lies outside the scan.
    Cancelled
        When the user stopped it.
    """
    vessel = moved_vessel(one.vessel, line)
    index = volume.grid.kji_from_lps(np.array([point.point_lps_mm for point in line]))
    if not ((index >= -0.5) & (index <= np.array(volume.grid.shape_kji) - 0.5)).all():
        raise InputError("The line of the vessel cannot be moved like this.", ["a moved point lies outside the scan"])
    with (progress or Progress()).step(STEP):
        return replace(measure_vessels(volume, (vessel,), scan)[0], edit=VesselEdit(line=tuple(line)))


def place_on_first_line(first: Vessel, shown: Vessel, arc_mm: float) -> float:
    """Return the place on a vessel's line as measured, mm, of a place on the same line as it is shown, moved or not."""
    return float(np.interp(arc_mm, shown.arc_mm, first.arc_mm))
