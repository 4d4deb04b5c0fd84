"""What is measured along one vessel: walls, lesions against both references, plaque; or why it could not be measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.blas import one_blas_thread
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

from .lumen import Measured, measure_lumen
from .plaque import LesionPlaque, PlaqueVolumes, analyse_plaque, plaque_wall, whole_plaque
from .scan_model import ScanModel
from .stenosis import Lesion, StenosisResult, find_lesions, taper_and_region
from .vessel_edit import AS_MEASURED_EDIT, VesselEdit
from .vessels import Stretch, Vessel

MOST_AT_A_TIME = 4
"""Vessels measured at a time: each needs up to 0.2 GB."""
DRAWN_MM = 0.05
"""A section whose wall was moved by this at some angle counts as drawn. Chosen: a tenth of a voxel."""


def moved_sections(before_mm: FloatArray, after_mm: FloatArray) -> NDArray[np.bool_]:
    """Return which sections (N,) of a wall (N, J), mm, were moved by more than :data:`DRAWN_MM`."""
    return np.asarray(np.abs(after_mm - before_mm).max(axis=1) > DRAWN_MM)


@dataclass(frozen=True, eq=False)
class VesselResult:
    """One vessel, measured.

    Parameters
    ----------
    measured, stenosis, plaque
        None where it could not be measured; ``reason`` says why.
    lesion_plaques
        One for each lesion of ``stenosis``.
    plaque
        Of the whole vessel.
    edit
        What a reader drew on it; empty as measured. It is kept with the reader's changes, not with the vessel.
    bypassed_mm
        So far from its start a graft leads round it; 0 without one.
    undrawn
        The vessel before its walls were drawn; None where they are as measured.
    """

    vessel: Vessel
    measured: Measured | None
    stenosis: StenosisResult | None
    lesion_plaques: tuple[LesionPlaque, ...] = ()
    plaque: PlaqueVolumes | None = None
    reason: str = ""
    bypassed_mm: float = 0.0
    edit: VesselEdit = AS_MEASURED_EDIT
    undrawn: VesselResult | None = None

    @property
    def by_reader(self) -> bool:
        """Whether a reader drew a wall of it somewhere; see :meth:`drawn_lesion` and :meth:`drawn_stretch` for where."""
        return self.edit.moves_walls

    def drawn_sections(self) -> NDArray[np.bool_]:
        """Return which sections (N,) have a lumen edge or an outer wall other than was measured: the anchors' reach."""
        if self.measured is None or self.undrawn is None or self.undrawn.measured is None:
            return np.zeros(0 if self.measured is None else len(self.measured.walls.arc_mm), dtype=bool)
        before, after = self.undrawn.measured.walls, self.measured.walls
        return moved_sections(before.lumen_mm, after.lumen_mm) | moved_sections(before.outer_mm, after.outer_mm)

    def drawn_lesion(self, lesion: Lesion) -> bool:
        """Whether a reader drew the walls of a section of one of its lesions."""
        return bool(self.drawn_sections()[lesion.first : lesion.last + 1].any())

    def drawn_stretch(self, stretch: Stretch) -> bool:
        """Whether a reader drew the walls of a section of a segment, or of a lesion that counts for it."""
        if self.measured is None:
            return False
        arc = self.measured.walls.arc_mm
        inside = (arc >= stretch.from_mm) & (arc <= stretch.to_mm)
        own = [lesion for lesion in self.lesions if self.stretch_of(lesion) == stretch]
        return bool(self.drawn_sections()[inside].any()) or any(self.drawn_lesion(one) for one in own)

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """Its lesions, proximal first."""
        return () if self.stenosis is None else self.stenosis.lesions

    def arc_of(self, lesion: Lesion) -> float:
        """Return the place of a lesion's narrowest section, mm along the vessel."""
        return lesion.distance_mm - self.vessel.ostium_mm

    def stretch_of(self, lesion: Lesion) -> Stretch | None:
        """Return the segment that a lesion counts for: that of its narrowest section."""
        return self.vessel.stretch_at(self.arc_of(lesion))

    def healthy_mm(self, stretch: Stretch) -> float | None:
        """Return the healthy diameter of a segment: the median of the taper along it; None where nothing was measured."""
        if self.measured is None or self.stenosis is None:
            return None
        arc = self.measured.walls.arc_mm
        inside = (arc >= stretch.from_mm) & (arc <= stretch.to_mm) & self.measured.visible
        return float(np.median(self.stenosis.taper.healthy_mm[inside])) if inside.any() else None


@one_blas_thread()
def measure_vessels(
    volume: Volume, vessels: Sequence[Vessel], scan: ScanModel, progress: Progress | None = None
) -> tuple[VesselResult, ...]:
    """Measure every vessel; one that cannot be measured is in the result with the reason.

    Parameters
    ----------
    progress
        Its current step is told how far this is, vessel by vessel.

    Raises
    ------
    Cancelled
        When the user stopped the run; vessels that are being measured are waited for, others are not begun.
    """
    progress = progress or Progress()
    progress.update(0.0)
    # as many at a time as cores: much of the time goes by in libraries that let other threads work; the longest first
    with ThreadPoolExecutor(max_workers=min(MOST_AT_A_TIME, os.cpu_count() or 1)) as pool:
        longest_first = sorted(range(len(vessels)), key=lambda number: -len(vessels[number].points_lps_mm))
        waiting = {pool.submit(_measure, volume, vessels[number], scan): number for number in longest_first}
        found = {}
        try:
            for at, done in enumerate(as_completed(waiting)):
                found[waiting[done]] = done.result()
                progress.update((at + 1) / len(vessels))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return tuple(found[number] for number in range(len(vessels)))


def _seen_part(volume: Volume, points_lps_mm: FloatArray) -> FloatArray:
    """Return a course up to where it leaves the scan for good; all of it where it begins outside."""
    index = volume.grid.kji_from_lps(points_lps_mm)
    inside = np.asarray(((index >= 0) & (index <= np.array(volume.grid.shape_kji) - 1)).all(axis=1))
    last = int(np.flatnonzero(inside)[-1]) if inside.any() else len(inside) - 1
    return points_lps_mm[: last + 1] if inside[0] else points_lps_mm


def _measure(volume: Volume, vessel: Vessel, scan: ScanModel) -> VesselResult:
    try:
        measured = measure_lumen(volume, _seen_part(volume, vessel.points_lps_mm), scan)
    except InputError as error:
        return VesselResult(vessel, None, None, reason=error.user_message)
    known = taper_and_region(measured, measured.walls, vessel.bifurcations)
    stenosis = find_lesions(measured, vessel.bifurcations, ostium_mm=vessel.ostium_mm, known=known)
    wall = plaque_wall(measured, measured.walls, bifurcations=vessel.bifurcations, region=known[1])
    plaques = tuple(analyse_plaque(measured, lesion, wall=wall) for lesion in stenosis.lesions)
    return VesselResult(vessel, measured, stenosis, plaques, whole_plaque(measured, wall))
