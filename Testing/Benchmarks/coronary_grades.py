"""Centrelines, names, stenoses, plaque and CAD-RADS on random digital hearts, each against its truth.

Each heart draws dominance, ramus, absent branches and up to four lesions; all are scanned alike. ``--varied`` takes the hearts of
``coronary_centreline.py`` instead (``phantom.coronary_random``), which also draw voltage, contrast, noise, kernel, voxel, stents
and occlusions. ``--trees truth`` measures on the true centrelines and chambers, so that only naming, measuring and grading are
judged; ``--trees found`` starts from the scan alone. Hearts are expensive: ``--keep DIR`` stores the scans, so that another run
reads them. ``--rows`` adds one JSON line a heart to a file and passes over hearts that it holds already, whatever code they are
of: a long run can be stopped and resumed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.coronary_scores import score_result
from CardiacCTALib.pipeline import CoronaryOptions as Options
from CardiacCTALib.pipeline import run
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_guides import Dominance
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec
from SenseCarePlanningLib.phantom.coronary_random import random_heart
from SenseCarePlanningLib.phantom.coronary_scan import CoronaryScan, coronary_scanner, scan_coronary
from SenseCarePlanningLib.phantom.coronary_trees import trees_of_truth
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, load_truth, save_truth
from SenseCarePlanningLib.volume import Acquisition, LabelMap, Volume

PIXELS, SLICE_MM = 400, 0.5


def random_lesions(random: np.random.Generator) -> tuple[LesionSpec, ...]:
    """Draw up to four lesions in different segments, every category about as often."""
    count = int(random.choice([0, 1, 2, 3, 4], p=[0.12, 0.25, 0.30, 0.20, 0.13]))
    found = []
    for segment in random.permutation([1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13])[:count]:
        percents = [random.uniform(5, 24), random.uniform(25, 49), random.uniform(50, 69), random.uniform(70, 95), 100.0]
        percent = float(random.choice(percents, p=[0.2, 0.28, 0.24, 0.22, 0.06]))
        kinds = ["soft", "lipid", "fibrous", "calcified", "mixed", "napkin", "spotty"]
        kind = Composition(str(random.choice(kinds, p=[0.25, 0.1, 0.2, 0.15, 0.1, 0.1, 0.1])))
        found.append(
            LesionSpec(
                int(segment), round(percent, 1), kind, eccentric=bool(random.random() < 0.4),
                length_mm=float(random.uniform(6, 16)), remodelling=float(random.uniform(1.0, 1.3)),
            )
        )  # fmt: skip
    return tuple(found)


def random_patient(seed: int) -> CoronaryPatient:
    """Draw one heart; lesions that have no room in it are left out."""
    random = np.random.default_rng([seed, 78])
    dominance = (Dominance.RIGHT, Dominance.LEFT, Dominance.BALANCED)[int(random.choice(3, p=[0.7, 0.15, 0.15]))]
    ramus = bool(random.random() < 0.25)
    absent = frozenset(name for name in ("D2", "OM2", "AM", "S1") if random.random() < 0.15)
    lesions = random_lesions(random)
    while True:
        options = CoronaryOptions(seed=seed, dominance=dominance, ramus=ramus, absent=absent, stenoses=lesions)
        try:
            return make_coronary_patient(options)
        except ValueError:
            lesions = lesions[1:]


def scanned(seed: int, varied: bool) -> CoronaryScan:
    """Draw and scan one heart."""
    if varied:
        drawn = random_heart(seed)
        return scan_coronary(make_coronary_patient(drawn.options), drawn.scanner)
    return scan_coronary(random_patient(seed), coronary_scanner(PIXELS, SLICE_MM))


def heart(seed: int, varied: bool, keep: Path | None) -> tuple[Volume, LabelMap, CoronaryTruth]:
    """Return scan, chambers and truth of a heart, from the kept ones where there."""
    place = None if keep is None else keep / f"{'varied_' if varied else ''}{seed}.npz"
    if place is not None and place.is_file():
        stored = np.load(place)
        names = {int(value): name for value, name in json.loads(str(stored["names"])).items()}
        acquisition = Acquisition(**json.loads(str(stored["acquisition"])))
        volume = Volume(stored["volume"], stored["affine"], "CT", acquisition)
        return volume, LabelMap(stored["tissue"], stored["affine"], names), load_truth(place.with_suffix(".json"))
    scan = scanned(seed, varied)
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            place, volume=scan.volume.array_kji, affine=scan.volume.affine_ijk_to_lps, tissue=scan.tissue.array_kji,
            names=json.dumps(dict(scan.tissue.names)), acquisition=json.dumps(vars(scan.volume.acquisition)),
        )  # fmt: skip
        save_truth(scan.truth, place.with_suffix(".json"))
    return scan.volume, scan.tissue, scan.truth


def row_of(seed: int, source: str, varied: bool, keep: Path | None) -> dict[str, Any]:
    """Analyse one heart and set it beside its truth."""
    volume, tissue, truth = heart(seed, varied, keep)
    options = Options(heart=tissue, trees=trees_of_truth(truth)) if source == "truth" else Options()
    started = time.process_time()
    try:
        result = run(volume, options)
    except SenseCareError as error:
        return {"seed": seed, "varied": varied, "trees": source, "failed": error.user_message}
    seconds = time.process_time() - started
    scores = score_result(result, truth, courses=source != "truth")
    return {"seed": seed, "varied": varied, "trees": source, "seconds": seconds, **scores}


def stored_rows(path: Path | None, source: str, varied: bool) -> list[dict[str, Any]]:
    """Return the hearts of this kind that a file of rows holds."""
    if path is None or not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in rows if row["trees"] == source and row["varied"] == varied]


def centreline_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and worst of the whole trees' measures; the least and greatest of any heart as ``worst``."""
    trees = [row["centrelines"]["whole_tree"] for row in rows if "centrelines" in row]
    names = {
        "overlap": min,
        "overlap_until_first_error": min,
        "overlap_relevant": min,
        "accuracy_inside_mm": max,
        "false_mm": max,
    }
    found: dict[str, Any] = {}
    for name, worst in names.items() if trees else ():
        values = [float(tree[name]) for tree in trees]
        found |= {name: float(np.mean(values)), f"{name}_worst": worst(values)}
    return found


def lesion_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return stenosis, lumen, plaque and remodelling of the lesions in arteries that are graded; plaque not under stents, where
    struts hide it and none is told."""
    graded = [one for row in rows for one in row["lesions"].values() if one["reference_mm"] > 1.5]
    found = [one for one in graded if one["measured_percent"] is not None]
    error = np.array([one["measured_percent"] - one["true_percent"] for one in found])
    wide = [one["low"] - 0.05 <= one["true_percent"] <= one["high"] + 0.05 for one in found]
    bare = [one for one in found if one["composition"] != Composition.STENT.value]
    volume = [one["measured_plaque_mm3"] / one["true_plaque_mm3"] - 1.0 for one in bare if one["true_plaque_mm3"] >= 20.0]
    index = [
        abs(one["measured_remodelling"] - one["true_remodelling"]) for one in bare if one["measured_remodelling"] is not None
    ]
    return {
        "lesions": len(graded),
        "lesions_found": len(found),
        "false_lesions": sum(row["false_lesions"] for row in rows),
        "stenosis_mean_error": _mean(error),
        "stenosis_mean_absolute_error": _mean(np.abs(error)),
        "stenosis_largest_error": float(np.abs(error).max()) if len(error) else None,
        "interval_holds_truth": _mean(wide),
        "mla_mean_absolute_error_mm2": _mean([abs(one["measured_mla_mm2"] - one["true_mla_mm2"]) for one in found]),
        "plaques_from_20_mm3": len(volume),
        "plaque_within_15_percent": _mean(np.abs(volume) <= 0.15),
        "plaque_mean_error": _mean(volume),
        "remodelling_within_0.05": _mean(np.array(index) <= 0.05),
        "remodelling_mean_absolute_error": _mean(index),
    }


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table's numbers."""
    done = [row for row in rows if "failed" not in row]
    categories = [row["category"] for row in done]
    signs = Counter[str]()
    for row in done:
        for name, counts in row["signs"].items():
            signs.update({f"{name}_{answer}": count for answer, count in counts.items()})
    return {
        "hearts": len(rows),
        "failed": len(rows) - len(done),
        **centreline_summary(rows),
        "labels_right": _mean([row["labels"]["right"] for row in done]),
        "segments_right": sum(row["labels"]["segments_right"] for row in done) / sum(row["labels"]["segments"] for row in done),
        "dominance_right": _mean([row["dominance"]["right"] for row in done]),
        "category_exact": sum(one["true"] == one["measured"] for one in categories) / len(rows),
        "category_within_one": sum(one["steps_apart"] in (0, 1) for one in categories) / len(rows),
        "category_possible": _mean([one["true_is_possible"] for one in categories]),
        "not_diagnostic": sum(one["measured"] == "N" for one in categories),
        **lesion_summary(done),
        **dict(sorted(signs.items())),
        "cpu_seconds": _mean([row["seconds"] for row in done]),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearts", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="seed of the first heart")
    parser.add_argument("--trees", choices=("truth", "found"), default="truth")
    parser.add_argument("--varied", action="store_true", help="hearts that also draw the scan, stents and occlusions")
    parser.add_argument("--keep", type=Path, help="folder for the scans")
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that takes each heart's scores")
    arguments = parser.parse_args()
    rows = stored_rows(arguments.rows, arguments.trees, arguments.varied)
    for seed in sorted(set(range(arguments.first, arguments.first + arguments.hearts)) - {row["seed"] for row in rows}):
        row = row_of(seed, arguments.trees, arguments.varied, arguments.keep)
        rows.append(row)
        told = row.get("failed") or f"{row['category']['true']:>2} as {row['category']['measured']:<2} labels {row['labels']}"
        print(f"{seed:4d}  {told}", file=sys.stderr, flush=True)
        if arguments.rows:
            arguments.rows.parent.mkdir(parents=True, exist_ok=True)
            with arguments.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    if all("failed" in row for row in rows):
        print("every heart failed: ", Counter(row["failed"] for row in rows))
        return 1
    for name, value in summary(rows).items():
        print(f"{name:36s} {value:.3f}" if isinstance(value, float) else f"{name:36s} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
