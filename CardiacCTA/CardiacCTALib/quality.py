"""Is this examination good enough, and where is it not? Everything that stands in the way, nothing hidden.

What makes a segment not assessable here makes CAD-RADS N, or the modifier N, there: see ``patient_findings``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import erf

from SenseCarePlanningLib.geometry import FloatArray, runs_of
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.volume import LabelMap, Volume

from .artefacts import lies_at
from .bypass import fed_by
from .constants import MILD_FROM
from .heart_region import COARSE_MM
from .heart_segmentation import HeartSegmentation
from .issues import STENTS, Consequence, Issue, QualityItem, issue
from .labels import CoronaryLabels
from .scan_model import ScanModel
from .section_knowledge import PLAQUE_HU
from .section_start import CALCIUM_LEAST_HU, least_calcium_hu
from .stents import METAL_HU, find_stents
from .steps import Step, crossing_mm, find_steps
from .structures import CHAMBERS
from .tree_checks import is_wide
from .vessel_result import VesselResult
from .vessels import Stretch

WANTED_HU, LEAST_HU = 300.0, 200.0
"""Enhancement of the aorta that coronary CT wants (SCCT acquisition guidelines name 300 HU as a target), and below which edges of
small vessels are lost against noise. The second is chosen."""
NOISE_HU = 45.0
THICKEST_MM = 1.0
"""Thickest slices that lumens are measured on. Chosen: coronary CT has 0.5 to 0.75 mm; at 1 mm a lumen of 1.5 mm is
one and a half voxels high."""
VESSEL_SHARE = 0.55
"""A lumen with less than this share of the aorta's contrast along 10 mm is not filled well enough for an edge. Chosen."""
CALCIUM_ARC_DEG, CALCIUM_LENGTH_MM = 300.0, 3.0
"""Calcium all round the lumen along this length hides it. Chosen: blooming of a ring closes a lumen that it does not."""
HEART_CUT_MM2 = 300.0
"""Section of the heart at the border of the scan from which it is cut: a disc of 2 cm. Chosen."""
PADDING_STEP_MM, FLOOR_HU = 2.0, -1024
"""Lattice on which filled corners are looked for, and their value once a scan is read."""
STENT_IN_MM = 2.0
"""A segment holds a stent when so much of the stent lies in it. Chosen."""
STEP_SHARE = 0.25
"""A step that is measured as more than this share of a vessel's diameter makes its place not assessable. Chosen: two fifths
of the diameter, for steps are measured up to two fifths too small."""
HIDDEN_HU, _PLATE_MM = 600.0, 1.0
"""Where calcium up to the first is taken for contrast, usual coronary calcium (from 600 HU) may be hidden. Chosen."""
SEEN_SHARE = 0.8
"""A segment of which less than this lies in the scan cannot be assessed. Chosen."""


def unreadable(volume: Volume, scan: ScanModel) -> str:
    """Return why no lumen at all can be read in a scan, "" when some can: then measuring would feign numbers."""
    if _thickness_mm(volume) > THICKEST_MM + 1e-3:
        return "the slices are too thick"
    return "the contrast is too weak" if scan.lumen_hu < LEAST_HU else ""


def _thickness_mm(volume: Volume) -> float:
    return max(float(max(volume.grid.spacing_kji_mm)), volume.acquisition.slice_thickness_mm or 0.0)


def check_scan(volume: Volume, scan: ScanModel | None) -> list[QualityItem]:
    """Return what is wrong with the scan as a whole."""
    found = []
    thickness = _thickness_mm(volume)
    if thickness > THICKEST_MM + 1e-3:
        found.append(issue(Issue.THICK, Consequence.NOT_ASSESSABLE, thickness=f"{thickness:.2g}", wanted=f"{THICKEST_MM:g}"))
    if scan is not None and scan.lumen_hu < WANTED_HU:
        consequence = Consequence.NOT_ASSESSABLE if scan.lumen_hu < LEAST_HU else Consequence.DOUBTFUL
        found.append(issue(Issue.WEAK_CONTRAST, consequence, level=round(scan.lumen_hu), wanted=round(WANTED_HU)))
    if scan is not None and scan.noise_hu > NOISE_HU:
        found.append(issue(Issue.NOISE, Consequence.DOUBTFUL, level=round(scan.noise_hu)))
    if scan is not None:
        found.extend(_like_contrast(scan))
    return found


def _like_contrast(scan: ScanModel) -> list[QualityItem]:
    """Say which calcium this scan does not tell from contrast: up to what a plate of a millimetre needs to outshine the lumen."""
    seen = least_calcium_hu(scan)
    shown = float(erf(0.5 * _PLATE_MM / (np.sqrt(2.0) * scan.sigma_mm)))
    solid = PLAQUE_HU + (seen - PLAQUE_HU) / shown
    if solid <= CALCIUM_LEAST_HU:
        return []
    return [
        issue(
            Issue.LIKE_CONTRAST, Consequence.DOUBTFUL if solid > HIDDEN_HU else Consequence.REMARK,
            low=round(CALCIUM_LEAST_HU), high=10 * round(0.1 * solid), level=round(scan.lumen_hu), noise=round(scan.noise_hu),
        )
    ]  # fmt: skip


def check_extent(heart: LabelMap, volume: Volume | None = None) -> list[QualityItem]:
    """Say where the scan ends within the heart: where its chambers touch the border of the scan on more than a few mm2.

    Parameters
    ----------
    volume
        The scan, whose filled corners are a border too, where a heart was cut obliquely.
    """
    axes = PatientAxes.of(heart.grid)
    labels = axes.apply(heart.array_kji)
    spacing = axes.spacing_mm(heart.grid)
    cut = []
    for axis, (low, high) in enumerate((("below", "above"), ("in front", "behind"), ("on the right", "on the left"))):
        pixel = float(np.prod(spacing)) / spacing[axis]
        # the chambers are drawn in blocks: the scan's last rows, less than a block, may hold none
        rows = np.arange(min(int(np.ceil(COARSE_MM / spacing[axis])), labels.shape[axis]))
        for name, at in ((low, rows), (high, -1 - rows)):
            if float(np.isin(np.take(labels, at, axis=axis), CHAMBERS).any(axis=axis).sum()) * pixel > HEART_CUT_MM2:
                cut.append(name)
    if volume is not None and _beside_padding_mm2(axes.apply(volume.array_kji), labels, spacing) > HEART_CUT_MM2:
        cut.append("at an oblique border")
    return [issue(Issue.HEART_CUT, Consequence.DOUBTFUL, sides=tuple(cut))] if cut else []


def _beside_padding_mm2(array: NDArray[Any], labels: NDArray[Any], spacing_mm: tuple[float, float, float]) -> float:
    """Return about the area on which the chambers meet what was never scanned: the floor of the values, on a coarse lattice."""
    coarse = tuple(slice(None, None, max(round(PADDING_STEP_MM / size), 1)) for size in spacing_mm)
    step = [size * max(round(PADDING_STEP_MM / size), 1) for size in spacing_mm]
    padding = ndimage.binary_opening(array[coarse] <= FLOOR_HU, iterations=2)
    if not padding.any():
        return 0.0
    near = np.isin(labels[coarse], CHAMBERS) & ndimage.binary_dilation(padding, iterations=2)
    return float(near.sum()) * float(np.prod(step)) / (2.0 * PADDING_STEP_MM)


def check_grafts(found: HeartSegmentation, labels: CoronaryLabels) -> list[QualityItem]:
    """Return bypass grafts that were seen."""
    items = []
    for one in found.grafts:
        fed = fed_by(one, labels)
        items.append(
            issue(
                Issue.GRAFT, Consequence.DOUBTFUL, point_lps_mm=one.points_lps_mm[0],
                length=f"{one.length_mm:.0f}", part="an artery not named" if fed is None else fed.value,
            )
        )  # fmt: skip
    return items


def check_vessels(vessels: Sequence[VesselResult], scan: ScanModel | None) -> list[QualityItem]:
    """Return what is wrong with single vessels: not measured, outside the scan, weakly filled, metal, rings of calcium."""
    items: list[QualityItem] = []
    for one in vessels:
        if one.measured is None:
            items.append(
                issue(
                    Issue.NOT_MEASURED, Consequence.NOT_ASSESSABLE, *(part.code for part in one.vessel.stretches),
                    point_lps_mm=one.vessel.points_lps_mm[0], part=one.vessel.name, reason=one.reason,
                )
            )  # fmt: skip
            continue
        items.extend(_outside(one))
        items.extend(_weak(one, scan))
        items.extend(_bright(one))
        items.extend(_calcified(one))
    return items


def _outside(one: VesselResult) -> list[QualityItem]:
    assert one.measured is not None
    arc, visible = one.measured.walls.arc_mm, one.measured.visible
    spans = np.gradient(arc)  # how much of the vessel each section stands for: sections are not all as far apart
    found = []
    for part in one.vessel.stretches:
        seen = visible & (arc >= part.from_mm) & (arc <= part.to_mm)
        here = arc[seen]
        if float(spans[seen].sum()) < SEEN_SHARE * (part.to_mm - part.from_mm) - float(spans.mean()):
            at = float(here[-1]) if len(here) else min(part.from_mm, float(arc[-1]))
            point = one.measured.line_lps_mm[int(np.abs(arc - at).argmin())]
            found.append(
                issue(
                    Issue.OUTSIDE, Consequence.NOT_ASSESSABLE, part.code, point_lps_mm=point,
                    part=part.code, length=f"{one.vessel.ostium_mm + at:.0f}",
                )
            )  # fmt: skip
    return found


def _weak(one: VesselResult, scan: ScanModel | None) -> list[QualityItem]:
    """Find segments whose lumen has lost the contrast of the aorta over 10 mm: filled late, or not an artery."""
    assert one.measured is not None
    if scan is None:
        return []
    arc = one.measured.walls.arc_mm
    contrast = one.measured.lumen_hu - one.measured.ring_hu
    share = contrast / max(scan.lumen_hu - float(np.median(one.measured.ring_hu)), 1.0)
    found = []
    for part in one.vessel.stretches:
        inside = (arc >= part.from_mm) & (arc <= part.to_mm)
        weak = inside & (share < VESSEL_SHARE)
        if _longest(weak, arc) >= 10.0:
            point = one.measured.line_lps_mm[int(np.flatnonzero(weak)[0])]
            found.append(issue(Issue.WEAK_VESSEL, Consequence.NOT_ASSESSABLE, part.code, point_lps_mm=point, part=part.code))
    return found


def _bright(one: VesselResult) -> list[QualityItem]:
    """Find stents and rings of calcium: both hide the lumen."""
    assert one.measured is not None
    arc = one.measured.walls.arc_mm
    ring = one.measured.calcium_arc_deg >= CALCIUM_ARC_DEG
    found: dict[str, QualityItem] = {}
    for place in find_stents(one.measured):
        bright = place.shell_hu >= METAL_HU
        kind = (Issue.STENT if bright else Issue.STENT_LIKELY) if place.sure else Issue.STENT_OR_CALCIUM
        length = f"{place.to_mm - place.from_mm:.0f}"
        for part in one.vessel.stretches:
            if min(part.to_mm, place.to_mm) - max(part.from_mm, place.from_mm) >= STENT_IN_MM:
                point = one.measured.line_lps_mm[place.middle]
                found[part.code] = issue(
                    kind, Consequence.NOT_ASSESSABLE, part.code, point_lps_mm=point, part=part.code, length=length
                )
    for part in one.vessel.stretches:
        inside = ring & (arc >= part.from_mm) & (arc <= part.to_mm)
        if part.code not in found and _longest(inside, arc) >= CALCIUM_LENGTH_MM:
            point = one.measured.line_lps_mm[int(np.flatnonzero(inside).mean())]
            found[part.code] = issue(Issue.CALCIUM, Consequence.NOT_ASSESSABLE, part.code, point_lps_mm=point, part=part.code)
    return list(found.values())


def check_told_stents(told: Collection[str], seen: Sequence[QualityItem]) -> list[QualityItem]:
    """Say of the segments that are known to hold a stent, where none was seen, that nothing in them is graded."""
    known = {code for one in seen if one.issue in STENTS for code in one.segments}
    return [issue(Issue.STENT_TOLD, Consequence.NOT_ASSESSABLE, code, part=code) for code in sorted(set(told) - known)]


def _calcified(one: VesselResult) -> list[QualityItem]:
    """Say where calcium lies beside a narrowed lumen: what is lumen and what calcium is then a matter of likelihood."""
    assert one.measured is not None
    found: dict[str, QualityItem] = {}
    for lesion in one.lesions:
        part = one.stretch_of(lesion)
        narrowed = lesion.narrowings[0].diameter_stenosis_percent.high >= MILD_FROM
        if part is not None and narrowed and lesion.calcium_arc_deg > 0.0:
            found[part.code] = issue(
                Issue.CALCIUM_BESIDE, Consequence.DOUBTFUL, part.code,
                point_lps_mm=one.measured.walls.points_lps_mm[lesion.narrowest], part=part.code,
                arc=round(lesion.calcium_arc_deg),
            )  # fmt: skip
    return list(found.values())


def _longest(mask: np.ndarray, arc_mm: FloatArray) -> float:
    """Return the length of the longest run, mm."""
    spans = np.gradient(arc_mm)
    return max((float(spans[run].sum()) for run in runs_of(mask)), default=0.0)


def check_steps(volume: Volume, found: HeartSegmentation, vessels: Sequence[VesselResult]) -> list[QualityItem]:
    """Return the segments that a step by motion crosses: a large one hides what lies there, and may make a lesion seen on it."""
    items: list[QualityItem] = []
    for step in find_steps(volume, found.heart):
        for one in vessels:
            for part, at in _crossings(one, step):
                width = one.healthy_mm(part) or 2.0
                here = issue(
                    Issue.STEP, Consequence.DOUBTFUL, part.code, point_lps_mm=at, height=round(step.height_mm),
                    length=f"{step.shift_mm:.1f}", part=part.code,
                )  # fmt: skip
                lesion = any(lies_at(one, lesion, here) for lesion in one.lesions)
                if is_wide(one, part) and (lesion or step.shift_mm > STEP_SHARE * width):
                    here = replace(here, consequence=Consequence.NOT_ASSESSABLE)
                items.append(here)
    return items


def _crossings(one: VesselResult, step: Step) -> list[tuple[Stretch, FloatArray]]:
    places = crossing_mm(one.vessel.points_lps_mm, step)
    found = []
    for arc in places:
        part = one.vessel.stretch_at(arc)
        if part is not None:
            found.append((part, one.vessel.points_lps_mm[int(np.abs(one.vessel.arc_mm - arc).argmin())]))
    return found
