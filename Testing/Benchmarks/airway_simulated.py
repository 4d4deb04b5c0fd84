"""ATM'22 scores of the classical engine on CTs simulated around real airway masks (0.7 mm, 25 HU noise).

What is scored is the airway of the whole pipeline's result: what the user gets, after false branches were cut.

    python Testing/Benchmarks/airway_simulated.py [--data DIR] [--json] [CASE ...]

Cases: atm22_224, atm22_305, lidc_patient1, lidc_patient2, lidc_patient3. The masks are development data beside the checkout.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LungAirwayLib.pipeline import AirwayOptions, run
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.simulate import simulate_ct
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap

CASES = ("atm22_305", "lidc_patient1", "lidc_patient2", "lidc_patient3")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def read_mask(path: Path) -> LabelMap:
    """Read a mask with its place in LPS mm."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return LabelMap((sitk.GetArrayFromImage(image) > 0).astype(np.uint8), affine)


def run_case(name: str, folder: Path) -> dict[str, float | str]:
    """Simulate, run and score one case."""
    if name.startswith("atm22"):
        simulated = simulate_ct(read_mask(folder / f"{name}_top5_majority.nii.gz"), scanner=Scanner())
    else:
        case = folder / name
        simulated = simulate_ct(
            read_mask(case / "bronchialTree.nii.gz"),
            scanner=Scanner(),
            vessels=read_mask(case / "vessels.nii.gz"),
            lungs=read_mask(case / "pleuralBoundary.nii.gz"),
        )
    progress = Progress()
    result = run(simulated.volume, AirwayOptions(engine="classical"), progress)
    scores = evaluate_airway(result.airway, simulated.airway_truth)
    flagged = sum(bool(branch.flags) for branch in result.tree)
    return {
        "case": name,
        "seconds": sum(step.seconds for step in progress.records),
        "branches": len(result.tree),
        "flagged": flagged,
        **scores.as_dict(),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.json:
        print(json.dumps([run_case(name, options.data / "airway_masks") for name in (options.cases or CASES)], indent=1))
        return
    print(
        f"{'case':<14} {'TD %':>6} {'BD %':>6} {'DSC %':>6} {'prec %':>6} {'leak %':>6} {'loops':>5} "
        f"{'pieces':>6} {'flagged':>9} {'s':>6}"
    )
    for name in options.cases or CASES:
        row = run_case(name, options.data / "airway_masks")
        print(
            f"{row['case']:<14} {row['tree_length_detected']:6.1f} {row['branches_detected']:6.1f} {row['dice']:6.1f} "
            f"{row['precision']:6.1f} {row['leakage']:6.1f} {row['loops']:5} {row['components']:6} "
            f"{row['flagged']:4}/{row['branches']:4} {row['seconds']:6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
