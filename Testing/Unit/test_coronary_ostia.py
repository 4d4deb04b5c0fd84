"""Arteries whose origin at the aorta is too narrow to be seen: found behind it; where only fat lies between, none is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from CardiacCTALib.coronary_evidence import RAYS, Evidence
from CardiacCTALib.ostia import find_ostia
from CardiacCTALib.tube_graph import build_graph
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.dark_tubes import wall_evidence

VOXEL_MM = 0.5
SHAPE = (40, 40, 150)  # k, j, i
FAT, BLOOD, MUSCLE, WALL = -95.0, 350.0, 95.0, 60.0
AORTA_MM, LUMEN_MM, OSTIUM = 8.0, 12.0, (10.0, 10.0, 8.0)


def evidence_with(between_hu: float) -> Evidence:
    """The aorta up to 8 mm along i, an artery of 3.8 mm from 12 mm on, and a rod of 2.4 mm between them."""
    k, j, i = np.meshgrid(*[np.arange(size) * VOXEL_MM for size in SHAPE], indexing="ij")
    inside = np.hypot(k - OSTIUM[0], j - OSTIUM[1]) < 1.9
    image = np.full(SHAPE, FAT)
    image[(np.hypot(k - OSTIUM[0], j - OSTIUM[1]) < 1.2) & (i >= AORTA_MM)] = between_hu
    image[inside & (i >= LUMEN_MM)] = BLOOD
    image[i < AORTA_MM] = BLOOD
    smooth = gaussian_filter(image, 0.6 / VOXEL_MM) + np.random.default_rng(2).normal(0.0, 8.0, SHAPE)
    smooth = smooth.astype(np.float32)
    spacing = (VOXEL_MM,) * 3
    rise = wall_evidence(-smooth, (smooth > FAT + 0.35 * (BLOOD - FAT)) & (i >= AORTA_MM), spacing, RAYS)
    return Evidence(rise, smooth, i < AORTA_MM, spacing, BLOOD, MUSCLE, np.empty((0, 3)))


def ostia_of(between_hu: float):
    evidence = evidence_with(between_hu)
    expected = np.array([[10.0, 10.0, 60.0], OSTIUM])  # nothing is near the left one
    return find_ostia(build_graph(evidence), evidence, expected)


def test_an_artery_that_is_open_at_the_aorta_has_no_hidden_origin() -> None:
    (found,) = ostia_of(BLOOD)
    assert found.side == "right" and len(found.origin) == 0


def test_an_artery_behind_a_narrow_origin_is_found_with_its_way_from_the_aorta() -> None:
    (found,) = ostia_of(WALL)
    assert found.side == "right"
    places = found.origin * VOXEL_MM
    assert places[0, 2] < AORTA_MM + 1.7 and places[-1, 2] > LUMEN_MM - 1.5
    assert np.abs(places[:, :2] - 10.0).max() < 2.0


def test_a_vessel_that_begins_in_fat_near_the_aorta_is_no_artery() -> None:
    assert ostia_of(FAT) == []


def bent_evidence(origin_hu: float) -> Evidence:
    """An artery along the aorta, nearest to it beyond its first part, which leads back to the aorta through plaque or fat.

    The evidence is drawn as a tight origin shows it: weak along plaque, none in fat.
    """
    shape = (40, 170, 70)
    places = np.stack(np.meshgrid(*[np.arange(size) * VOXEL_MM for size in shape], indexing="ij"), axis=-1)
    lumen = resample_polyline(np.array([[10.0, 12.0, 16.0], [10.0, 15.0, 16.0], [10.0, 22.0, 12.6], [10.0, 78.0, 16.0]]), 0.25)
    origin = resample_polyline(np.array([[10.0, 10.0, 8.0], [10.0, 10.0, 13.0], [10.0, 12.0, 16.0]]), 0.25)
    inside, before = (cKDTree(line).query(places)[0] for line in (lumen, origin))
    image = np.full(shape, FAT)
    image[before < 2.2] = origin_hu
    image[inside < 1.8] = BLOOD
    aorta = places[..., 2] < AORTA_MM
    image[aorta] = BLOOD
    weak = np.where((before < 0.8) & (origin_hu > FAT), 0.2, 0.0)
    rise = np.where(aorta, 0.0, np.where(inside < 1.2, 1.0, weak)) * (BLOOD - MUSCLE)
    smooth = gaussian_filter(image, 0.6 / VOXEL_MM).astype(np.float32)
    return Evidence(rise.astype(np.float32), smooth, aorta, (VOXEL_MM,) * 3, BLOOD, MUSCLE, np.empty((0, 3)))


@pytest.mark.parametrize(("origin_hu", "found"), [(WALL, True), (FAT, False)])
def test_an_artery_whose_first_part_bends_behind_a_tight_origin_is_found_from_its_beginning(
    origin_hu: float, found: bool
) -> None:
    evidence = bent_evidence(origin_hu)
    ostia = find_ostia(build_graph(evidence), evidence, np.array([[10.0, 10.0, 90.0], OSTIUM]))
    assert [one.side for one in ostia] == ["right"] * found
    for one in ostia:
        places = one.origin * VOXEL_MM
        assert places[0, 2] < AORTA_MM + 1.7 and np.linalg.norm(places[0, :2] - 10.0) < 2.5
        assert np.linalg.norm(places[-1] - [10.0, 12.0, 16.0]) < 3.0, "where the lumen begins, not where it is nearest"
