"""Fully automatic coronary centrelines on random digital hearts against their truth: OV, OF, OT and AI.

Each heart is drawn from its seed (``phantom.coronary_random``), scanned and segmented without a click. Scores are those of
Schaap 2009 (``evaluation.centreline``): for each course from ostium to tip (the line of the found tree that follows it best) and
for whole trees, where every found point that lies on no artery counts against the overlap. The septal branch lies inside the
muscle and is no SCCT segment: it is scored with "all", not with "numbered". ``--cache`` keeps the scans. ``--rows`` adds one
JSON line a heart to a file and passes over hearts that it holds already, made by the same code: a long run can be stopped and
resumed, and figures accumulate.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.segment import HeartSegmentation, SegmentOptions, segment
from CardiacCTALib.structures import (
    AORTA,
    LEFT_ATRIUM,
    LEFT_VENTRICLE,
    MYOCARDIUM,
    PULMONARY_ARTERY,
    RIGHT_ATRIUM,
    RIGHT_VENTRICLE,
)
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.evaluation.centreline import RELEVANT_RADIUS_MM, evaluate_centreline
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, resample_polyline
from SenseCarePlanningLib.memory import peak_memory_mb
from SenseCarePlanningLib.phantom.coronary import make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_random import random_heart
from SenseCarePlanningLib.phantom.coronary_scan import scan_coronary
from SenseCarePlanningLib.phantom.coronary_truth import ArteryTruth, CoronaryTruth, load_truth, save_truth
from SenseCarePlanningLib.volume import Volume

STEP_MM = 0.1
"""Whole trees are compared point by point at this step."""
VESSEL_STEP_MM = 0.1
TRUE_LABELS = {
    MYOCARDIUM: 11, LEFT_VENTRICLE: 12, LEFT_ATRIUM: 13, RIGHT_ATRIUM: 14, RIGHT_VENTRICLE: 15, AORTA: 16, PULMONARY_ARTERY: 17,
}  # fmt: skip


def heart_of(seed: int, hard: bool, cache: Path | None) -> tuple[Volume, CoronaryTruth, np.ndarray]:
    """Make and scan a heart, or read it from the cache."""
    path = None if cache is None else cache / f"{'hard' if hard else 'normal'}_{seed}.npz"
    if path is not None and path.is_file():
        stored = np.load(path)
        return Volume(stored["hu"], stored["affine"]), load_truth(path.with_suffix(".json")), stored["tissue"]
    drawn = random_heart(seed, hard)
    scan = scan_coronary(make_coronary_patient(drawn.options), drawn.scanner)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, hu=scan.volume.array_kji, affine=scan.volume.affine_ijk_to_lps, tissue=scan.tissue.array_kji)
        save_truth(scan.truth, path.with_suffix(".json"))
    return Volume(scan.volume.array_kji, scan.volume.affine_ijk_to_lps), scan.truth, scan.tissue.array_kji


def dense(points: FloatArray, radius: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Resample a line (N, 3) with its radius (N,)."""
    line = resample_polyline(points, STEP_MM)
    arc = arc_length_mm(points)
    return line, np.interp(np.linspace(0.0, arc[-1], len(line)), arc, radius)


def tree_scores(found: HeartSegmentation, arteries: list[ArteryTruth], everything: list[ArteryTruth]) -> dict[str, float]:
    """Score whole trees: points found and missed of ``arteries``; a found point may lie on any artery."""
    lines = [dense(one.points_lps_mm, np.maximum(one.reference_radius_mm, 0.3)) for one in arteries]
    reference, radius = (np.concatenate(part) for part in zip(*lines, strict=True))
    known = [dense(one.points_lps_mm, np.maximum(one.reference_radius_mm, 0.3)) for one in everything]
    all_points, all_radius = (np.concatenate(part) for part in zip(*known, strict=True))
    pieces = [resample_polyline(branch.points_lps_mm, STEP_MM) for tree in found.trees for branch in tree]
    if not pieces:
        return {"ov": 0.0, "ot": 0.0, "ai": float("nan"), "sensitivity": 0.0, "false_mm": 0.0}
    evaluated = np.concatenate(pieces)
    distance, _ = cKDTree(evaluated).query(reference)
    hit = distance < radius
    away, nearest = cKDTree(all_points).query(evaluated)
    good = away < all_radius[nearest]
    relevant = radius >= RELEVANT_RADIUS_MM
    wide = all_radius[nearest] >= RELEVANT_RADIUS_MM
    return {
        "ov": float((hit.sum() + good.sum()) / (len(hit) + len(good))),
        "ot": float((hit[relevant].sum() + good[wide].sum()) / (relevant.sum() + wide.sum())),
        "ai": float(distance[hit].mean()),
        "sensitivity": float(hit.mean()),
        "false_mm": float((~good).sum() * STEP_MM),
    }


def courses(truth: CoronaryTruth) -> list[tuple[str, FloatArray, FloatArray]]:
    """Return the line from ostium to tip of every artery that SCCT numbers."""
    by_name = {one.name: one for one in truth.arteries}
    result = []
    for artery in truth.arteries:
        if not artery.segment.any() or artery.name == "LM":
            continue
        points, radius = [artery.points_lps_mm], [artery.reference_radius_mm]
        child = artery
        while child.parent is not None:
            parent = by_name[child.parent]
            points.insert(0, parent.points_lps_mm[: child.parent_index])
            radius.insert(0, parent.reference_radius_mm[: child.parent_index])
            child = parent
        result.append((artery.name, np.concatenate(points), np.concatenate(radius)))
    return result


def vessel_scores(found: HeartSegmentation, truth: CoronaryTruth) -> list[dict[str, Any]]:
    """Score each course by the line of the found trees, cut where it passes the course's tip, that follows it best."""
    paths = [tree.path_points(tip.id)[0] for tree in found.trees for tip in tree.tips]
    rows = []
    for name, points, radius in courses(truth):
        line, wide = dense(points, radius)
        hits = [int((cKDTree(path).query(line)[0] < wide).sum()) for path in paths]
        row: dict[str, Any] = {"vessel": name, "ov": 0.0, "of": 0.0, "ot": 0.0, "ai": float("nan")}
        if hits and max(hits) > 0:
            path = paths[int(np.argmax(hits))]
            last = int(np.argmin(np.linalg.norm(path - points[-1], axis=1)))
            scores = evaluate_centreline(points, radius, path[: max(last + 1, 2)], VESSEL_STEP_MM)
            row |= {"ov": scores.overlap, "of": scores.overlap_until_first_error, "ot": scores.overlap_relevant}
            row["ai"] = float("nan") if scores.accuracy_inside_mm is None else scores.accuracy_inside_mm
        rows.append(row)
    return rows


def dice_scores(found: HeartSegmentation, tissue: np.ndarray) -> dict[str, float]:
    """Return the Dice of every structure against the truth's label map; the aorta's without the descending part."""
    scores = {}
    box = found.heart.array_kji
    for label, true in TRUE_LABELS.items():
        ours, theirs = box == label, tissue == true
        if label in (AORTA, PULMONARY_ARTERY):  # the truth goes on beyond the part that is looked at
            rows = np.flatnonzero(ours.any(axis=(1, 2)))
            theirs = theirs.copy()
            theirs[: rows[0] if len(rows) else 0] = False
            theirs[rows[-1] + 1 if len(rows) else 0 :] = False
            theirs = _touching(theirs, ours)
        total = int(ours.sum() + theirs.sum())
        scores[found.heart.names[label]] = float(2 * (ours & theirs).sum() / total) if total else float("nan")
    return scores


def _touching(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    best = np.bincount(pieces[seed & mask], minlength=count + 1)
    best[0] = 0
    return pieces == int(best.argmax())


def run(seed: int, hard: bool, cache: Path | None, engine: Literal["classical", "bundle"] = "classical") -> dict[str, Any]:
    """Segment one heart and score it."""
    volume, truth, tissue = heart_of(seed, hard, cache)
    started, cpu = time.perf_counter(), time.process_time()
    row: dict[str, Any] = {"seed": seed, "hard": hard, "shape": list(volume.array_kji.shape)}
    try:
        found = segment(volume, SegmentOptions(engine))
    except SenseCareError as error:
        return row | {"error": str(error), "detail": error.detail}
    row |= {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu, "peak_mb": peak_memory_mb()}
    numbered = [one for one in truth.arteries if one.segment.any()]
    row["numbered"] = tree_scores(found, numbered, list(truth.arteries))
    row["all"] = tree_scores(found, list(truth.arteries), list(truth.arteries))
    row["vessels"] = vessel_scores(found, truth)
    row["of"] = float(np.mean([one["of"] for one in row["vessels"]]))
    row["dice"] = dice_scores(found, tissue)
    row |= {"ostia": [one.side for one in found.ostia], "gaps": len(found.gaps), "remarks": list(found.remarks)}
    return row


def code_version() -> str:
    """Return a short hash of the code that makes, segments and scores a heart."""
    root = Path(__file__).resolve().parents[2]
    folders = ("CardiacCTA/CardiacCTALib", "SenseCarePlanning/SenseCarePlanningLib/phantom")
    files = [Path(__file__)] + [path for folder in folders for path in sorted((root / folder).glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def print_row(row: dict[str, Any]) -> None:
    """Print one heart's scores."""
    if "error" in row:
        print(f"{row['seed']:4d}  refused: {row['error']} [{row['detail']}]", flush=True)
        return
    tree, vessels = row["numbered"], row["vessels"]
    mean = {key: float(np.nanmean([one[key] for one in vessels])) for key in ("ov", "of", "ot", "ai")}
    print(
        f"{row['seed']:4d}  {tree['ov']:.3f} {row['of']:.3f} {tree['ot']:.3f} {tree['ai']:.3f}  {tree['sensitivity']:.3f} "
        f"{tree['false_mm']:6.1f} | {row['all']['ov']:.3f} | {mean['ov']:.3f} {mean['of']:.3f} {mean['ot']:.3f} "
        f"{mean['ai']:.3f} | {row['gaps']} {len(row['ostia'])}  {row['cpu_seconds']:5.1f} {row['peak_mb']:5.0f}",
        flush=True,
    )


def print_summary(rows: list[dict[str, Any]]) -> None:
    """Print mean and worst of all hearts; a refused heart scores 0 in the overlaps."""
    refused = sum("error" in row for row in rows)
    good = [row for row in rows if "error" not in row]
    if not good:
        return
    print(f"n {len(rows)}, refused {refused}")
    for key in ("ov", "of", "ot", "ai", "sensitivity", "false_mm"):
        worst = np.max if key in ("ai", "false_mm") else np.min
        values = [row["of"] if key == "of" else row["numbered"][key] for row in good]
        values += [0.0] * refused if key in ("ov", "of", "ot", "sensitivity") else []
        print(f"{key:12s} mean {np.mean(values):.3f}  worst {worst(values):.3f}")
    print("Dice", {name: round(float(np.mean([row["dice"][name] for row in good])), 3) for name in good[0]["dice"]})


def stored_rows(path: Path | None, hard: bool, code: str) -> list[dict[str, Any]]:
    """Return the hearts of one kind that a file holds, made by this code."""
    if path is None or not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in rows if row["hard"] == hard and row["code"] == code]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100-109", help="one seed, or first-last")
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the scans")
    parser.add_argument("--engine", choices=("classical", "bundle"), default="classical")
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that takes each heart's scores")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    code = f"{code_version()} {options.engine}"
    rows = stored_rows(options.rows, options.hard, code)
    print("seed   OV    OF    OT    AI mm  sens  false mm | all OV | vessels OV OF OT AI | gaps ostia  cpu s   MB")
    for row in rows:
        print_row(row)
    for seed in sorted(set(range(int(first), int(last or first) + 1)) - {row["seed"] for row in rows}):
        row = run(seed, options.hard, options.cache, options.engine) | {"code": code}
        rows.append(row)
        print_row(row)
        if options.rows:
            options.rows.parent.mkdir(parents=True, exist_ok=True)
            with options.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    print_summary(rows)


if __name__ == "__main__":
    main()
