"""The report's pictures and the video of a small plan: every promised key, no black frame, in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from LungAirwayLib.camera_path import camera_path
from LungAirwayLib.flythrough import FlythroughFrames, render_flythrough
from LungAirwayLib.instructions import instruct
from LungAirwayLib.pictures import make_pictures
from LungAirwayLib.plan import Extension, ExtensionModel, Plan, Route, Target
from LungAirwayLib.result import AirwayResult, EngineInfo, RunInfo
from SenseCarePlanningLib.errors import Cancelled
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

NO_RENDERING = rendering_available()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NO_RENDERING is not None, reason=NO_RENDERING or "")]


def branch(key: int, parent: int | None, children: tuple[int, ...], ends: list[list[float]], radius: float) -> Branch:
    points = resample_polyline(np.array(ends), 0.5)
    count = len(points)
    interval = np.tile([0.9 * radius, 1.1 * radius], (count, 1))
    return Branch(key, parent, children, points, np.full(count, radius), interval, np.zeros((count, 3, 3)), int(key > 0))


@pytest.fixture(scope="module")
def result() -> AirwayResult:
    """A trachea, two main bronchi, and a target 10 mm past the right one, in a made-up CT."""
    tree = Tree(
        {
            0: branch(0, None, (1, 2), [[0, 0, 40], [0, 0, 0]], 6.0),
            1: branch(1, 0, (), [[0, 0, 0], [-20, 0, -25]], 4.0),
            2: branch(2, 0, (), [[0, 0, 0], [20, 0, -25]], 4.0),
        },
        0,
    )
    low, spacing = np.array([-40.0, -15.0, -50.0]), 1.0
    array = np.zeros((95, 30, 80), dtype=np.uint8)
    k, j, i = np.indices(array.shape)
    places = np.stack([i, j, k], axis=-1) * spacing + low
    for item in tree:
        for centre in item.points_lps_mm[::2]:
            array[((places - centre) ** 2).sum(axis=-1) <= item.radius_mm[0] ** 2] = 1
    affine = np.eye(4)
    affine[:3, 3] = low
    mask = LabelMap(array, affine, {1: "airway_lumen"})
    points, radii, _ = tree.path_points(1)
    heading = tree[1].direction
    centre = points[-1] + 10.0 * heading
    extension = Extension(ExtensionModel.STRAIGHT, np.stack([points[-1], centre]), 10.0, 10.0)
    route = Route(1, (0, 1), points, radii, points[-1], 0.0, 10.0, 1.0, 1.0, "only way", (extension,), 0)
    plan = Plan(Target(centre, centre[None], "point"), (route,), (), (), {1: instruct(route, tree)})
    surface = lumen_surface(mask, tree=tree)
    return AirwayResult(mask, None, None, None, tree, surface, {}, plan, {}, EngineInfo("", "", ""), RunInfo({}, {}, {}))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_promised_picture_is_there_and_shows_something(result: AirwayResult, tmp_path: Path, language: str) -> None:
    assert result.plan is not None
    path = camera_path(result.plan.routes[0], result.tree, result.airway)
    volume = Volume(np.where(result.airway.array_kji > 0, -1000, -850).astype(np.int16), result.airway.affine_ijk_to_lps)
    files = make_pictures(result, volume, [path], tmp_path, language)
    assert set(files) == {
        "tree_overview", "tree_lobes", "target_axial", "target_coronal", "target_sagittal",
        "route_zoom", "route_1_tree", "route_1_oblique", "extensions_1", "step_1_1",
    }  # fmt: skip
    for key, file in files.items():
        assert np.asarray(Image.open(file)).std() > 5.0, key


def test_the_video_has_no_black_frame_and_says_where_the_airway_ends(result: AirwayResult, tmp_path: Path) -> None:
    import av

    assert result.plan is not None
    path = camera_path(result.plan.routes[0], result.tree, result.airway)
    file = render_flythrough(result, path, tmp_path / "flight.mp4", size=128, fps=5)
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) >= 5 * (path.time_s[-1] + 2.0)
    assert frames[0].shape == (128, 192, 3)
    assert min(frame[32:96, 32:96].mean() for frame in frames) > 15.0
    scene = FlythroughFrames(result, path, size=96)
    try:
        last = " ".join(line[0] for line in scene.panel._lines(len(path) - 1, float(path.arc_mm[-1]), None))
    finally:
        scene.close()
    assert "ends" in last and "10 mm" in last and "through the wall" in last


class StopsAt:
    """Asks to stop when it has been asked so many times."""

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0

    def show(self, step: str, fraction: float) -> None:
        assert 0.0 <= fraction <= 1.0

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.asked >= self.number


def test_a_request_to_stop_ends_the_pictures_after_the_present_one(result: AirwayResult, tmp_path: Path) -> None:
    assert result.plan is not None
    path = camera_path(result.plan.routes[0], result.tree, result.airway)
    with pytest.raises(Cancelled):
        make_pictures(result, None, [path], tmp_path, progress=Progress(StopsAt(3)))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("asked", [1, 3, 40])
def test_a_request_to_stop_ends_the_video_and_leaves_no_file(result: AirwayResult, tmp_path: Path, asked: int) -> None:
    assert result.plan is not None
    path = camera_path(result.plan.routes[0], result.tree, result.airway)
    sink = StopsAt(asked)
    with pytest.raises(Cancelled):
        render_flythrough(result, path, tmp_path / "video.mp4", size=160, fps=10.0, progress=Progress(sink))
    assert sink.asked == asked
    assert not list(tmp_path.iterdir())
