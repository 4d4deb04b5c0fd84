"""Does the fly-through stay in the lumen and keep its roll? Every route to every tip of generation 4 and more, 20 trees.

Real airway masks (where the development data lie beside the checkout) and digital patients. For every route: the largest
roll between samples half a millimetre apart, the largest turn of the view, and the samples whose voxel is not lumen or
that lie outside the drawn surface. Nothing may exceed 20 degrees of roll, and no sample may be outside.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "LungAirway"))

from LungAirwayLib.camera_path import camera_path
from LungAirwayLib.plan import Route
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax
from SenseCarePlanningLib.render.lumen_field import LumenField
from SenseCarePlanningLib.render.smooth_lumen import smooth_lumen
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

ROOT = Path(__file__).resolve().parents[2]
FIRST_GENERATION = 4
LARGEST_ROLL_DEG = 20.0
MASKS = (
    "airway_masks/atm22_224_top5_majority.nii.gz",
    "airway_masks/atm22_305_top5_majority.nii.gz",
    "airway_masks/lidc_patient1/bronchialTree.nii.gz",
    "airway_masks/lidc_patient2/bronchialTree.nii.gz",
    "airway_masks/lidc_patient3/bronchialTree.nii.gz",
    "airway_masks/lobes_patient3/BronchialTree.nii.gz",
    "chest_ct/peer_airway_ricord.nii.gz",
    "chest_ct/peer_airway_lidc0314.nii.gz",
)
PHANTOM_SPACING_MM = 0.7


@dataclass(frozen=True)
class Row:
    """What was found on one tree."""

    name: str
    branches: int
    routes: int
    samples: int
    worst_roll_deg: float
    worst_turn_deg: float
    outside_mask: int
    outside_surface: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing exceeds the limits."""
        return self.worst_roll_deg <= LARGEST_ROLL_DEG and self.outside_mask == 0 and self.outside_surface == 0


def read_mask(path: Path) -> LabelMap:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return LabelMap((sitk.GetArrayFromImage(image) > 0).astype(np.uint8), affine)


def painted(tree: Tree) -> LabelMap:
    """Return the lumen of a tree of exact tubes, voxels whose centre lies in a tube."""
    spacing = PHANTOM_SPACING_MM
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    low = points.min(axis=0) - 15.0
    shape = np.ceil((points.max(axis=0) + 15.0 - low) / spacing).astype(int)
    array = np.zeros(shape[::-1], dtype=np.uint8)
    for branch in tree:
        samples = resample_polyline(branch.points_lps_mm, 0.4)
        radii = np.interp(np.linspace(0.0, branch.length_mm, len(samples)), branch.arc_mm, branch.radius_mm)
        for centre, radius in zip((samples - low) / spacing, np.maximum(radii / spacing, 0.75), strict=True):
            first = np.maximum(np.floor(centre - radius).astype(int), 0)
            last = np.minimum(np.ceil(centre + radius).astype(int) + 1, shape)
            x, y, z = (np.arange(first[axis], last[axis]) - centre[axis] for axis in range(3))
            ball = x[None, None, :] ** 2 + y[None, :, None] ** 2 + z[:, None, None] ** 2 <= radius**2
            array[first[2] : last[2], first[1] : last[1], first[0] : last[0]] |= ball.astype(np.uint8)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low
    return LabelMap(array, affine)


def trees(count: int, data: Path, phantoms_only: bool) -> Iterator[tuple[str, LabelMap, Tree]]:
    """Yield real trees first, then digital patients, ``count`` in all."""
    made = 0
    for name in () if phantoms_only else MASKS:
        if made < count and (data / name).is_file():
            mask = read_mask(data / name)
            made += 1
            yield name, mask, build_tree(mask)
    for seed in range(count - made):
        mask = painted(make_thorax(ThoraxOptions(seed=seed, nodules=())).tree)
        yield f"digital patient {seed}", mask, build_tree(mask)


def measure(name: str, mask: LabelMap, tree: Tree) -> Row:
    start = time.perf_counter()
    field, surface = LumenField.of(mask, tree=tree), smooth_lumen(mask, tree=tree)
    routes = samples = outside_mask = outside_surface = 0
    roll = turn = 0.0
    for tip in tree.tips:
        if tip.generation < FIRST_GENERATION:
            continue
        points, radii, _ = tree.path_points(tip.id)
        route = Route(1, tree.path_to(tip.id), points, radii, points[-1], 0.0, 0.0, 0.0, 1.0, "to the tip")
        path = camera_path(route, tree, field)
        routes, samples = routes + 1, samples + len(path)
        roll = max(roll, float(np.abs(path.roll_step_deg).max()))
        cosines = np.einsum("ij,ij->i", path.forward[1:], path.forward[:-1])
        turn = max(turn, float(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).max()))
        outside_mask += int(np.count_nonzero(~field.is_inside(path.positions_lps_mm)))
        outside_surface += int(np.count_nonzero(surface.value_at(path.positions_lps_mm) <= 0))
    seconds = time.perf_counter() - start
    return Row(name, len(tree), routes, samples, roll, turn, outside_mask, outside_surface, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=20)
    parser.add_argument("--phantoms-only", action="store_true")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    for name, mask, tree in trees(chosen.trees, chosen.data, chosen.phantoms_only):
        row = measure(name, mask, tree)
        rows.append(row)
        if not chosen.json:
            print(
                f"{row.name:48s} {row.routes:4d} routes {row.samples:6d} samples  roll {row.worst_roll_deg:5.1f}  "
                f"turn {row.worst_turn_deg:5.1f} deg  outside mask {row.outside_mask}  surface {row.outside_surface}  "
                f"{row.seconds:5.1f} s  {'holds' if row.holds else 'EXCEEDS'}",
                flush=True,
            )
    if chosen.json:
        print(json.dumps([{**asdict(row), "holds": row.holds} for row in rows], indent=1))
    elif rows:
        print(
            f"{len(rows)} trees, {sum(row.routes for row in rows)} routes: worst roll "
            f"{max(row.worst_roll_deg for row in rows):.1f} deg per 0.5 mm (limit {LARGEST_ROLL_DEG:.0f}), outside the mask "
            f"{sum(row.outside_mask for row in rows)}, outside the surface {sum(row.outside_surface for row in rows)}"
        )
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
