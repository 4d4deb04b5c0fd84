"""What the topology term and the real texture are worth: short trainings from one start, judged on patches of held-out trees.

    python Testing/Benchmarks/airway_ablation.py --bank DIR --out DIR [--start-from BUNDLE] [--steps N] [--patches N] [--bf16]

Every variant sees the same batches in the same order (the same seed) as far as its cases allow, and ends after the same steps.
DIR of --bank is what `./run train airway` makes. The patches lie about the small airways of CTs simulated around atm22_305 and
lidc_patient3 (0.7 mm, 25 HU), which no training sees. Printed are the best overlap over all thresholds, and at the threshold
where precision is 90 %: recall of the lumen's voxels and of its skeleton (in percent).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from airway_network import CASES, simulated
from airway_simulated import DATA

from LungAirwayLib.training.bank import LUMEN, LUNG, with_skeleton
from LungAirwayLib.training.task import AIRWAY
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import SKELETON, TrainingCase
from SenseCarePlanningLib.training.checkpoint import load_checkpoint
from SenseCarePlanningLib.training.loop import TrainingOptions, train
from SenseCarePlanningLib.training.losses import LossOptions
from SenseCarePlanningLib.training.network import FILTERS, make_network
from SenseCarePlanningLib.training.sampling import SamplingOptions, draw_batch
from SenseCarePlanningLib.volume import bounding_box

THRESHOLDS = np.concatenate([np.linspace(0.05, 0.95, 19), [0.97, 0.98, 0.99, 0.995, 0.998]])


def held_out(name: str, folder: Path, cache: Path | None) -> TrainingCase:
    """Return a held-out CT about its airway, in memory only."""
    volume, truth = simulated(name, folder, Scanner(), cache)
    lumen = truth.mask()
    box = bounding_box(lumen, (8, 8, 8))
    marked, points = with_skeleton(lumen[box].astype(np.uint8) * np.uint8(LUMEN) | np.uint8(LUNG), 0)
    small = {"small": points["small"]}
    return TrainingCase(name, "mask", volume.array_kji[box].astype(np.int16), marked, small)


def scores(network: Any, cases: tuple[TrainingCase, ...], patches: int) -> tuple[float, float, float]:
    """Return best overlap, and recall of voxels and skeleton where precision is 90 % (in percent)."""
    import torch

    counts = np.zeros((len(THRESHOLDS), 3))
    lumen_total = middle_total = 0
    network.eval()
    for number in range(patches):
        image, labels = draw_batch(AIRWAY, cases, SamplingOptions(64, 1, augment=False), 77, number)
        with torch.inference_mode():
            chance = torch.sigmoid(network(torch.from_numpy(image))[0, 0]).numpy()
        lumen, middle = (labels[0] & LUMEN) > 0, (labels[0] & SKELETON) > 0
        lumen_total, middle_total = lumen_total + int(lumen.sum()), middle_total + int(middle.sum())
        for row, least in enumerate(THRESHOLDS):
            own = chance >= least
            counts[row] += (own.sum(), (own & lumen).sum(), (own & middle).sum())
    found, right, middles = counts.T
    overlap = 200.0 * right / np.maximum(found + lumen_total, 1)
    at = int(np.argmin(np.abs(right / np.maximum(found, 1) - 0.9)))
    return float(overlap.max()), float(100.0 * right[at] / lumen_total), float(100.0 * middles[at] / middle_total)


def main() -> None:
    """Train and judge the variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--patches", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    start = None if options.start_from is None else str(options.start_from)
    common: dict[str, Any] = {
        "steps": options.steps, "threads": 1, "bf16": options.bf16, "learning_rate": options.rate, "start_from": start,
    }  # fmt: skip
    variants = {
        "all": TrainingOptions(**common),
        "no topology term": TrainingOptions(**common, loss=LossOptions(topology=0.0)),
        "no real texture": TrainingOptions(**common, real=False),
    }
    cases = tuple(held_out(name, options.data / "airway_masks", options.cache) for name in CASES)
    print(f"{'variant':<18} {'best DSC':>8} {'recall':>7} {'skeleton':>8}   (at 90 % precision)")
    for name, variant in variants.items():
        path = train(AIRWAY, options.bank, options.out / name.replace(" ", "_"), variant, Progress())
        network = make_network(FILTERS, len(AIRWAY.targets), 0)
        network.load_state_dict(load_checkpoint(path)["model"])
        overlap, recall, middle = scores(network, cases, options.patches)
        print(f"{name:<18} {overlap:8.1f} {recall:7.1f} {middle:8.1f}", flush=True)


if __name__ == "__main__":
    main()
