"""The coronary network beside the classical engine on the same digital hearts: centrelines, veins, voxels, and both its forms.

    python Testing/Benchmarks/coronary_network.py --hearts n100,n101,h100 [--bundle DIR] [--cache DIR] [--torch]

``n`` is a normal heart, ``h`` a hard one, the number its seed; seeds from 1000 on are for training. Chambers and classical
evidence are made once for both engines. Centrelines are scored as in ``coronary_centreline.py``; of the false millimetres those
within 1 mm of a cardiac vein are told apart. Voxels: the network's artery (probability over one half, where arteries may run)
against the true lumen. ``--torch`` compares the ONNX form with torch on the whole crop.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from coronary_centreline import heart_of, tree_row, vessel_rows
from scipy.spatial import cKDTree

from CardiacCTALib.atlas_fit import FittedHeart, fit_heart
from CardiacCTALib.chambers import Chambers, find_chambers
from CardiacCTALib.coronaries import HeartPlace, assemble_coronaries, follow_all
from CardiacCTALib.coronary_evidence import Evidence, tube_evidence
from CardiacCTALib.coronary_network import SHIPPED, network_chances, with_network
from CardiacCTALib.heart_region import HeartRegion, find_heart
from CardiacCTALib.ostia import find_ostia
from CardiacCTALib.tube_graph import build_graph
from SenseCarePlanningLib.evaluation.centreline_tree import TREE_SPACING_MM
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.inference.bundle import BundleSegmenter
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Volume

LUMEN_LABEL, VEIN_LABEL = 1, 18
NEAR_VEIN_MM = 1.0


@dataclass(frozen=True)
class Found:
    """The trees that an engine found, as the scores want them."""

    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class Staged:
    """What both engines begin with."""

    region: HeartRegion
    fit: FittedHeart
    chambers: Chambers
    evidence: Evidence


def stage(volume: Volume, name: str) -> Staged:
    """Return heart, chambers and classical evidence."""
    region = find_heart(volume)
    fit = fit_heart(region)
    array, spacing = region.axes.apply(volume.array_kji), region.axes.spacing_mm(volume.grid)
    chambers = find_chambers(array, spacing, region, fit)
    return Staged(region, fit, chambers, tube_evidence(array[chambers.box], spacing, chambers))


def track(volume: Volume, staged: Staged, evidence: Evidence) -> tuple[Found, float]:
    """Follow the arteries through an evidence; returns them and the processor's seconds."""
    started = time.process_time()
    place = HeartPlace(staged.region, staged.chambers, volume.grid, staged.region.axes.spacing_mm(volume.grid))
    graph = build_graph(evidence)
    ostia = find_ostia(graph, evidence, place.box_mm(staged.fit.ostia_mm))
    found, bridges = follow_all(graph, evidence, ostia)
    made = assemble_coronaries(volume, place, evidence, ostia, found, bridges)
    return Found(made.trees), time.process_time() - started


def false_on_veins_mm(found: Found, truth: CoronaryTruth, veins_lps_mm: np.ndarray) -> float:
    """Return the length of found line that lies on no artery and within 1 mm of a vein."""
    known = np.concatenate([one.points_lps_mm for one in truth.arteries])
    radius = np.concatenate([np.maximum(one.reference_radius_mm, 0.3) for one in truth.arteries])
    lines = [resample_polyline(branch.points_lps_mm, TREE_SPACING_MM) for tree in found.trees for branch in tree]
    if not lines or not len(veins_lps_mm):
        return 0.0
    places = np.concatenate(lines)
    away, nearest = cKDTree(known).query(places)
    false = places[away >= radius[nearest]]
    return float((cKDTree(veins_lps_mm).query(false)[0] <= NEAR_VEIN_MM).sum() * TREE_SPACING_MM) if len(false) else 0.0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearts", default="n100,n101,h100,h101")
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the scans")
    parser.add_argument("--torch", action="store_true", help="compare both forms of the network")
    options = parser.parse_args()
    print("heart engine       OV    OF    OT    AI mm  sens  false mm  on veins | cpu s | Dice recall precision of voxels")
    for name in options.hearts.split(","):
        volume, truth, tissue = heart_of(int(name[1:]), name[0] == "h", options.cache)
        staged = stage(volume, name)
        veins = volume.grid.lps_from_kji(np.argwhere(tissue == VEIN_LABEL).astype(np.float64))
        array = staged.region.axes.apply(volume.array_kji)[staged.chambers.box]
        started = time.process_time()
        network = OnnxSegmenter(options.bundle, threads=1)
        artery, vein, _ = network_chances(array, staged.evidence, network, Progress())
        asked = time.process_time() - started
        zone = staged.evidence.rise_hu > 0
        lumen = (staged.region.axes.apply(tissue)[staged.chambers.box] == LUMEN_LABEL) & zone
        taken = (artery > 0.5) & zone
        right = int((taken & lumen).sum())
        voxels = (
            f"{2 * right / max(taken.sum() + lumen.sum(), 1):.3f} {right / lumen.sum():.3f} {right / max(taken.sum(), 1):.3f}"
        )
        for engine in ("classical", "bundle"):
            evidence = staged.evidence if engine == "classical" else with_network(staged.evidence, artery, vein)
            found, seconds = track(volume, staged, evidence)
            tree = tree_row(found.trees, truth, numbered=True)
            of = float(np.mean([one["of"] for one in vessel_rows(found.trees, truth)]))
            print(
                f"{name:5s} {engine:10s} {tree['ov']:.3f} {of:.3f} {tree['ot']:.3f} {tree['ai']:.3f}  {tree['sensitivity']:.3f} "
                f"{tree['false_mm']:8.1f} {false_on_veins_mm(found, truth, veins):9.1f} | "
                f"{seconds + (asked if engine == 'bundle' else 0.0):5.1f} | {voxels if engine == 'bundle' else ''}",
                flush=True,
            )
        if options.torch:
            other = network_chances(array, staged.evidence, BundleSegmenter(options.bundle, device="cpu"), Progress())
            gap = max(float(np.abs(one - two).max()) for one, two in ((artery, other[0]), (vein, other[1])))
            moved = int(((artery > 0.5) != (other[0] > 0.5)).sum())
            print(
                f"{name:5s} ONNX against torch: largest difference {gap:.1e}, {moved} of {int(taken.sum())} voxels change sides"
            )


if __name__ == "__main__":
    main()
