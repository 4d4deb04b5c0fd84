"""Exit branch on airway masks, parameters fitted on one case and judged on the other.

Usage: python Testing/Benchmarks/exit_branch.py MASK [MASK ...] [--json] [--cross-fit]

``--cross-fit`` fits the parameters anew on each mask and judges them on the others (a few minutes a mask).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LungAirwayLib.exit_benchmark import Trial, answer, evaluate_tree, superior_end, trials
from LungAirwayLib.exit_cost import ExitCostParameters
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

GRID = {
    "direction_weight": (2.0, 3.0, 4.0),
    "not_tip_factor": (1.5, 1.75, 2.0),
    "side_branch_angle_deg": (0.0, 10.0, 20.0, 30.0),
    "radius_exponent": (0.0, 0.2, 0.4),
}
TEMPERATURES = (0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.25, 0.3, 0.4)


def read_mask(path: Path) -> LabelMap:
    """Read a mask image with its affine in LPS."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return LabelMap((sitk.GetArrayFromImage(image) > 0).astype(np.uint8), affine)


def fit(asked: list[Trial]) -> ExitCostParameters:
    """Choose the grid's parameters with the most right first answers, then the likeliest temperature."""
    best, best_right = ExitCostParameters(), -1
    for values in itertools.product(*GRID.values()):
        tried = ExitCostParameters(**dict(zip(GRID, values, strict=True)))
        right = sum(answer(trial, tried).rank == 1 for trial in asked)
        if right > best_right:
            best, best_right = tried, right
    return fit_temperature(asked, best)


def fit_temperature(asked: list[Trial], parameters: ExitCostParameters) -> ExitCostParameters:
    """Choose the temperature under which the true exits are likeliest."""
    likelihood = {
        value: sum(np.log(max(answer(trial, replace(parameters, temperature=value)).truth_share, 1e-6)) for trial in asked)
        for value in TEMPERATURES
    }
    return replace(parameters, temperature=max(likelihood, key=lambda key: likelihood[key]))


def cross_fit(trees: dict[str, Tree]) -> dict[str, Any]:
    """Fit on each tree, judge on every other."""
    found: dict[str, Any] = {}
    for name, tree in trees.items():
        parameters = fit(list(trials(tree)))
        found[name] = {
            "parameters": asdict(parameters),
            "judged_on": {other: evaluate_tree(trees[other], parameters) for other in trees if other != name},
        }
    return found


def _line(name: str, part: dict[str, Any]) -> str:
    if not part["targets"]:
        return f"{name:34s} {0:6d}"
    return (
        f"{name:34s} {part['targets']:6d} {100 * part['top1']:6.1f} {100 * part['top3']:6.1f} "
        f"{100 * part['exit_within_10_mm']:8.1f}"
    )


def _table(result: dict[str, Any]) -> str:
    lines = [f"{'':34s} {'n':>6s} {'top-1':>6s} {'top-3':>6s} {'<=10 mm':>8s}"]
    for title, part in (("planned", result["planned"]), ("nearest point", result["nearest_point"])):
        lines.append(_line(title, part))
        lines += [_line(f"  {name}", row) for name, row in part["by_distance"].items()]
    lines.append(_line("strict: planned", result["strict"]["planned"]))
    lines.append(_line("strict: nearest point", result["strict"]["nearest_point"]))
    lines += [_line(name, row) for name, row in result["by_truncation"].items()]
    lines += [
        f"confidence {row['stated']:.2f} stated, {row['right']:.2f} right ({row['targets']:.0f})" for row in result["calibration"]
    ]
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark on the masks of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("mask", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cross-fit", action="store_true")
    options = parser.parse_args()
    trees: dict[str, Tree] = {}
    for path in options.mask:
        mask = read_mask(path)
        trees[path.name] = build_tree(mask, root_lps_mm=superior_end(mask))
    results = {name: evaluate_tree(tree) for name, tree in trees.items()}
    fitted = cross_fit(trees) if options.cross_fit else {}
    if options.json:
        json.dump({"default": results, "cross_fit": fitted}, sys.stdout, indent=1)
        return 0
    for name, result in results.items():
        sys.stdout.write(f"== {name}\n{_table(result)}\n")
    for name, part in fitted.items():
        for other, result in part["judged_on"].items():
            sys.stdout.write(f"== fitted on {name} {part['parameters']}, judged on {other}\n{_table(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
