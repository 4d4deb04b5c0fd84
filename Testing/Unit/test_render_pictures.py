"""Pictures looked at by numbers: sides, scale, letters, colours, and a video that reads back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.render import offscreen
from SenseCarePlanningLib.render.endoluminal import CameraPose, EndoluminalView, project
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.render.overlay import Shapes, draw_text
from SenseCarePlanningLib.render.slice_picture import (
    SliceOptions,
    direction_letter,
    oblique_plane,
    slice_picture,
    standard_plane,
)
from SenseCarePlanningLib.render.tree_picture import Ball, TreePainter, TreeStyle
from SenseCarePlanningLib.render.video import write_video
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

NO_RENDERING = rendering_available()
needs_rendering = pytest.mark.skipif(NO_RENDERING is not None, reason=NO_RENDERING or "")


def tube_down(radius_mm: float = 5.0) -> LabelMap:
    """A tube of 60 mm along z with a side opening towards the patient's right (-x) halfway."""
    spacing = 0.8
    k, j, i = np.indices((80, 40, 60))
    x, y, z = spacing * (i - 40), spacing * (j - 20), spacing * (k - 10)
    tube = (x**2 + y**2 <= radius_mm**2) & (z >= 0) & (z <= 55)
    side = ((z - 28) ** 2 + y**2 <= 3.0**2) & (x <= 0) & (x >= -26)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = (-40 * spacing, -20 * spacing, -10 * spacing)
    return LabelMap((tube | side).astype(np.uint8), affine)


@pytest.fixture(scope="module")
def surface() -> Surface:
    return lumen_surface(tube_down())


@needs_rendering
def test_the_view_shows_wall_everywhere_and_the_opening_on_the_patients_right_at_three_oclock(surface: Surface) -> None:
    view = EndoluminalView(surface, size=160)
    pose = CameraPose(np.array([0.0, 0.0, 40.0]), np.array([0.0, 0.0, 20.0]), np.array([0.0, -1.0, 0.0]))
    try:
        image = view.frame(pose).astype(int)
    finally:
        view.close()
    assert (image[0, 0] == 0).all(), "black outside the round picture"
    assert (image[80, 20:140].sum(axis=1) > 0).all(), "no hole in the wall"
    assert image[..., 0].sum() > image[..., 1].sum() > image[..., 2].sum(), "mucosa is red before it is green or blue"
    (place,), depth = project(pose, [[-6.0, 0.0, 28.0]], 160, 115.0)
    assert depth[0] == pytest.approx(12.0) and place[0] > 80 + 10 and place[1] == pytest.approx(80.0)
    column, row = int(place[0]), int(place[1])
    right = image[row - 14 : row + 15, column - 12 : column + 13].sum(axis=2)
    left = image[row - 14 : row + 15, 159 - column - 12 : 159 - column + 13].sum(axis=2)
    edges = [np.abs(np.diff(side, axis=0)).max() for side in (left, right)]
    assert edges[1] > 2 * edges[0], "the rim of the opening stands out on the right, the wall across is smooth"


@needs_rendering
def test_scouted_frames_equal_unscouted_ones(surface: Surface) -> None:
    view = EndoluminalView(surface, size=160)
    poses = [
        CameraPose(np.array([0, 0, z]), np.array([0, 0, z - 5.0]), np.array([0.0, -1.0, 0.0]))
        for z in np.arange(50.0, 10.0, -2.0)
    ]
    try:
        before = [view.frame(pose) for pose in poses[::4]]
        view.scout(poses)
        after = [view.frame(pose) for pose in poses[::4]]
    finally:
        view.close()
    changed = [np.mean(np.abs(a.astype(int) - b).max(axis=2) > 8) for a, b in zip(before, after, strict=True)]
    assert max(changed) < 0.005


@needs_rendering
def test_an_empty_surface_gives_a_black_picture() -> None:
    view = EndoluminalView(Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)), size=32)
    pose = CameraPose(np.zeros(3), np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0]))
    try:
        view.scout([pose])
        assert not view.frame(pose).any()
    finally:
        view.close()


@needs_rendering
def test_from_the_front_the_patients_right_is_on_the_left(surface: Surface) -> None:
    points = resample_polyline(np.array([[0.0, 0.0, 55.0], [0.0, 0.0, 0.0]]), 0.5)
    count = len(points)
    only = Branch(0, None, (), points, np.full(count, 5.0), np.full((count, 2), 5.0), np.zeros((count, 3, 3)))
    painter = TreePainter(surface, Tree({0: only}, 0))
    target = Ball(np.array([[-25.0, -14.0, 40.0]]), 4.0)
    image = painter.paint(200, 240, TreeStyle(target=target, route_ids=frozenset({0}))).astype(int)
    ball = (image[..., 1] > 60) & (image[..., 1] > 1.5 * image[..., 0]) & (image[..., 1] > 1.5 * image[..., 2])
    way = (image[..., 0] > 90) & (image[..., 0] > 3 * image[..., 1])
    assert np.argwhere(ball)[:, 1].mean() < np.argwhere(way)[:, 1].mean() - 20
    (place,) = painter.to_pixels([-25.0, -14.0, 40.0], 200, 240, TreeStyle(target=target, route_ids=frozenset({0})))
    np.testing.assert_allclose(np.argwhere(ball).mean(axis=0)[::-1], place, atol=3.0)
    with pytest.raises(ValueError, match="view"):
        painter.paint(50, 50, TreeStyle(view="above"))


def block_volume(affine: np.ndarray) -> Volume:
    """Air with a dense block near the patient's right, front and head."""
    array = np.full((30, 60, 60), -1000, dtype=np.int16)
    volume = Volume(array, affine)
    places = volume.grid.lps_from_kji(np.argwhere(np.ones(array.shape))).reshape(*array.shape, 3)
    middle = places.reshape(-1, 3).mean(axis=0)
    offset = places - middle
    array[(np.abs(offset - np.array([-10.0, -8.0, 6.0])) <= 4.0).all(axis=-1)] = 300
    return volume


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_slices_follow_the_radiological_convention_on_any_grid(flip: tuple[int, int, int]) -> None:
    affine = np.diag([0.8 * flip[0], 0.8 * flip[1], 2.0 * flip[2], 1.0])
    volume = block_volume(affine)
    centre = volume.grid.lps_from_kji([14.5, 29.5, 29.5])
    expected = {"axial": (-10.0, -8.0), "coronal": (-10.0, -6.0), "sagittal": (-8.0, -6.0)}
    along = {"axial": (0, 0, 6.0), "coronal": (0, -8.0, 0), "sagittal": (-10.0, 0, 0)}
    for name, (x, y) in expected.items():
        plane = standard_plane(name, centre + np.array(along[name]), 40.0)
        image = slice_picture(volume, plane, SliceOptions(pixels=200, scale_text="", letters=(" ",) * 6))
        bright = np.argwhere(image[:170, :, 0] > 200)
        np.testing.assert_allclose(bright.mean(axis=0)[::-1], [100 + 5 * x, 100 + 5 * y], atol=4.0)
        width, height = np.ptp(bright[:, 1]), np.ptp(bright[:, 0])
        assert width == pytest.approx(40, abs=9) and height == pytest.approx(40, abs=12), "square pixels whatever the voxels"


def test_a_slice_outside_the_volume_or_without_one_is_still_a_picture() -> None:
    volume = block_volume(np.diag([0.8, 0.8, 2.0, 1.0]))
    far = standard_plane("axial", [900.0, 0.0, 0.0], 40.0)
    assert slice_picture(volume, far, SliceOptions(pixels=64)).shape == (64, 64, 3)
    assert slice_picture(None, far, SliceOptions(pixels=64)).shape == (64, 64, 3)
    with pytest.raises(ValueError, match="plane"):
        standard_plane("frontal", [0.0, 0.0, 0.0], 40.0)


def test_letters_name_the_directions() -> None:
    assert direction_letter(np.array([1.0, 0.0, 0.0])) == "L"
    assert direction_letter(np.array([0.0, -1.0, 0.0])) == "A"
    assert direction_letter(np.array([-0.8, 0.0, 0.6])) == "RH"


@pytest.mark.parametrize("along", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.3, 0.5, -0.8)])
def test_an_oblique_plane_holds_both_points_and_the_direction(along: tuple[float, float, float]) -> None:
    start, end = np.array([10.0, 5.0, 2.0]), np.array([10.0, 5.0, 30.0])
    plane = oblique_plane(start, end, along, 80.0)
    np.testing.assert_allclose(plane.distance_mm(np.stack([start, end])), 0.0, atol=1e-9)
    if np.linalg.norm(np.cross(np.array(along), [0, 0, 1])) > 0.2:
        assert abs(np.dot(plane.normal, along)) < 1e-9
    assert plane.down[2] <= 0 and np.dot(plane.right, plane.down) == pytest.approx(0.0)
    same = oblique_plane(start, start, along, 80.0)
    assert np.isfinite(same.right).all() and np.linalg.norm(same.normal) == pytest.approx(1.0)


def test_chinese_text_and_odd_shapes_are_drawn_without_leaving_the_picture() -> None:
    image = np.zeros((60, 200, 3), dtype=np.uint8)
    draw_text(image, "右主支气管", 5, 5, 24)
    assert image[:40, :140].max() > 200
    before = image.copy()
    draw_text(image, "", 5, 5, 24)
    draw_text(image, "far away", 5000, -400, 24)
    shapes = Shapes()
    shapes.line([[np.nan, 1.0], [2.0, 3.0]], (255, 0, 0, 255))
    shapes.circle((-500.0, -500.0), 20.0, (255, 0, 0, 255))
    shapes.draw(image)
    np.testing.assert_array_equal(image, before)


def test_a_video_reads_back_with_its_colours_and_appears_whole(tmp_path: Path) -> None:
    import av

    frames = [np.full((65, 97, 3), (number * 40, 90, 30), dtype=np.uint8) for number in range(6)]
    path = tmp_path / "flight.mp4"
    assert write_video(iter(frames), path, 25.0) == 6
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 96, 64)
        assert float(stream.average_rate) == 25.0
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == 6
    for before, after in zip(frames, shown, strict=True):
        np.testing.assert_allclose(after[20, 20].astype(int), before[20, 20].astype(int), atol=12)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first"
    assert [item.name for item in tmp_path.iterdir()] == ["flight.mp4"]


def test_a_video_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SenseCareError):
        write_video(iter([]), tmp_path / "none.mp4", 25.0)
    with pytest.raises(ValueError, match="rate"):
        write_video(iter([]), tmp_path / "none.mp4", 0.0)
    sizes = iter([np.zeros((8, 8, 3), dtype=np.uint8), np.zeros((10, 8, 3), dtype=np.uint8)])
    with pytest.raises(ValueError, match="frame 1"):
        write_video(sizes, tmp_path / "none.mp4", 25.0)
    assert not list(tmp_path.iterdir())


def test_a_machine_that_cannot_render_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], -11)

    monkeypatch.setattr(offscreen.subprocess, "run", crashing)
    monkeypatch.setattr(sys, "platform", "linux")
    rendering_available.cache_clear()
    try:
        sentence = rendering_available()
    finally:
        monkeypatch.undo()
        rendering_available.cache_clear()
    assert sentence is not None and "libegl1" in sentence and "libgl1-mesa-dri" in sentence


def test_merging_flat_wall_moves_nothing_and_leaves_no_gap_between_cubes() -> None:
    from vtkmodules.vtkFiltersSources import vtkSphereSource

    from SenseCarePlanningLib.render.meshes import surface_from_polydata
    from SenseCarePlanningLib.render.wall_cells import cut

    sphere = vtkSphereSource()
    sphere.SetRadius(12.0)
    sphere.SetThetaResolution(120)
    sphere.SetPhiResolution(120)
    sphere.Update()
    whole = surface_from_polydata(sphere.GetOutput())
    parts = [surface_from_polydata(part) for part in cut(whole)]
    assert len(parts) > 1
    assert sum(len(part.triangles) for part in parts) < 0.5 * len(whole.triangles)
    middles = np.concatenate([part.points_lps_mm[part.triangles].mean(axis=1) for part in parts])
    assert np.abs(np.linalg.norm(middles, axis=1) - 12.0).max() < 0.1
    corners = np.concatenate([part.points_lps_mm[part.triangles] for part in parts])
    _, number = np.unique(np.round(corners.reshape(-1, 3), 4), axis=0, return_inverse=True)
    triangles = number.reshape(-1, 3)
    edges = np.sort(np.concatenate([triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts % 2 == 0).all(), "an edge with one triangle only is a gap"


def test_the_clearest_view_is_across_and_from_the_open_side() -> None:
    from SenseCarePlanningLib.render.tree_picture import clearest_view

    line = np.stack([np.linspace(0, 40, 41), np.zeros(41), np.zeros(41)], axis=1)
    x, z = np.meshgrid(np.arange(-10.0, 50.0, 0.5), np.arange(-10.0, 10.0, 0.5))
    screen = np.stack([x.ravel(), np.full(x.size, -20.0), z.ravel()], axis=1)  # before the line, seen from the front
    wall = Surface(screen, np.zeros((0, 3), dtype=np.int64))
    assert clearest_view(wall, line, ("front", "right", "back")) == "back"
    bare = Surface(screen[:0].reshape(0, 3), np.zeros((0, 3), dtype=np.int64))
    assert clearest_view(bare, line, ("right", "front")) == "front"


def _calibre(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.full(count, 2.0), np.tile([1.8, 2.2], (count, 1)), np.zeros((count, 3, 3))
