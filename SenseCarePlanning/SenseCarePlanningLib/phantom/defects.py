"""What a CT hides or adds: gaps in a lumen, mucus plugs, holes that open into it. The true tree stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray, arc_length_mm, unit
from ..volume import Grid
from .airway_tree import Tube
from .compose import Lesion
from .nodules import sphere_share

ByteArray = NDArray[np.uint8]

PLUG_MM, BREAK_MM, HOLE_RADIUS_MM = (5.0, 11.0), (2.5, 6.0), (3.5, 6.5)
HOLE_HU = -990.0


class DefectKind(Enum):
    """The names are a file format."""

    BREAK = "break"
    MUCUS_PLUG = "mucus_plug"
    LEAK = "leak"


@dataclass(frozen=True, eq=False)
class Defect:
    """One defect.

    Parameters
    ----------
    branch_id, start_mm, end_mm
        The stretch of the branch where the lumen does not show (a leak hides none).
    centre_lps_mm, radius_mm
        The place, and the radius of a leak's hole (0 otherwise).
    """

    kind: DefectKind
    branch_id: int
    start_mm: float
    end_mm: float
    centre_lps_mm: FloatArray
    radius_mm: float = 0.0


def make_defects(tubes: list[Tube], breaks: int, plugs: int, leaks: int, rng: np.random.Generator) -> tuple[Defect, ...]:
    """Choose branches for the defects, one each: gaps and plugs in middle-sized airways, leaks in peripheral ones."""
    lengths = {tube.id: float(arc_length_mm(tube.points_lps_mm)[-1]) for tube in tubes}
    middle = [tube for tube in tubes if 4 <= tube.generation <= 8 and lengths[tube.id] > 7.0]
    order = [middle[at] for at in rng.permutation(len(middle))]
    result = []
    for number, tube in enumerate(order[: breaks + plugs + leaks]):
        length = lengths[tube.id]
        centre_mm = length * float(rng.uniform(0.45, 0.6))
        at = int(np.searchsorted(arc_length_mm(tube.points_lps_mm), centre_mm))
        point = tube.points_lps_mm[at]
        if number >= breaks + plugs:
            radius = float(rng.uniform(*HOLE_RADIUS_MM))
            across = np.cross(tube.direction, unit(rng.normal(size=3)))
            centre = point + unit(across) * (0.75 * radius + tube.radius_mm[at])
            result.append(Defect(DefectKind.LEAK, tube.id, centre_mm, centre_mm, centre, radius))
            continue
        kind, bounds = (DefectKind.BREAK, BREAK_MM) if number < breaks else (DefectKind.MUCUS_PLUG, PLUG_MM)
        half = 0.5 * min(float(rng.uniform(*bounds)), 0.7 * length)
        result.append(Defect(kind, tube.id, centre_mm - half, centre_mm + half, point))
    return tuple(result)


def lumen_pieces(tube: Tube, defects: tuple[Defect, ...]) -> list[tuple[FloatArray, FloatArray]]:
    """Return the visible stretches of a lumen as (points, radii)."""
    step = max(1, int(tube.radius_mm[0] / 1.5))
    arc = arc_length_mm(tube.points_lps_mm)
    shown = np.ones(len(arc), dtype=bool)
    gaps = [defect for defect in defects if defect.branch_id == tube.id and defect.kind is not DefectKind.LEAK]
    for gap in gaps:
        shown &= (arc < gap.start_mm) | (arc > gap.end_mm)
    if not gaps:
        keep = np.unique(np.append(np.arange(0, len(arc), step), len(arc) - 1))
        return [(tube.points_lps_mm[keep], tube.radius_mm[keep])]
    edges = np.flatnonzero(np.diff(shown.astype(int))) + 1
    pieces = []
    for part in np.split(np.arange(len(arc)), edges):
        if shown[part[0]] and len(part) >= 2:
            pieces.append((tube.points_lps_mm[part], tube.radius_mm[part]))
    return pieces


def holes_of(defects: tuple[Defect, ...], grid: Grid) -> tuple[Lesion, ...]:
    """Return the holes that leaks open, to be laid over walls."""
    result = []
    for defect in defects:
        if defect.kind is DefectKind.LEAK:
            ball = sphere_share(grid, defect.centre_lps_mm, defect.radius_mm)
            if ball is not None:
                result.append(Lesion(ball.box_kji, ball.share, HOLE_HU))
    return tuple(result)
