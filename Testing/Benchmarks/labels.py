"""Names of bronchi on trees rebuilt from the airway masks of digital patients.

Usage: python Testing/Benchmarks/labels.py [--patients 20] [--first-seed 0] [--smallest-diameter 2.0] [--keep FOLDER] [--json]

The true lumen of each patient (every fourth one with a variant: tracheal bronchus, missing LB7, accessory cardiac bronchus)
is painted on 0.75 mm voxels, without the branches thinner than ``--smallest-diameter`` mm that no CT shows; the tree is
built from that mask alone and named. The truth of a rebuilt branch is the true branch that most of its centreline lies
nearest to. The templates that give the names were written from the anatomy books without looking at the generator.

Counted are
lobar      rebuilt branches from the lobar to the segmental bronchi (true name without a subsegment): is the lobe right?
segmental  rebuilt branches of segmental bronchi and all below them: is the segment right? An abstention (the lobar code or
           no name) is not right; it is counted on its own as well.
roots      the segmental bronchi alone, one a name.
``--keep`` stores the rebuilt trees, which take most of the time, and takes them from there again.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from LungAirwayLib.labels import label_tree
from LungAirwayLib.naming import lobe_of, segment_of, split_code
from SenseCarePlanningLib.phantom.thorax import Thorax, ThoraxOptions, make_thorax
from SenseCarePlanningLib.phantom.tubepaint import paint_polyline
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap

VOXEL_MM = 0.75
VARIANTS = {3: "tracheal_bronchus", 7: "missing_lb7", 11: "accessory_cardiac", 15: "tracheal_bronchus", 19: "missing_lb7"}


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
    """Return the true tree and the one rebuilt from the mask."""
    stored = None if keep is None else keep / f"labels_{seed}_{smallest_diameter_mm:g}.pkl"
    if stored is not None and stored.is_file():
        true_tree, rebuilt = pickle.loads(stored.read_bytes())
        return true_tree, rebuilt
    thorax = make_thorax(ThoraxOptions(seed=seed, variant=VARIANTS.get(seed % 20), nodules=()))
    mask = lumen_mask(thorax, smallest_diameter_mm)
    rebuilt = build_tree(mask, root_lps_mm=thorax.tree.root.points_lps_mm[0])
    if stored is not None:
        stored.write_bytes(pickle.dumps((thorax.tree, rebuilt)))
    return thorax.tree, rebuilt


def true_codes(rebuilt: Tree, truth: Tree) -> dict[int, str]:
    """Return the true name of every rebuilt branch: that of the true branch nearest to most of its middle."""
    owners = np.concatenate([np.full(len(branch.points_lps_mm), branch.id) for branch in truth])
    index = cKDTree(np.concatenate([branch.points_lps_mm for branch in truth]))
    found = {}
    for branch in rebuilt:
        _, nearest = index.query(branch.points_lps_mm[branch.middle(0.25, 0.9)])
        label = truth[Counter(owners[nearest].tolist()).most_common(1)[0][0]].label
        if label is not None:
            found[branch.id] = label.code
    return found


def true_parts(code: str) -> tuple[int | None, str | None, str]:
    """Return lobe, segment and subsegment of a true name; none for bronchi that our codes do not have."""
    if not code:
        return None, None, ""
    try:
        return lobe_of(code), segment_of(code), split_code(code)[1]
    except ValueError:
        return None, None, ""


def score(rebuilt: Tree, truth: Tree) -> tuple[Counter[str], list[str]]:
    """Count right, wrong and abstained names of one patient; say which segmental bronchi went wrong."""
    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    codes = true_codes(rebuilt, truth)
    labelled = label_tree(rebuilt)
    for branch in labelled:
        lobe, segment, subsegment = true_parts(codes.get(branch.id, ""))
        given = branch.label.code if branch.label is not None else None
        if lobe is not None and not subsegment:
            found["lobar"] += 1
            found["lobar_right"] += lobe_of(given) == lobe
            if lobe_of(given) != lobe:
                wrong[f"{codes[branch.id]}->{given}"] += 1
        if segment is None:
            continue
        parent = codes.get(branch.parent_id, "") if branch.parent_id is not None else ""
        for kind in ("segmental", "roots")[: 2 if true_parts(parent)[1] != segment else 1]:
            found[kind] += 1
            found[f"{kind}_right"] += segment_of(given) == segment
            found[f"{kind}_abstained"] += segment_of(given) is None
            if kind == "roots" and segment_of(given) != segment:
                wrong[f"{segment}->{given}"] += 1
    return found, sorted(wrong)


def rates(found: Counter[str]) -> dict[str, float]:
    """Return the shares of one or all patients."""
    shares = {"lobar": found["lobar_right"] / max(found["lobar"], 1)}
    for kind in ("segmental", "roots"):
        for what in ("right", "abstained"):
            shares[f"{kind}_{what}"] = found[f"{kind}_{what}"] / max(found[kind], 1)
    return shares


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--smallest-diameter", type=float, default=2.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, total = [], Counter[str]()
    for seed in range(options.first_seed, options.first_seed + options.patients):
        truth, rebuilt = patient(seed, options.smallest_diameter, options.keep)
        found, wrong = score(rebuilt, truth)
        total += found
        rows.append({"seed": seed, "variant": VARIANTS.get(seed % 20), "branches": len(rebuilt), **rates(found), "wrong": wrong})
        if not options.json:
            sys.stdout.write(f"seed {seed:3d}  {len(rebuilt):4d} branches  {_line(rates(found))}  {' '.join(wrong)}\n")
            sys.stdout.flush()
    summary = json.dumps({"all": rates(total), "patients": rows}) if options.json else f"all branches   {_line(rates(total))}"
    sys.stdout.write(summary + "\n")
    return 0


def _line(shares: dict[str, float]) -> str:
    parts = [f"lobar {shares['lobar']:6.1%}"]
    for kind in ("segmental", "roots"):
        parts.append(f"{kind} {shares[kind + '_right']:6.1%} (abstained {shares[kind + '_abstained']:5.1%})")
    return "  ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
