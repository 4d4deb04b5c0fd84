"""Chambers and great vessels of random digital hearts against their truth: Dice of each, found without a click.

The digital heart is drawn from the template that the segmentation's average heart is made of, turned, stretched and roughened:
these numbers say that nothing is broken, not how well real hearts are drawn. ``--cache`` shares the scans of
``coronary_centreline.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_centreline import TRUE_LABELS, heart_of

from CardiacCTALib.aorta_course import far_aorta
from CardiacCTALib.atlas_fit import fit_heart
from CardiacCTALib.chambers import find_chambers
from CardiacCTALib.heart_region import find_heart
from CardiacCTALib.segment import label_map
from CardiacCTALib.structures import AORTA, FAR_AORTA, HEART_NAMES
from SenseCarePlanningLib.volume import Volume


def scores(volume: Volume, tissue: np.ndarray) -> dict[str, float]:
    """Return the Dice of each structure; the aorta's with arch and descending part."""
    region = find_heart(volume)
    fit = fit_heart(region)
    chambers = find_chambers(region.axes.apply(volume.array_kji), region.axes.spacing_mm(volume.grid), region, fit)
    found = label_map(volume, region, chambers, far_aorta(region, region.axes.apply(volume.array_kji).shape)).array_kji
    result = {}
    for label, true in TRUE_LABELS.items():
        ours = np.isin(found, (AORTA, FAR_AORTA)) if label == AORTA else found == label
        theirs = tissue == true
        result[HEART_NAMES[label]] = float(2 * (ours & theirs).sum() / max(int(ours.sum() + theirs.sum()), 1))
    return result


def main() -> None:
    """Print one line a heart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[110, 111, 112])
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    for seed in options.seeds:
        volume, _, tissue = heart_of(seed, False, options.cache)
        started = time.process_time()
        found = scores(volume, tissue)
        print(f"{seed} ({time.process_time() - started:.0f} CPU s)", *(f"{name} {value:.3f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
