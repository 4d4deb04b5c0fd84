"""The classical engine on two real chest CTs beside the trees that the ATM'22 baseline network finds (a peer, not the truth).

What is compared is the airway of the whole pipeline's result, after false branches were cut.

python Testing/Benchmarks/airway_real.py [--data DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LungAirwayLib.pipeline import AirwayOptions, run
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap, Volume

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "chest_ct"
CASES = {
    "RICORD": ("ricord_1a_001012_dicom", "peer_airway_ricord.nii.gz"),
    "LIDC-0314": ("lidc_idri_0314_1.0mm.nii.gz", "peer_airway_lidc0314.nii.gz"),
}


def affine_of(image: sitk.Image) -> np.ndarray:
    """Return the affine from (i, j, k) to LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def read_ct(path: Path) -> Volume:
    """Read a CT from a DICOM folder or an image file."""
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    return Volume(sitk.GetArrayFromImage(image).astype(np.int16), affine_of(image))


def run_case(name: str, folder: Path) -> dict[str, object]:
    """Segment one CT and compare it with the peer's tree."""
    ct, peer_file = (folder / part for part in CASES[name])
    volume = read_ct(ct)
    peer_array = (sitk.GetArrayFromImage(sitk.ReadImage(str(peer_file))) > 0).astype(np.uint8)
    progress = Progress()
    result = run(volume, AirwayOptions(engine="classical"), progress)
    scores = evaluate_airway(result.airway, LabelMap(peer_array, volume.affine_ijk_to_lps))
    return {
        "case": name,
        "engine": result.engine.detail,
        "branches": len(result.tree),
        "flagged": {branch.id: sorted(branch.flags) for branch in result.tree if branch.flags},
        "peer_length_covered": scores.tree_length_detected_mm_share,
        "peer_length_mm": scores.reference_length_mm,
        "own_length_mm": scores.prediction_length_mm,
        "own_volume_ml": scores.prediction_volume_ml,
        "components": scores.components,
        "loops": scores.loops,
        "steps": [(step.name, round(step.seconds, 1), round(step.peak_memory_mb)) for step in progress.records],
        "seconds": sum(step.seconds for step in progress.records),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [run_case(name, options.data) for name in CASES]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{'case':<10} {'covers %':>8} {'peer mm':>8} {'own mm':>8} {'ml':>6} {'pieces':>6} {'loops':>5} "
        f"{'flagged':>9} {'s':>6}  steps"
    )
    for row in rows:
        print(
            f"{row['case']:<10} {row['peer_length_covered']:8.1f} {row['peer_length_mm']:8.0f} {row['own_length_mm']:8.0f} "
            f"{row['own_volume_ml']:6.1f} {row['components']:6} {row['loops']:5} {len(row['flagged']):4}/{row['branches']:4} "
            f"{row['seconds']:6.1f}  {row['steps']}"
        )


if __name__ == "__main__":
    main()
