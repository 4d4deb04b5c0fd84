"""Lobes of a CT end to end (airway, tree, names, lobes) against given lobe labels.

Usage: python Testing/Benchmarks/lobes.py CT LABELS --values RUL RML RLL LUL LLL [--json]

``--values`` are the values of the five lobes in LABELS, in that order. No truth is used on the way.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LungAirwayLib.constants import LOBE_CODES
from LungAirwayLib.labels import label_tree
from LungAirwayLib.lobes import segment_lobes_with_notes
from LungAirwayLib.segment import SegmentOptions, segment_airway
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.volume import Volume


def read(path: Path) -> Volume:
    """Read an image with its affine in LPS."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("ct", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--values", type=int, nargs=5, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    volume, labels = read(options.ct), read(options.labels)
    found = segment_airway(volume, SegmentOptions(engine="classical"), Progress())
    tree = label_tree(build_tree(found.airway, root_lps_mm=found.root_lps_mm))
    start = time.perf_counter()
    lobes = segment_lobes_with_notes(volume, found.lungs, tree, found.vessels)
    seconds = time.perf_counter() - start
    rows = {}
    for (value, code), true_value in zip(LOBE_CODES.items(), options.values, strict=True):
        one, two = lobes.lobes.array_kji == value, labels.array_kji == true_value
        rows[code] = 2.0 * np.count_nonzero(one & two) / max(np.count_nonzero(one) + np.count_nonzero(two), 1)
    mean = float(np.mean(list(rows.values())))
    if options.json:
        sys.stdout.write(json.dumps({"dice": rows, "mean": mean, "seconds": seconds, "branches": len(tree)}) + "\n")
        return 0
    for code, dice in rows.items():
        sys.stdout.write(f"{code}  Dice {dice:.3f}\n")
    sys.stdout.write(f"mean Dice {mean:.3f}  lobes in {seconds:.1f} s  tree of {len(tree)} branches\n")
    sys.stdout.writelines(f"note: {note}\n" for note in lobes.notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
