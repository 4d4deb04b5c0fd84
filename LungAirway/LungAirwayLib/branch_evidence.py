"""Which branches of a segmented airway are airways: judged on the CT after the tree is known, and the others cut.

An engine that follows dark paths between brighter things also follows strips of lung that are caught between hilar
vessels, and clefts in dense lung. On a cross-section two things tell a bronchus from such a strip:

* its lumen holds air, which is darker than the darkest lung around it (the lung is a mixture of air and tissue), within
  walls: where a lumen is wide enough to show plain air, the scan shows what encloses it too. In emphysema, and where a
  beating heart throws streaks, lung is as dark as air, but what lies around it is lung, or
* where the lumen is too narrow to show plain air, a thin wall closes around it: on most rays from the centreline the CT
  rises and falls again within 2 mm. A strip has slopes onto wide vessels instead, or no wall at all.

The evidence of a cross-section is the share of rays with a thin wall, less the share that chance and neighbours give
(:data:`SHARE_BY_CHANCE`), plus the darkness beyond the lung on a scale where the trachea's air is 1, which counts as far as
rays end at something that encloses it (:data:`OPEN_SHARE`). It is summed along
the tree, in mm, but a branch counts as :data:`COUNTED_MM` at most (neighbouring cross-sections see the same wall): of all
trees that hang on the trachea the one with the greatest sum is kept. So a poorly seen branch stays where good ones come
after it, a false one goes with all that hangs on it, and one that begins well is cut where it leaves the airway.
What a rule of :mod:`SenseCarePlanningLib.tubes.leaks` suspects, such as a branch that widens, must show more
(:data:`MORE_FOR_A_SUSPECT`) from there on. A dead end that stays suspect after that is cut where the suspicion begins: it
leads nowhere, and a leak would be taken for a way. Nothing above the third generation is judged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from SenseCarePlanningLib.evaluation.atm22 import count_loops
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.tubes.assemble import assemble
from SenseCarePlanningLib.tubes.edit import merge_single_children
from SenseCarePlanningLib.tubes.joined_sections import first_sections, joined_sections
from SenseCarePlanningLib.tubes.leaks import LeakSuspicion, flag_leaks
from SenseCarePlanningLib.tubes.radius import BranchSections
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .airway_classical import cut_loops

logger = logging.getLogger(__name__)

SHARE_BY_CHANCE = 0.5
"""Rays with a wall that a strip of lung may show by chance; fitted on digital patients and simulated CTs, see Benchmarks."""
MORE_FOR_A_SUSPECT = 0.3
"""What a branch has to show beyond that share from where a rule of :mod:`SenseCarePlanningLib.tubes.leaks` suspects it."""
OPEN_SHARE, CLOSED_SHARE = 0.35, 0.75
"""Shares of enclosing rays up to which darkness counts nothing, and from which it counts in full. On simulated CTs 95 % of
the lumens of 4 mm and more have over 0.9, of those of 3 to 4 mm over 0.5; dark strips seen on two real CTs have 0.2 to 0.5."""
REFUTED_FROM = 0.85
"""Wall share plus darkness that refutes a suspicion: what 95 % of the thin bronchi (under 3 mm) exceed on simulated CTs."""
SEALED_SHARE = 0.95
COUNTED_MM = 15.0
MOST_PASSES = 3
FIRST_JUDGED_GENERATION = 3
"""Trachea, main and lobar bronchi lie in the mediastinum, where no lung tells how dark is dark."""
LUNG_AROUND_MM = 10.0
DARKEST_LUNG_PERCENT = 10.0
FEWEST_LUNG_VOXELS = 50
SHORTEST_MM = 3.0
"""Shorter ends are not cut off: less than the blur of two cross-sections."""
LEAST_RANGE_HU = 60.0
"""Between the darkest lung and air; in emphysema they are alike, and darkness must not count for much there."""


@dataclass(frozen=True, eq=False)
class BranchEvidence:
    """What speaks for a branch, cross-section by cross-section (N,).

    Parameters
    ----------
    wall_share
        Share of the rays on which a thin wall stands.
    darkness
        How much darker the lumen is than the darkest lung around it, as far as it is enclosed; 1 is the trachea's air within
        walls on all sides.
    weight_mm
        What each cross-section counts for; 0 near the junctions, where a neighbour's lumen opens the wall.
    expected_share
        Share of walled rays that a branch like this has to exceed, unless it is dark.
    """

    wall_share: FloatArray
    darkness: FloatArray
    weight_mm: FloatArray
    expected_share: FloatArray | float = SHARE_BY_CHANCE

    @property
    def sums(self) -> FloatArray:
        """Evidence (N,) from the branch's beginning up to each sample."""
        return np.asarray(np.cumsum(self.weight_mm * (self.wall_share - self.expected_share + self.darkness)))


@dataclass(frozen=True)
class CutPiece:
    """A branch, or its far part, that was taken out, with what was seen of it (means)."""

    point_lps_mm: tuple[float, float, float]
    generation: int
    length_mm: float
    wall_share: float
    darkness: float


@dataclass(frozen=True, eq=False)
class Judged:
    """The tree that is kept, its cross-sections and mask, and what was cut."""

    tree: Tree
    sections: Mapping[int, BranchSections]
    airway: LabelMap
    cut: tuple[CutPiece, ...] = ()


def keep_airways(
    tree: Tree, sections: Mapping[int, BranchSections], volume: Volume, airway: LabelMap, lungs: LabelMap | None
) -> Judged:
    """Cut what is no airway from tree, cross-sections and mask.

    What is left is judged again until it stays (:data:`MOST_PASSES` at most): a branch that lost its children is a tip with
    more free length, and one that has become longer shows jumps that a junction hid.

    Parameters
    ----------
    tree, sections
        With radii measured on the CT, and the cross-sections they come from.
    volume, airway, lungs
        The CT, the lumen mask that the tree was built from, and the lungs, on one grid.
    """
    result = Judged(tree, sections, airway)
    for step in (_without_false, _without_suspected_ends):
        for _ in range(MOST_PASSES):
            again = step(result, volume, lungs)
            if again is result:
                break
            result = replace(again, cut=(*result.cut, *again.cut))
    logger.info("%d pieces of %.0f mm are no airways", len(result.cut), sum(one.length_mm for one in result.cut))
    return result


def _without_false(start: Judged, volume: Volume, lungs: LabelMap | None) -> Judged:
    """Judge once; the same object comes back where nothing is to be cut."""
    evidence = judge(start.tree, start.sections, volume, lungs)
    return _cut(start, evidence, kept_samples(start.tree, evidence))


def _without_suspected_ends(start: Judged, volume: Volume, lungs: LabelMap | None) -> Judged:
    """Cut the dead ends that are still suspect, from where they are; the same object comes back where there is none."""
    tree = start.tree
    evidence = judge(tree, start.sections, volume, lungs)
    ends = {branch.id: len(branch.radius_mm) for branch in tree}
    for number, at_mm in _suspect_from_mm(tree, start.sections, evidence).items():
        branch = tree[number]
        if branch.child_ids or branch.generation < FIRST_JUDGED_GENERATION:
            continue
        before = int(np.searchsorted(branch.arc_mm, at_mm))
        ends[number] = before if before > 1 and branch.arc_mm[before - 1] >= _spur_mm(branch) else 0
    return _cut(start, evidence, ends)


def _cut(start: Judged, evidence: Mapping[int, BranchEvidence], ends: Mapping[int, int]) -> Judged:
    """Keep so many samples of each branch; the same object comes back where that is all of them."""
    tree, sections = start.tree, start.sections
    cut = tuple(
        _described(branch, evidence[branch.id], ends[branch.id]) for branch in tree if ends[branch.id] < len(branch.radius_mm)
    )
    if not cut:
        return start
    kept, merged = _kept_tree(tree, sections, ends)
    return Judged(kept, merged, _kept_mask(tree, sections, ends, start.airway), cut)


def judge(
    tree: Tree, sections: Mapping[int, BranchSections], volume: Volume, lungs: LabelMap | None
) -> dict[int, BranchEvidence]:
    """Return the evidence of every branch."""
    air = float(np.median(sections[tree.root_id].lumen_level[_free_part(tree.root)]))
    usual = air + 2.0 * LEAST_RANGE_HU
    suspected = suspected_from_mm(flag_leaks(tree, sections=sections)[1])
    found = {}
    for branch in tree:
        own = sections[branch.id]
        lung = usual if lungs is None else _darkest_lung(branch, volume, lungs, usual)
        darkness = np.clip((lung - own.lumen_level) / max(lung - air, LEAST_RANGE_HU), 0.0, 1.0)
        darkness *= np.clip((own.enclosed_share - OPEN_SHARE) / (CLOSED_SHARE - OPEN_SHARE), 0.0, 1.0)
        free = _free_part(branch)
        weight = np.where(free, min(branch.length_mm, COUNTED_MM) / np.count_nonzero(free), 0.0)
        more = branch.arc_mm >= suspected.get(branch.id, np.inf)
        expected = np.where(more, SHARE_BY_CHANCE + MORE_FOR_A_SUSPECT, SHARE_BY_CHANCE)
        found[branch.id] = BranchEvidence(own.ring_share, darkness, weight, expected)
    return found


def suspected_from_mm(suspicions: Sequence[LeakSuspicion]) -> dict[int, float]:
    """Return for each suspected branch the arc length from which on it is."""
    found: dict[int, float] = {}
    for one in suspicions:
        found[one.branch_id] = min(one.at_mm, found.get(one.branch_id, np.inf))
    return found


def flag_suspects(tree: Tree, sections: Mapping[int, BranchSections], volume: Volume, lungs: LabelMap | None) -> Tree:
    """Flag the branches that a rule suspects and the CT does not show to be airways beyond doubt.

    A suspicion is refuted where, from the suspected place on, wall and air together reach :data:`REFUTED_FROM` on average:
    a thin wall all around, or air within walls, or a good part of both; or where nothing is open to the lung at all
    (:data:`SEALED_SHARE`), as in a consolidated lobe.

    Parameters
    ----------
    tree, sections, volume, lungs
        As for :func:`keep_airways`.
    """
    suspect = _suspect_from_mm(tree, sections, judge(tree, sections, volume, lungs))
    flagged, _ = flag_leaks(tree, sections=sections)
    cleared = {b.id: replace(b, flags=tree[b.id].flags) for b in flagged if b.id not in suspect}
    return flagged.with_branches(cleared)


def _suspect_from_mm(
    tree: Tree, sections: Mapping[int, BranchSections], evidence: Mapping[int, BranchEvidence]
) -> dict[int, float]:
    """Return for each branch whose suspicion is not refuted the arc length from which on it is suspect."""
    found = {}
    for number, start in suspected_from_mm(flag_leaks(tree, sections=sections)[1]).items():
        own = evidence[number]
        part = (tree[number].arc_mm >= start) & (own.weight_mm > 0.0)
        shown = float((own.wall_share + own.darkness)[part].mean()) if part.any() else 0.0
        sealed = float(sections[number].enclosed_share[part].mean()) if part.any() else 0.0
        if shown < REFUTED_FROM and sealed < SEALED_SHARE:
            found[number] = start
    return found


def kept_samples(tree: Tree, evidence: Mapping[int, BranchEvidence]) -> dict[int, int]:
    """Return how many samples of each branch belong to the subtree of greatest evidence: all, a first part, or 0."""
    value: dict[int, float] = {}
    ends: dict[int, int] = {}
    for branch in reversed(list(tree)):
        sums = evidence[branch.id].sums
        beyond = sum(max(value[child], 0.0) for child in branch.child_ids)
        whole = float(sums[-1]) + beyond
        value[branch.id], ends[branch.id] = whole, len(sums)
        last = int(np.argmax(sums))
        arc = branch.arc_mm
        if sums[last] > whole and arc[-1] - arc[last] >= SHORTEST_MM:
            value[branch.id], ends[branch.id] = float(sums[last]), last + 1 if arc[last] >= _spur_mm(branch) else 0
        if branch.generation < FIRST_JUDGED_GENERATION:
            ends[branch.id] = len(sums)
        elif value[branch.id] <= 0.0:
            ends[branch.id] = 0
    for branch in tree:
        if branch.parent_id is not None and ends[branch.parent_id] < len(tree[branch.parent_id].radius_mm):
            ends[branch.id] = 0
    return ends


def _spur_mm(branch: Branch) -> float:
    """Return the length below which a piece is a spur of the wall where it begins, as when trees are built from masks."""
    return max(1.5 * float(branch.radius_mm[0]), 2.0) + 1.0


def removal_note(cut: tuple[CutPiece, ...]) -> Measurement:
    """Return what was cut as a line of the quality section: how many pieces, how long, and why."""
    length = sum(one.length_mm for one in cut)
    return Measurement(
        "false_airways_removed",
        float(len(cut)),
        "1",
        method=f"{length:.0f} mm that the engine had followed: no air darker than the lung and no thin wall around it",
    )


def _free_part(branch: Branch) -> NDArray[np.bool_]:
    """Return the samples away from the junctions (never none): 1.5 radii at each, at most two thirds of the branch."""
    arc = branch.arc_mm
    near = 0.0 if branch.parent_id is None else max(0.75 * branch.diameter_mm, float(branch.radius_mm[0]))
    far = 0.75 * branch.diameter_mm if branch.child_ids else 0.0
    shrink = min(1.0, 0.67 * float(arc[-1]) / max(near + far, 1e-6))
    free = (arc >= near * shrink - 1e-9) & (arc <= arc[-1] - far * shrink + 1e-9)
    return np.asarray(free if free.any() else np.ones(len(arc), dtype=bool))


def _darkest_lung(branch: Branch, volume: Volume, lungs: LabelMap, otherwise: float) -> float:
    at = np.rint(volume.grid.kji_from_lps(branch.points_lps_mm[len(branch.points_lps_mm) // 2])).astype(int)
    reach = np.ceil(LUNG_AROUND_MM / np.array(volume.grid.spacing_kji_mm)).astype(int)
    box = tuple(slice(max(int(a - r), 0), max(int(a + r) + 1, 0)) for a, r in zip(at, reach, strict=True))
    values = volume.array_kji[box][lungs.array_kji[box] > 0]
    return float(np.percentile(values, DARKEST_LUNG_PERCENT)) if values.size >= FEWEST_LUNG_VOXELS else otherwise


def _kept_tree(
    tree: Tree, sections: Mapping[int, BranchSections], ends: Mapping[int, int]
) -> tuple[Tree, Mapping[int, BranchSections]]:
    """Take pieces out; a parent left with one child becomes one branch with it, its cross-sections too."""
    rest = assemble(
        [_first_part(branch, ends[branch.id]) for branch in tree if ends[branch.id] > 0],
        tree.root_id,
        loops_removed=tree.loops_removed,
        bridges=tree.bridges,
        notes=tree.notes,
        first_up=tree.root.frames[0, 1],
    )
    joined = merge_single_children(rest)
    merged = {}
    for branch in joined:
        chain = [branch.id]
        while len(rest[chain[-1]].child_ids) == 1:
            chain.append(rest[chain[-1]].child_ids[0])
        merged[branch.id] = joined_sections([first_sections(sections[number], ends[number]) for number in chain])
    return joined, merged


def _first_part(branch: Branch, count: int) -> Branch:
    return replace(
        branch,
        points_lps_mm=branch.points_lps_mm[:count],
        radius_mm=branch.radius_mm[:count],
        radius_interval_mm=branch.radius_interval_mm[:count],
        frames=branch.frames[:count],
    )


def _kept_mask(tree: Tree, sections: Mapping[int, BranchSections], ends: Mapping[int, int], airway: LabelMap) -> LabelMap:
    """Take the voxels out that lie nearer to what is cut and outside the kept lumen; one piece stays."""
    box = bounding_box(airway.array_kji > 0, (1, 1, 1))
    part = airway.array_kji[box] > 0
    cut_axis = np.concatenate([branch.points_lps_mm[ends[branch.id] :] for branch in tree])
    kept_axis = np.concatenate([branch.points_lps_mm[: ends[branch.id]] for branch in tree])
    kept_radius = np.concatenate([sections[branch.id].inscribed_mm[: ends[branch.id]] for branch in tree])
    voxels = np.argwhere(part)
    points = airway.grid.lps_from_kji(voxels + np.array([side.start for side in box]))
    to_kept, nearest = cKDTree(kept_axis).query(points)
    beyond = to_kept > kept_radius[nearest] + 0.5 * float(np.mean(airway.grid.spacing_kji_mm))
    to_cut = cKDTree(cut_axis).query(points[beyond])[0]
    gone = voxels[beyond][to_cut < to_kept[beyond]]
    part[tuple(gone.T)] = False
    labels, count = ndimage.label(part, structure=np.ones((3, 3, 3)))
    if count > 1:
        part = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    if count_loops(part):  # what was taken out may leave a hole through what stays beside it
        part = cut_loops(part)
    array = np.zeros_like(airway.array_kji)
    array[box] = np.where(part, airway.array_kji[box], 0)
    return replace(airway, array_kji=array)


def _described(branch: Branch, evidence: BranchEvidence, start: int) -> CutPiece:
    part = slice(max(start - 1, 0), None)
    point = branch.points_lps_mm[(max(start - 1, 0) + len(branch.radius_mm)) // 2]
    return CutPiece(
        (float(point[0]), float(point[1]), float(point[2])),
        branch.generation,
        float(branch.arc_mm[-1] - branch.arc_mm[max(start - 1, 0)]),
        float(evidence.wall_share[part].mean()),
        float(evidence.darkness[part].mean()),
    )
