"""The trees that ``labels.py`` names: rebuilt from true masks, from simulated CTs, and spoiled on purpose."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from LungAirwayLib.segment import SegmentOptions, segment_airway
from LungAirwayLib.suspects import without_names_on_suspects
from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.thorax import Thorax, ThoraxOptions, make_thorax, scan
from SenseCarePlanningLib.phantom.tubepaint import paint_polyline
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.leaks import flag_leaks
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import Grid, LabelMap

VOXEL_MM = 0.75
CT_SPACING_MM, CT_NOISE_HU = (0.9, 0.9, 1.0), 22.0
VARIANTS = {
    3: "tracheal_bronchus", 5: "lb7", 7: "missing_lb7", 11: "accessory_cardiac", 13: "lb7", 15: "tracheal_bronchus",
    19: "missing_lb7",
}  # fmt: skip
NEAR_MM = 3.0
"""A branch of an engine's tree whose middle lies further than this from every true centreline has no true name."""


def thorax_of(seed: int) -> Thorax:
    """Make one digital patient; every third or so has a variant."""
    return make_thorax(ThoraxOptions(seed=seed, variant=VARIANTS.get(seed % 20), nodules=()))


def lumen_mask(thorax: Thorax, smallest_diameter_mm: float) -> LabelMap:
    """Paint the branches that are wide enough and hang on the trachea through others that are."""
    shown = {}
    for tube in thorax.tubes:
        wide = 2.0 * float(np.median(tube.radius_mm)) >= smallest_diameter_mm
        if wide and (tube.parent_id is None or tube.parent_id in shown):
            shown[tube.id] = tube
    points = np.concatenate([tube.points_lps_mm for tube in shown.values()])
    low, high = points.min(axis=0) - 12.0, points.max(axis=0) + 12.0
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = low
    i, j, k = (int(size) for size in np.ceil((high - low) / VOXEL_MM))
    grid = Grid((k, j, i), affine)
    share = np.zeros(grid.shape_kji, dtype=np.uint8)
    for tube in shown.values():
        paint_polyline(share, grid, tube.points_lps_mm, tube.radius_mm)
    return LabelMap((share > 127).astype(np.uint8), affine)


def patient(seed: int, smallest_diameter_mm: float, keep: Path | None) -> tuple[Tree, Tree]:
    """Return the true tree and the one rebuilt from the true mask."""
    stored = None if keep is None else keep / f"labels_{seed}_{smallest_diameter_mm:g}.pkl"
    if stored is not None and stored.is_file():
        true_tree, rebuilt = pickle.loads(stored.read_bytes())
        return true_tree, rebuilt
    thorax = thorax_of(seed)
    rebuilt = build_tree(lumen_mask(thorax, smallest_diameter_mm), root_lps_mm=thorax.tree.root.points_lps_mm[0])
    if stored is not None:
        stored.write_bytes(pickle.dumps((thorax.tree, rebuilt)))
    return thorax.tree, rebuilt


def patient_through_ct(seed: int, keep: Path | None) -> tuple[Tree, Tree]:
    """Return the true tree and the one that the classical engine finds in a simulated CT, suspected leaks flagged."""
    stored = None if keep is None else keep / f"labels_ct_{seed}.pkl"
    if stored is not None and stored.is_file():
        true_tree, found_tree = pickle.loads(stored.read_bytes())
        return true_tree, found_tree
    thorax = thorax_of(seed)
    volume = scan(thorax, Scanner(spacing_mm=CT_SPACING_MM, noise_hu=CT_NOISE_HU)).volume
    found = segment_airway(volume, SegmentOptions("classical"), Progress())
    tree = build_tree(
        found.airway, root_lps_mm=np.asarray(found.root_lps_mm), probability=found.probability, bridges=found.bridges
    )
    tree, _ = flag_leaks(tree)
    if stored is not None:
        stored.write_bytes(pickle.dumps((thorax.tree, tree)))
    return thorax.tree, tree


def named_as_shown(labelled: Tree) -> Tree:
    """Return a named tree as the program shows it: suspected leaks that lead nowhere have no name."""
    return without_names_on_suspects(labelled)


def true_codes(rebuilt: Tree, truth: Tree) -> dict[int, str]:
    """Return the true name of every rebuilt branch: that of the true branch nearest to most of its middle, if near enough."""
    owners = np.concatenate([np.full(len(branch.points_lps_mm), branch.id) for branch in truth])
    index = cKDTree(np.concatenate([branch.points_lps_mm for branch in truth]))
    found = {}
    for branch in rebuilt:
        distance, nearest = index.query(branch.points_lps_mm[branch.middle(0.25, 0.9)])
        label = truth[Counter(owners[nearest].tolist()).most_common(1)[0][0]].label
        if label is not None and np.median(distance) <= max(NEAR_MM, 0.5 * branch.diameter_mm):
            found[branch.id] = label.code
    return found


def spoiled(tree: Tree, share: float, rng: np.random.Generator) -> tuple[Tree, frozenset[int]]:
    """Drop random subtrees and grow random false branches, as an imperfect segmentation would; return the false ones' ids.

    ``share`` of the branches of generation 3 and more lose their whole subtree, each at most a tenth of the tree; as many
    false leaves of 6 to 20 mm start anywhere on what is left, in any direction that turns off by 30 to 100 degrees.
    """
    count = round(share * len(tree))
    deep = [branch.id for branch in tree if branch.generation >= 3 and len(tree.subtree(branch.id)) <= max(len(tree) // 10, 1)]
    gone: set[int] = set()
    for branch_id in rng.choice(deep, min(count, len(deep)), replace=False).tolist():
        gone.update(tree.subtree(branch_id))
    left = [branch for branch in tree if branch.id not in gone]
    pieces = {branch.id: branch for branch in left}
    next_id, false = max(tree.branches) + 1, set()
    for branch_id in rng.choice([branch.id for branch in left if branch.generation >= 1], count).tolist():
        parent = pieces[branch_id]
        if len(parent.points_lps_mm) < 5:
            continue
        at = int(rng.integers(2, len(parent.points_lps_mm) - 2))
        below = replace(_cut(parent, at, None), id=next_id, parent_id=branch_id)
        for child in list(pieces.values()):
            if child.parent_id == branch_id:
                pieces[child.id] = replace(child, parent_id=next_id)
        pieces[branch_id] = _cut(parent, 0, at + 1)
        pieces[next_id] = below
        pieces[next_id + 1] = _false_leaf(parent, at, next_id + 1, rng)
        false.add(next_id + 1)
        next_id += 2
    return assemble([replace(branch, child_ids=()) for branch in pieces.values()], tree.root_id), frozenset(false)


def _cut(branch: Branch, start: int, stop: int | None) -> Branch:
    part = slice(start, stop)
    return replace(
        branch,
        points_lps_mm=branch.points_lps_mm[part],
        radius_mm=branch.radius_mm[part],
        radius_interval_mm=branch.radius_interval_mm[part],
        frames=branch.frames[part],
    )


def _false_leaf(parent: Branch, at: int, branch_id: int, rng: np.random.Generator) -> Branch:
    ahead = unit(parent.points_lps_mm[at + 1] - parent.points_lps_mm[at - 1])
    aside = unit(np.cross(ahead, rng.normal(size=3)))
    turn = np.radians(rng.uniform(30.0, 100.0))
    away = np.arange(0.0, rng.uniform(6.0, 20.0), 0.5)[:, None]
    points = parent.points_lps_mm[at] + away * (np.cos(turn) * ahead + np.sin(turn) * aside)
    radius = np.full(len(points), min(0.7 * float(parent.radius_mm[at]), float(rng.uniform(0.8, 1.6))))
    interval = np.stack([radius, radius], axis=1)
    return Branch(branch_id, parent.id, (), points, radius, interval, no_frames(len(points)))
