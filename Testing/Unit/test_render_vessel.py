"""Pictures of a vessel: what is drawn lies where it belongs, no text is cut, and the heart is seen from where it is said."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.render.chart import INK, PAPER, ChartStyle, Curve, Span, profile_picture, unrolled_picture
from SenseCarePlanningLib.render.heart_picture import BACKGROUND, HeartPainter, HeartStyle, Vessel, View
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.render.probe_picture import ProbeStyle, beside, in_rows, probe_picture
from SenseCarePlanningLib.render.vessel_picture import (
    GROUND,
    LUMEN,
    OUTSIDE,
    DrawnWall,
    Probe,
    Stretch,
    VesselStyle,
    margin_px,
    vessel_picture,
    windowed,
)
from SenseCarePlanningLib.render.vessel_picture import (
    INK as LIGHT,
)
from SenseCarePlanningLib.tubes.reformat import ReformatImage, Reformatter
from SenseCarePlanningLib.tubes.sheets import cross_section, projected, straightened, stretched
from SenseCarePlanningLib.tubes.tube_line import TubeLine
from SenseCarePlanningLib.tubes.wall_lines import TubeWall
from SenseCarePlanningLib.volume import Volume

NO_RENDERING = rendering_available()
needs_rendering = pytest.mark.skipif(NO_RENDERING is not None, reason=NO_RENDERING or "")
MARK = (200, 20, 220)


@pytest.fixture(scope="module")
def line() -> TubeLine:
    angle = np.linspace(0.0, np.radians(80.0), 500)
    return TubeLine.through(np.stack([25.0 * (1.0 - np.cos(angle)), 3.0 * np.sin(2.0 * angle), -25.0 * np.sin(angle)], axis=1))


@pytest.fixture(scope="module")
def reformatter(line: TubeLine) -> Reformatter:
    """A bright tube of 3 mm in fat."""
    affine = np.diag([0.4, 0.4, 0.4, 1.0])
    affine[:3, 3] = (-16.0, -16.0, -40.0)
    index = np.stack(np.indices((140, 90, 130)), axis=-1)[..., ::-1].reshape(-1, 3)
    away = np.full(len(index), 99.0)
    places = index * 0.4 + affine[:3, 3]
    near = (np.abs(places[:, 1]) < 8.0).nonzero()[0]
    away[near] = line._tree.query(places[near], distance_upper_bound=4.0)[0]
    values = np.where(away < 1.5, 400, np.where(away < 2.0, 60, -90)).astype(np.int16).reshape(140, 90, 130)
    return Reformatter.around(Volume(values, affine), line, 14.0)


def tube_wall(line: TubeLine, radius_mm: float) -> TubeWall:
    return TubeWall(line, np.zeros((len(line.arc_mm), 2)), np.full((len(line.arc_mm), 36), radius_mm))


def near(image: np.ndarray, colour: tuple[int, int, int], tolerance: int = 40) -> np.ndarray:
    return np.asarray((np.abs(image.astype(int) - colour) <= tolerance).all(axis=2))


@pytest.mark.parametrize("make", [straightened, stretched, projected])
def test_walls_and_lesion_are_drawn_where_the_sheet_says(line: TubeLine, reformatter: Reformatter, make) -> None:
    sheet = make(line, 90.0, 12.0, 0.1)
    stretch = Stretch(10.0, 16.0, 12.0, ("L1  55 %", "(48–61)"), MARK)
    style = VesselStyle(walls=(DrawnWall(tube_wall(line, 1.5), LUMEN),), centreline=False, stretches=(stretch,))
    picture = vessel_picture(reformatter.cut(sheet), style)
    left = margin_px(sheet, style)
    x, y = np.argwhere(near(picture, LUMEN))[:, ::-1].T
    depth = tube_wall(line, 1.5).depth_mm(*line.beside(sheet.to_lps(np.stack([x - left + 0.5, y + 0.5], axis=1))))
    assert len(x) > 200 and np.quantile(np.abs(depth), 0.95) < 0.25
    rows = np.argwhere(near(picture[:, left : left + sheet.columns], MARK, 60))
    arc, across = line.beside(sheet.to_lps(rows[:, ::-1] + 0.5))
    beside_wall = np.linalg.norm(across, axis=1) < 4.5
    assert arc[beside_wall].min() == pytest.approx(10.0, abs=0.6) and arc[beside_wall].max() == pytest.approx(16.0, abs=0.6)


@pytest.mark.parametrize("place", [0.2, 15.0, 34.0])
def test_nothing_that_is_written_is_cut(line: TubeLine, reformatter: Reformatter, place: float) -> None:
    texts = ("狭窄 72 %（95 % 置信区间 65–79）", "距开口 24.4 mm", "MLD 0.7 mm")
    stretches = tuple(Stretch(at, at + 0.6, at + 0.3, texts, MARK) for at in (place, place + 0.2, place + 0.4))
    probes = tuple(Probe(place + 0.1 * number, letter) for number, letter in enumerate("ABC"))
    style = VesselStyle(
        stretches=stretches, divisions=((0.0, "左主干"), (12.0, "前降支近段"), (13.0, "前降支中段")), probes=probes
    )
    for sheet in (straightened(line, 0.0, 12.0, 0.1), stretched(line, 0.0, 8.0, 0.1)):
        picture = vessel_picture(reformatter.cut(sheet), style)
        edge = np.concatenate([picture[:, -3:].reshape(-1, 3), picture[-2:, sheet.columns + 300 :].reshape(-1, 3)])
        assert (edge == GROUND).all()
        assert (picture[: sheet.rows, :5] == GROUND).all()


def test_labels_of_near_lesions_do_not_overlap(line: TubeLine, reformatter: Reformatter) -> None:
    stretches = tuple(Stretch(at, at + 1.0, at + 0.5, ("L 50 %", "(40–60)"), colour) for at, colour in
                      ((15.0, (255, 0, 0)), (16.2, (0, 255, 0)), (17.4, (0, 0, 255))))  # fmt: skip
    sheet = straightened(line, 0.0, 12.0, 0.1)
    style = VesselStyle(stretches=stretches)
    picture = vessel_picture(reformatter.cut(sheet), style)[:, margin_px(sheet, style) + sheet.columns + 30 :]
    written = near(picture, LIGHT, 100).any(axis=1).astype(int)
    assert (np.diff(np.concatenate([[0], written, [0]])) == 1).sum() == 6, "two lines of each, none over another"


def test_the_window_and_the_end_of_the_scan() -> None:
    sheet = straightened(TubeLine.through(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]), 0.0), 0.0, 1.0, 0.2)
    values = np.full((5, 5), 300.0, dtype=np.float32)
    values[0], values[1], values[2] = -101.0, 701.0, np.nan
    picture = windowed(ReformatImage(values, sheet))
    assert picture[0, 0, 0] == 0 and picture[1, 0, 0] == 255 and tuple(picture[2, 0]) == OUTSIDE
    assert picture[3, 0, 0] in (127, 128)


def test_a_probe_shows_its_contour_and_keeps_its_lines_whole(line: TubeLine, reformatter: Reformatter) -> None:
    image = reformatter.cut(cross_section(line, 20.0, 10.0, 0.05))
    style = ProbeStyle(20.0, "B", ("20.0 mm", "a line much longer than the picture is wide"),
                       (DrawnWall(tube_wall(line, 1.5), LUMEN),), 30.0)  # fmt: skip
    picture = probe_picture(image, style)
    assert picture.shape[1] > 200 and (picture[-2:] == GROUND).all()
    assert (picture[200:, :3] == GROUND).all() and (picture[200:, -3:] == GROUND).all()
    left = (picture.shape[1] - 200) // 2
    ring = np.argwhere(near(picture[:200, left : left + 200], LUMEN))
    np.testing.assert_allclose(np.linalg.norm(ring - 99.5, axis=1) * 0.05, 1.5, atol=0.12)
    joined = beside(np.zeros((500, 100, 3), dtype=np.uint8), [picture] * 3)
    assert joined.shape[0] == 500 and joined.shape[1] == 100 + 3 * (picture.shape[1] + 12)
    rows = in_rows([picture] * 5, 3)
    assert rows.shape[:2] == (2 * picture.shape[0] + 6, 3 * picture.shape[1] + 12)
    np.testing.assert_array_equal(rows[picture.shape[0] + 6 :, : picture.shape[1]], picture)
    with pytest.raises(ValueError, match="one size"):
        in_rows([picture, picture[:-1]], 2)
    with pytest.raises(ValueError, match="cross-section"):
        probe_picture(reformatter.cut(straightened(line)), style)
    with pytest.raises(ValueError, match="along a vessel"):
        vessel_picture(image)


def test_the_unrolled_wall_has_its_angles_upwards_and_its_legend_whole() -> None:
    arc = np.arange(0.0, 40.0, 0.4)
    classes = np.zeros((100, 36), dtype=int)
    classes[30:40, 9:18] = 1  # 12 to 16 mm, 90 to 180 degrees
    palette = (("Normal", (230, 230, 230)), ("Calcified plaque, a long name", (60, 60, 200)), ("never", (255, 0, 0)))
    style = ChartStyle(800, 200, "mm", "deg", (Span(12.0, 16.0, 14.0, "L1", (0, 150, 0)),), ((0.0, "pLAD"), (20.0, "mLAD")))
    picture = unrolled_picture(arc, classes, palette, style)
    field = np.argwhere(near(picture, (60, 60, 200), 5))
    field = field[field[:, 0] < np.median(field[:, 0]) + 120]
    blue = near(picture, (60, 60, 200), 5)
    rows = np.flatnonzero(blue.sum(axis=1) > 60)
    top = np.flatnonzero(near(picture, (230, 230, 230), 3).sum(axis=1) > 600)
    assert (rows.min() - top.min()) / 200 == pytest.approx(0.5, abs=0.03), "180 degrees is halfway up"
    assert (rows.max() - top.min()) / 200 == pytest.approx(0.75, abs=0.03), "90 degrees is a quarter up"
    assert not near(picture, (255, 0, 0), 5).any(), "a class that does not occur is not explained"
    assert (picture[:, -2:] == PAPER).all() and (picture[-2:] == PAPER).all()


def test_a_profile_draws_its_curves_to_scale() -> None:
    arc = np.linspace(0.0, 50.0, 126)
    diameter = np.where((arc > 20) & (arc < 30), 1.0, 3.0)
    curves = (Curve("Lumen", diameter, (0, 0, 255), (diameter - 0.3, diameter + 0.3)),
              Curve("Reference", np.where(arc > 10, 3.0, np.nan), (0, 130, 0), dashed=True))  # fmt: skip
    picture = profile_picture(arc, curves, ChartStyle(900, 280, "mm", "mm"))
    axis = np.flatnonzero(near(picture, INK, 5).sum(axis=1) > 700)
    low = axis.max()
    blue = near(picture, (0, 0, 255), 30)
    left = np.flatnonzero(near(picture, INK, 5)[: low - 2].sum(axis=0) > 250)[0]
    side, middle = (low - np.flatnonzero(blue[: low - 4, left + round(at / 50.0 * 900)]).mean() for at in (5.0, 25.0))
    assert side / middle == pytest.approx(3.0, rel=0.03)


@needs_rendering
def test_the_heart_is_seen_from_the_side_that_is_said_and_vessels_lie_on_it() -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-40.0, -40.0, -40.0)
    index = np.stack(np.indices((80, 80, 80)), axis=-1)[..., ::-1] - 40.0
    ball = np.linalg.norm(index, axis=-1) < 25.0
    left_bump = np.linalg.norm(index - [26.0, 0.0, 0.0], axis=-1) < 9.0
    volume = Volume(np.where(ball | left_bump, 250, -100).astype(np.int16), affine)
    angle = np.linspace(-0.8, 0.8, 40)
    front = np.stack([26.5 * np.sin(angle), -26.5 * np.cos(angle), 0.0 * angle], axis=1)
    vessel = Vessel(front, np.full(40, 2.0), np.tile(np.array([20, 230, 20], dtype=np.uint8), (40, 1)))
    style = HeartStyle(View(), (vessel,), legend=(("severe stenosis", (20, 230, 20)),), labels={"前降支": front[30]})
    with HeartPainter(volume, ball | left_bump) as painter:
        picture = painter.volume_rendering(300, 300, style).astype(int)
        from_behind = painter.volume_rendering(300, 300, HeartStyle(View(180.0), (vessel,))).astype(int)
        brightest = painter.maximum_intensity(200, 200, HeartStyle(View(90.0)))
    body = (np.abs(picture - BACKGROUND).sum(axis=2) > 60)[:270]
    columns = np.flatnonzero(body.sum(axis=0) > 20)
    assert body.any() and columns.max() - 150 > 150 - columns.min() - 60
    green = (picture[..., 1] > 120) & (picture[..., 0] < 0.6 * picture[..., 1])
    assert green[:250].sum() > 300 and green[270:].sum() > 20, "the vessel in front, and its colour in the legend"
    hidden = (from_behind[..., 1] > 120) & (from_behind[..., 0] < 0.6 * from_behind[..., 1])
    assert hidden.sum() < 20, "the ball hides it from behind"
    assert brightest[100, 100, 0] == brightest[100, 100, 1] > 90 and tuple(brightest[3, 3]) == BACKGROUND


def test_angiographic_views_turn_the_right_way() -> None:
    np.testing.assert_allclose(View().axes, [[1, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-12)
    lao = View(90.0).axes
    np.testing.assert_allclose(lao[2], [-1, 0, 0], atol=1e-12)  # from the patient's left
    np.testing.assert_allclose(lao[0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(View(0.0, 90.0).axes[2], [0, 0, -1], atol=1e-9)
    with pytest.raises(ValueError, match="empty"):
        HeartPainter(Volume(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4)), np.zeros((4, 4, 4), dtype=bool))
