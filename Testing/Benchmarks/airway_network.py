"""ATM'22 scores of the airway with and without the network on CTs simulated around airway masks that training never sees.

    python Testing/Benchmarks/airway_network.py [--data DIR] [--cache DIR] [--spacing MM[,MM,MM]] [--noise HU] [--seed N]
        [--engine classical|auto ...] [--json] [CASE ...]

Cases: atm22_305, lidc_patient3 (any other mask of the data is a training tree). The masks are development data beside the
checkout. What is scored is the airway of the pipeline's result: after branches that the CT does not bear out were cut.
--cache keeps the simulated CTs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from airway_simulated import DATA, read_mask

from LungAirwayLib.branch_evidence import keep_airways
from LungAirwayLib.segment import AirwaySegmentation, SegmentOptions, segment_airway, without_pieces
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.memory import peak_memory_mb
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import simulate_ct
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.radius import measure_sections, with_radii
from SenseCarePlanningLib.volume import LabelMap, Volume

CASES = ("atm22_305", "lidc_patient3")


def simulated(name: str, folder: Path, scanner: Scanner, cache: Path | None, seed: int = 0) -> tuple[Volume, LabelMap]:
    """Return the CT around a mask and its true lumen."""
    spacing = "x".join(f"{value:g}" for value in scanner.spacing_ijk_mm)
    stored = None if cache is None else cache / f"{name}_{spacing}_{scanner.noise_hu:g}_{seed}.npz"
    if stored is not None and stored.is_file():
        with np.load(stored) as found:
            return Volume(found["hu"], found["affine"]), LabelMap(found["truth"], found["affine"], {1: "airway"})
    if name.startswith("atm22"):
        made = simulate_ct(read_mask(folder / f"{name}_top5_majority.nii.gz"), scanner=scanner, seed=seed)
    else:
        vessels, lungs = (read_mask(folder / name / f"{part}.nii.gz") for part in ("vessels", "pleuralBoundary"))
        tree = read_mask(folder / name / "bronchialTree.nii.gz")
        made = simulate_ct(tree, scanner=scanner, vessels=vessels, lungs=lungs, seed=seed)
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.savez(stored, hu=made.volume.array_kji, affine=made.volume.affine_ijk_to_lps, truth=made.airway_truth.array_kji)
    return made.volume, made.airway_truth


def airway_of(volume: Volume, engine: str) -> AirwaySegmentation:
    """Return the airway as the pipeline keeps it; the steps after it (names, lobes, plan) do not change it."""
    found = segment_airway(volume, SegmentOptions(engine), Progress())  # type: ignore[arg-type]
    tree = build_tree(found.airway, root_lps_mm=found.root_lps_mm, probability=found.probability, bridges=found.bridges)
    sections = measure_sections(tree, volume, found.airway)
    return without_pieces(found, keep_airways(with_radii(tree, sections), sections, volume, found.airway, found.lungs))


def run_case(name: str, engine: str, scanner: Scanner, options: argparse.Namespace) -> dict[str, object]:
    """Simulate, segment and score one case."""
    volume, truth = simulated(name, options.data / "airway_masks", scanner, options.cache, options.seed)
    started = time.process_time()
    found = airway_of(volume, engine)
    seconds = time.process_time() - started
    scores = evaluate_airway(found.airway, truth).as_dict()
    return {"case": name, "engine": found.engine.name, "cpu_seconds": seconds, "peak_mb": peak_memory_mb(), **scores}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--spacing", default="0.7")
    parser.add_argument("--noise", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", nargs="+", default=["auto", "classical"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts = [float(part) for part in options.spacing.split(",")]
    i, j, k = parts * 3 if len(parts) == 1 else parts
    scanner = Scanner(spacing_mm=(i, j, k), noise_hu=options.noise)
    rows = []
    if not options.json:
        print(
            f"{'case':<14} {'engine':<22} {'TD %':>6} {'BD %':>6} {'DSC':>6} {'prec %':>6} {'pieces':>6} {'loops':>5} CPU s    MB"
        )
    for name in options.cases or CASES:
        for engine in options.engine:
            row = run_case(name, engine, scanner, options)
            rows.append(row)
            if not options.json:
                print(
                    f"{row['case']:<14} {row['engine']:<22} {row['tree_length_detected']:6.1f} {row['branches_detected']:6.1f} "
                    f"{row['dice']:6.1f} {row['precision']:6.1f} {row['components']:6} {row['loops']:5} "
                    f"{row['cpu_seconds']:5.0f} {row['peak_mb']:5.0f}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
