"""Fully automatic coronary centrelines on random digital hearts against their truth: OV, OF, OT and AI.

Each heart is drawn from its seed (``phantom.coronary_random``), scanned and segmented without a click. Scores are those of
Schaap 2009 (``CardiacCTALib.centreline_scores``, as in ``evaluate coronary``): for each course from ostium to tip (the line of
the found tree that follows it best) and for whole trees, where found points that lie on no artery count against the overlap.
The septal branch lies inside the muscle and is no SCCT segment: it is scored with "all", not with "numbered". ``--cache`` keeps
the scans. ``--rows`` adds one JSON line a heart to a file and passes over hearts that it holds already, made by the same code: a
long run can be stopped and resumed, and figures accumulate.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.centreline_scores import course_scores, tree_scores
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
from SenseCarePlanningLib.evaluation.centreline_tree import TREE_SPACING_MM
from SenseCarePlanningLib.memory import peak_memory_mb
from SenseCarePlanningLib.phantom.coronary import make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_random import random_heart
from SenseCarePlanningLib.phantom.coronary_scan import scan_coronary
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, load_truth, save_truth
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Volume

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


def tree_row(trees: Sequence[Tree], truth: CoronaryTruth, numbered: bool) -> dict[str, float]:
    """Score whole trees, under the short names of the rows."""
    scores = tree_scores(trees, truth, numbered)
    names = {
        "ov": "overlap",
        "ot": "overlap_relevant",
        "ai": "accuracy_inside_mm",
        "sensitivity": "found",
        "false_mm": "false_mm",
    }
    return {short: _number(scores[name]) for short, name in names.items()}


def vessel_rows(trees: Sequence[Tree], truth: CoronaryTruth) -> list[dict[str, Any]]:
    """Score each numbered course by the line of the found trees, cut where it passes the course's tip, that follows it best."""
    return [
        {
            "vessel": course.name,
            "ov": scores.overlap,
            "of": scores.overlap_until_first_error,
            "ot": scores.overlap_relevant,
            "ai": _number(scores.accuracy_inside_mm),
        }
        for course, scores in course_scores(trees, truth, TREE_SPACING_MM, until_tip=True)
        if course.numbered
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


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
    row["numbered"] = tree_row(found.trees, truth, numbered=True)
    row["all"] = tree_row(found.trees, truth, numbered=False)
    row["vessels"] = vessel_rows(found.trees, truth)
    row["of"] = float(np.mean([one["of"] for one in row["vessels"]]))
    row["dice"] = dice_scores(found, tissue)
    row |= {"ostia": [one.side for one in found.ostia], "gaps": len(found.gaps), "remarks": list(found.remarks)}
    return row


def code_version() -> str:
    """Return a short hash of the code that makes, segments and scores a heart."""
    root = Path(__file__).resolve().parents[2]
    folders = (
        "CardiacCTA/CardiacCTALib",
        *(f"SenseCarePlanning/SenseCarePlanningLib/{one}" for one in ("phantom", "evaluation")),
    )
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
