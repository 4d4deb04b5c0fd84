"""SCCT names on random coronary trees: dominance, ramus, absent branches, other shapes; with chambers and without.

``reshaped`` turns, stretches and bends a heart beyond what the digital hearts draw themselves. A segment is right when its true
and its found points overlap by a Dice of 0.8 or more; what the labels abstain from counts as not right, and is told apart.
Confidence is told by branches: right when most of a branch's points bear its name. ``--odd`` names odd trees: arteries missing,
cut short or from elsewhere (``phantom/coronary_odd.py``). ``--moved`` moves where side branches leave, as in trees
found in scans.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.coronary_scores import RIGHT_FROM, label_scores
from CardiacCTALib.issues import Issue
from CardiacCTALib.label_names import OTHER, UNSURE
from CardiacCTALib.labels import CoronaryLabels, HeartLandmarks, label_trees
from CardiacCTALib.segments import BY_NUMBER, RAMUS, segment_of
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.phantom.coronary import LOWER_LPS_MM, CoronaryOptions, CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_guides import Dominance
from SenseCarePlanningLib.phantom.coronary_odd import ODD, moved_divisions, ramus_joined_late
from SenseCarePlanningLib.phantom.coronary_scene import CHAMBERS, chamber_labels
from SenseCarePlanningLib.phantom.coronary_trees import trees_of_truth, true_segments
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.volume import Grid, LabelMap

MIDDLE = np.array([14.0, -22.0, -64.0])
VOXEL_MM, SHAPE_KJI = 2.0, (72, 100, 100)
LEAST_MM = 4.0
RAMUS_NUMBER = segment_of(RAMUS).number
SHARES = (("hearts ", "hearts"), ("dominance", "hearts"), ("segments ", "segments"))
SURE_FROM, BINS = 0.8, (0.95, 0.8, 0.65, 0.0)
TOLD = {Issue.ONE_SIDE_MISSING, Issue.ARTERY_MISSING, Issue.TWO_LEFT, Issue.LCX_ELSEWHERE, Issue.MIRRORED}


def variant(seed: int, with_ramus: bool = False) -> CoronaryPatient:
    """Draw a heart: half of them left or balanced, 40 % (or all) with a ramus, each side branch absent in 15 %."""
    random = np.random.default_rng([seed, 77])
    dominance = (Dominance.RIGHT, Dominance.LEFT, Dominance.BALANCED)[int(random.choice(3, p=[0.5, 0.25, 0.25]))]
    ramus = bool(random.random() < 0.4) or with_ramus
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


def branches_of(labels: CoronaryLabels, truth: CoronaryTruth) -> Iterator[tuple[str, str, float]]:
    """Yield the true and the likeliest given name of each branch of 4 mm and more, and the confidence of the latter."""
    for one in (branch for tree in labels.trees for branch in tree if branch.length_mm >= LEAST_MM):
        assert one.label is not None
        numbers = true_segments(truth, one.points_lps_mm[1:])
        true = Counter(BY_NUMBER[int(at)].code if at > 0 else OTHER for at in numbers).most_common(1)[0][0]
        unsure = one.label.code == UNSURE
        code, confidence = one.label.alternatives[0] if unsure else (one.label.code, one.label.confidence)
        yield true, code, confidence


def count(counts: Counter[str], labels: CoronaryLabels, truth: CoronaryTruth) -> None:
    """Add one heart to a table."""
    scores = label_scores(labels.trees, truth)
    counts["hearts"] += 1
    counts["hearts all right"] += scores["right"]
    counts["segments"] += scores["segments"]
    counts["segments right"] += scores["segments_right"]
    counts["dominance right"] += labels.dominance is not None and labels.dominance.value == truth.dominance
    counts.update({f"segment wrong: {name}": 1 for name, dice in scores["dice"].items() if dice < RIGHT_FROM})
    surely_wrong = False
    for true, code, confidence in branches_of(labels, truth):
        if code != OTHER:
            kind = next(f"confidence {low:g} and more" for low in BINS if confidence >= low)
            counts[kind] += 1
            counts[f"{kind}, right"] += code == true
            surely_wrong |= confidence >= SURE_FROM and code != true
        if code != true:
            counts[f"branch wrong: {true} -> {code}"] += 1
    counts["hearts with a wrong name held for sure"] += surely_wrong


def count_ramus(counts: Counter[str], labels: CoronaryLabels, truth: CoronaryTruth) -> None:
    """Add one heart with a ramus: was it named, was its name among what a wrong one may be, was a doubt listed?"""
    counts["ramus"] += 1
    numbers = {id(one): Counter(true_segments(truth, one.points_lps_mm[1:]).tolist()) for tree in labels.trees for one in tree}
    own = [one for tree in labels.trees for one in tree if numbers[id(one)].most_common(1)[0][0] == RAMUS_NUMBER]
    longest = max(own, key=lambda one: one.length_mm)
    assert longest.label is not None
    if longest.label.code == RAMUS:
        counts["ramus, right"] += 1
    elif RAMUS in dict(longest.label.alternatives):
        counts["ramus, only offered"] += 1
    elif longest.label.confidence >= SURE_FROM:
        counts["ramus, surely wrong"] += 1
    if longest.label.code == RAMUS and longest.label.confidence < SURE_FROM:
        counts["ramus, right in doubt"] += 1


def show(title: str, counts: Counter[str]) -> None:
    """Print a table."""
    print(title)
    for name, value in sorted(counts.items(), key=lambda row: (row[0].startswith(("segment w", "branch")), row[0])):
        of = next((key for start, key in SHARES if name.startswith(start)), "")
        of = name.removesuffix(", right") if name.endswith(", right") else of
        print(f"  {name:42s} {value:5d}" + (f"  {100.0 * value / counts[of]:5.1f} %" if of else ""))


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearts", type=int, default=48)
    parser.add_argument(
        "--first", type=int, default=300, help="seed of the first heart; 1000 to 1059 were used to choose constants"
    )
    parser.add_argument("--odd", action="store_true", help="odd trees of other shapes without chambers")
    parser.add_argument("--moved", type=float, default=0.0, help="origins of side branches moved by up to so many mm")
    parser.add_argument("--ramus", action="store_true", help="a ramus in every heart")
    parser.add_argument("--joined", type=float, default=0.0, help="a ramus joined to the LCx so many mm beyond its origin")
    arguments = parser.parse_args()
    tables: dict[str, Counter[str]] = {}
    for seed in range(arguments.first, arguments.first + arguments.hearts):
        patient = variant(seed, arguments.ramus)
        given = moved_divisions(patient.truth, seed, arguments.moved)
        if arguments.joined > 0.0 and any(one.name == "RI" for one in given.arteries):
            given = ramus_joined_late(given, "LCX", arguments.joined)
        plain = (given, chambers_of(patient))
        if arguments.odd:
            truth, _ = reshaped(*plain, seed)
            for name, make in ODD.items():
                odd = make(truth)
                labels = label_trees(trees_of_truth(odd))
                table = tables.setdefault(name, Counter())
                count(table, labels, odd)
                del table["dominance right"]  # the truth keeps that of the whole heart
                table.update({f"said: {one.name}": 1 for one in {item.issue for item in labels.doubts} & TOLD})
            continue
        for shape, chambers in product((False, True), (True, False)):
            truth, heart = reshaped(*plain, seed) if shape else plain
            labels = label_trees(trees_of_truth(truth), HeartLandmarks(heart if chambers else None))
            title = f"{'with' if chambers else 'without'} chambers, {'other shapes' if shape else 'as drawn'}"
            count(tables.setdefault(title, Counter()), labels, truth)
            if any(one.name == "RI" for one in truth.arteries):
                count_ramus(tables[title], labels, truth)
    for title, counts in tables.items():
        show(title, counts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
