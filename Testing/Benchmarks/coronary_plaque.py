"""Plaque of digital vessels against its truth: volumes, composition, remodelling, high-risk signs, false and missed lesions.

Each vessel is drawn at random, of a kind: the compositions of the digital hearts, and healthy ones (plain, with a side branch,
and with a tip at the end of the line). ``true`` columns take the true walls, so that composition and partial volume alone
are judged; the others take the fitted walls. ``--keep DIR`` stores scans and fits (give ``--fit-again`` after a change of the
fit). ``--json`` writes all rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_plaque_tube import PlaqueTube, measured_tube, random_plaque, true_walls

from CardiacCTALib.lumen import Measured
from CardiacCTALib.patient_findings import is_plaque
from CardiacCTALib.plaque import LesionPlaque, analyse_plaque, plaque_wall, whole_plaque
from CardiacCTALib.plaque_region import plaque_region
from CardiacCTALib.stenosis import Lesion, find_lesions

PLAQUES = ("soft", "lipid", "fibrous", "calcified", "mixed", "napkin", "spotty")
HEALTHY = ("none", "fork", "tip")
LARGE_MM3, LARGE_CALCIUM_MM3 = 20.0, 5.0
SIGNS = {
    "positive remodelling": "positive_remodelling", "low attenuation": "low_attenuation", "spotty calcium": "spotty_calcium",
    "napkin-ring sign": "napkin_ring",
}  # fmt: skip


def row_of(kind: str, tube: PlaqueTube, measured: Measured) -> dict[str, Any]:
    """Set one vessel beside its truth."""
    wall = plaque_wall(measured, measured.walls, bifurcations=tube.bifurcations)
    found = find_lesions(measured, tube.bifurcations).lesions
    plaques = [analyse_plaque(measured, one, wall=wall) for one in found]
    row: dict[str, Any] = {"kind": kind, "seed": tube.spec.seed, "fwhm": tube.spec.psf_fwhm_mm, "lesions": len(found)}
    if not tube.truth.lesions:
        return row | {"false": [_told(*pair) for pair in zip(found, plaques, strict=True)]}
    half = 0.5 * tube.truth.lesions[0].end_mm - 0.5 * tube.truth.lesions[0].start_mm
    near = [pair for pair in zip(found, plaques, strict=True) if abs(pair[0].distance_mm - tube.spec.at_mm) < half + 2.0]
    row["false"] = [_told(*pair) for pair in zip(found, plaques, strict=True) if pair not in near]
    return row | _against_truth(tube, measured, near)


def _told(lesion: Lesion, plaque: LesionPlaque) -> str:
    percent = lesion.narrowings[0].diameter_stenosis_percent.value
    return f"{percent:.0f} % at {lesion.distance_mm:.1f} mm, {plaque.volumes.total:.0f} mm3"


def _against_truth(tube: PlaqueTube, measured: Measured, near: Sequence[tuple[Lesion, LesionPlaque]]) -> dict[str, Any]:
    truth = tube.truth.lesions[0]
    volumes = truth.volumes_mm3
    dark = volumes["lipid"] + (volumes["plaque"] if truth.plaque_hu < 30.0 else 0.0)
    total = volumes["plaque"] + volumes["lipid"] + volumes["calcium"]
    walls, _ = true_walls(tube, measured)
    exact = whole_plaque(measured, plaque_wall(measured, walls))
    row: dict[str, Any] = {
        "percent": truth.stenosis_percent, "found": bool(near), "plaque_seen": any(is_plaque(plaque) for _, plaque in near),
        "true": {
            "total": total, "calcified": volumes["calcium"], "low_attenuation": dark, "remodelling": truth.remodelling_index,
        },
        "exact": {"total": exact.total, "calcified": exact.calcified, "low_attenuation": exact.low_attenuation},
        "burden_true": _true_burden(tube, measured),
        "signs_true": [name for name, field in SIGNS.items() if getattr(truth, field)],
    }  # fmt: skip
    if not near:
        return row
    _, plaque = max(near, key=lambda pair: pair[1].volumes.total)
    for name in ("total", "calcified", "low_attenuation"):
        row[name] = sum(getattr(one.volumes, name) for _, one in near)
        ranges = [one.volumes.estimate(name) for _, one in near]
        row[f"{name}_range"] = [sum(one.low for one in ranges if one), sum(one.high for one in ranges if one)]
    shape = plaque.remodelling
    worst = max(near, key=lambda pair: pair[0].narrowings[0].diameter_stenosis_percent.value)
    return row | {
        "measured_percent": worst[0].narrowings[0].diameter_stenosis_percent.value,
        "remodelling": None if shape is None else shape.index.value,
        "remodelling_range": None if shape is None else [shape.index.low, shape.index.high],
        "burden": whole_plaque(measured, plaque_wall(measured, measured.walls)).burden_percent,
        "signs": {one.feature.value: one.answer.value for one in plaque.features},
        "evidence": {one.feature.value: one.evidence for one in plaque.features},
    }


def _true_burden(tube: PlaqueTube, measured: Measured) -> float:
    """Return the true percent atheroma volume of the measured stretch."""
    walls, _ = true_walls(tube, measured)
    region = plaque_region(measured, walls)
    volumes = tube.truth.lesions[0].volumes_mm3
    total = volumes["plaque"] + volumes["lipid"] + volumes["calcium"]
    return 100.0 * total / float(region.vessel_mm2.sum() * region.step_mm)


def _errors(rows: Sequence[dict[str, Any]], name: str, least: float, key: str) -> np.ndarray:
    """Return relative errors of a volume, over the vessels whose true one is large enough; one that was not found is -1."""
    found = []
    for row in rows:
        true = row["true"][name]
        if true >= least:
            value = row["exact"][name] if key == "exact" else row.get(name, 0.0)
            found.append(value / true - 1.0)
    return np.array(found)


def _summed(error: np.ndarray) -> str:
    if not len(error):
        return f"{'-':>22s}"
    mean, size, near = 100.0 * np.mean(error), 100.0 * np.mean(np.abs(error)), 100.0 * np.mean(np.abs(error) <= 0.15)
    return f"{len(error):4d}{mean:+7.0f}{size:6.0f}{near:5.0f}"


def tables(rows: Sequence[dict[str, Any]]) -> None:
    """Print the tables."""
    diseased = [row for row in rows if "true" in row]
    print("volumes: number, mean error %, mean absolute error %, share within 15 %")
    for name, least in (("total", LARGE_MM3), ("calcified", LARGE_CALCIUM_MM3), ("low_attenuation", LARGE_CALCIUM_MM3)):
        print(f"{name + ' from ' + format(least, '.0f') + ' mm3':30s}{'true walls':>22s}{'fitted walls':>22s}   in 95 % interval")
        for kind in (*PLAQUES, "blur 0.6 mm", "blur 0.8 mm", "all"):
            these = [row for row in diseased if kind in (row["kind"], f"blur {row['fwhm']} mm", "all")]
            large = [row for row in these if row["true"][name] >= least]
            if not large:
                continue
            held = [row[f"{name}_range"][0] <= row["true"][name] <= row[f"{name}_range"][1] for row in large if name in row]
            told = f"{np.mean(held):8.2f}" if held else ""
            print(
                f"  {kind:28s}{_summed(_errors(these, name, least, 'exact'))}{_summed(_errors(these, name, least, 'fit'))}{told}"
            )
    index = [row for row in diseased if row.get("remodelling") is not None]
    error = np.array([row["remodelling"] - row["true"]["remodelling"] for row in index] or [np.nan])
    held = [row["remodelling_range"][0] <= row["true"]["remodelling"] <= row["remodelling_range"][1] for row in index] or [np.nan]
    print(
        f"remodelling index: {len(index)}, mean error {error.mean():+.3f}, absolute {np.abs(error).mean():.3f}, "
        f"within 0.05 {np.mean(np.abs(error) <= 0.05):.2f}, in its interval {np.mean(held):.2f}"
    )
    burden = np.array([row["burden"] - row["burden_true"] for row in diseased if "burden" in row] or [np.nan])
    print(f"percent atheroma volume: mean error {burden.mean():+.1f}, absolute {np.abs(burden).mean():.1f} points")
    print(
        f"{'sign':24s}{'true':>6s}{'yes':>5s}{'unsure':>8s}{'missed':>8s}{'absent':>8s}{'no':>5s}{'unsure':>8s}{'false yes':>11s}"
    )
    for name in SIGNS:
        counts = {(there, answer): 0 for there in (True, False) for answer in ("yes", "not certain", "no")}
        for row in diseased:
            if "signs" in row:
                counts[name in row["signs_true"], row["signs"][name]] += 1
        yes, no = ([counts[there, answer] for answer in ("yes", "not certain", "no")] for there in (True, False))
        print(f"{name:24s}{sum(yes):6d}{yes[0]:5d}{yes[1]:8d}{yes[2]:8d}{sum(no):8d}{no[2]:5d}{no[1]:8d}{no[0]:11d}")
    for low, high in ((0.0, 25.0), (25.0, 50.0), (50.0, 101.0)):
        these = [row for row in diseased if low <= row["percent"] < high]
        if these:
            print(f"lesions of {low:.0f} to {high:.0f} %: found {sum(row['found'] for row in these)} of {len(these)}, "
                  f"with plaque {sum(row['plaque_seen'] for row in these)}")  # fmt: skip
    for kind in HEALTHY:
        these = [row for row in rows if row["kind"] == kind]
        if these:
            print(f"healthy, {kind}: false lesions {sum(len(row['false']) for row in these)} on {len(these)} vessels")
    print(f"beside true lesions: false lesions {sum(len(row['false']) for row in diseased)} on {len(diseased)} vessels")


def main() -> None:
    """Run the kinds asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6, help="vessels of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    parser.add_argument("--kinds", nargs="*", default=[*PLAQUES, *HEALTHY], choices=[*PLAQUES, *HEALTHY])
    parser.add_argument("--keep", type=Path, help="folder for scans and fits")
    parser.add_argument("--fit-again", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    for kind in given.kinds:
        for seed in range(given.seed, given.seed + given.count):
            rows.append(row_of(kind, *measured_tube(random_plaque(kind, seed), given.keep, given.fit_again)))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    tables(rows)


if __name__ == "__main__":
    main()
