"""Arteries across a step of the scan and beside calcium: does the line go on where the artery does, and keep to its lumen?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from CardiacCTALib.coronaries import follow_all
from CardiacCTALib.coronary_evidence import RAYS, Evidence
from CardiacCTALib.coronary_tracking import follow, vein_part
from CardiacCTALib.coronary_tree import Course, build_coronary_tree
from CardiacCTALib.gaps import bridge, first_part_mm
from CardiacCTALib.ostia import Ostium
from CardiacCTALib.tube_graph import build_graph
from SenseCarePlanningLib.tubes.dark_tubes import wall_evidence
from SenseCarePlanningLib.volume import Volume

VOXEL_MM = 0.5
SHAPE = (48, 48, 104)  # k, j, i
FAT, BLOOD, MUSCLE = -95.0, 350.0, 95.0


def line(first_mm: float, last_mm: float, aside_mm: float) -> np.ndarray:
    """Points (N, 3) k, j, i in mm along i, 12 mm from both other borders but for the shift along j."""
    along = np.arange(first_mm, last_mm, 0.2)
    return np.stack([np.full_like(along, 12.0), np.full_like(along, 12.0 + aside_mm), along], axis=1)


def scan_of(lines: list[np.ndarray], radius_mm: float) -> np.ndarray:
    """Tubes filled with blood in fat, blurred by 0.35 mm, with noise of 15 HU."""
    places = np.stack(np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij"), axis=-1)
    distance, _ = cKDTree(np.concatenate(lines)).query(places.reshape(-1, 3))
    image = np.where(distance.reshape(SHAPE) < radius_mm, BLOOD, FAT).astype(np.float32)
    noise = np.random.default_rng(5).normal(0.0, 15.0, SHAPE).astype(np.float32)
    return gaussian_filter(image, 0.35 / VOXEL_MM) + noise


def evidence_of(image: np.ndarray) -> Evidence:
    spacing = (VOXEL_MM,) * 3
    rise = wall_evidence(-image, image > FAT + 0.35 * (BLOOD - FAT), spacing, RAYS)
    return Evidence(rise, image, np.zeros(SHAPE, dtype=bool), spacing, BLOOD, MUSCLE, np.empty((0, 3)))


def joined(lines: list[np.ndarray], radius_mm: float):
    evidence = evidence_of(scan_of(lines, radius_mm))
    graph = build_graph(evidence)
    sources = np.flatnonzero(np.linalg.norm(graph.places_mm - lines[0][0], axis=1) < 4.5)
    found = follow(graph, evidence, sources)
    taken = np.zeros(len(graph.index), dtype=bool)
    for way in found.ways:
        taken[way.nodes] = True
    found, bridges = bridge(found, evidence, taken)
    reached = max(float(graph.places_mm[way.nodes, 2].max()) for way in found.ways)
    return reached, bridges


@pytest.mark.parametrize("aside_mm", [2.4, -2.6])
def test_a_thin_artery_goes_on_across_a_step(aside_mm: float) -> None:
    reached, bridges = joined([line(2.0, 25.0, 0.0), line(25.0, 49.0, aside_mm)], 0.8)
    assert [one.step for one in bridges] == [True]
    assert bridges[0].length_mm < 3.0
    assert reached > 44.0


@pytest.mark.parametrize(("metal_mm", "count"), [(None, 1), (20.0, 0)], ids=["no metal", "a lead"])
def test_what_begins_at_the_side_of_an_artery_among_streaks_is_not_joined(metal_mm: float | None, count: int) -> None:
    along = np.arange(10.5, 44.0, 0.2)
    branch = np.stack([np.full_like(along, 12.0), along, np.full_like(along, 24.0)], axis=1)
    image = scan_of([line(2.0, 49.0, -6.0), branch], 1.2)
    image[6:42, 13:22, 28:68] = np.maximum(image[6:42, 13:22, 28:68], FAT + 0.42 * (BLOOD - FAT))
    metal = np.empty((0, 3)) if metal_mm is None else np.array([[12.0, 15.0, 24.0 + metal_mm]])
    evidence = evidence_of(image)
    graph = build_graph(evidence)
    found = follow(graph, evidence, np.flatnonzero(np.linalg.norm(graph.places_mm - [12.0, 6.0, 2.0], axis=1) < 4.5))
    taken = np.zeros(len(graph.index), dtype=bool)
    taken[np.concatenate([way.nodes for way in found.ways])] = True
    assert len(bridge(found, replace(evidence, metal_mm=metal), taken)[1]) == count


@pytest.mark.parametrize(
    ("gap_hu", "end_mm", "count"), [(50.0, 49.0, 1), (FAT, 49.0, 0), (50.0, 30.0, 0)], ids=["plaque", "fat", "short"]
)
def test_an_artery_closed_close_behind_a_fork_goes_on_where_its_stub_leads(gap_hu: float, end_mm: float, count: int) -> None:
    along = np.arange(2.0, 22.0, 0.2)
    trunk = np.stack([np.full_like(along, 12.0), along, np.full_like(along, 6.0)], axis=1)
    image = scan_of([trunk, line(6.0, 9.5, 0.0), line(16.0, end_mm, 0.0)], 1.2)
    image[22:27, 22:27, 18:34] = np.maximum(image[22:27, 22:27, 18:34], gap_hu)
    evidence = evidence_of(image)
    graph = build_graph(evidence)
    found = follow(graph, evidence, np.flatnonzero(np.linalg.norm(graph.places_mm - [12.0, 2.0, 6.0], axis=1) < 3.0))
    assert len(found.ways) == 1  # the stub is too short to be followed, and the gap too long to be joined from the side
    taken = np.zeros(len(graph.index), dtype=bool)
    taken[found.ways[0].nodes] = True
    found, bridges = bridge(found, evidence, taken)
    assert len(bridges) == count
    if count:
        way = found.ways[bridges[0].way]
        assert way.parent == 0 and way.parent_node in found.ways[0].nodes
        assert np.linalg.norm(graph.places_mm[way.nodes[0]] - [12.0, 12.0, 6.0]) < 2.5
        assert max(float(graph.places_mm[one.nodes, 2].max()) for one in found.ways) > 45.0


@pytest.mark.parametrize(("spot_hu", "aside"), [(1200.0, False), (BLOOD, True)], ids=["calcium", "a wide lumen"])
def test_calcium_beside_a_narrow_lumen_does_not_turn_its_direction(spot_hu: float, aside: bool) -> None:
    """A spot of 3 mm beside the first part of a lumen of 1 mm along i."""
    k, j, i = np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij")
    lumen = (np.hypot(k - 12.0, j - 12.0) <= 0.5) & (i >= 10.0)
    spot = np.hypot(np.hypot(k - 12.0, j - 15.0), i - 11.0) <= 1.5
    image = np.where(spot, spot_hu, np.where(lumen, 150.0, FAT)).astype(np.float32)
    rise = np.where(lumen | spot, BLOOD - MUSCLE, 0.0).astype(np.float32)
    evidence = Evidence(rise, image, np.zeros(SHAPE, dtype=bool), (VOXEL_MM,) * 3, BLOOD, MUSCLE, np.empty((0, 3)))
    graph = build_graph(evidence)
    entry = int(np.argmin(np.linalg.norm(graph.places_mm - [12.0, 12.0, 10.0], axis=1)))
    onward = first_part_mm(graph, evidence, entry, np.arange(len(graph.index))).mean(axis=0) - graph.places_mm[entry]
    assert (onward[1] > onward[2]) == aside


def test_the_direction_of_a_piece_that_is_all_metal_is_that_of_all_its_voxels() -> None:
    rise = np.zeros(SHAPE, dtype=np.float32)
    rise[24, 24, 20:40] = BLOOD - MUSCLE
    image = np.full(SHAPE, 1500.0, dtype=np.float32)
    evidence = Evidence(rise, image, rise > 1e9, (VOXEL_MM,) * 3, BLOOD, MUSCLE, np.empty((0, 3)))
    assert len(first_part_mm(build_graph(evidence), evidence, 0, np.arange(20))) == 11  # within 5 mm


@pytest.mark.parametrize(("behind_mm", "count"), [(1.6, 1), (2.7, 0)], ids=["artery", "wider"])
def test_an_artery_closed_in_its_bend_goes_on_although_its_end_leads_aside(behind_mm: float, count: int) -> None:
    """What lies behind is as wide as the artery, and wider than the few voxels between its last lumen and the plaque."""
    angle = np.arange(0.0, np.pi / 2.0, 0.01)
    bend = np.stack([np.full_like(angle, 12.0), 12.0 + 7.0 * np.sin(angle), 13.0 - 7.0 * np.cos(angle)], axis=1)
    lead = line(2.0, 12.0, 0.0)[:, [0, 2, 1]] - [0.0, 0.0, 6.0]
    before, gap, after = bend[angle < 0.5], bend[(angle >= 0.5) & (angle < 1.286)], bend[angle >= 1.286]
    wedge = before[-1] + np.arange(0.0, 1.5, 0.1)[:, None] * np.array([0.0, np.cos(0.5), np.sin(0.5)])
    image = np.maximum(scan_of([lead, before], 1.6), scan_of([wedge], 0.6))
    image = np.maximum(image, scan_of([after, line(13.0, 49.0, 7.0)], behind_mm))
    places = np.stack(np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij"), axis=-1)
    plaque = (cKDTree(gap).query(places.reshape(-1, 3))[0] < 1.6).reshape(SHAPE)
    evidence = evidence_of(np.where(plaque, np.maximum(image, 50.0), image).astype(np.float32))
    graph = build_graph(evidence)
    found = follow(graph, evidence, np.flatnonzero((graph.places_mm[:, 1] < 5.0) & (graph.places_mm[:, 2] < 10.0)))
    taken = np.zeros(len(graph.index), dtype=bool)
    taken[np.concatenate([way.nodes for way in found.ways])] = True
    assert float(graph.places_mm[taken, 2].max()) < 13.0
    found, bridges = bridge(found, evidence, taken)
    assert len(bridges) == count
    assert (max(float(graph.places_mm[way.nodes, 2].max()) for way in found.ways) > 45.0) == bool(count)


def test_a_wide_artery_behind_a_gap_close_to_the_ostium_is_no_vein() -> None:
    image = scan_of([line(2.0, 15.0, 0.0), line(22.0, 49.0, 0.0)], 3.0)
    image[21:28, 21:28, 28:46] = np.maximum(image[21:28, 21:28, 28:46], 60.0)
    evidence = evidence_of(image)
    graph = build_graph(evidence)
    found = follow(graph, evidence, np.flatnonzero(graph.places_mm[:, 2] < 5.0))
    assert [way.parent for way in found.ways] == [-1]
    taken = np.zeros(len(graph.index), dtype=bool)
    taken[found.ways[0].nodes] = True
    found, bridges = bridge(found, evidence, taken)
    assert len(bridges) == 1 and bridges[0].at_end
    assert max(float(graph.places_mm[way.nodes, 2].max()) for way in found.ways) > 45.0


@pytest.mark.parametrize(("gap_hu", "count"), [(50.0, 1), (FAT, 0)], ids=["plaque", "fat"])
def test_an_artery_closed_close_behind_its_ostium_is_followed_behind_plaque_only(gap_hu: float, count: int) -> None:
    image = scan_of([line(2.0, 7.0, 0.0), line(14.0, 49.0, 1.0)], 1.5)
    image[21:28, 21:30, 14:30] = np.maximum(image[21:28, 21:30, 14:30], gap_hu)
    evidence = evidence_of(image)
    graph = build_graph(evidence)
    sources = np.flatnonzero(graph.places_mm[:, 2] < 5.0)
    assert follow(graph, evidence, sources).ways == []
    places = graph.places_mm[sources]
    ostium = Ostium("left", sources, places.mean(axis=0), 3.0, len(sources), 3.0)
    (found,), (bridges,) = follow_all(graph, evidence, [ostium])
    assert len(bridges) == count
    assert len(found.ways) == count + bool(count)
    if count:
        assert max(float(graph.places_mm[way.nodes, 2].max()) for way in found.ways) > 45.0


def test_a_root_closed_at_the_aorta_takes_no_piece_that_a_followed_artery_continues_into() -> None:
    image = scan_of([line(2.0, 25.0, 0.0), line(19.0, 22.0, 7.0), line(31.0, 49.0, 0.0)], 1.5)
    image[21:28, 21:42, 38:66] = np.maximum(image[21:28, 21:42, 38:66], 50.0)
    evidence = evidence_of(image)
    graph = build_graph(evidence)
    starts = [
        np.flatnonzero(np.linalg.norm(graph.places_mm - at, axis=1) < 4.0) for at in ([12.0, 19.0, 19.0], [12.0, 12.0, 3.0])
    ]
    root, artery = (
        Ostium(side, nodes, graph.places_mm[nodes].mean(axis=0), reach_mm, len(nodes), reach_mm)
        for side, nodes, reach_mm in zip(("left", "right"), starts, (3.0, 60.0), strict=True)
    )
    alone, _ = follow_all(graph, evidence, [root])
    assert len(alone[0].ways) == 2  # were it alone, the piece would be its own
    found, bridges = follow_all(graph, evidence, [root, artery])
    assert [len(one) for one in bridges] == [0, 1]
    assert found[0].ways == [] and len(found[1].ways) == 2


def test_a_vein_that_runs_on_beside_an_artery_is_not_its_continuation() -> None:
    reached, bridges = joined([line(2.0, 25.0, 0.0), line(8.0, 49.0, 3.4)], 0.8)
    assert bridges == []
    assert reached < 27.0


@pytest.mark.parametrize(("start_mm", "end_mm", "vein"), [(2.9, 2.1, False), (2.0, 1.2, False), (1.2, 3.2, True)])
def test_what_widens_is_a_vein_and_a_wide_artery_that_tapers_is_none(start_mm: float, end_mm: float, vein: bool) -> None:
    along = np.arange(0.0, 100.0, 0.5)
    places = np.stack([np.zeros_like(along), np.zeros_like(along), along], axis=1)
    assert vein_part(places, np.linspace(start_mm, end_mm, len(along))).any() == vein


def test_the_line_keeps_to_the_lumen_beside_an_eccentric_calcification() -> None:
    course = line(2.0, 49.0, 0.0)
    image = scan_of([course], 1.7)
    k, j, i = np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij")
    aside = k - 12.0
    calcium = (np.hypot(aside, j - 12.0) < 1.7) & (aside > 0.0) & (i > 20.0) & (i < 29.0)
    image += gaussian_filter(np.where(calcium, 1100.0 - BLOOD, 0.0).astype(np.float32), 0.35 / VOXEL_MM)
    volume = Volume(image, np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0]))
    tree = build_coronary_tree(volume, [Course(course[::10, ::-1], -1)], 15.0)
    points = tree.root.points_lps_mm
    beside = points[(points[:, 0] > 22.0) & (points[:, 0] < 27.0)]
    assert np.median(beside[:, 2] - 12.0) < -0.3  # the free half of the lumen has its middle at -0.72 mm
    assert np.abs(points[(points[:, 0] > 8.0) & (points[:, 0] < 16.0), 1:] - 12.0).max() < 0.2
