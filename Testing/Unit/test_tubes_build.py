"""Masks of known geometry become the trees they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.ndimage import binary_dilation

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.graph import SPUR_BEYOND_RADII, Segment, SkeletonGraph, beyond_mm, prune_spurs, spur_limit_mm
from SenseCarePlanningLib.tubes.tree import BranchFlag, Bridge, Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ISOTROPIC = np.diag([0.7, 0.7, 0.7, 1.0])

Tube = tuple[ArrayLike, ArrayLike, float]


def rotation(axis: ArrayLike, angle_deg: float) -> np.ndarray:
    unit = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    cross = np.array([[0, -unit[2], unit[1]], [unit[2], 0, -unit[0]], [-unit[1], unit[0], 0]])
    angle = np.radians(angle_deg)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def mask_of(tubes: list[Tube], affine: np.ndarray = ISOTROPIC, margin: float = 4.0) -> LabelMap:
    """Rasterise round-ended tubes (start, stop, radius), given in LPS mm, on a grid with the axes of ``affine``."""
    ends = np.array([point for start, stop, _ in tubes for point in (start, stop)], dtype=float)
    reach = max(radius for _, _, radius in tubes) + margin
    index = (ends @ np.linalg.inv(affine[:3, :3]).T).reshape(-1, 3)
    pad = reach / np.linalg.norm(affine[:3, :3], axis=0)
    low, high = np.floor(index.min(axis=0) - pad), np.ceil(index.max(axis=0) + pad)
    placed = affine.copy()
    placed[:3, 3] = affine[:3, :3] @ low
    shape = (high - low).astype(int) + 1
    grid = Grid((int(shape[2]), int(shape[1]), int(shape[0])), placed)
    inside = np.zeros(grid.shape_kji, dtype=bool)
    for start, stop, radius in tubes:
        first, last = np.asarray(start, dtype=float), np.asarray(stop, dtype=float)
        axis = last - first
        both = grid.kji_from_lps([first, last])
        away = 2.0 * radius / np.linalg.norm(affine[:3, :3], axis=0)[::-1] + 2.0
        below = np.maximum(np.floor(both.min(axis=0) - away), 0).astype(int)
        above = np.minimum(np.ceil(both.max(axis=0) + away).astype(int) + 1, grid.shape_kji)
        box = tuple(slice(low, high) for low, high in zip(below, above, strict=True))
        places = grid.lps_from_kji(np.indices(inside[box].shape).reshape(3, -1).T + below)
        share = np.clip((places - first) @ axis / (axis @ axis), 0.0, 1.0)
        near = np.linalg.norm(places - first - share[:, None] * axis, axis=1) <= radius
        inside[box] |= near.reshape(inside[box].shape)
    return LabelMap(inside.astype(np.uint8), placed)


def at(length: float, angle_deg: float, plane: str = "x") -> np.ndarray:
    """Return a vector of ``length`` that leaves straight down by an angle towards left (x) or back (y)."""
    side = np.sin(np.radians(angle_deg)) * length
    down = -np.cos(np.radians(angle_deg)) * length
    return np.array([side, 0.0, down]) if plane == "x" else np.array([0.0, side, down])


Y_TUBES: list[Tube] = [
    ([0, 0, 40], [0, 0, 0], 5.0),
    ([0, 0, 0], at(30, 35), 3.5),
    ([0, 0, 0], at(30, -35), 3.0),
]


def inside_share(tree: Tree, mask: LabelMap) -> float:
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    index = np.rint(mask.grid.kji_from_lps(points)).astype(int)
    return float((mask.array_kji[tuple(index.T)] > 0).mean())


def test_an_analytic_y_gives_three_branches_with_its_lengths_radii_and_angle() -> None:
    mask = mask_of(Y_TUBES)
    tree = build_tree(mask, root_lps_mm=[0, 0, 45])
    assert len(tree) == 3
    assert len(tree.tips) == 2
    assert tree.loops_removed == ()
    left, right = sorted(tree.children(tree.root_id), key=lambda branch: -branch.points_lps_mm[-1, 0])
    assert tree.root.diameter_mm / 2 == pytest.approx(5.0, abs=0.35)
    assert left.diameter_mm / 2 == pytest.approx(3.5, abs=0.35)
    assert right.diameter_mm / 2 == pytest.approx(3.0, abs=0.35)
    opening = np.degrees(np.arccos(np.dot(left.direction, right.direction)))
    assert opening == pytest.approx(70.0, abs=6.0)
    assert inside_share(tree, mask) == 1.0


def test_tips_and_root_reach_the_ends_of_the_lumen() -> None:
    tree = build_tree(mask_of(Y_TUBES), root_lps_mm=[0, 0, 45])
    assert np.linalg.norm(tree.root.points_lps_mm[0] - [0, 0, 45.0]) < 1.5
    for branch, (_, stop, radius) in zip(sorted(tree.tips, key=lambda one: -one.points_lps_mm[-1, 0]), Y_TUBES[1:], strict=True):
        end = np.asarray(stop) * (1 + radius / 30.0)
        assert np.linalg.norm(branch.points_lps_mm[-1] - end) < 1.5


def test_children_start_where_their_parent_ends() -> None:
    tree = build_tree(mask_of(Y_TUBES))
    for branch in tree:
        for child in tree.children(branch.id):
            np.testing.assert_array_equal(child.points_lps_mm[0], branch.points_lps_mm[-1])
            assert child.parent_id == branch.id


def test_the_widest_end_is_the_root_unless_one_is_named() -> None:
    mask = mask_of(Y_TUBES)
    assert build_tree(mask).root.points_lps_mm[0, 2] > 35
    tip = np.asarray(Y_TUBES[2][1])
    named = build_tree(mask, root_lps_mm=tip)
    assert np.linalg.norm(named.root.points_lps_mm[0] - tip) < 5
    assert len(named) == 3


def double_y() -> list[Tube]:
    left, right = at(30, 35), at(30, -35)
    return [
        *Y_TUBES,
        *((left, left + at(22, 35 + turn, "x"), 2.0) for turn in (-40, 40)),
        *((right, right + at(22, turn, "y"), 2.0) for turn in (-40, 40)),
    ]


def test_a_double_y_has_seven_branches_in_three_generations() -> None:
    tree = build_tree(mask_of(double_y()), root_lps_mm=[0, 0, 45])
    assert sorted(branch.generation for branch in tree) == [0, 1, 1, 2, 2, 2, 2]
    assert sorted(branch.strahler_order for branch in tree) == [1, 1, 1, 1, 2, 2, 3]
    assert [tree.root.strahler_order, tree.root.horsfield_order] == [3, 3]
    for tip in tree.tips:
        assert tip.length_mm == pytest.approx(24.0, abs=3.0)
        assert tip.diameter_mm / 2 == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([0.7, 0.7, 1.25, 1.0]),
        np.diag([0.7, 0.7, 2.5, 1.0]),
        np.diag([-0.7, -0.7, 0.7, 1.0]),
        np.diag([0.7, 0.7, -1.25, 1.0]),
    ],
    ids=["thick", "thicker", "flipped", "left-handed"],
)
def test_the_tree_does_not_depend_on_the_grid(affine: np.ndarray) -> None:
    tree = build_tree(mask_of(double_y(), affine), root_lps_mm=[0, 0, 45])
    assert len(tree) == 7
    assert tree.total_length_mm == pytest.approx(45 + 2 * 30 + 4 * 24, rel=0.06)


def test_oblique_and_sheared_grids_give_the_same_tree() -> None:
    oblique = np.eye(4)
    oblique[:3, :3] = rotation([1, 2, 0.5], 37) @ np.diag([0.7, 0.8, 1.25])
    sheared = np.diag([0.7, 0.7, 1.25, 1.0])
    sheared[1, 2] = 0.4
    for affine in (oblique, sheared):
        tree = build_tree(mask_of(double_y(), affine), root_lps_mm=[0, 0, 45])
        assert len(tree) == 7
        assert tree.root.diameter_mm / 2 == pytest.approx(5.0, abs=0.5)


def ring_mask(narrow: bool) -> LabelMap:
    """A stem that runs into a ring, whose far side is narrowed on demand."""
    grid = Grid((30, 90, 120), np.diag([0.7, 0.7, 0.7, 1.0]))
    places = grid.lps_from_kji(np.indices(grid.shape_kji).reshape(3, -1).T) - [30, 31, 10]
    round_about = np.arctan2(places[:, 1], places[:, 0])
    tube = np.hypot(np.hypot(places[:, 0], places[:, 1]) - 18, places[:, 2])
    radius = np.where(narrow & (np.abs(round_about - 2.0) < 0.4), 1.6, 2.8)
    stem = (np.hypot(places[:, 1], places[:, 2]) <= 3.5) & (places[:, 0] > 18) & (places[:, 0] < 45)
    inside = (tube <= radius) | stem
    return LabelMap(inside.reshape(grid.shape_kji).astype(np.uint8), grid.affine_ijk_to_lps)


def test_a_loop_is_opened_at_its_narrowest_place_and_reported() -> None:
    tree = build_tree(ring_mask(narrow=True), root_lps_mm=[75, 31, 10])
    assert len(tree.loops_removed) == 1
    narrowest = np.array([30, 31, 10]) + 18 * np.array([np.cos(2.0), np.sin(2.0), 0])
    assert tree.loops_removed[0].minimum_radius_mm < 2.2
    cut = [branch for branch in tree if BranchFlag.LOOP_REMOVED in branch.flags]
    assert len(cut) == 2
    assert all(np.linalg.norm(branch.points_lps_mm[-1] - narrowest) < 9 for branch in cut)
    assert tree.total_length_mm > 100


def test_a_ring_without_stem_becomes_one_open_branch() -> None:
    mask = ring_mask(narrow=True)
    places = mask.grid.lps_from_kji(np.indices(mask.grid.shape_kji).reshape(3, -1).T) - [30, 31, 10]
    ring = np.hypot(np.hypot(places[:, 0], places[:, 1]) - 18, places[:, 2]) <= 2.5
    tree = build_tree(LabelMap(ring.reshape(mask.grid.shape_kji).astype(np.uint8), mask.affine_ijk_to_lps))
    assert len(tree) == 1
    assert len(tree.loops_removed) == 1
    assert tree.root.length_mm == pytest.approx(2 * np.pi * 18, rel=0.1)


def test_a_cavity_inside_the_lumen_changes_nothing() -> None:
    mask = mask_of(Y_TUBES)
    holed = mask.array_kji.copy()
    centre = np.rint(mask.grid.kji_from_lps([[0, 0, 25.0]])).astype(int)[0]
    holed[centre[0] : centre[0] + 2, centre[1] : centre[1] + 2, centre[2] : centre[2] + 2] = 0
    tree = build_tree(LabelMap(holed, mask.affine_ijk_to_lps), root_lps_mm=[0, 0, 45])
    assert len(tree) == 3


def test_roughness_on_the_wall_makes_no_branches() -> None:
    mask = mask_of([([0, 0, 60], [0, 0, 0], 8.0)])
    rough = mask.array_kji.copy()
    rim = np.argwhere(binary_dilation(rough > 0) & (rough == 0))
    bumps = rim[np.random.default_rng(3).choice(len(rim), len(rim) // 3, replace=False)]
    rough[tuple(bumps.T)] = 1
    tree = build_tree(LabelMap(rough, mask.affine_ijk_to_lps))
    assert len(tree) == 1
    assert tree.root.length_mm == pytest.approx(76.0, abs=4.0)


def trunk_with_leaf(tip: tuple[float, float, float], leaf_radius: float) -> SkeletonGraph:
    """A trunk of radius 5 down the z axis with its junction at the origin, and a leaf from there to ``tip``."""
    graph = SkeletonGraph()
    for number, end in ((1, (0.0, 0.0, 40.0)), (2, (0.0, 0.0, -40.0))):
        points = np.linspace((0.0, 0.0, 0.0), end, 80)
        graph.add(Segment(0, number, points, np.full(len(points), 5.0)))
    points = np.linspace((0.0, 0.0, 0.0), tip, 20)
    graph.add(Segment(0, 3, points, np.linspace(5.0, leaf_radius, len(points))))
    return graph


def test_a_long_leaf_that_stays_in_its_neighbours_lumen_is_a_bulge_of_the_wall() -> None:
    inside = trunk_with_leaf((5.8, 0.0, -7.5), 0.6)
    assert inside.segments[2].length_mm > spur_limit_mm(5.0)
    assert beyond_mm(inside, 2, 0) < SPUR_BEYOND_RADII * 5.0
    assert prune_spurs(inside, 1) == 1
    outside = trunk_with_leaf((8.5, 0.0, -4.0), 1.2)
    assert outside.segments[2].length_mm < trunk_with_leaf((5.8, 0.0, -7.5), 0.6).segments[2].length_mm
    assert beyond_mm(outside, 2, 0) == pytest.approx(3.9, abs=0.6)
    assert prune_spurs(outside, 1) == 0


def test_an_empty_mask_and_a_single_voxel_are_refused_in_words() -> None:
    empty = np.zeros((9, 9, 9), dtype=np.uint8)
    with pytest.raises(InputError, match="empty"):
        build_tree(LabelMap(empty, np.eye(4)))
    empty[4, 4, 4] = 1
    with pytest.raises(InputError, match="single voxel"):
        build_tree(LabelMap(empty, np.eye(4)))


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 3, 3), (1, 1, 9), (4, 1, 4)])
def test_the_smallest_lumens_give_one_branch(shape: tuple[int, int, int]) -> None:
    tree = build_tree(LabelMap(np.ones(shape, dtype=np.uint8), np.diag([0.7, 0.7, 1.25, 1.0])))
    assert len(tree) == 1
    assert len(tree.root.points_lps_mm) >= 2
    assert np.isfinite(tree.root.frames).all()
    assert (tree.root.radius_mm > 0).all()


def test_detached_pieces_are_left_out_and_named() -> None:
    mask = mask_of([*Y_TUBES, ([25, 20, 30], [25, 20, 20], 2.0)])
    tree = build_tree(mask)
    assert len(tree) == 3
    assert any("1 detached piece" in note for note in tree.notes)


def test_a_lumen_that_touches_the_edge_of_the_scan_is_followed_to_it() -> None:
    mask = mask_of(Y_TUBES)
    top = int(np.rint(mask.grid.kji_from_lps([[0, 0, 30.0]]))[0, 0])
    cropped = LabelMap(mask.array_kji[: top + 1], mask.affine_ijk_to_lps)
    tree = build_tree(cropped)
    assert tree.root.points_lps_mm[0, 2] == pytest.approx(30.0, abs=1.0)


def test_confidence_is_the_mean_probability_along_the_branch() -> None:
    mask = mask_of(Y_TUBES)
    places = mask.grid.lps_from_kji(np.indices(mask.grid.shape_kji).reshape(3, -1).T)
    values = np.where(places[:, 2] > -6, 0.9, 0.4).reshape(mask.grid.shape_kji).astype(np.float32)
    tree = build_tree(mask, root_lps_mm=[0, 0, 45], probability=Volume(values, mask.affine_ijk_to_lps))
    assert tree.root.confidence == pytest.approx(0.9, abs=0.01)
    assert all(child.confidence == pytest.approx(0.48, abs=0.08) for child in tree.tips)


def test_branches_through_a_bridge_are_marked() -> None:
    mask = mask_of(Y_TUBES)
    along = np.asarray(Y_TUBES[1][1]) * np.linspace(0.4, 0.6, 9)[:, None]
    tree = build_tree(mask, root_lps_mm=[0, 0, 45], bridges=(Bridge(along, 6.0, 0.3, "for the test"),))
    marked = [branch for branch in tree if BranchFlag.BRIDGED in branch.flags]
    assert len(marked) == 1
    assert marked[0].points_lps_mm[-1, 0] > 10
    assert marked[0].confidence == pytest.approx(0.3)
    assert len(tree.bridges) == 1


@pytest.mark.slow
@pytest.mark.data
def test_a_real_tree_is_plausible() -> None:
    import SimpleITK as sitk

    path = DATA / "airway_masks" / "lidc_patient1" / "bronchialTree.nii.gz"
    if not path.is_file():
        pytest.skip("the development data is not beside the checkout")
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    mask = LabelMap((sitk.GetArrayFromImage(image) > 0).astype(np.uint8), affine)
    tree = build_tree(mask)
    assert 85 < tree.root.length_mm < 110
    assert 12 < tree.root.diameter_mm < 16
    assert 50 < len(tree) < 75
    assert len(tree.loops_removed) >= 1
    assert inside_share(tree, mask) > 0.995
    assert len(tree.children(tree.root_id)) == 2
