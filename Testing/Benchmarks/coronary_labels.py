"""SCCT names on random coronary trees: dominance, ramus, absent branches, other shapes; with chambers and without.

``shape`` turns, stretches and bends a heart beyond what the digital hearts draw themselves. A segment is right when its true and
its found points overlap by a Dice of 0.8 or more; what the labels abstain from counts as not right, and is told apart.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.coronary_scores import label_scores
from CardiacCTALib.label_names import UNSURE
from CardiacCTALib.labels import HeartLandmarks, label_trees
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.phantom.coronary import LOWER_LPS_MM, CoronaryOptions, CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_guides import Dominance
from SenseCarePlanningLib.phantom.coronary_scene import CHAMBERS, chamber_labels
from SenseCarePlanningLib.phantom.coronary_trees import trees_of_truth
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.volume import Grid, LabelMap

MIDDLE = np.array([14.0, -22.0, -64.0])
VOXEL_MM, SHAPE_KJI = 2.0, (72, 100, 100)


def variant(seed: int) -> CoronaryPatient:
    """Draw a heart: half of them left or balanced, 40 % with a ramus, each side branch absent in 15 %."""
    random = np.random.default_rng([seed, 77])
    dominance = (Dominance.RIGHT, Dominance.LEFT, Dominance.BALANCED)[int(random.choice(3, p=[0.5, 0.25, 0.25]))]
    ramus = bool(random.random() < 0.4)
    absent = frozenset(name for name in ("D1", "D2", "OM1", "OM2", "AM", "S1") if random.random() < 0.15)
    return make_coronary_patient(CoronaryOptions(seed=seed, dominance=dominance, ramus=ramus, absent=absent))


def chambers_of(patient: CoronaryPatient) -> LabelMap:
    """Return the chambers on a coarse grid."""
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = LOWER_LPS_MM
    labels = chamber_labels(Grid(SHAPE_KJI, affine), patient.heart, [])
    return LabelMap(labels, affine, {label: name for label, name, _ in CHAMBERS})


def reshaped(truth: CoronaryTruth, heart: LabelMap, seed: int) -> tuple[CoronaryTruth, LabelMap]:
    """Turn a heart by some 8 degrees about each axis, stretch it by 6 %, and bend its arteries by 2.5 mm."""
    random = np.random.default_rng([seed, 5])
    turn = Rotation.from_rotvec(np.radians(np.clip(random.normal(0.0, 8.0, 3), -16.0, 16.0))).as_matrix()
    matrix = turn @ np.diag(np.clip(random.normal(1.0, 0.06, 3), 0.85, 1.15))
    phase, wave = random.uniform(0.0, 2.0 * np.pi, 3), random.normal(0.0, 1.0, (3, 3))
    wave *= 2.0 * np.pi / 70.0 / np.linalg.norm(wave, axis=1, keepdims=True)

    def moved(points: FloatArray) -> FloatArray:
        placed = (points - MIDDLE) @ matrix.T + MIDDLE
        return placed + 2.5 * np.sin(placed @ wave.T + phase)

    arteries = tuple(
        replace(one, points_lps_mm=moved(one.points_lps_mm), vessel_lps_mm=moved(one.vessel_lps_mm)) for one in truth.arteries
    )
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, MIDDLE - matrix @ MIDDLE
    return replace(truth, arteries=arteries), LabelMap(heart.array_kji, affine @ heart.affine_ijk_to_lps, heart.names)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearts", type=int, default=20)
    parser.add_argument("--first", type=int, default=100, help="seed of the first heart")
    arguments = parser.parse_args()
    tables: dict[tuple[bool, bool], Counter[str]] = {}
    for seed in range(arguments.first, arguments.first + arguments.hearts):
        patient = variant(seed)
        plain = (patient.truth, chambers_of(patient))
        for shape in (False, True):
            truth, heart = reshaped(*plain, seed) if shape else plain
            for chambers in (True, False):
                labels = label_trees(trees_of_truth(truth), HeartLandmarks(heart if chambers else None))
                scores = label_scores(labels.trees, truth)
                counts = tables.setdefault((chambers, shape), Counter())
                counts["hearts"] += 1
                counts["hearts all right"] += scores["right"]
                counts["segments"] += scores["segments"]
                counts["segments right"] += scores["segments_right"]
                dominance = labels.dominance
                counts["dominance right"] += dominance is not None and dominance.value == truth.dominance
                counts["branches without a sure name"] += sum(
                    one.label is not None and one.label.code == UNSURE for tree in labels.trees for one in tree
                )
                counts.update({f"wrong: {name}": 1 for name, dice in scores["dice"].items() if dice < 0.8})
    for (chambers, shape), counts in tables.items():
        print(f"{'with' if chambers else 'without'} chambers, {'other shapes' if shape else 'as drawn'}")
        for name, value in counts.items():
            share = value / counts["hearts" if "hearts" in name or "dominance" in name else "segments"]
            print(f"  {name:32s} {value:5d}  {100.0 * share:5.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
