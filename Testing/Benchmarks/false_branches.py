"""Branches that are no airways: the engine's tree on digital patients against their true trees, before and after the judgement.

    python Testing/Benchmarks/false_branches.py [--json] [SEED ...]

Seeds: by default the patient of ``./run demo`` and two others; all are scanned as the demo's patient is (0.9 x 0.9 x 1.0 mm,
22 HU, 9 generations), the others without a nodule. A branch is *false* when the median distance of its centreline to the
nearest true centreline is over 3 mm, and *beside* when over 1.5 mm plus that airway's radius. *Found* is the share of the
true length in lumens of 2 mm and wider that lies within 1.5 mm plus radius of the tree's centrelines.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from LungAirwayLib.branch_evidence import flag_suspects, keep_airways
from LungAirwayLib.segment import SegmentOptions, segment_airway
from SenseCarePlanningLib.phantom.thorax import default_scanner, demo_options, make_thorax, scan
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.leaks import flag_leaks
from SenseCarePlanningLib.tubes.radius import measure_sections, with_radii
from SenseCarePlanningLib.tubes.tree import BranchFlag, Tree

FALSE_MM, BESIDE_MM, WIDE_MM = 3.0, 1.5, 2.0
OTHER_SEEDS = (101, 102)


@dataclass(frozen=True)
class Row:
    """The figures of one tree."""

    seed: int
    stage: str
    branches: int
    length_mm: float
    false_branches: int
    false_mm: float
    false_flagged: int
    beside_branches: int
    beside_mm: float
    flagged: int
    found_of_2_mm_and_wider: float


def row(seed: int, stage: str, tree: Tree, truth: Tree) -> Row:
    """Compare a tree with the truth."""
    points = np.concatenate([branch.points_lps_mm for branch in truth])
    radius = np.concatenate([branch.radius_mm for branch in truth])
    index = cKDTree(points)
    false, beside = [], []
    for branch in tree:
        distance, nearest = index.query(branch.points_lps_mm)
        if np.median(distance) > FALSE_MM:
            false.append(branch)
        if np.median(distance - radius[nearest]) > BESIDE_MM:
            beside.append(branch)
    flagged = {branch.id for branch in tree if BranchFlag.LEAK_SUSPECTED in branch.flags}
    return Row(
        seed,
        stage,
        len(tree),
        tree.total_length_mm,
        len(false),
        sum(branch.length_mm for branch in false),
        sum(branch.id in flagged for branch in false),
        len(beside),
        sum(branch.length_mm for branch in beside),
        len(flagged),
        found_share(tree, truth),
    )


def found_share(tree: Tree, truth: Tree) -> float:
    """Return the share of the true length in wide enough lumens that the tree runs along."""
    index = cKDTree(np.concatenate([branch.points_lps_mm for branch in tree]))
    found = whole = 0.0
    for branch in truth:
        wide = 2.0 * branch.radius_mm >= WIDE_MM
        step = np.gradient(branch.arc_mm)
        near = index.query(branch.points_lps_mm)[0] <= BESIDE_MM + branch.radius_mm
        whole += float(step[wide].sum())
        found += float(step[wide & near].sum())
    return found / whole


def rows_of(seed: int) -> list[Row]:
    """Make, scan and segment one patient; return its figures before and after the judgement."""
    options = demo_options()
    if seed != options.seed:
        options = replace(options, seed=seed, nodules=())
    thorax = make_thorax(options)
    volume = scan(thorax, default_scanner(options)).volume
    volume = replace(volume, array_kji=np.rint(volume.array_kji).astype(np.int16))
    found = segment_airway(volume, SegmentOptions("classical"), Progress())
    tree = build_tree(found.airway, root_lps_mm=found.root_lps_mm, probability=found.probability)
    sections = measure_sections(tree, volume, found.airway)
    tree = with_radii(tree, sections)
    kept = keep_airways(tree, sections, volume, found.airway, found.lungs)
    before = flag_leaks(tree, sections=sections)[0]
    after = flag_suspects(kept.tree, kept.sections, volume, found.lungs)
    return [row(seed, "engine", before, thorax.tree), row(seed, "judged", after, thorax.tree)]


def _line(one: Row) -> str:
    return (
        f"{one.seed:4}  {one.stage}  {one.branches:8} {one.length_mm:6.0f}  {one.false_branches:4} ({one.false_mm:4.0f})"
        f"  {one.false_flagged:7}   {one.beside_branches:5} ({one.beside_mm:4.0f})  {one.flagged:5}   "
        f"{100 * one.found_of_2_mm_and_wider:10.1f} %"
    )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, metavar="SEED", default=[demo_options().seed, *OTHER_SEEDS])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    head = "seed  stage   branches     mm   false (mm)  flagged   beside (mm)  flags   found >= 2 mm"
    if not arguments.json:
        sys.stdout.write(head + "\n")
    rows = []
    for seed in arguments.seeds:
        for one in rows_of(seed):
            rows.append(asdict(one))
            if not arguments.json:
                sys.stdout.write(_line(one) + "\n")
                sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
