"""What is drawn over pictures: exact mixing, text that does not depend on how it was cached, shapes of many colours."""

from __future__ import annotations

import numpy as np
import pytest

from LungAirwayLib.camera_path import CameraPath
from LungAirwayLib.flythrough_panel import calibre_mm
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.render.overlay import Shapes, draw_text, mixed, text_size
from SenseCarePlanningLib.tubes.tree import Branch, Tree


def test_mixing_is_the_rounded_mean_for_every_byte() -> None:
    below, colour, alpha = (part.ravel() for part in np.meshgrid(*[np.arange(0, 256, 3, dtype=np.uint8)] * 3))
    exact = (colour.astype(float) * alpha + below.astype(float) * (255.0 - alpha)) / 255.0
    assert np.abs(mixed(below, colour, alpha) - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("text", ["12", "depth 123 mm", "右上叶支气管 11", "RB3a", "9"])
def test_text_fits_its_stated_size_and_is_as_dark_as_its_letters(text: str) -> None:
    image = np.zeros((60, 300, 3), dtype=np.uint8)
    draw_text(image, text, 10, 10, 20, halo=None)
    rows, columns = np.flatnonzero(image.any(axis=(1, 2))), np.flatnonzero(image.any(axis=(0, 2)))
    width, height = text_size(text, 20)
    assert image.max() > 200
    assert columns[0] >= 10 and columns[-1] < 10 + width
    assert rows[0] >= 10 and rows[-1] < 10 + height


def test_digits_are_drawn_apart_and_in_order() -> None:
    widths = [text_size("1" * count, 20)[0] for count in (1, 2, 3)]
    assert widths[1] - widths[0] == pytest.approx(widths[2] - widths[1], abs=1)
    assert widths[1] - widths[0] >= 8


def test_later_shapes_cover_earlier_ones_and_colours_have_no_limit() -> None:
    image = np.zeros((40, 700, 3), dtype=np.uint8)
    shapes = Shapes()
    for at in range(300):
        shapes.polygon([[2 * at, 0], [2 * at + 2, 0], [2 * at + 2, 20], [2 * at, 20]], (at % 256, at // 256, 7, 255))
    shapes.polygon([[100, 5], [140, 5], [140, 15], [100, 15]], (200, 100, 50, 255))
    shapes.draw(image)
    assert image[2, 301].tolist() == [150, 0, 7]
    assert image[2, 599].tolist() == [299 % 256, 1, 7]
    assert image[10, 120].tolist() == [200, 100, 50]
    assert not image[22:].any()


def test_a_broken_line_leaves_its_gap_open() -> None:
    image = np.zeros((20, 100, 3), dtype=np.uint8)
    shapes = Shapes()
    shapes.line([[5, 10], [30, 10], [np.nan, np.nan], [60, 10], [90, 10]], (255, 255, 255, 255), 4.0)
    shapes.draw(image)
    assert image[10, 20, 0] == 255 and image[10, 75, 0] == 255
    assert not image[:, 36:54].any()


def test_the_panel_gives_the_calibre_of_the_branch_and_not_of_its_caps() -> None:
    points = resample_polyline(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -60.0]]), 0.5)
    arc = np.arange(len(points)) * 0.5
    radius = np.minimum.reduce([np.full(len(points), 8.0), 1.0 + arc, 1.0 + arc[::-1]])
    interval = np.stack([0.9 * radius, 1.1 * radius], axis=1)
    trunk = Branch(0, None, (), points, radius, interval, np.zeros((len(points), 3, 3)))
    path = CameraPath(
        points,
        points + np.array([0.0, 0.0, -4.0]),
        np.tile([0.0, -1.0, 0.0], (len(points), 1)),
        arc,
        arc,
        radius,
        np.zeros(len(points), np.int64),
    )
    shown = calibre_mm(path, Tree({0: trunk}, 0))
    assert shown == pytest.approx(np.full(len(points), 16.0))
