"""Which narrowings and which thick walls become lesions."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCTALib.extent import Extent, lesion_extent
from CardiacCTALib.listing import lesion_spans, near_end, shows_plaque, sure_narrowing
from CardiacCTALib.lumen import Walls
from CardiacCTALib.plaque_region import PlaqueRegion, without_neighbours

STEP_MM, COUNT = 0.4, 100
ARC_MM = np.arange(COUNT) * STEP_MM


def region(*diseased: tuple[int, int]) -> PlaqueRegion:
    """A wall that is diseased in the given stretches (first, last)."""
    places = np.zeros(COUNT, dtype=bool)
    for first, last in diseased:
        places[first : last + 1] = True
    flat = np.zeros(COUNT)
    return PlaqueRegion(flat, flat, flat, flat, flat, flat, flat, places, 0.0 * flat, STEP_MM)


def narrowed(at: int, depth: float, half: int = 8) -> np.ndarray:
    away = np.abs(np.arange(COUNT) - at)
    return np.where(away < half, depth * 0.5 * (1.0 + np.cos(np.pi * away / half)), 0.0)


ALL = np.ones(COUNT, dtype=bool)


def test_a_narrowing_and_a_plaque_without_one_are_looked_at() -> None:
    spans = lesion_spans(narrowed(30, 0.5), region((60, 75)), ALL)
    assert len(spans) == 2
    assert spans[0][0] <= 28
    assert spans[0][1] >= 32
    assert spans[1] == (60, 75)
    assert shows_plaque(region((60, 75)), 60, 75)
    assert not shows_plaque(region((60, 75)), *spans[0])


def test_a_healthy_vessel_has_nothing_to_look_at_and_what_is_not_seen_neither() -> None:
    assert lesion_spans(np.full(COUNT, 0.05), region(), ALL) == []
    assert lesion_spans(narrowed(30, 0.5), region(), np.zeros(COUNT, dtype=bool)) == []
    assert lesion_spans(np.zeros(COUNT), region((50, 51)), ALL) == []


def test_two_narrowings_in_one_plaque_are_two_lesions() -> None:
    two = np.maximum(narrowed(30, 0.6), narrowed(50, 0.5))
    assert len(lesion_spans(two, region((20, 60)), ALL)) == 2
    assert len(lesion_spans(np.maximum(two, 0.4), region((20, 60)), ALL)) == 1


@pytest.mark.parametrize(
    ("percent", "low", "counts"), [(24.4, 20.0, False), (24.6, 15.0, True), (40.0, 14.9, False), (60.0, 45.0, True)]
)
def test_a_narrowing_without_plaque_must_be_mild_and_sure(percent: float, low: float, counts: bool) -> None:
    assert sure_narrowing(percent, low) is counts


@pytest.mark.parametrize(
    ("span", "narrowest", "plaque", "wanted"),
    [
        ((1, 9), 2, True, True),
        ((20, 28), 24, True, False),
        ((60, 97), 97, True, False),
        ((60, 97), 97, False, True),
        ((60, 90), 80, False, False),
        ((1, 40), 20, False, True),
    ],
)
def test_the_ends_of_a_line_make_a_lesion_less_certain(span: tuple[int, int], narrowest: int, plaque: bool, wanted: bool) -> None:
    assert near_end(ARC_MM, span, narrowest, plaque) is wanted


@pytest.mark.parametrize(
    ("outer_mm", "lumen_mm", "calcified", "plaque"),
    [(2.0, 1.0, False, False), (1.6, 1.0, False, True), (2.0, 0.7, False, True), (2.0, 1.0, True, True)],
    ids=["half as wide again", "grown as arteries do", "narrowed as well", "with calcium"],
)
def test_a_neighbour_drawn_into_the_wall_is_no_plaque(outer_mm: float, lumen_mm: float, calcified: bool, plaque: bool) -> None:
    thick = np.zeros(COUNT, dtype=bool)
    thick[40:50] = True
    lumen = np.where(thick, lumen_mm, 1.0)[:, None] * np.ones((1, 32))
    outer = np.where(thick, outer_mm, 1.3)[:, None] * np.ones((1, 32))
    points = np.stack([ARC_MM, 0.0 * ARC_MM, 0.0 * ARC_MM], axis=1)
    walls = Walls(points, np.tile(np.eye(3), (COUNT, 1, 1)), ARC_MM, lumen, outer)
    assert without_neighbours(thick, walls, thick & calcified).any() == plaque


# --- how sure its ends are


def extent_of(noise_mm: float, healthy_error_mm: float = 0.0, between: tuple[int, int] = (0, COUNT - 1)) -> tuple[Extent, float]:
    narrowing = narrowed(50, 0.6, 15)
    (span,) = lesion_spans(narrowing, region(), ALL)
    diameter, healthy = 3.0 * (1.0 - narrowing), np.full(COUNT, 3.0)
    near = np.exp(-0.5 * ((np.arange(COUNT)[:, None] - np.arange(COUNT)[None]) / 2.0) ** 2)
    extent = lesion_extent(diameter, noise_mm**2 * near, (healthy, healthy_error_mm), region(), ARC_MM, span, between)
    return extent, float(ARC_MM[span[1]] - ARC_MM[span[0]])


def test_the_interval_of_a_length_holds_it_and_grows_with_noise_and_with_the_error_of_the_reference() -> None:
    quiet, length = extent_of(0.02)
    loud, _ = extent_of(0.25)
    unsure, _ = extent_of(0.02, 0.3)
    assert quiet.length_mm[0] < length < quiet.length_mm[1]
    width = quiet.length_mm[1] - quiet.length_mm[0]
    assert width < 2.5
    assert loud.length_mm[1] - loud.length_mm[0] > 1.2 * width
    assert unsure.length_mm[1] - unsure.length_mm[0] > 1.2 * width
    assert quiet.narrowest_mm[0] <= ARC_MM[50] <= quiet.narrowest_mm[1]
    assert loud.narrowest_mm[1] - loud.narrowest_mm[0] > quiet.narrowest_mm[1] - quiet.narrowest_mm[0]


def test_a_lesion_does_not_reach_into_the_next_one() -> None:
    free, _ = extent_of(0.25, 0.3)
    bound, length = extent_of(0.25, 0.3, (39, 61))
    assert bound.length_mm[1] < free.length_mm[1]
    assert bound.length_mm[0] <= length <= bound.length_mm[1]
