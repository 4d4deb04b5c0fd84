"""Where the outer wall of an artery is first looked for, on painted sections without blur."""

from __future__ import annotations

import numpy as np

from CardiacCTALib.outer_start import outer_circles
from SenseCarePlanningLib.tubes.section_planes import plane_grid

PLACES_MM = plane_grid(4.2, 0.35)
COUNT, LUMEN_MM, WALL_MM, STEP_MM = 14, 1.0, 0.6, 0.4


def sections(*discs: tuple[float, float, float, float]) -> np.ndarray:
    """Alike sections of fat with discs: centre up and left, radius, HU; the lumen on top; noise of 25 HU."""
    image = np.full(len(PLACES_MM), -90.0)
    for up, left, radius, level in (*discs, (0.0, 0.0, LUMEN_MM, 400.0)):
        image[np.linalg.norm(PLACES_MM - (up, left), axis=1) < radius] = level
    grain = np.random.default_rng(0).normal(0.0, 25.0, (COUNT, len(image)))
    return np.asarray(image[None] + grain, dtype=np.float32)


def circle(values: np.ndarray) -> np.ndarray:
    usable = np.ones(values.shape, dtype=bool)
    centre, radius = np.zeros((COUNT, 2)), np.full(COUNT, LUMEN_MM)
    return np.asarray(outer_circles(values, usable, PLACES_MM, centre, radius, WALL_MM, STEP_MM)[COUNT // 2])


def test_a_healthy_wall_lies_around_the_lumen() -> None:
    assert np.abs(circle(sections((0.0, 0.0, 1.5, 60.0))) - (0.0, 0.0, 1.5)).max() < 0.3


def test_an_eccentric_plaque_lies_aside_and_its_dark_core_is_no_fat() -> None:
    found = circle(sections((0.9, 0.0, 2.2, 60.0), (1.7, 0.0, 0.7, 5.0)))
    assert np.abs(found - (0.9, 0.0, 2.2)).max() < 0.35


def test_muscle_beside_a_healthy_artery_is_no_plaque() -> None:
    found = circle(sections((2.6, 0.0, 1.4, 110.0), (0.0, 0.0, 1.5, 60.0)))
    assert np.linalg.norm(found[:2]) < 0.1
    assert found[2] < 1.9


def test_without_fat_the_wall_has_its_usual_thickness() -> None:
    assert np.abs(circle(sections((0.0, 0.0, 9.0, 110.0))) - (0.0, 0.0, LUMEN_MM + WALL_MM)).max() < 1e-6


def test_a_wall_hidden_by_muscle_is_led_by_the_sections_beside_it() -> None:
    """A concentric plaque of which muscle all round hides some sections: their wall is where their neighbours have it."""
    free, hidden = sections((0.0, 0.0, 2.2, 60.0)), sections((0.0, 0.0, 9.0, 110.0))
    values = np.concatenate([free, free, hidden[:4], free, free])
    usable = np.ones(values.shape, dtype=bool)
    count = len(values)
    centre, radius = np.zeros((count, 2)), np.full(count, LUMEN_MM)
    found = outer_circles(values, usable, PLACES_MM, centre, radius, WALL_MM, STEP_MM)
    assert np.abs(found[2 * COUNT : 2 * COUNT + 4] - (0.0, 0.0, 2.2)).max() < 0.35
