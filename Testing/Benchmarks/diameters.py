"""Lumen diameters against the truth of digital patients: bias, spread, and how often the interval covers the truth.

Where the scan resolves only an upper bound, that counts as an interval from 0; bias and width are those of the rest.

Every sample of every true branch, away from its ends, is paired with the nearest sample of the measured tree. Two trees
are measured: one built from the true lumen mask, and one from that mask worn by a voxel here and there, as a
segmentation would be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))

from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax, scan
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.radius import measure_sections
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

BANDS_MM = ((2.0, 3.0), (3.0, 4.0), (4.0, 6.0), (6.0, 10.0), (10.0, 25.0))
TARGET_MM, TARGET_COVER = 0.3, 0.9


@dataclass(frozen=True, eq=False)
class Pairs:
    """Matched samples: true and measured diameters and the interval, mm."""

    true_mm: np.ndarray
    found_mm: np.ndarray
    low_mm: np.ndarray
    high_mm: np.ndarray
    inscribed_mm: np.ndarray


def pairs_of(truth: Tree, volume: Volume, mask: LabelMap) -> tuple[Pairs, float]:
    """Measure a mask's tree and pair it with the truth; returns the pairs and the seconds of the measuring."""
    tree = build_tree(mask, root_lps_mm=truth.root.points_lps_mm[0])
    started = time.perf_counter()
    sections = measure_sections(tree, volume, mask)
    seconds = time.perf_counter() - started
    points = np.concatenate([branch.points_lps_mm[branch.middle()] for branch in tree])
    along = np.concatenate([branch.frames[branch.middle(), 0] for branch in tree])
    found = np.concatenate([sections[branch.id].radius_mm[branch.middle()] for branch in tree])
    interval = np.concatenate([sections[branch.id].interval_mm[branch.middle()] for branch in tree])
    inscribed = np.concatenate([branch.radius_mm[branch.middle()] for branch in tree])
    rows = []
    places = cKDTree(points)
    for branch in truth:
        part = branch.middle()
        for point, direction, radius in zip(
            branch.points_lps_mm[part], branch.frames[part, 0], branch.radius_mm[part], strict=True
        ):
            distance, at = places.query(point)
            if distance <= max(0.5 * radius, 0.7) and abs(float(along[at] @ direction)) > 0.8:
                rows.append((radius, found[at], *interval[at], inscribed[at]))
    table = 2.0 * np.array(rows)
    return Pairs(*table.T), seconds


def worn(mask: LabelMap, seed: int) -> LabelMap:
    """Take the outer voxels of a mask away in patches, as a cautious segmentation does."""
    lumen = mask.array_kji > 0
    patches = gaussian_filter(np.random.default_rng(seed).normal(size=lumen.shape).astype(np.float32), 4.0) > 0
    thinned = np.where(patches, binary_erosion(lumen) | (binary_erosion(lumen, iterations=2)), lumen)
    keep = lumen & (thinned | ~_thick(lumen))
    return LabelMap(keep.astype(np.uint8), mask.affine_ijk_to_lps)


def _thick(lumen: np.ndarray) -> np.ndarray:
    """Return the voxels near a core of at least five voxels across: only these may be worn."""
    core = binary_erosion(lumen, iterations=2)
    return np.asarray(gaussian_filter(core.astype(np.float32), 2.0) > 0.02)


def rows_of(pairs: Pairs) -> list[dict[str, Any]]:
    """Summarise by band of the true diameter, and for 3 mm and wider together."""
    rows = []
    for low, high in (*BANDS_MM, (3.0, 25.0)):
        chosen = (pairs.true_mm >= low) & (pairs.true_mm < high)
        if not chosen.any():
            continue
        covered = ((pairs.low_mm <= pairs.true_mm) & (pairs.true_mm <= pairs.high_mm))[chosen]
        bounded = chosen & (pairs.low_mm <= 0.0)
        measured = chosen & ~bounded
        error = (pairs.found_mm - pairs.true_mm)[measured]
        width = (pairs.high_mm - pairs.low_mm)[measured]
        rows.append(
            {
                "band_mm": f"{low:g}-{high:g}",
                "samples": int(chosen.sum()),
                "only_bounded": round(float(bounded.sum() / chosen.sum()), 3),
                "bias_mm": _rounded(error.mean()) if len(error) else None,
                "sd_mm": _rounded(error.std()) if len(error) else None,
                "inscribed_bias_mm": round(float((pairs.inscribed_mm - pairs.true_mm)[chosen].mean()), 3),
                "coverage": round(float(covered.mean()), 3),
                "interval_width_mean_mm": _rounded(width.mean()) if len(width) else None,
                "interval_width_median_mm": _rounded(np.median(width)) if len(width) else None,
                "upper_bound_median_mm": _rounded(np.median(pairs.high_mm[bounded])) if bounded.any() else None,
            }
        )
    return rows


def _rounded(value: np.floating[Any]) -> float:
    return round(float(value), 3)


def main() -> int:
    """Run on the given seeds and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--spacing", type=float, nargs="+", default=[0.7], help="one number, or three: along i, j, k")
    parser.add_argument("--kernel", choices=("soft", "standard", "sharp"), default="standard")
    parser.add_argument("--noise-hu", type=float, default=25.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, Any] = {"target": {"bias_mm": TARGET_MM, "coverage": TARGET_COVER}, "patients": []}
    for seed in options.seeds:
        spacing = tuple(options.spacing) if len(options.spacing) == 3 else (options.spacing[0],) * 3
        thorax = make_thorax(ThoraxOptions(seed=seed))
        taken = scan(thorax, Scanner(spacing_mm=spacing, noise_hu=options.noise_hu, kernel=options.kernel))
        for name, mask in (("true mask", taken.airway_truth), ("worn mask", worn(taken.airway_truth, seed))):
            pairs, seconds = pairs_of(thorax.tree, taken.volume, mask)
            results["patients"].append({"seed": seed, "mask": name, "seconds": round(seconds, 1), "bands": rows_of(pairs)})
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    for patient_result in results["patients"]:
        print(f"seed {patient_result['seed']}, {patient_result['mask']}, measured in {patient_result['seconds']} s")
        for row in patient_result["bands"]:
            print("  " + "  ".join(f"{key} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
