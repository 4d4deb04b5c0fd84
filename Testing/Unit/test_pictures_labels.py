"""Still pictures: a name is nearest to its own opening, none over another, all inside the round window; hues of the lobes."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from LungAirwayLib import pictures_labels
from LungAirwayLib.openings import Opening
from LungAirwayLib.pictures import LOBE_COLOURS
from LungAirwayLib.pictures_labels import name_openings
from LungAirwayLib.segments import LOBE_SEGMENTS, SEGMENTS
from SenseCarePlanningLib.render.camera_pose import CameraPose, project

SIZE, FIELD = 360, 90.0
POSE = CameraPose(np.zeros(3), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))


def opening(number: int, x: float, z: float, radius: float, name: str, wanted: bool = False) -> Opening:
    return Opening(number, name, np.array([x, 10.0, z]), np.array([0.0, 1.0, 0.0]), radius, wanted)


@pytest.mark.parametrize("turn", [0.0, 45.0, 90.0, 200.0])
def test_each_name_stands_nearest_to_its_own_ring_inside_the_window(turn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, tuple[float, float]] = {}

    def note(_: object, text: str, x: float, y: float, *__: object, **___: object) -> None:
        written[text] = (x, y)

    monkeypatch.setattr(pictures_labels, "draw_text", note)
    angle = np.radians(turn)
    x, z = 1.4 * np.cos(angle), 1.4 * np.sin(angle)
    openings = (opening(1, x, z, 0.7, "RB3bi-2"), opening(2, -x, -z, 1.2, "RB3bi-1", wanted=True))
    name_openings(np.zeros((SIZE, SIZE, 3), dtype=np.uint8), POSE, openings, FIELD, 36)
    assert set(written) == {"RB3bi-1", "RB3bi-2"}
    rings = {item.name: project(POSE, item.ring(), SIZE, FIELD)[0] for item in openings}
    for name, place in written.items():
        away = {other: float(np.linalg.norm(ring - place, axis=1).min()) for other, ring in rings.items()}
        assert min(away, key=lambda other: away[other]) == name
        assert np.linalg.norm(np.array(place) - SIZE / 2.0) < 0.8 * SIZE / 2.0


def test_a_name_too_wide_for_the_window_and_an_opening_behind_the_eye_are_survived() -> None:
    image = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    behind = Opening(2, "LMB", np.array([0.0, -10.0, 0.0]), np.array([0.0, 1.0, 0.0]), 1.0, False)
    name_openings(image, POSE, (behind,), FIELD, 36)
    assert not image.any()
    name_openings(image, POSE, (opening(1, 0.0, 0.0, 1.0, "RB3bi-1-2-1-2-1-1-2-1"),), FIELD, 72)
    assert image.any()


def test_a_lobe_has_one_hue_in_panel_scene_and_report() -> None:
    hues = []
    for lobe, segment in LOBE_SEGMENTS.items():
        colours = (LOBE_COLOURS[lobe], SEGMENTS[segment].color_rgb)
        one, other = (colorsys.rgb_to_hsv(*(part / 255.0 for part in rgb)) for rgb in colours)
        assert abs(one[0] - other[0]) * 360.0 < 8.0
        assert one[1] > other[1]
        hues.append(one[0] * 360.0)
    apart = np.diff(sorted(hues))
    assert len(hues) == 5 and apart.min() > 40.0
