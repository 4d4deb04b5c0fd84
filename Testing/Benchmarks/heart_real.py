"""Aorta, pulmonary artery and heart of a real arterial-phase CTA against its labels: Dice, found without a click.

Reads ``../shared/data/cta`` (a network's labels of an aorta with a stented dissection, partly thrombosed). The aorta is scored
from its root to the arch, with the share of the whole label that it is, and as a whole. The label "heart" is the whole
heart with its walls and the pulmonary trunk, without lung veins: the smoothed union is scored with and without the trunk.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))

from CardiacCTALib.segment import segment
from CardiacCTALib.structures import AORTA, CHAMBERS, FAR_AORTA, PULMONARY_ARTERY
from SenseCarePlanningLib.volume import Volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "cta"
WALL_MM, VEIN_MM = 3.0, 4.0
"""Half of the clefts closed and of the outgrowths opened before a whole heart is compared."""


def read(path: Path) -> Volume:
    """Read a NIfTI file."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), affine)


def placed(path: Path, on: Volume) -> np.ndarray:
    """Return a label of a crop on the grid of the scan it was cut from."""
    part = read(path)
    start = np.rint(on.grid.kji_from_lps(part.affine_ijk_to_lps[:3, 3])).astype(int)
    whole = np.zeros(on.array_kji.shape, dtype=bool)
    end = start + part.array_kji.shape
    whole[start[0] : end[0], start[1] : end[1], start[2] : end[2]] = part.array_kji > 0
    return whole


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Dice of two masks."""
    return float(2 * (first & second).sum() / max(int(first.sum() + second.sum()), 1))


def ascending(label: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, range]:
    """Return the piece of an aorta label that ``found`` touches, and the slices below the arch.

    The arch begins where the piece becomes twice as large as it is in the middle: ascending and descending aorta meet.
    """
    part = np.zeros_like(label)
    rows = np.flatnonzero(found.any(axis=(1, 2)) | label.any(axis=(1, 2)))
    for k in rows:
        pieces, _ = ndimage.label(label[k])
        touched = np.unique(pieces[found[k] & (pieces > 0)])
        part[k] = np.isin(pieces, touched[touched > 0])
    area = part.sum(axis=(1, 2))
    usual = float(np.median(area[area > 0]))
    seen = np.flatnonzero(area > 0)
    arch = seen[area[seen] > 2.0 * usual]
    first = int(min(np.flatnonzero(found.any(axis=(1, 2)))[0], seen[0]))
    return part, range(first, int(arch[0]) if len(arch) else int(seen[-1]) + 1)


def smoothed(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return a mask with clefts closed (walls between cavities) and thin outgrowths (lung veins) opened."""
    near = ndimage.distance_transform_edt(~mask, sampling=spacing) <= WALL_MM
    closed = mask | (ndimage.distance_transform_edt(near, sampling=spacing) > WALL_MM)
    core = ndimage.distance_transform_edt(closed, sampling=spacing) > VEIN_MM
    return closed & (ndimage.distance_transform_edt(~core, sampling=spacing) <= VEIN_MM)


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--save", type=Path, help="keep the labels here (never in the repository)")
    options = parser.parse_args()
    data = options.data
    volume = read(data / "thorax_cta_1p5mm.nii.gz")
    started = time.process_time()
    found = segment(volume)
    if options.save is not None:
        np.savez(options.save, labels=found.heart_labels, lines=np.concatenate([b.points_lps_mm for t in found.trees for b in t]))
    print(f"{time.process_time() - started:.1f} CPU s; engine {found.engine.detail}; remarks {list(found.remarks)}")
    print("trees", [(len(tree), round(tree.total_length_mm)) for tree in found.trees])
    spacing = volume.grid.spacing_kji_mm
    aorta = placed(data / "aorta_models" / "aorta.nii.gz", volume)
    ours = found.heart_labels == AORTA
    part, rows = ascending(aorta, ours)
    low, high = rows.start, rows.stop
    share = part[low:high].sum() / aorta.sum()
    print(f"aorta, root to arch: Dice {dice(ours[low:high], part[low:high]):.3f}; that part is {share:.2f} of the label")
    everywhere = ours | (found.heart_labels == FAR_AORTA)
    print(f"aorta with arch and descending part, all of the label: Dice {dice(everywhere, aorta):.3f}")
    heart = placed(data / "pulmonary_models" / "heart.nii.gz", volume)
    for name, labels in (("chambers", CHAMBERS), ("chambers and pulmonary artery", (*CHAMBERS, PULMONARY_ARTERY))):
        union = np.isin(found.heart_labels, labels)
        whole = smoothed(union, spacing) & ~ours
        print(f"whole heart as {name}: Dice {dice(whole, heart):.3f} (as they are {dice(union, heart):.3f})")
    artery = placed(data / "pulmonary_models" / "pulmonary_artery.nii.gz", volume)
    print(f"pulmonary artery: Dice {dice(found.heart_labels == PULMONARY_ARTERY, artery):.3f}")


if __name__ == "__main__":
    main()
