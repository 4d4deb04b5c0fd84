"""Names beside the picture of a tree: in gutters, on their own side, with lines that do not cross."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.render import tree_labels
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.render.tree_labels import Labels, spread, write_labels
from SenseCarePlanningLib.render.tree_picture import TreePainter, TreeStyle
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Branch, Tree

WIDTH, HEIGHT = 900, 600


def left_of(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
    return bool((b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0]))


@pytest.mark.parametrize("seed", range(6))
def test_lines_do_not_cross_and_names_stay_in_their_gutter(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    names = {key: f"right upper name {key}" if key % 4 == 0 else f"RB{key}" for key in range(14)}
    along = {key: float(rng.uniform(-1.0, 1.0)) for key in names}
    labels = Labels.plan(names, along, 0.0, WIDTH)
    places = {
        key: np.array([labels.left + (along[key] + 1.0) / 2.0 * (WIDTH - labels.left - labels.right), rng.uniform(0, HEIGHT)])
        for key in names
    }
    lines: list[np.ndarray] = []
    monkeypatch.setattr(tree_labels, "_draw_leaders", lambda image, drawn, width: lines.extend(drawn))
    image = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    write_labels(image, labels, places)
    assert len(lines) == len(names)
    for at, (a, b) in enumerate(lines):
        for c, d in lines[at + 1 :]:
            assert not (left_of(a, c, d) != left_of(b, c, d) and left_of(a, b, c) != left_of(a, b, d))
    inner = image[:, labels.left : WIDTH - labels.right]
    assert (inner == 255).all(), "a name reaches into the drawing"
    assert (image[:, : labels.left] < 128).any() and (image[:, WIDTH - labels.right :] < 128).any()
    assert (image[:, [0, -1]] == 255).all() and (image[[0, -1]] == 255).all(), "a name is cut at the picture's edge"


def test_a_side_without_names_takes_no_room_and_long_names_take_two_lines() -> None:
    labels = Labels.plan({1: "right upper lobe bronchus", 2: "RB3"}, {1: -5.0, 2: -4.0}, 0.0, 1000)
    assert labels.right == 0 and labels.left > 0
    assert labels.lines[1] == ("right upper", "lobe bronchus") and labels.lines[2] == ("RB3",)
    one_line = Labels.plan({1: "rightXupperXlobeXbronchus"}, {1: -5.0}, 0.0, 1000)
    assert one_line.left > 1.5 * labels.left
    assert Labels.plan({}, {}, 0.0, 1000).left == 0


def test_rows_are_spread_within_their_bounds() -> None:
    assert spread([], 10.0, 0.0, 100.0) == []
    rows = spread([5.0, 6.0, 99.0, 100.0], 20.0, 10.0, 90.0)
    assert rows[0] >= 10.0 and rows[-1] <= 90.0 and np.diff(rows).min() >= 20.0 - 1e-9
    crowded = spread([50.0] * 9, 20.0, 10.0, 90.0)
    np.testing.assert_allclose(np.diff(crowded), 10.0)


@pytest.mark.skipif(rendering_available() is not None, reason="no off-screen rendering on this machine")
def test_a_branch_that_the_picture_does_not_show_gets_no_name() -> None:
    def branch(key: int, parent: int | None, children: tuple[int, ...], points: list[list[float]]) -> Branch:
        array = np.array(points)
        count = len(array)
        return Branch(
            key,
            parent,
            children,
            array,
            np.full(count, 2.0),
            np.full((count, 2), 2.0),
            np.zeros((count, 3, 3)),
            int(parent is not None),
        )

    tree = Tree(
        {
            0: branch(0, None, (1, 2), [[0.0, 0, 60], [0, 0, 30], [0, 0, 0]]),
            1: branch(1, 0, (), [[0.0, 0, 0], [-10, 0, -10], [-20, 0, -20]]),
            2: branch(2, 0, (), [[0.0, 0, 0], *([80.0, 0, -10 - z] for z in range(20))]),
        },
        0,
    )
    style = TreeStyle(labels={0: "trachea", 1: "right", 2: "left"}, focus_lps_mm=np.array([[-20.0, -5, -20], [5.0, 5, 12]]))
    with TreePainter(Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)), tree) as painter:
        labels = painter._labels(style, WIDTH)
        inner = WIDTH - labels.left - labels.right
        places = painter._label_places(labels, painter._window(style, inner / HEIGHT), inner, HEIGHT)
        assert set(places) == {0, 1}
        (carina,) = painter.to_pixels(tree.root.points_lps_mm[-1], WIDTH, HEIGHT, style)
        np.testing.assert_allclose(places[0], carina)  # the trachea's middle lies above the picture, its end within
        assert painter.paint(WIDTH, HEIGHT, style).shape == (HEIGHT, WIDTH, 3)
