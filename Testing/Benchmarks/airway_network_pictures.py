"""Pictures of every branch that the network adds on a real chest CT, to be looked at one by one.

    python Testing/Benchmarks/airway_network_pictures.py --saved DIR --out DIR [--data DIR] [CASE ...]

DIR of --saved is what ``airway_network_real.py --save DIR`` wrote. A branch is added where at least 60 % of its middle line lies
more than a voxel outside what the classical engine found, over 3 mm or more. Each has a row: the view of a bronchoscope at the
place where it begins (its surface is the mask's; the yellow line leads into it), the coronal cut through its middle (the mask
outlined), the plane along the branch, and the plane across it, both without the outline so that the lumen can be seen. The
sheets show patients: never put them into the repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from airway_network_real import branch_contrast_hu
from airway_real import CASES, DATA, read_ct
from scipy import ndimage

from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.render.camera_pose import CameraPose, project
from SenseCarePlanningLib.render.endoluminal import FIELD_OF_VIEW_DEG, EndoluminalView
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.overlay import Shapes, draw_text, save_png
from SenseCarePlanningLib.render.slice_picture import (
    Curve,
    Outline,
    Plane,
    SliceOptions,
    oblique_plane,
    slice_picture,
    standard_plane,
)
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.radius import RadiusOptions, measure_sections
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

ADDED_SHARE, SHORTEST_MM = 0.6, 3.0
SIDE = 230
ROWS = 8
BACK_MM = 5.0
YELLOW = (255, 220, 40)


def added_branches(tree: Tree, classical: LabelMap) -> list[Branch]:
    """Return the branches that lie outside the classical engine's airway."""
    near = ndimage.binary_dilation(classical.mask(), structure=np.ones((3, 3, 3)))
    found = []
    for branch in tree:
        at = np.rint(classical.grid.kji_from_lps(branch.points_lps_mm)).astype(int)
        at = np.clip(at, 0, np.array(near.shape) - 1)
        if branch.length_mm >= SHORTEST_MM and np.mean(~near[tuple(at.T)]) >= ADDED_SHARE:
            found.append(branch)
    return found


def from_inside(view: EndoluminalView, tree: Tree, branch: Branch) -> np.ndarray:
    """Return the bronchoscope's picture from the parent towards where a branch begins, its middle line drawn in."""
    parent = None if branch.parent_id is None else tree[branch.parent_id]
    line = branch.points_lps_mm
    if parent is not None:
        behind = parent.arc_mm[-1] - parent.arc_mm <= BACK_MM
        line = np.concatenate([parent.points_lps_mm[behind], line])
    ahead = branch.points_lps_mm[min(len(branch.points_lps_mm) - 1, 4)]
    forward = ahead - line[0]
    up = np.array([0.0, -1.0, 0.0]) if abs(unit(forward)[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
    pose = CameraPose(line[0], ahead, up)
    image = np.ascontiguousarray(view.frame(pose))
    pixels, _ = project(pose, branch.points_lps_mm, view.size, FIELD_OF_VIEW_DEG)
    shapes = Shapes()
    shown = pixels[np.isfinite(pixels).all(axis=1)]
    if len(shown) > 1:
        shapes.line(np.clip(shown, -50.0, view.size + 50.0), (*YELLOW, 255), 1.5)
    shapes.draw(image)
    return image


def row_of(view: EndoluminalView, tree: Tree, branch: Branch, volume: Volume, mask: LabelMap, contrast_hu: float) -> np.ndarray:
    """Return the four pictures of a branch beside each other, its numbers on the first."""
    points = branch.points_lps_mm
    middle, tangent = points[len(points) // 2], unit(points[-1] - points[0])
    coronal = standard_plane("coronal", middle, 44.0)
    along = oblique_plane(points[0], points[-1], np.array([1.0, 0.0, 0.0]), max(32.0, 1.6 * branch.length_mm))
    right = unit(np.cross(tangent, np.array([0.0, 1.0, 0.0]) if abs(tangent[1]) < 0.9 else np.array([1.0, 0.0, 0.0])))
    across = Plane(middle, right, np.cross(tangent, right), 18.0, 18.0)
    outlined = SliceOptions(SIDE, outlines=(Outline(mask, (), (60, 220, 120), 1.0),), cross_lps_mm=middle)
    lined = SliceOptions(SIDE, curves=(Curve(points, YELLOW, 1.0, dashed=True),))
    parts = [
        from_inside(view, tree, branch),
        slice_picture(volume, coronal, outlined),
        slice_picture(volume, along, lined),
        slice_picture(volume, across, SliceOptions(SIDE)),
    ]
    row = np.concatenate([part[:SIDE, :SIDE] for part in parts], axis=1)
    about = f"generation {branch.generation}, {branch.length_mm:.0f} mm, {branch.diameter_mm:.1f} mm wide, {contrast_hu:.0f} HU"
    draw_text(row, f"{branch.id}: {about}", 4, 4, 13)
    return row


def run_case(name: str, options: argparse.Namespace) -> None:
    """Write the sheets of one CT."""
    volume = read_ct(options.data / CASES[name][0])
    with np.load(options.saved / f"{name}.npz") as stored:
        united, classical = (LabelMap(stored[key], volume.affine_ijk_to_lps, {1: "airway"}) for key in ("united", "classical"))
    tree = build_tree(united)
    sections = measure_sections(tree, volume, united, RadiusOptions(rays=16))
    added = sorted(added_branches(tree, classical), key=lambda branch: -branch.length_mm)
    view = EndoluminalView(lumen_surface(united, tree=tree), size=SIDE, many=False)
    print(f"{name}: {len(added)} branches, {sum(branch.length_mm for branch in added):.0f} mm")
    for first in range(0, len(added), ROWS):
        rows = [
            row_of(view, tree, branch, volume, united, branch_contrast_hu(branch, sections[branch.id]))
            for branch in added[first : first + ROWS]
        ]
        save_png(np.concatenate(rows), options.out / f"{name}_{first // ROWS:02d}.png")
    view.close()


def main() -> None:
    """Make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--saved", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.cases or CASES:
        run_case(name, options)


if __name__ == "__main__":
    main()
