"""The aorta beyond the heart: is a vessel followed to its end, whole, whatever fills it, and nothing where there is none?"""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCTALib.aorta_course import ANGLES, closed_line, far_aorta, follow_chain
from CardiacCTALib.great_circles import CircleChain, find_chains
from CardiacCTALib.heart_region import CoarseImage, HeartRegion, choose_ascending
from SenseCarePlanningLib.patient_axes import PatientAxes

SIZE, SPACING = (60, 90, 90), (2.0, 2.0, 2.0)
RADIUS_MM = 12.0


def vessel_mm(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle (back, left) mm of the descending aorta at height k: it leans to the midline, as a real one does."""
    return 120.0 + 0.0 * k, 80.0 + 0.4 * 2.0 * k * 0.5


def chest(fill: str = "blood", top: int = SIZE[0], noise_hu: float = 15.0) -> np.ndarray:
    """Ascending (28 mm) and descending aorta (24 mm) in fat, a vertebra behind and lung to the left of the second."""
    k, j, i = np.meshgrid(*(np.arange(size, dtype=float) for size in SIZE), indexing="ij")
    back, left = 2.0 * j, 2.0 * i
    image = np.full(SIZE, -95.0)
    middle_j, middle_i = vessel_mm(k)
    image[left > middle_i + 13.0] = -850.0
    image[np.hypot(back - 150.0, left - 75.0) < 17.0] = 180.0
    image[np.hypot(back - 60.0, left - 70.0) < 14.0] = 420.0
    away = np.hypot(back - middle_j, left - middle_i)
    here = k < top
    image[(away < RADIUS_MM + 1.5) & here] = 45.0
    inside = (away < RADIUS_MM) & here
    image[inside] = 420.0
    if fill == "thrombus":
        image[inside & (back > middle_j - 3.0) & (k < 40)] = 60.0
    return (image + np.random.default_rng(2).normal(0.0, noise_hu, SIZE)).astype(np.float32)


def region_of(image: np.ndarray) -> HeartRegion:
    chains = find_chains(image, SPACING, least_hu=60.0)
    ascending = choose_ascending(chains, SPACING)
    assert ascending is not None
    coarse = CoarseImage(image, (1, 1, 1), SPACING)
    axes = PatientAxes((0, 1, 2), (False, False, False))
    return HeartRegion(axes, coarse, ascending, ascending.level_hu, ascending.spread_hu, tuple(chains))


def truth(top: int = SIZE[0]) -> np.ndarray:
    k, j, i = np.meshgrid(*(np.arange(size, dtype=float) for size in SIZE), indexing="ij")
    middle_j, middle_i = vessel_mm(k)
    return (np.hypot(2.0 * j - middle_j, 2.0 * i - middle_i) < RADIUS_MM + 0.75) & (k < top)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


@pytest.mark.parametrize("fill", ["blood", "thrombus"])
def test_a_leaning_vessel_is_followed_to_both_ends_of_the_scan_with_its_thrombus(fill: str) -> None:
    found = far_aorta(region_of(chest(fill)), SIZE)
    assert dice(found, truth()) > 0.92
    assert found[0].any() and found[-1].any()


def test_a_vessel_that_ends_is_not_followed_into_the_tissue_above() -> None:
    found = far_aorta(region_of(chest(top=45)), SIZE)
    assert dice(found, truth(45)) > 0.9
    assert not found[50:].any()


def test_nothing_is_found_where_only_the_ascending_aorta_is_filled() -> None:
    image = chest(top=0)
    assert not far_aorta(region_of(image), SIZE).any()


def test_an_arch_joins_both_and_a_branch_above_it_stays_out() -> None:
    image = chest(top=52)
    k, j, i = np.meshgrid(*(np.arange(size, dtype=float) for size in SIZE), indexing="ij")
    image[(np.abs(2.0 * i - 90.0) < 11.0) & (np.abs(2.0 * j - 95.0) < 35.0) & (k >= 40) & (k < 52)] = 420.0
    image[(np.hypot(2.0 * j - 70.0, 2.0 * i - 90.0) < 4.0) & (k >= 52)] = 420.0
    found = far_aorta(region_of(image), SIZE)
    assert found[46, 47, 45]  # half way between both
    assert not found[56, 35, 45]


def test_a_closed_line_takes_the_best_columns_without_a_jump_at_its_seam() -> None:
    gain = np.zeros((ANGLES, 30))
    best = np.rint(15 + 6 * np.sin(2 * np.pi * np.arange(ANGLES) / ANGLES)).astype(int)
    gain[np.arange(ANGLES), best] = 1.0
    gain[5, 2] = 1.5  # a bright spot far from the line does not tear it away
    assert np.array_equal(closed_line(gain, 0.05, 2), best)


def test_a_chain_in_an_empty_image_ends_at_once() -> None:
    chain = CircleChain(np.array([[5.0, 20.0, 20.0]]), np.array([12.0]), np.array([0.9]), 400.0, 10.0)
    assert len(follow_chain(np.zeros((12, 40, 40), dtype=np.float32), SPACING, chain, 400.0)) == 1
