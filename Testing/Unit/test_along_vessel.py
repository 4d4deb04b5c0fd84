"""A vessel lying in a window: places and columns belong together, the mark and the strip show the place that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import SPEC, one_lesion

from CardiacCTALib.along_vessel import SECTION_PX, STRIP_PX, STRIP_STEPS_MM, AlongVessel, Cut, CutKind, along_vessel
from CardiacCTALib.report_pages.rows import lesion_rows
from CardiacCTALib.report_pages.words import Words
from CardiacCTALib.vessel_edit import VesselEdit
from CardiacCTALib.vessel_editor import VesselEditor
from SenseCarePlanningLib.render.lying_vessel import MARK, LyingStyle, lying_vessel
from SenseCarePlanningLib.render.vessel_picture import GROUND
from SenseCarePlanningLib.tubes.reformat import Slab
from SenseCarePlanningLib.tubes.sheets import cross_section
from SenseCarePlanningLib.tubes.wall_edit import Anchor


@pytest.fixture(scope="module")
def along() -> AlongVessel:
    result, tube = one_lesion()
    return along_vessel(result.vessel("LAD"), tube.volume, lesion_rows(result), Words.of("en"))


def test_columns_and_places_belong_together(along: AlongVessel) -> None:
    lying = along.lying
    for column in (0, 57, lying.picture.shape[1] - 1):
        assert lying.column_of(lying.place_of(column)) == column
    assert lying.place_of(lying.picture.shape[1] - 0.5) == pytest.approx(along.length_mm, abs=lying.pixel_mm)
    assert lying.column_of(-5.0) == 0
    assert lying.column_of(1000.0) == lying.picture.shape[1] - 1


def test_the_lumen_is_bright_all_along_and_narrow_in_the_middle(along: AlongVessel) -> None:
    lying = along.lying
    field = lying.picture[lying.top : lying.bottom].astype(int)
    grey = np.where(field.max(axis=2) - field.min(axis=2) < 12, field.mean(axis=2), 0)  # lines have colours
    wide = [(grey[:, lying.column_of(place)] > 110).sum() for place in (4.0, SPEC.lesion_at_mm, 28.0)]
    assert wide[1] < 0.7 * min(wide[0], wide[2])
    assert wide[0] * lying.pixel_mm == pytest.approx(3.0, abs=0.8)


def test_the_mark_stands_at_the_place_and_leaves_the_lumen_free(along: AlongVessel) -> None:
    lying = along.lying
    marked = lying.marked(10.0)
    rows, columns = np.nonzero((marked == MARK).all(axis=2))
    assert abs(columns - lying.column_of(10.0)).max() <= 1
    middle = (lying.top + lying.bottom) // 2
    assert middle not in rows
    assert (lying.picture != marked).any(axis=2).sum() <= len(rows)


def test_the_strip_frames_the_place_and_is_empty_past_the_ends(along: AlongVessel) -> None:
    strip = along.strip(0.0)
    assert strip.shape[0] == STRIP_PX
    step = (strip.shape[1] - STRIP_PX) // (len(STRIP_STEPS_MM) - 1)
    before = strip[:, :STRIP_PX]
    assert (before == GROUND).all()
    framed = strip[0, 2 * step : 2 * step + STRIP_PX]
    assert (framed == MARK).all()


def test_the_section_is_cut_where_the_point_says(along: AlongVessel) -> None:
    at = SPEC.lesion_at_mm
    centre = cross_section(along.views.line, at).centre_lps_mm
    assert np.linalg.norm(along.point_lps_mm(at) - centre) < 1e-9
    assert along.section(at).shape[:2] == (SECTION_PX, SECTION_PX)
    said = along.said(at)
    walls = along.views.measured.walls
    least = walls.lumen_area_mm2[np.abs(walls.arc_mm - at).argmin()]
    assert f"Lumen area {least:.1f}\u00a0mm²" in said


@pytest.mark.parametrize("kind", list(CutKind))
@pytest.mark.parametrize("turn", [0.0, 130.0])
def test_marks_and_pixels_follow_every_cut(along: AlongVessel, kind: CutKind, turn: float) -> None:
    """A place's pixel leads to its point in the patient, and back to the place; the mark stands at it."""
    seen = along.seen(Cut(kind, turn))
    lying = seen.lying
    for at in (3.0, 16.0, 29.0):
        x, y = lying.point_of(at)
        assert np.linalg.norm(lying.sheet.to_lps(lying.upright(x, y))[0] - along.point_lps_mm(at)) < 0.02
        assert lying.place_of(x - 0.5, y - 0.5) == pytest.approx(at, abs=0.5)
        rows, columns = np.nonzero((lying.marked(at) == MARK).all(axis=2))
        middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        assert np.linalg.norm(middle - (x, y)) * lying.pixel_mm < 1.6


def test_the_section_is_ticked_where_the_picture_cuts_it(along: AlongVessel) -> None:
    """Seen along the tick of the section, the row of the picture at the place lies across the vessel, whatever the cut."""
    straight = along.cut_deg(10.0)
    for turn in (0.0, 72.0, 300.0):
        assert (along.seen(Cut(turn_deg=turn)).cut_deg(10.0) - straight) % 360.0 == pytest.approx(turn, abs=0.01)
    stretched = along.seen(Cut(CutKind.STRETCHED, 40.0))
    sheet = stretched.lying.sheet
    frame = along.views.line.at(10.0)[1]
    angle = np.radians(stretched.cut_deg(10.0))
    row = sheet.rulings(np.array([sheet.along(10.0)[0, 1] * sheet.pixel_mm]))[1][0]
    flat = row - (row @ frame[0]) * frame[0]
    assert np.linalg.norm(flat / np.linalg.norm(flat) - np.cos(angle) * frame[1] - np.sin(angle) * frame[2]) < 1e-6


def test_the_brightest_of_a_slab_is_no_darker_than_its_mean(along: AlongVessel) -> None:
    bright, mean = (along.seen(Cut(thickness_mm=6.0, slab=slab)).lying for slab in (Slab.MIP, Slab.MEAN))
    middle = slice(bright.top + 5, bright.bottom - 8)
    assert (bright.picture[middle].astype(int) >= mean.picture[middle]).mean() > 0.99
    with pytest.raises(ValueError, match="20 mm"):
        Cut(thickness_mm=30.0)


def test_a_picture_is_turned_not_mirrored(along: AlongVessel) -> None:
    """Right and up in the picture, with the way towards the viewer, make a right-handed frame in the patient."""
    lying = along.seen(Cut(CutKind.PROJECTED)).lying
    start, ahead, above = (lying.sheet.to_lps(lying.upright(*place))[0] for place in ((60, 60), (61, 60), (60, 59)))
    normal = lying.sheet.rulings(np.array([60 * lying.pixel_mm + lying.sheet.top_mm]))[2][0]
    assert np.cross(ahead - start, above - start) @ normal < 0.0  # it points away from the viewer


def test_another_reformat_is_refused(along: AlongVessel) -> None:
    image = along.reformatter.cut(cross_section(along.views.line, 5.0))
    with pytest.raises(ValueError, match="along a vessel"):
        lying_vessel(image, LyingStyle())


def test_a_pixel_of_either_picture_is_an_anchor_of_the_wall_that_lies_there(along: AlongVessel) -> None:
    """The pixel where the lumen edge is drawn gives the edge's own angle and radius about the middle of the lumen."""
    at, walls = 12.0, along.views.measured.walls
    ring = along.views.walls[1].wall.ring_lps_mm(at)
    rays = len(ring) - 1
    for ray in (0, rays // 3, rays // 2):
        anchor = along.anchor_at(ring[ray], at)
        assert (anchor.angle_deg - 360.0 * ray / rays + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=1e-4)
        assert anchor.radius_mm == pytest.approx(np.interp(at, walls.arc_mm, walls.lumen_mm[:, ray]), abs=1e-6)
    middle = along.point_in_section(at, SECTION_PX / 2.0, SECTION_PX / 2.0)
    assert np.linalg.norm(middle - along.point_lps_mm(at)) < 1e-9
    x, y = along.lying.point_of(at)
    assert np.linalg.norm(along.point_in_picture(x, y) - along.point_lps_mm(at)) < 1e-9


def test_other_walls_keep_the_view_and_the_place_of_the_picture(along: AlongVessel) -> None:
    """Walls that a reader draws neither turn the view nor prepare the scan anew; the walls in the pictures are the new ones."""
    one = along.views.result
    new = VesselEditor.of(one).edited(VesselEdit(lumen=(Anchor(SPEC.lesion_at_mm, 90.0, 1.6),)))
    other = along.drawn(new, ())
    assert other.reformatter is along.reformatter
    assert other.cut_deg(10.0) == along.cut_deg(10.0)
    assert (other.section(SPEC.lesion_at_mm) != along.section(SPEC.lesion_at_mm)).any()
    assert (other.seen(other.cut).lying.picture != along.lying.picture).any()


def test_where_the_line_is_dragged_to_is_marked(along: AlongVessel) -> None:
    target = along.point_in_section(10.0, 150.5, 90.5)
    marked = along.section(10.0, target)
    rows, columns = np.nonzero((marked != along.section(10.0)).any(axis=2))
    assert (abs(rows - 90) <= 8).all() and (abs(columns - 150) <= 8).all()
    assert tuple(marked[90, 150]) == MARK
