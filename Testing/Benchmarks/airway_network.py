"""ATM'22 scores of the airway network on CTs simulated around the two held-out airway masks.

    python Testing/Benchmarks/airway_network.py [--data DIR] [--bundle DIR] [--form onnx|torch] [--cache DIR]
        [--spacing MM[,MM,MM]] [--noise HU] [--save DIR] [--json] [CASE ...]

Cases: atm22_305, lidc_patient3 (any other mask of the data is a training tree). The masks are development data beside the
checkout. --cache keeps the simulated CTs, --save writes masks and probabilities.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from airway_simulated import DATA, read_mask

from LungAirwayLib.airway_network import NetworkRules, PatchSegmenter, find_airway_network
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.inference.bundle import BundleSegmenter
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import simulate_ct
from SenseCarePlanningLib.progress import Progress, peak_memory_mb
from SenseCarePlanningLib.volume import LabelMap, Volume

CASES = ("atm22_305", "lidc_patient3")
BUNDLE = Path(__file__).resolve().parents[2] / "LungAirway" / "Resources" / "Models" / "airway_ct"


def simulated(name: str, folder: Path, scanner: Scanner, cache: Path | None) -> tuple[Volume, LabelMap]:
    """Return the CT around a mask and its true lumen."""
    spacing = "x".join(f"{value:g}" for value in scanner.spacing_ijk_mm)
    stored = None if cache is None else cache / f"{name}_{spacing}_{scanner.noise_hu:g}.npz"
    if stored is not None and stored.is_file():
        with np.load(stored) as found:
            return Volume(found["hu"], found["affine"]), LabelMap(found["truth"], found["affine"], {1: "airway"})
    if name.startswith("atm22"):
        made = simulate_ct(read_mask(folder / f"{name}_top5_majority.nii.gz"), scanner=scanner)
    else:
        vessels, lungs = (read_mask(folder / name / f"{part}.nii.gz") for part in ("vessels", "pleuralBoundary"))
        made = simulate_ct(read_mask(folder / name / "bronchialTree.nii.gz"), scanner=scanner, vessels=vessels, lungs=lungs)
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.savez(stored, hu=made.volume.array_kji, affine=made.volume.affine_ijk_to_lps, truth=made.airway_truth.array_kji)
    return made.volume, made.airway_truth


def run_case(
    name: str, folder: Path, scanner: Scanner, network: PatchSegmenter, options: argparse.Namespace
) -> dict[str, object]:
    """Simulate, segment and score one case."""
    volume, truth = simulated(name, folder, scanner, options.cache)
    started = time.perf_counter()
    rules = replace(NetworkRules(), sure=options.sure, likely=options.likely)
    found = find_airway_network(volume, network, Progress(), rules)
    seconds = time.perf_counter() - started
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
        np.savez(
            options.save / f"{name}.npz",
            lumen=found.lumen,
            chance=found.probability.array_kji.astype(np.float16),
            chance_affine=found.probability.affine_ijk_to_lps,
        )
    mask = LabelMap(found.lumen.astype(np.uint8), volume.affine_ijk_to_lps, {1: "airway"})
    scores = evaluate_airway(mask, truth).as_dict()
    return {"case": name, "seconds": seconds, "peak_mb": peak_memory_mb(), "bridges": len(found.bridges), **scores}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--form", default="onnx", choices=("onnx", "torch"))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--spacing", default="0.7")
    parser.add_argument("--noise", type=float, default=25.0)
    parser.add_argument("--sure", type=float, default=NetworkRules.sure)
    parser.add_argument("--likely", type=float, default=NetworkRules.likely)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts = [float(part) for part in options.spacing.split(",")]
    i, j, k = parts * 3 if len(parts) == 1 else parts
    scanner = Scanner(spacing_mm=(i, j, k), noise_hu=options.noise)
    network = OnnxSegmenter(options.bundle) if options.form == "onnx" else BundleSegmenter(options.bundle, device="cpu")
    folder = options.data / "airway_masks"
    rows = [run_case(name, folder, scanner, network, options) for name in (options.cases or CASES)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{'case':<14} {'TD %':>6} {'BD %':>6} {'DSC':>6} {'prec %':>6} {'leak':>6} {'loops':>5} {'joined':>6} {'s':>6} {'MB':>5}"
    )
    for row in rows:
        print(
            f"{row['case']:<14} {row['tree_length_detected']:6.1f} {row['branches_detected']:6.1f} {row['dice']:6.1f} "
            f"{row['precision']:6.1f} {row['leakage']:6.1f} {row['loops']:5} {row['bridges']:6} {row['seconds']:6.1f} "
            f"{row['peak_mb']:6.0f}"
        )


if __name__ == "__main__":
    main()
