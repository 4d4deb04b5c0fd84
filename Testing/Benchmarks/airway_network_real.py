"""The airway with the network on two real chest CTs, beside the classical engine and the ATM'22 baseline network (a peer).

    python Testing/Benchmarks/airway_network_real.py [--data DIR] [--branches DIR] [--save DIR] [--json] [CASE ...]

Cases: RICORD (never trained on), LIDC-0314 (its texture was in the training, with pseudo-labels). A branch counts as dark
where its wall stands out by 80 HU or more over its lumen (median along the branch). --branches writes a table of all branches.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from airway_network import airway_of
from airway_real import CASES, DATA, read_ct

from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.memory import peak_memory_mb
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.radius import BranchSections, RadiusOptions, measure_sections
from SenseCarePlanningLib.tubes.tree import Branch
from SenseCarePlanningLib.volume import LabelMap, Volume

DARK_HU = 80.0


def branch_contrast_hu(branch: Branch, sections: BranchSections) -> float:
    """Return how far the wall stands out over the lumen: median along the branch, NaN where nothing could be measured."""
    contrast = sections.contrast_hu[branch.middle()]
    contrast = contrast[np.isfinite(contrast)]
    return float(np.median(contrast)) if len(contrast) else float("nan")


def branches_of(mask: LabelMap, volume: Volume) -> list[dict[str, float]]:
    """Return length, diameter, generation and wall contrast of every branch."""
    tree = build_tree(mask)
    sections = measure_sections(tree, volume, mask, RadiusOptions(rays=16))
    rows = []
    for branch in tree:
        contrast_hu = branch_contrast_hu(branch, sections[branch.id])
        rows.append(
            {
                "branch": branch.id,
                "generation": branch.generation,
                "length_mm": round(branch.length_mm, 1),
                "diameter_mm": round(branch.diameter_mm, 2),
                "contrast_hu": round(contrast_hu, 0),
                "x": round(float(branch.points_lps_mm[-1, 0]), 1),
                "y": round(float(branch.points_lps_mm[-1, 1]), 1),
                "z": round(float(branch.points_lps_mm[-1, 2]), 1),
            }
        )
    return rows


def row_of(case: str, engine: str, mask: LabelMap, volume: Volume, classical: LabelMap, table: Path | None) -> dict[str, object]:
    """Describe one engine's tree on one CT."""
    rows = branches_of(mask, volume)
    if table is not None:
        table.mkdir(parents=True, exist_ok=True)
        with (table / f"{case}_{engine}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    scores = evaluate_airway(mask, classical)
    dark = sum(row["length_mm"] for row in rows if row["contrast_hu"] >= DARK_HU)
    return {
        "case": case,
        "engine": engine,
        "branches": len(rows),
        "length_mm": sum(row["length_mm"] for row in rows),
        "dark_mm": dark,
        "covers_classical": scores.tree_length_detected_mm_share,
        "volume_ml": scores.prediction_volume_ml,
        "pieces": scores.components,
        "loops": scores.loops,
    }


def run_case(name: str, options: argparse.Namespace) -> list[dict[str, object]]:
    """Run both engines on one CT, and describe the peer's tree beside them."""
    ct, peer_file = (options.data / part for part in CASES[name])
    volume = read_ct(ct)
    started = time.process_time()
    found = airway_of(volume, "auto")
    seconds, peak = time.process_time() - started, peak_memory_mb()
    classical = airway_of(volume, "classical").airway
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(options.save / f"{name}.npz", united=found.airway.array_kji, classical=classical.array_kji)
    peer = LabelMap((sitk.GetArrayFromImage(sitk.ReadImage(str(peer_file))) > 0).astype(np.uint8), volume.affine_ijk_to_lps)
    rows = [
        row_of(name, engine, mask, volume, classical, options.branches)
        for engine, mask in ((found.engine.name, found.airway), ("classical", classical), ("peer", peer))
    ]
    rows[0].update(cpu_seconds=seconds, peak_mb=peak)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--branches", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row for name in (options.cases or CASES) for row in run_case(name, options)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'case':<10} {'engine':<22} {'branches':>8} {'mm':>6} {'dark mm':>7} {'covers %':>8} {'ml':>5} {'pieces':>6} loops")
    for row in rows:
        print(
            f"{row['case']:<10} {row['engine']:<22} {row['branches']:8} {row['length_mm']:6.0f} {row['dark_mm']:7.0f} "
            f"{row['covers_classical']:8.1f} {row['volume_ml']:5.1f} {row['pieces']:6} {row['loops']:5}"
            + (f"  {row['cpu_seconds']:.0f} s of processor time, {row['peak_mb']:.0f} MB" if "cpu_seconds" in row else "")
        )


if __name__ == "__main__":
    main()
