"""Stenosis, plaque and remodelling of digital arteries against their truth: errors, coverage of the intervals, false occlusions.

Each tube is drawn at random (diameters, lesion, plaque, surroundings, point spread, noise, voxel, position in the grid); the
scan's sharpness and noise are measured on a ball of contrast beside it, as on an aorta. Prints a table per group; ``--json``
writes all rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_tube import Tube, TubeSpec, make_tube

from CardiacCTALib.lumen import measure_lumen
from CardiacCTALib.plaque import analyse_plaque
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.stenosis import find_lesions

GROUPS = (
    "soft 25-60", "soft 70", "soft 80-90", "occluded", "healthy", "calcium", "hidden",
    "soft 90-95", "fibrous 25-75", "fibrous 80-90", "fibrous 90-95", "fibrous occluded", "fibrous small",
)  # fmt: skip
FIBROUS_HU, SOFT_HU = (95.0, 130.0), (20.0, 90.0)


def random_spec(group: str, seed: int) -> TubeSpec:
    """Draw one tube of a group."""
    if group == "hidden":
        return hidden_spec(seed)
    random = np.random.default_rng([seed, GROUPS.index(group)])
    start = float(random.uniform(1.7, 2.3)) if group == "fibrous small" else float(random.uniform(2.4, 4.0))
    depth = {
        "soft 25-60": float(random.uniform(0.25, 0.60)), "soft 70": 0.7, "soft 80-90": float(random.uniform(0.8, 0.9)),
        "occluded": 1.0, "healthy": 0.0, "calcium": float(random.uniform(0.3, 0.7)),
        "soft 90-95": float(random.uniform(0.9, 0.95)),
        "fibrous 25-75": float(random.uniform(0.25, 0.75)), "fibrous 80-90": float(random.uniform(0.8, 0.9)),
        "fibrous 90-95": float(random.uniform(0.9, 0.95)), "fibrous occluded": 1.0,
        "fibrous small": float(random.uniform(0.4, 0.8)),
    }[group]  # fmt: skip
    calcified = group == "calcium"
    return TubeSpec(
        start_mm=start,
        end_mm=start * float(random.uniform(0.7, 0.95)),
        lesion_at_mm=float(random.uniform(15.0, 30.0)),
        bend_mm=float(random.uniform(25.0, 60.0)),
        lesion_length_mm=float(random.uniform(6.0, 16.0)),
        plateau=float(random.uniform(0.1, 0.5)),
        stenosis=depth,
        eccentric=float(random.choice([0.0, 0.5, 0.9])),
        eccentric_deg=float(random.uniform(0.0, 360.0)),
        remodelling=float(random.uniform(1.0, 1.3)) if group != "healthy" else 1.0,
        plaque_hu=float(random.uniform(*(FIBROUS_HU if group.startswith("fibrous") else SOFT_HU))),
        calcium_hu=float(random.uniform(600.0, 1000.0)) if calcified else None,
        calcium_arc_deg=float(random.uniform(60.0, 120.0)),
        calcium_mm=float(random.uniform(0.6, 1.2)),
        calcium_length_mm=float(random.uniform(3.0, 7.0)),
        muscle_side=bool(random.random() < 0.35),
        lumen_hu=float(random.uniform(330.0, 480.0)),
        psf_sigma_mm=float(random.uniform(0.25, 0.35)),
        noise_hu=float(random.uniform(20.0, 30.0)),
        voxel_mm=float(random.uniform(0.35, 0.5)),
        line_error_mm=float(random.uniform(0.05, 0.2)),
        seed=seed,
    )


def hidden_spec(seed: int) -> TubeSpec:
    """Draw a mild to severe stenosis with calcium on the lumen or deep in the plaque, that may hide or feign lumen.

    15 % have no calcium, 30 % of the arcs are wider than 120 degrees.
    """
    random = np.random.default_rng([seed, 12])
    start = float(random.uniform(2.4, 4.0))
    ranges = ((0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95))
    depth = float(random.choice([random.uniform(*one) for one in ranges]))
    calcified = bool(random.random() < 0.85)
    return TubeSpec(
        start_mm=start,
        end_mm=start * float(random.uniform(0.75, 0.95)),
        lesion_at_mm=float(random.uniform(18.0, 27.0)),
        bend_mm=float(random.uniform(25.0, 60.0)),
        lesion_length_mm=float(random.uniform(6.0, 16.0)),
        plateau=float(random.uniform(0.1, 0.5)),
        stenosis=depth,
        eccentric=float(random.choice([0.0, 0.5, 0.9])),
        eccentric_deg=float(random.uniform(0.0, 360.0)),
        remodelling=float(random.uniform(1.0, 1.3)),
        plaque_hu=float(random.uniform(20.0, 110.0)),
        calcium_hu=float(random.uniform(600.0, 1400.0)) if calcified else None,
        calcium_arc_deg=float(random.choice([random.uniform(60.0, 120.0), random.uniform(120.0, 200.0)], p=[0.7, 0.3])),
        calcium_mm=float(random.uniform(0.5, 1.2)),
        calcium_gap_mm=float(random.choice([0.0, 0.1, random.uniform(0.2, 0.5)])),
        calcium_length_mm=float(random.uniform(3.0, 9.0)),
        muscle_side=bool(random.random() < 0.35),
        lumen_hu=float(random.uniform(330.0, 480.0)),
        psf_sigma_mm=float(random.uniform(0.25, 0.34)),
        noise_hu=float(random.uniform(20.0, 35.0)),
        voxel_mm=float(random.uniform(0.35, 0.5)),
        line_error_mm=float(random.uniform(0.05, 0.2)),
        seed=seed,
    )


def row_of(group: str, tube: Tube) -> dict[str, Any]:
    """Measure one tube and set it beside its truth."""
    started = time.process_time()
    scan = measure_scan(tube.volume, tube.aorta_kji)
    measured = measure_lumen(tube.volume, tube.points_lps_mm, scan)
    result = find_lesions(measured)
    plaques = [analyse_plaque(measured, one) for one in result.lesions]
    seconds = time.process_time() - started
    walls = measured.walls
    true = np.interp(walls.arc_mm, tube.arc_mm, tube.lumen_mm)
    middle = slice(6, -6)
    error = (walls.diameter_mm - true)[middle]
    at = tube.spec.lesion_at_mm
    near = [one for one in result.lesions if abs(one.distance_mm - at) < 0.5 * tube.spec.lesion_length_mm]
    row: dict[str, Any] = {
        "group": group, "seed": tube.spec.seed, "true": 100.0 * float(tube.stenosis.max()), "seconds": seconds,
        "sigma": scan.sigma_mm / float(np.hypot(tube.spec.psf_sigma_mm, tube.spec.voxel_mm / np.sqrt(12.0))) - 1.0,
        "bias": float(error.mean()), "mae": float(np.abs(error).mean()), "lesions": len(result.lesions),
        "false_occlusion": any(one.occluded for one in result.lesions) and tube.spec.stenosis < 1.0,
        "others": [one.narrowings[0].diameter_stenosis_percent.value for one in result.lesions if one not in near],
    }  # fmt: skip
    if near:
        lesion = max(near, key=lambda one: one.narrowings[0].diameter_stenosis_percent.value)
        first = lesion.narrowings[0]
        row |= {
            "found": first.diameter_stenosis_percent.value, "low": first.diameter_stenosis_percent.low,
            "high": first.diameter_stenosis_percent.high, "grade": lesion.grade_words, "grades": lesion.grades,
            "adjacent": lesion.narrowings[1].diameter_stenosis_percent.value if len(lesion.narrowings) > 1 else None,
            "mld_true": float(tube.lumen_mm.min()), "mld": lesion.mld_mm.value, "occluded": lesion.occluded,
            "arc": lesion.calcium_arc_deg, "reference": first.reference_mm.value,
            "reference_true": float(np.interp(walls.arc_mm[lesion.narrowest], tube.arc_mm, tube.healthy_mm)),
        }  # fmt: skip
        plaque = plaques[result.lesions.index(lesion)]
        row |= {
            "plaque_true": tube.plaque_mm3,
            "plaque": sum(one.volumes.total for one in plaques),
            "calcium_true": tube.calcium_mm3,
            "calcium": sum(one.volumes.calcified for one in plaques),
            "remodelling_true": tube.spec.remodelling,
            "remodelling": plaque.remodelling.index.value if plaque.remodelling else None,
            "features": [one.feature.value for one in plaque.features if one.present],
            "plaque_hu": tube.spec.plaque_hu,
        }
    return row


COLUMNS = ("n", "found", "|err|", "bias", "max", "cover", "width", "adj|err|", "d mae", "false occl", "cpu s")


PLAQUE_COLUMNS = ("n", "vol |err|%", "in 15 %", "vol bias%", "Ca bias%", "RI |err|", "in 0.05", "LAP right", "false ring")


def table(rows: list[dict[str, Any]]) -> None:
    """Print one line per group."""
    print(f"{'group':18s}" + "".join(f"{name:>11s}" for name in COLUMNS))
    for group in GROUPS:
        these = [row for row in rows if row["group"] == group]
        if not these:
            continue
        seen = [row for row in these if "found" in row]
        error = np.array([row["found"] - row["true"] for row in seen] or [np.nan])
        cover = np.array([row["low"] - 0.05 <= row["true"] <= row["high"] + 0.05 for row in seen] or [np.nan])
        width = np.array([row["high"] - row["low"] for row in seen] or [np.nan])
        adjacent = np.array([abs(row["adjacent"] - row["true"]) for row in seen if row["adjacent"] is not None] or [np.nan])
        values = (
            len(these),
            len(seen),
            np.abs(error).mean(),
            error.mean(),
            np.abs(error).max(),
            cover.mean(),
            width.mean(),
            adjacent.mean(),
            np.mean([row["mae"] for row in these]),
            sum(row["false_occlusion"] for row in these),
            np.mean([row["seconds"] for row in these]),
        )
        print(f"{group:18s}" + "".join(f"{value:11d}" if isinstance(value, int) else f"{value:11.3f}" for value in values))


def plaque_table(rows: list[dict[str, Any]]) -> None:
    """Print volumes, remodelling and signs of the lesions found."""
    print(f"{'group':18s}" + "".join(f"{name:>11s}" for name in PLAQUE_COLUMNS))
    for group in GROUPS:
        these = [row for row in rows if row["group"] == group and "plaque" in row]
        if not these:
            continue
        large = [row["plaque"] / row["plaque_true"] - 1.0 for row in these if row["plaque_true"] >= 20.0] or [np.nan]
        hard = [row["calcium"] / row["calcium_true"] - 1.0 for row in these if row["calcium_true"] > 2.0] or [np.nan]
        index = [row["remodelling"] - row["remodelling_true"] for row in these if row["remodelling"] is not None] or [np.nan]
        dark = [("low attenuation" in row["features"]) == (row["plaque_hu"] < 30.0) for row in these]
        values = (
            len(these),
            100.0 * np.abs(large).mean(),
            np.mean(np.abs(large) <= 0.15),
            100.0 * np.mean(large),
            100.0 * np.mean(hard),
            np.abs(index).mean(),
            np.mean(np.abs(index) <= 0.05),
            np.mean(dark),
            sum("napkin-ring sign" in row["features"] for row in these),
        )
        print(f"{group:18s}" + "".join(f"{value:11d}" if isinstance(value, int) else f"{value:11.3f}" for value in values))


def main() -> None:
    """Run the groups asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=6, help="tubes in each group")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", nargs="*", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    rows = []
    for group in given.groups:
        for at in range(given.count):
            row = row_of(group, make_tube(random_spec(group, given.seed + at)))
            rows.append(row)
            if given.verbose:
                print({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    table(rows)
    plaque_table(rows)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
