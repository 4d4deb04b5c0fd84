"""Numbers of the airway tree and of the CT that it was found in, each with its interval or the reason why it is missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, angle_deg
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.report.model import Evidence, Measurement, not_measured
from SenseCarePlanningLib.tubes.radius import BranchSections, wall_thickness
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .constants import EXPECTED_BRANCHES, LOBE_CODES, TRACHEA
from .naming import display_name, is_part_of, lobe_of

SAMPLE_STEP_MM, INDEPENDENT_EVERY_MM = 0.5, 2.0
"""Centreline samples lie about 0.5 mm apart; the scanner's blur (full width about 1.5 to 2 mm) makes neighbours alike."""

ANGLE_SHARE = 0.25
"""Branch angle: last quarter of the parent against first quarter of the child."""

FEWEST_BRANCHES_OF_A_LOBE = 3

WALL_MODEL_ERROR_MM = 0.36
"""95 % of the errors on digital patients (two, 0.7 mm, 25 HU; walls of 1 mm and more) are below this."""

NOT_RESOLVED = "not measurable at this resolution, only an upper bound is known"
"""Why a lumen has no diameter: its wall does not stand out, or it is too narrow against the blur of the scan."""


def _evidence(point: FloatArray) -> Evidence:
    return Evidence((float(point[0]), float(point[1]), float(point[2])))


def _middle_point(branch: Branch) -> FloatArray:
    return np.asarray(branch.points_lps_mm[len(branch.points_lps_mm) // 2])


def _length(branch: Branch) -> Measurement:
    value = branch.length_mm
    # each end lies somewhere inside a junction: uncertain by half the local radius
    slack = 0.5 * float(branch.radius_mm[0] + branch.radius_mm[-1])
    return Measurement(
        "length", value, "mm", (max(value - slack, 0.0), value + slack), "along the centreline, junction to junction",
        evidence=_evidence(_middle_point(branch)),
    )  # fmt: skip


def lumen_measurement(
    name: str, value_mm: float, interval_mm: tuple[float, float], method: str, point: FloatArray
) -> Measurement:
    """Return a lumen diameter with its 95 % interval, or only its upper bound where the scan cannot resolve it.

    A lower bound of 0 says so: any narrower lumen would look the same. Then ``value`` is None, the reason is given, and
    the interval runs from 0 to the bound.
    """
    low, high = float(interval_mm[0]), float(interval_mm[1])
    if low <= 0.0 < high:
        return Measurement(name, None, "mm", (0.0, high), method, NOT_RESOLVED, evidence=_evidence(point))
    return Measurement(name, value_mm, "mm", (low, high), method, evidence=_evidence(point))


def _inner_diameter(branch: Branch) -> Measurement:
    low, high = 2.0 * np.median(branch.radius_interval_mm[branch.middle()], axis=0)
    method = "median over the middle half of the branch"
    return lumen_measurement("inner_diameter", branch.diameter_mm, (low, high), method, _middle_point(branch))


def _minimum_diameter(branch: Branch) -> Measurement:
    part = branch.middle()
    at = int(np.argmin(branch.radius_mm[part])) + int(part.start)
    value, interval = branch.minimum_diameter_mm, branch.minimum_diameter_interval_mm
    method = "smallest over the middle half of the branch"
    return lumen_measurement("minimum_diameter", value, interval, method, branch.points_lps_mm[at])


def _angle(tree: Tree, branch: Branch) -> Measurement:
    name = "branch_angle"
    if branch.parent_id is None:
        return not_measured(name, "deg", "the first branch has no parent")
    parent = tree[branch.parent_id]
    last = _chord(parent, 1.0 - ANGLE_SHARE, 1.0)
    first = _chord(branch, 0.0, ANGLE_SHARE)
    if not (last.any() and first.any()):
        return not_measured(name, "deg", "the branch is too short to have a direction")
    value = angle_deg(last, first)
    # a chord of length L with ends uncertain by a quarter of a millimetre turns by atan(0.25 * sqrt(2) / L)
    spread = float(np.degrees(np.hypot(*(np.arctan2(0.35, np.linalg.norm(chord)) for chord in (last, first)))) * 1.96)
    return Measurement(
        name, value, "deg", (max(value - spread, 0.0), min(value + spread, 180.0)),
        "last quarter of the parent against first quarter of the branch", evidence=_evidence(branch.points_lps_mm[0]),
    )  # fmt: skip


def _chord(branch: Branch, low: float, high: float) -> FloatArray:
    arc = branch.arc_mm
    ends = [
        np.array([np.interp(arc[-1] * part, arc, branch.points_lps_mm[:, axis]) for axis in range(3)]) for part in (low, high)
    ]
    return np.asarray(ends[1] - ends[0])


def _tortuosity(branch: Branch) -> Measurement:
    chord = float(np.linalg.norm(branch.points_lps_mm[-1] - branch.points_lps_mm[0]))
    if chord < 1.0:
        return not_measured("tortuosity", "1", "the branch is shorter than 1 mm")
    return Measurement(
        "tortuosity", branch.length_mm / chord, "1", method="length along the centreline over straight distance; "
        "no interval known", evidence=_evidence(_middle_point(branch)),
    )  # fmt: skip


def _taper(branch: Branch) -> Measurement:
    part = branch.middle(0.1, 0.9)
    arc, diameter = branch.arc_mm[part], 2.0 * branch.radius_mm[part]
    if len(arc) < 5 or arc[-1] - arc[0] < 5.0:
        return not_measured("taper", "mm/mm", "the branch is too short (under 5 mm away from its ends)")
    (slope, _), covariance = np.polyfit(arc, diameter, 1, cov="unscaled")
    residual = diameter - np.polyval(np.polyfit(arc, diameter, 1), arc)
    # neighbouring samples are not independent: count one for each 2 mm
    independent = max((arc[-1] - arc[0]) / 2.0, 3.0)
    error = 1.96 * float(np.sqrt(covariance[0, 0]) * residual.std() * np.sqrt(len(arc) / independent))
    return Measurement(
        "taper", float(slope), "mm/mm", (float(slope) - error, float(slope) + error),
        "change of the diameter per mm of length (negative: narrows)", evidence=_evidence(_middle_point(branch)),
    )  # fmt: skip


def measure_branches(tree: Tree, sections: Mapping[int, BranchSections] | None = None) -> dict[int, tuple[Measurement, ...]]:
    """Measure every branch.

    Parameters
    ----------
    tree
        Its radii and intervals are what diameters are read from.
    sections
        Branch id -> cross-sections on the CT, for the wall; None without a CT.

    Returns
    -------
    dict
        Branch id -> length, inner_diameter, minimum_diameter, wall_thickness, branch_angle, taper, tortuosity.
    """
    return {
        branch.id: (
            _length(branch), _inner_diameter(branch), _minimum_diameter(branch), _wall(branch, sections),
            _angle(tree, branch), _taper(branch), _tortuosity(branch),
        )
        for branch in tree
    }  # fmt: skip


def _wall(branch: Branch, sections: Mapping[int, BranchSections] | None) -> Measurement:
    """Wall thickness by the model of the blurred ring; its interval joins the scatter along the branch and the model's error."""
    name, method = (
        "wall_thickness",
        "median over the middle half, blurred-ring model; interval: scatter and error of the model",
    )
    if sections is None:
        return not_measured(name, "mm", "there is no CT")
    found = wall_thickness(sections[branch.id])
    if found.thickness_mm is None:
        return not_measured(name, "mm", found.reason)
    walls = sections[branch.id].wall_mm[branch.middle()]
    walls = walls[np.isfinite(walls)]
    independent = max(len(walls) * SAMPLE_STEP_MM / INDEPENDENT_EVERY_MM, 1.0)
    spread = 1.4826 * float(np.median(np.abs(walls - np.median(walls))))
    half = float(np.hypot(1.96 * spread / np.sqrt(independent), WALL_MODEL_ERROR_MM))
    interval = (max(found.thickness_mm - half, 0.0), found.thickness_mm + half)
    return Measurement(name, found.thickness_mm, "mm", interval, method, evidence=_evidence(_middle_point(branch)))


def _count(name: str, value: float, method: str) -> Measurement:
    return Measurement(name, float(value), "1", method=method)


def quality(volume: Volume | None, tree: Tree, lungs: LabelMap | None, lobes: LabelMap | None) -> dict[str, Measurement]:
    """Measure the CT and how complete the tree is.

    Returns
    -------
    dict
        slice_spacing, noise, branch_count, tip_count, deepest_generation, total_length, lobes_supplied, lung_volume.
    """
    found = {
        "branch_count": _count("branch_count", len(tree), "branches of the tree"),
        "tip_count": _count("tip_count", len(tree.tips), "branches without children"),
        "deepest_generation": _count("deepest_generation", max(branch.generation for branch in tree), "trachea is generation 0"),
        "total_length": Measurement("total_length", tree.total_length_mm, "mm", method="sum over all branches"),
    }
    supplied = supplied_lobes(tree)
    found["lobes_supplied"] = _count(
        "lobes_supplied",
        len(supplied),
        "lobes with a named branch: " + (", ".join(LOBE_CODES[lobe] for lobe in supplied) or "none"),
    )
    found["slice_spacing"] = _slice_spacing(volume)
    found["noise"] = _noise(volume, tree)
    if lungs is None or not lungs.array_kji.any():
        found["lung_volume"] = not_measured("lung_volume", "mL", "there is no lung mask")
    else:
        found["lung_volume"] = Measurement("lung_volume", lungs.volume_ml(), "mL", method="voxels of the lung mask")
    return found


def supplied_lobes(tree: Tree) -> tuple[int, ...]:
    """Return the lobes (label values, ascending) that a named branch supplies."""
    codes = {branch.label.code for branch in tree if branch.label is not None}
    return tuple(sorted({lobe for lobe in map(lobe_of, codes) if lobe is not None}))


def _slice_spacing(volume: Volume | None) -> Measurement:
    if volume is None:
        return not_measured("slice_spacing", "mm", "there is no CT")
    spacing = PatientAxes.of(volume.grid).spacing_mm(volume.grid)[0]  # towards the head, whatever the storage order
    return Measurement("slice_spacing", float(spacing), "mm", method="distance between slice centres")


def _noise(volume: Volume | None, tree: Tree) -> Measurement:
    """Standard deviation of the air in the trachea, away from its wall."""
    name, unit = "noise", "[hnsf'U]"
    if volume is None:
        return not_measured(name, unit, "there is no CT")
    trachea = [branch for branch in tree if branch.label is not None and is_part_of(branch.label.code, TRACHEA)] or [tree.root]
    points = np.concatenate([branch.points_lps_mm for branch in trachea])
    radius = np.concatenate([branch.radius_mm for branch in trachea])
    values = _air_values(volume, points, radius)
    if len(values) < 200:
        return not_measured(name, unit, "the trachea holds too little air away from its wall")
    # one median per slice is taken off, so that beam hardening along the trachea is not counted as noise
    deviation = float(1.4826 * np.median(np.abs(values - np.median(values))))
    error = 1.96 * deviation / np.sqrt(2.0 * len(values) / 8.0)
    return Measurement(
        name, deviation, unit, (max(deviation - error, 0.0), deviation + error),
        "robust standard deviation of the air in the trachea", evidence=_evidence(points[len(points) // 2]),
    )  # fmt: skip


def _air_values(volume: Volume, points: FloatArray, radius: FloatArray) -> FloatArray:
    """Return the trachea's air with the median of each axial slice taken off, whatever the storage order."""
    grid = volume.grid
    reach = float(radius.max()) + 2.0
    index = grid.kji_from_lps(points)
    margin = np.ceil(reach / np.array(grid.spacing_kji_mm)).astype(int)
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - margin, 0, grid.shape_kji)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + margin + 1, 0, grid.shape_kji)
    part = volume.array_kji[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    if not part.size:
        return np.empty(0)
    where = np.argwhere(part < -850)
    gaps, nearest = cKDTree(points).query(grid.lps_from_kji(where + low))
    where = where[gaps < 0.6 * radius[nearest]]
    values: FloatArray = np.asarray(part[tuple(where.T)], dtype=np.float64)
    if not len(values):
        return values
    slices = where[:, PatientAxes.of(grid).order[0]]
    medians: FloatArray = np.asarray(ndimage.median(values, slices, index=np.arange(slices.max() + 1)), dtype=np.float64)
    return np.asarray(values - medians[slices])


def completeness_warnings(tree: Tree, lobes: LabelMap | None = None) -> tuple[str, ...]:
    """Return sentences for the reader where the tree is too small to trust its periphery; none for a complete tree.

    Expected are at least 150 branches and all five lobes supplied: trees of expert-level segmentations of full
    inspiration CT have 240 to 380 branches (ATM'22 test cases). With ``lobes`` a lobe is also named whose branches are
    fewer than its lobar bronchus and two segmental ones, the least that any lobe has (Jackson and Huber 1943,
    doi:10.1378/chest.9.4.319): its bronchi may be filled with secretions.
    """
    missing = [LOBE_CODES[lobe] for lobe in LOBE_CODES if lobe not in supplied_lobes(tree)]
    reasons = []
    if len(tree) < EXPECTED_BRANCHES:
        found = "1 branch found" if len(tree) == 1 else f"{len(tree)} branches found"
        reasons.append(f"{found}, at least {EXPECTED_BRANCHES} expected")
    if missing:
        reasons.append("no named branch supplies the " + ", ".join(display_name(code) for code in missing))
    if lobes is not None:
        reasons.extend(_poorly_supplied(tree, lobes))
    if not reasons:
        return ()
    return ("The airway tree is incomplete - peripheral routes are unreliable: " + "; ".join(reasons) + ".",)


def _poorly_supplied(tree: Tree, lobes: LabelMap) -> list[str]:
    found = []
    for lobe in supplied_lobes(tree):
        lengths = [branch.length_mm for branch in tree if branch.label is not None and lobe_of(branch.label.code) == lobe]
        volume_ml = lobes.volume_ml(lobe)
        if len(lengths) < FEWEST_BRANCHES_OF_A_LOBE and volume_ml > 0.0:
            name = display_name(LOBE_CODES[lobe])
            found.append(
                f"named branches of the {name}: {len(lengths)} ({sum(lengths):.0f} mm for {volume_ml:.0f} mL), "
                "its bronchi may be filled, narrowed or missed"
            )
    return found
