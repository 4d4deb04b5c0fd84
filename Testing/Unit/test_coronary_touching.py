"""Veins that touch an artery, narrow places that do not part one, and sharp corners: does the line go where the artery does?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial import cKDTree

from CardiacCTALib.corners import through_corners
from CardiacCTALib.coronary_evidence import RAYS, Evidence
from CardiacCTALib.coronary_tracking import follow
from CardiacCTALib.tube_graph import build_graph
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.dark_tubes import wall_evidence
from SenseCarePlanningLib.tubes.section_planes import spline_box
from SenseCarePlanningLib.volume import Volume

VOXEL_MM, BLUR_MM = 0.5, 0.6
SHAPE = (52, 72, 104)  # k, j, i
FAT, BLOOD, MUSCLE = -95.0, 270.0, 95.0


def tube(*corners_mm: tuple[float, float, float]) -> np.ndarray:
    """Points (N, 3) k, j, i in mm along a polyline."""
    return resample_polyline(np.array(corners_mm), 0.2)


def scan_of(tubes: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Tubes (N, 3), radius in mm, filled with blood in fat, blurred as a scan is, with noise."""
    places = np.stack(np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij"), axis=-1)
    image = np.full(SHAPE, FAT, dtype=np.float32)
    for points, radius in tubes:
        distance, _ = cKDTree(points).query(places.reshape(-1, 3))
        share = np.clip((radius - distance.reshape(SHAPE)) / VOXEL_MM + 0.5, 0.0, 1.0)
        image = np.maximum(image, FAT + share * (BLOOD - FAT))
    noise = np.random.default_rng(3).normal(0.0, 12.0, SHAPE)
    return (gaussian_filter(image, BLUR_MM / VOXEL_MM) + noise).astype(np.float32)


def followed(tubes: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return the places (N, 3) of all ways from the beginning of the first tube."""
    image = scan_of(tubes)
    spacing = (VOXEL_MM,) * 3
    rise = wall_evidence(-image, image > FAT + 0.35 * (BLOOD - FAT), spacing, RAYS)
    evidence = Evidence(rise, image, np.zeros(SHAPE, dtype=bool), spacing, BLOOD, MUSCLE, np.empty((0, 3)))
    graph = build_graph(evidence)
    sources = np.flatnonzero(np.linalg.norm(graph.places_mm - tubes[0][0][20], axis=1) < 2.0)
    return np.concatenate([graph.places_mm[way.nodes] for way in follow(graph, evidence, sources).ways])


def reached(places: np.ndarray, points: np.ndarray) -> float:
    """Share of a tube, but for 4 mm at its ends that the rays cut off, that ways run in."""
    return float((cKDTree(places).query(points[20:-20])[0] < 1.2).mean())


ARTERY = tube((13.0, 12.0, 2.0), (13.0, 12.0, 50.0))


@pytest.mark.parametrize(
    "vein",
    [
        tube((16.0, 2.0, 26.0), (16.0, 34.0, 26.0)),
        tube((13.0, 26.0, 4.0), (13.0, 15.6, 16.0), (13.0, 15.6, 32.0), (13.0, 26.0, 44.0)),
    ],
    ids=["crosses over", "runs along"],
)
def test_a_vein_that_touches_an_artery_is_not_followed(vein: np.ndarray) -> None:
    places = followed([(ARTERY, 1.3), (vein, 1.4)])
    assert reached(places, ARTERY) > 0.97
    assert reached(places, vein) < 0.15


def test_a_branch_with_a_narrow_origin_and_a_narrow_artery_stay() -> None:
    branch = tube((13.0, 12.0, 22.0), (13.0, 32.0, 34.0))
    tubes = [(ARTERY[:160], 1.4), (ARTERY[160:175], 0.9), (ARTERY[175:], 1.3), (branch[:15], 0.8), (branch[15:], 1.2)]
    places = followed(tubes)
    assert reached(places, ARTERY) > 0.97
    assert reached(places, branch) > 0.95


def test_a_way_that_runs_back_beside_itself_is_a_vein() -> None:
    artery = tube((13.0, 12.0, 2.0), (13.0, 12.0, 50.0))
    vein, joined = tube((13.0, 16.6, 36.0), (13.0, 16.6, 6.0)), tube((13.0, 12.0, 36.0), (13.0, 16.6, 36.0))
    places = followed([(artery, 1.2), (vein, 1.4), (joined, 1.2)])
    assert reached(places, artery) > 0.97
    assert reached(places, vein) < 0.15


def test_a_bend_of_a_tortuous_artery_stays() -> None:
    artery = tube((13.0, 10.0, 2.0), (13.0, 10.0, 30.0), (13.0, 15.0, 30.0), (13.0, 15.0, 22.0), (13.0, 34.0, 22.0))
    assert reached(followed([(artery, 1.2)]), artery) > 0.97


def test_a_vein_that_bends_into_wide_blood_is_not_followed() -> None:
    vein = tube((15.4, 34.0, 26.0), (15.4, 13.0, 26.0), (18.0, 11.0, 31.0), (21.0, 8.0, 34.0))
    sinus = tube((21.5, 6.0, 30.0), (21.5, 6.0, 50.0))
    places = followed([(ARTERY, 1.2), (vein, 1.4), (sinus, 4.2)])
    assert reached(places, ARTERY) > 0.97
    assert reached(places, vein) < 0.15


@pytest.mark.parametrize(("rounded_mm", "led"), [(0.0, True), (4.5, False)], ids=["a corner", "a smooth bend through fat"])
def test_a_line_goes_through_a_corner_of_the_lumen_only(rounded_mm: float, led: bool) -> None:
    corner = np.array([13.0, 12.0, 30.0])
    course = tube((13.0, 12.0, 5.0), tuple(corner), (13.0, 30.0, 20.0))
    lumen = course if rounded_mm == 0.0 else smoothed(course, rounded_mm)
    volume = Volume(scan_of([(lumen, 1.0)]), np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0]))
    line = resample_polyline(smoothed(lumen, 1.0)[:, ::-1], 0.25)
    found, radius = through_corners(line, np.ones(len(line)), spline_box(volume, line, 5.0), 0.25)
    assert len(found) == len(radius)
    distance = float(np.linalg.norm(found - corner[::-1], axis=1).min())
    assert (distance < 0.5) == led
    if not led:
        assert cKDTree(lumen[:, ::-1]).query(found)[0].max() < 0.8


def smoothed(points: np.ndarray, sigma_mm: float) -> np.ndarray:
    """A course of 0.2 mm steps, rounded off."""
    return gaussian_filter1d(points, sigma_mm / 0.2, axis=0, mode="nearest")
