"""Does the fly-through stay in the lumen and keep its roll? Routes to tips of generation 4 and more in 20 trees.

Real airway masks (where the development data lie beside the checkout) and digital patients whose airways are painted
without a simulated CT. Where a tree has more tips than ``--routes``, that many are taken evenly over the list of tips.

Roll is not asked of the path: it is the twist part (swing-twist decomposition) of the rotation between the pictures' own
axes, of each step and within every 0.5 mm of the way. The steps are counted where the path's own limit on roll acts; the
routes where it acts are planned again without it, so "before" is the roll that would be seen if nothing held it back. A
sample is outside when its voxel is no lumen, or when it is not enclosed by the drawn triangles.
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

from scipy.spatial.transform import Rotation
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkFiltersModeling import vtkSelectEnclosedPoints

from LungAirwayLib.camera_path import CameraOptions, CameraPath, camera_path
from LungAirwayLib.plan import Route
from SenseCarePlanningLib.geometry import FloatArray, resample_polyline
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax
from SenseCarePlanningLib.render.lumen_field import LumenField
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.meshes import polydata_from_surface
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

ROOT = Path(__file__).resolve().parents[2]
FIRST_GENERATION = 4
LARGEST_ROLL_DEG = 20.0
WITHIN_MM = 0.5
UNLIMITED = CameraOptions(settle_deg_per_mm=1e6)
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
PHANTOM_SPACING_MM, PHANTOM_GENERATIONS = 0.8, 9


@dataclass(frozen=True)
class Row:
    """What was found on one tree: angles in degrees, samples that lie outside, and the depth of the worst one in mm."""

    name: str
    branches: int
    tips: int
    routes: int
    samples: int
    worst_roll_deg: float
    worst_roll_before_limit_deg: float
    limit_acts: int
    worst_turn_deg: float
    longest_step_mm: float
    outside_mask: int
    outside_mesh: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing exceeds the limits."""
        return self.worst_roll_deg <= LARGEST_ROLL_DEG and not (self.outside_mask or self.outside_mesh)


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
        mask = painted(make_thorax(ThoraxOptions(seed=seed, generations=PHANTOM_GENERATIONS, nodules=())).tree)
        yield f"digital patient {seed}", mask, build_tree(mask)


def roll_steps_deg(path: CameraPath) -> FloatArray:
    """Return the twist (N - 1,) about the view of each step, from the pictures' axes alone."""
    right = np.cross(path.forward, path.up)
    axes = np.stack([right, np.cross(right, path.forward), path.forward], axis=1)
    turns = Rotation.from_matrix(np.einsum("nij,nik->njk", axes[1:], axes[:-1]))
    quaternion = turns.as_quat()
    along = np.einsum("ij,ij->i", quaternion[:, :3], axes[:-1, 2])
    twist = np.degrees(2.0 * np.arctan2(along, quaternion[:, 3]))
    return np.asarray((twist + 180.0) % 360.0 - 180.0)


def worst_roll_deg(path: CameraPath) -> float:
    """Return the largest roll of one step or within any half millimetre of the way."""
    steps = roll_steps_deg(path)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    ahead = np.interp(path.arc_mm + WITHIN_MM, path.arc_mm, total) - total
    behind = total - np.interp(path.arc_mm - WITHIN_MM, path.arc_mm, total)
    return float(np.abs(np.concatenate([steps, ahead, behind])).max())


def not_enclosed(surface: Surface, points: FloatArray) -> int:
    """Count the points (N, 3) outside the closed triangles."""
    places = vtkPoints()
    places.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    cloud = vtkPolyData()
    cloud.SetPoints(places)
    enclosed = vtkSelectEnclosedPoints()
    enclosed.SetSurfaceData(polydata_from_surface(surface))
    enclosed.SetInputData(cloud)
    enclosed.SetTolerance(1e-6)
    enclosed.Update()
    return int(np.count_nonzero(vtk_to_numpy(enclosed.GetOutput().GetPointData().GetArray("SelectedPoints")) == 0))


def measure(name: str, mask: LabelMap, tree: Tree, most_routes: int) -> Row:
    start = time.perf_counter()
    field = LumenField.of(mask, tree=tree)
    tips = [tip for tip in tree.tips if tip.generation >= FIRST_GENERATION]
    chosen = np.unique(np.linspace(0, len(tips) - 1, min(most_routes, len(tips))).round().astype(int)) if tips else []
    paths, rolls, before_limit, acts = [], [], [], 0
    limit = CameraOptions().settle_deg_per_mm * CameraOptions().step_mm
    for number in chosen:
        points, radii, _ = tree.path_points(tips[number].id)
        route = Route(1, tree.path_to(tips[number].id), points, radii, points[-1], 0.0, 0.0, 0.0, 1.0, "to the tip")
        path = camera_path(route, tree, field)
        paths.append(path)
        held = int(np.count_nonzero(np.abs(path.roll_step_deg) > limit - 1e-6))
        acts += held
        rolls.append(worst_roll_deg(path))
        before_limit.append(worst_roll_deg(camera_path(route, tree, field, options=UNLIMITED)) if held else rolls[-1])
    samples = sum(len(path) for path in paths)
    cosines = [np.einsum("ij,ij->i", path.forward[1:], path.forward[:-1]) for path in paths]
    places = np.unique(np.concatenate([path.positions_lps_mm for path in paths]), axis=0)
    return Row(
        name=name,
        branches=len(tree),
        tips=len(tips),
        routes=len(paths),
        samples=samples,
        worst_roll_deg=max(rolls),
        worst_roll_before_limit_deg=max(before_limit),
        limit_acts=acts,
        worst_turn_deg=float(np.degrees(np.arccos(np.clip(np.concatenate(cosines), -1.0, 1.0))).max()),
        longest_step_mm=max(float(np.diff(path.arc_mm).max()) for path in paths),
        outside_mask=int(np.count_nonzero(~field.is_inside(places))),
        outside_mesh=not_enclosed(lumen_surface(mask, tree=tree), places),
        seconds=time.perf_counter() - start,
    )


def told(row: Row) -> str:
    return (
        f"{row.name:42s} {row.tips:4d} {row.routes:6d} {row.samples:7d} {row.worst_roll_deg:6.1f} "
        f"{row.worst_roll_before_limit_deg:7.1f} {row.limit_acts:6d} {row.worst_turn_deg:6.1f} {row.longest_step_mm:6.2f} "
        f"{row.outside_mask:6d} {row.outside_mesh:6d} {row.seconds:6.1f}  "
        f"{'holds' if row.holds else 'EXCEEDS'}"
    )


HEADING = (
    f"{'tree':42s} {'tips':>4s} {'routes':>6s} {'samples':>7s} {'roll':>6s} {'before':>7s} {'acts':>6s} {'turn':>6s} "
    f"{'step':>6s} {'mask':>6s} {'mesh':>6s} {'s':>6s}"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=20)
    parser.add_argument("--routes", type=int, default=40, help="most routes per tree")
    parser.add_argument("--phantoms-only", action="store_true")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    print(HEADING, file=sys.stderr if chosen.json else sys.stdout, flush=True)
    for name, mask, tree in trees(chosen.trees, chosen.data, chosen.phantoms_only):
        rows.append(measure(name, mask, tree, chosen.routes))
        print(told(rows[-1]), file=sys.stderr if chosen.json else sys.stdout, flush=True)
    if chosen.json:
        print(json.dumps([{**asdict(row), "holds": row.holds} for row in rows], indent=1))
    elif rows:
        print(
            f"{len(rows)} trees, {sum(row.routes for row in rows)} routes: worst roll "
            f"{max(row.worst_roll_deg for row in rows):.1f} deg per 0.5 mm (limit {LARGEST_ROLL_DEG:.0f}; before the roll is "
            f"held back {max(row.worst_roll_before_limit_deg for row in rows):.1f}), samples outside the mask "
            f"{sum(row.outside_mask for row in rows)}, the triangles {sum(row.outside_mesh for row in rows)}"
        )
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
