"""Flying along a route: the target glows through the wall, every bifurcation is a stop, speed, slices, the video of a route."""

from __future__ import annotations

import numpy as np
import pytest
from airway_steps import settle, show_panel, show_plan


@pytest.fixture
def planned(desktop, airway_patient, airway_plan, tmp_path):
    """The panel with the patient's plan shown."""
    panel = show_panel(desktop, airway_patient, tmp_path / "cases")
    return show_plan(desktop, panel, airway_patient, airway_plan, tmp_path / "cases" / "airway-1" / "001")


def picture_of(view):
    """Draw a view; returns RGB (rows, columns, 3), row 0 at the bottom."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    view.forceRender()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.renderWindow())
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _depth = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[..., :3].astype(int)


def test_the_target_glows_through_the_wall_where_it_lies(desktop, planned, tmp_path):
    from LungAirwayWidgets.layout import ENDOSCOPE, three_d_widget

    desktop.screenshot_window(tmp_path / "window.png")
    view, fly = three_d_widget(ENDOSCOPE).threeDView(), planned.flyPanel.fly
    renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
    target = planned.session.plan.target.centre_lps_mm
    seen = 0
    for arc in np.linspace(0.3, 0.95, 8) * fly.length_mm:
        fly.go_to(arc)
        pose = fly.pose()
        ahead = float((target - pose.position_lps_mm) @ pose.axes[2])
        pixels = picture_of(view)
        renderer.SetWorldPoint(*(target * (-1, -1, 1)), 1.0)
        renderer.WorldToDisplay()
        x, y, _depth = (round(value) for value in renderer.GetDisplayPoint())
        inside = 0 <= x < pixels.shape[1] and 0 <= y < pixels.shape[0]
        if ahead > 1.0 and inside:
            seen += 1
            red, green, _blue = pixels[y, x]
            assert green > red  # the wall is pink everywhere
    assert seen >= 3
    greenest = (picture_of(view)[..., 1] - picture_of(view)[..., 0]).max()
    fly.look(0.0, 80.0)
    fly.look(0.0, 80.0)
    assert greenest > 20


def test_every_bifurcation_of_the_route_is_a_stop(desktop, planned):
    fly, button = planned.flyPanel.fly, planned.ui.nextButton
    stops = []
    while fly.arc_mm < fly.length_mm - 1e-6:
        desktop.click(button)
        assert not stops or fly.arc_mm > stops[-1]
        stops.append(fly.arc_mm)
        assert len(stops) < 60
    events = fly.path.events
    assert 2 <= len(stops) <= len(events) + 1
    for event in events:
        before = [stop for stop in stops if stop <= event.arc_mm]
        assert event.arc_mm - max(before, default=0.0) < 25.0
    desktop.click(planned.ui.previousButton)
    assert fly.arc_mm == pytest.approx(stops[-2])


def test_speed_and_following_slices(desktop, planned):
    import slicer

    fly, ui = planned.flyPanel.fly, planned.ui
    node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()

    def flown(speed):
        ui.speedSlider.value = speed
        fly.go_to(30.0)
        for _turn in range(10):
            fly._tick()
        return fly.arc_mm - 30.0

    assert flown(3.0) == pytest.approx(3.0 * flown(1.0), rel=0.35)
    ui.slicesFollowCheckBox.checked = False
    before = node.GetSliceOffset()
    ui.flySlider.value = fly.length_mm
    assert node.GetSliceOffset() == before
    ui.slicesFollowCheckBox.checked = True
    assert node.GetSliceOffset() == pytest.approx(fly.pose().position_lps_mm[2], abs=0.5)


@pytest.mark.slow
def test_the_shown_route_is_filmed_by_a_child(desktop, planned, tmp_path):
    import av

    rank = planned.session.plan.routes[1].rank
    planned.ui.routeTable.selectColumn(1)
    assert planned.session.rank == rank
    desktop.expect_dialog("QFileDialog.getSaveFileName", str(tmp_path / "film"))
    desktop.click(planned.ui.recordButton)
    assert not planned.ui.recordButton.enabled
    desktop.process_events(until=lambda: planned.runs.job is None, timeout=300)
    settle(desktop, planned)
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (960, 640)
        path = planned.session.camera_paths[rank]
        assert float(stream.duration * stream.time_base) == pytest.approx(float(path.time_s[-1]), rel=0.3, abs=3.0)
    assert planned.ui.recordButton.enabled


def test_the_proposed_name_of_a_video_is_legal_everywhere(desktop, planned):
    planned.session.case.volume.SetName("1: Simulated chest CT")
    assert planned.videoRecorder.proposed_name() == "1 Simulated chest CT Route 1.mp4"
    desktop.expect_dialog("QFileDialog.getSaveFileName", "")
    desktop.click(planned.ui.recordButton)
    assert planned.runs.job is None


def crosshair_is_shown():
    import slicer

    return (
        slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode").GetCrosshairMode() != slicer.vtkMRMLCrosshairNode.NoCrosshair
    )


def test_the_slices_mark_the_tip_only_while_flying(desktop, planned):
    assert not crosshair_is_shown()  # a plan was taken up, nobody flies yet
    desktop.click(planned.ui.nextButton)
    assert crosshair_is_shown()
    planned.session.choose_branch(planned.session.edits.tree.root_id)
    assert not crosshair_is_shown()
    desktop.click(planned.ui.nextButton)
    desktop.leave_module()
    assert not crosshair_is_shown()


def test_the_space_bar_presses_the_button_that_has_the_focus(desktop, planned, tmp_path):
    import slicer

    desktop.screenshot_window(tmp_path / "window.png")
    ui, fly = planned.ui, planned.flyPanel.fly
    fly.look(20.0, 0.0)
    desktop.press(ui.lookAheadButton, "Space")  # reached by the tabulator
    assert fly.yaw_deg == 0.0 and not fly.playing
    desktop.click(ui.nextButton)
    assert slicer.app.focusWidget() == ui.playButton  # after the mouse the space bar plays
    desktop.press(ui.playButton, "Space")
    assert fly.playing
    desktop.press(ui.playButton, "Space")
    assert not fly.playing


def test_the_way_past_the_airway_looks_the_same_everywhere(planned):
    from LungAirwayWidgets.case import result_node
    from SenseCarePlanningLib.render.plan_colours import PAST_LUMEN, as_fractions

    route = next(one for one in planned.session.plan.routes if one.chosen_extension is not None)
    planned.session.choose_route(route.rank)
    display = result_node(planned.session.case, f"extension {route.rank}").GetDisplayNode()
    assert display.GetSelectedColor() == pytest.approx(as_fractions(PAST_LUMEN), abs=1e-6)
    assert display.GetLineDiameter() == pytest.approx(3.2)
    assert f"rgb{PAST_LUMEN}" in planned.ui.legendLabel.text
