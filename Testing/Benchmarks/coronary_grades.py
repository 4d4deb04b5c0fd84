"""Names, stenoses and CAD-RADS on random digital hearts: labels right, exact category, within one, error of the stenosis.

Each heart draws dominance, ramus, absent branches and up to four lesions. ``--trees truth`` measures on the true centrelines
and chambers, so that only naming, measuring and grading are judged; ``--trees found`` starts from the scan alone. Hearts are
expensive: ``--keep DIR`` stores the scans, so that another run reads them. ``--json`` writes all rows.
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
from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner, scan_coronary
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


def heart(seed: int, keep: Path | None) -> tuple[Volume, LabelMap, CoronaryTruth]:
    """Return scan, chambers and truth of a heart, from the kept ones where there."""
    place = None if keep is None else keep / f"{seed}.npz"
    if place is not None and place.is_file():
        stored = np.load(place)
        names = {int(value): name for value, name in json.loads(str(stored["names"])).items()}
        acquisition = Acquisition(**json.loads(str(stored["acquisition"])))
        volume = Volume(stored["volume"], stored["affine"], "CT", acquisition)
        return volume, LabelMap(stored["tissue"], stored["affine"], names), load_truth(place.with_suffix(".json"))
    scan = scan_coronary(random_patient(seed), coronary_scanner(PIXELS, SLICE_MM))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            place, volume=scan.volume.array_kji, affine=scan.volume.affine_ijk_to_lps, tissue=scan.tissue.array_kji,
            names=json.dumps(dict(scan.tissue.names)), acquisition=json.dumps(vars(scan.volume.acquisition)),
        )  # fmt: skip
        save_truth(scan.truth, place.with_suffix(".json"))
    return scan.volume, scan.tissue, scan.truth


def row_of(seed: int, source: str, keep: Path | None) -> dict[str, Any]:
    """Analyse one heart and set it beside its truth."""
    volume, tissue, truth = heart(seed, keep)
    options = Options(heart=tissue, trees=trees_of_truth(truth)) if source == "truth" else Options()
    started = time.process_time()
    try:
        result = run(volume, options)
    except SenseCareError as error:
        return {"seed": seed, "failed": error.user_message}
    seconds = time.process_time() - started
    return {"seed": seed, "seconds": seconds, **score_result(result, truth, courses=source != "truth")}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table's numbers."""
    done = [row for row in rows if "failed" not in row]
    lesions = [one for row in done for one in row["lesions"].values()]
    graded = [one for one in lesions if one["reference_mm"] > 1.5]
    found = [one for one in graded if one["measured_percent"] is not None]
    error = np.array([one["measured_percent"] - one["true_percent"] for one in found])
    wide = np.array([one["low"] - 0.05 <= one["true_percent"] <= one["high"] + 0.05 for one in found])
    mla = np.array([abs(one["measured_mla_mm2"] - one["true_mla_mm2"]) for one in found])
    categories = [(row["category"]["true"], row["category"]["measured"], row["category"]["steps_apart"]) for row in done]
    return {
        "hearts": len(rows),
        "failed": len(rows) - len(done),
        "labels_right": float(np.mean([row["labels"]["right"] for row in done])),
        "segments_right": sum(row["labels"]["segments_right"] for row in done) / sum(row["labels"]["segments"] for row in done),
        "dominance_right": float(np.mean([row["dominance"]["right"] for row in done])),
        "category_exact": float(np.mean([true == measured for true, measured, _ in categories])),
        "category_within_one": float(np.mean([apart is not None and apart <= 1 for _, _, apart in categories])),
        "category_possible": float(np.mean([row["category"]["true_is_possible"] for row in done])),
        "not_diagnostic": sum(measured == "N" for _, measured, _ in categories),
        "lesions": len(graded),
        "lesions_found": len(found),
        "stenosis_mean_error": float(error.mean()) if len(error) else None,
        "stenosis_mean_absolute_error": float(np.abs(error).mean()) if len(error) else None,
        "stenosis_largest_error": float(np.abs(error).max()) if len(error) else None,
        "interval_holds_truth": float(wide.mean()) if len(wide) else None,
        "mla_mean_absolute_error_mm2": float(mla.mean()) if len(mla) else None,
        "false_lesions": sum(row["false_lesions"] for row in done),
        "cpu_seconds": float(np.mean([row["seconds"] for row in done])) if done else None,
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearts", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="seed of the first heart")
    parser.add_argument("--trees", choices=("truth", "found"), default="truth")
    parser.add_argument("--keep", type=Path, help="folder for the scans")
    parser.add_argument("--json", type=Path, help="file for all rows")
    arguments = parser.parse_args()
    rows = []
    for seed in range(arguments.first, arguments.first + arguments.hearts):
        row = row_of(seed, arguments.trees, arguments.keep)
        rows.append(row)
        told = row.get("failed") or f"{row['category']['true']:>2} as {row['category']['measured']:<2} labels {row['labels']}"
        print(f"{seed:4d}  {told}", file=sys.stderr, flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if all("failed" in row for row in rows):
        print("every heart failed: ", Counter(row["failed"] for row in rows))
        return 1
    for name, value in summary(rows).items():
        print(f"{name:32s} {value:.3f}" if isinstance(value, float) else f"{name:32s} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
