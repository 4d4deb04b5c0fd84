"""Flying along a route in the view from inside: play, scrub, step to the next bifurcation, look around."""

from typing import Any

import numpy as np
import qt
import vtk

from LungAirwayLib.camera_path import exits_at_tip
from LungAirwayLib.flythrough_panel import calibre_mm
from LungAirwayLib.free_navigation import Motion, step
from SenseCarePlanningLib.render.camera_pose import CameraPose
from SenseCarePlanningLib.render.lumen_field import LumenField
from SenseCarePlanningLib.report.fonts import font_path
from SenseCarePlanningWidgets.background import Background
from SenseCarePlanningWidgets.error_message import show_failure
from SenseCarePlanningWidgets.texts import tr as _

from .branch_picker import main_renderer
from .layout import ENDOSCOPE, restore_crosshair, show_crosshair, shown_slice_nodes, three_d_widget
from .target_glow import TargetGlow

FRAME_MS = 40
VIEW_ANGLE_DEG = 100.0
LOOK_STEP_DEG = 10.0
FARTHEST_LOOK_DEG = 80.0
BEFORE_BIFURCATION_MM = 6.0
"""A step to a bifurcation ends so far before it (or two radii): its openings are in view there."""
LIGHT_FALL_OFF = 0.15
"""The lamp at the tip fades by 1 / (1 + 0.15 d²/r²) at the distance d in a lumen of radius r: no wall is overexposed, depth is
seen in the trachea and in a thin bronchus alike."""
BARE_TARGET_RADIUS_MM = 4.0
BEFORE_CARINA_MM = 20.0
"""Without a way, the view from inside looks at the main carina from so far."""


class FlyThrough:
    """The camera on one route of one result.

    Parameters
    ----------
    on_moved
        Called with the way (mm) after every move.
    scene_ras
        Takes points (..., 3) of the result (LPS mm) to the scene (RAS mm).
    """

    def __init__(self, on_moved: Any, scene_ras: Any) -> None:
        self._on_moved, self._scene_ras = on_moved, scene_ras
        self.result: Any = None
        self.path: Any = None
        self.words: Any = None
        self.calibre: Any = None
        self._steps: dict[int, Any] = {}
        self.arc_mm = 0.0
        self.yaw_deg = self.pitch_deg = 0.0
        self.speed = 1.0
        self.slices_follow = True
        self._field: Any = None
        self._finding: Any = None
        self._free: Any = None
        self._flown = False
        self._crosshair_before: int | None = None
        """Whether the user flies: only then the slices mark where the tip is."""
        self._timer = qt.QTimer()
        self._timer.interval = FRAME_MS
        self._timer.connect("timeout()", self._tick)
        self._lit: Any = None
        self._lamp: Any = None
        self._glow = TargetGlow()

    @property
    def playing(self) -> Any:
        """Whether it flies."""
        return bool(self._timer.active)

    @property
    def length_mm(self) -> Any:
        """Length of the way."""
        return float(self.path.arc_mm[-1]) if self.path is not None else 0.0

    def load(self, result: Any, path: Any, words: Any) -> None:
        """Take a result and one of its camera paths; None takes the way away."""
        self.pause()
        self.unmark()
        self.result, self.path, self.words = result, path, words
        self._field = self._free = None
        if self._finding is not None:
            self._finding.forget()
            self._finding = None
        self.arc_mm = self.yaw_deg = self.pitch_deg = 0.0
        self.calibre = calibre_mm(path, result.tree) if path is not None else None
        self._steps = {}
        if path is not None and result.plan is not None:
            self._steps = {one.branch_id: one for one in result.plan.instructions.get(path.route_rank, ())}

    def unmark(self) -> None:
        """Take the mark out of the slices: the user looks at something else."""
        self._flown = False
        if self._crosshair_before is not None:
            restore_crosshair(self._crosshair_before)
            self._crosshair_before = None

    def play(self) -> None:
        """Fly on; from the end, from the start."""
        if self.path is None:
            return
        self._timer.start()
        if self.arc_mm >= self.length_mm - 1e-3:
            self.go_to(0.0)

    def pause(self) -> None:
        """Stop."""
        self._timer.stop()

    def go_to(self, arc_mm: Any) -> None:
        """Go to a place along the way."""
        if self.path is None:
            return
        self._free = None
        self.arc_mm = float(np.clip(arc_mm, 0.0, self.length_mm))
        self._flown = True
        self.show()

    def go_by(self, way_mm: Any) -> None:
        """Go on, or back, by a distance."""
        self.go_to(self.arc_mm + way_mm)

    def next_bifurcation(self) -> None:
        """Go to just before the next bifurcation; past the last, to the end."""
        places = [place for place in self._stops() if place > self.arc_mm + 0.5]
        self.go_to(places[0] if places else self.length_mm)

    def previous_bifurcation(self) -> None:
        """Go back to just before the bifurcation behind; before the first, to the start."""
        places = [place for place in self._stops() if place < self.arc_mm - 0.5]
        self.go_to(places[-1] if places else 0.0)

    def _stops(self) -> Any:
        if self.path is None:
            return []
        radii = self.path.radius_mm
        return [max(e.arc_mm - max(BEFORE_BIFURCATION_MM, 2.0 * float(radii[e.index])), 0.0) for e in self.path.events]

    def look(self, right_deg: Any, up_deg: Any) -> None:
        """Turn the view away from the way ahead; it stays turned until :meth:`look_ahead`."""
        self.yaw_deg = float(np.clip(self.yaw_deg + right_deg, -FARTHEST_LOOK_DEG, FARTHEST_LOOK_DEG))
        self.pitch_deg = float(np.clip(self.pitch_deg + up_deg, -FARTHEST_LOOK_DEG, FARTHEST_LOOK_DEG))
        self.show()

    def look_ahead(self) -> None:
        """Look along the way again, and go back onto it."""
        self.yaw_deg = self.pitch_deg = 0.0
        self._free = None
        self.show()

    def steer(self, **motion: float) -> None:
        """Leave the way and move the tip by hand, see :class:`LungAirwayLib.free_navigation.Motion`; walls hold it."""
        if self.path is None:
            return
        self.pause()
        if self._field is None:
            self._find_walls(motion)
            return
        self._free = step(self.pose(), Motion(**motion), self._field)
        self._flown = True
        self.show()

    def _find_walls(self, motion: dict[str, float]) -> None:
        """Find where the walls are, beside the window, once a result; the first move waits for it, further ones are dropped."""
        if self._finding is not None:
            return
        result = self.result

        def found(field: Any) -> None:
            """Take the distances from the wall and go on as was asked."""
            self._finding, self._field = None, field
            self.steer(**motion)

        def failed(failure: Exception) -> None:
            """Say why there is no distance from the wall."""
            self._finding = None
            show_failure(failure)

        self._finding = Background(lambda: LumenField.of(result.airway, tree=result.tree), found, failed)
        self._finding.start()

    def pose(self) -> Any:
        """Return the camera's pose: free, or on the way with the view turned."""
        if self._free is not None:
            return self._free
        pose = self.path.pose_at_time(float(np.interp(self.arc_mm, self.path.arc_mm, self.path.time_s)))
        if self.yaw_deg == 0.0 and self.pitch_deg == 0.0:
            return pose
        right, up, forward = pose.axes
        yaw, pitch = np.radians([self.yaw_deg, self.pitch_deg])
        ahead = np.cos(yaw) * forward + np.sin(yaw) * right
        turned = np.cos(pitch) * ahead + np.sin(pitch) * up
        above = np.cos(pitch) * up - np.sin(pitch) * ahead
        return type(pose)(pose.position_lps_mm, pose.position_lps_mm + 10.0 * turned, above)

    def show(self) -> None:
        """Put camera, slices and texts where the tip is."""
        if self.path is None:
            self.clear_view()
            return
        pose = self.pose()
        widget = three_d_widget(ENDOSCOPE)
        if widget is not None:
            self._place_camera(widget.threeDView(), pose, self.calibre[self._sample()] / 2.0)
            self._annotate(widget.threeDView(), self.here_text(), self.next_text(), self.way_text())
        if self.slices_follow:
            place = self._scene_ras(pose.position_lps_mm)
            for node in shown_slice_nodes():
                node.JumpSliceByOffsetting(*place)
            if self._flown:
                before = show_crosshair(*place)
                if self._crosshair_before is None:
                    self._crosshair_before = before
        self._on_moved(self.arc_mm)

    def _place_camera(self, view: Any, pose: Any, lumen_radius_mm: Any) -> None:
        self._light(view)
        if self._lamp is not None:
            self._lamp.SetAttenuationValues(1.0, 0.0, LIGHT_FALL_OFF / max(lumen_radius_mm, 1.5) ** 2)
        self._show_target(view, pose)
        camera = view.cameraNode()
        if camera is None:
            return
        position, focus, above = self._scene_ras(
            np.array([pose.position_lps_mm, pose.focal_lps_mm, pose.position_lps_mm + pose.up])
        )
        modified = camera.StartModify()
        camera.SetViewAngle(VIEW_ANGLE_DEG)
        camera.SetPosition(*position)
        camera.SetFocalPoint(*focus)
        camera.SetViewUp(*(above - position))
        camera.EndModify(modified)
        camera.GetCamera().SetClippingRange(0.1, 400.0)
        view.scheduleRender()

    def _light(self, view: Any) -> None:
        """Replace the view's light by a lamp at the tip, and let near walls be drawn."""
        renderer = main_renderer(view)
        if renderer is None or self._lit is renderer:
            return
        self._lit = renderer
        renderer.RemoveAllLights()
        lamp = vtk.vtkLight()
        lamp.SetLightTypeToHeadlight()
        lamp.PositionalOn()
        lamp.SetConeAngle(120.0)
        lamp.SetIntensity(1.2)
        renderer.AddLight(lamp)
        self._lamp = lamp
        renderer.AutomaticLightCreationOff()
        renderer.SetNearClippingPlaneTolerance(0.0002)
        node = view.mrmlViewNode()
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        node.SetBackgroundColor(0.02, 0.02, 0.03)
        node.SetBackgroundColor2(0.02, 0.02, 0.03)
        view.setProperty("orientationWidgetVisible", False)

    def _show_target(self, view: Any, pose: Any) -> None:
        renderer = main_renderer(view)
        if renderer is None or self.path is None or self.result.plan is None:
            return
        target = self.result.plan.target
        radius = max(target.radius_mm, BARE_TARGET_RADIUS_MM)
        ahead = float((target.centre_lps_mm - pose.position_lps_mm) @ pose.axes[2])
        self._glow.show(renderer, self._scene_ras(target.centre_lps_mm), ahead, radius, VIEW_ANGLE_DEG)

    @staticmethod
    def _annotate(view: Any, here: Any, ahead: Any = "", way: Any = "") -> None:
        annotation = view.cornerAnnotation()
        texts = (
            (vtk.vtkCornerAnnotation.UpperLeft, here),
            (vtk.vtkCornerAnnotation.UpperRight, ahead),
            (vtk.vtkCornerAnnotation.LowerLeft, way),
        )
        for corner, text in texts:
            annotation.SetText(corner, text)
        look = annotation.GetTextProperty()
        look.SetFontFamily(vtk.VTK_FONT_FILE)
        look.SetFontFile(str(font_path()))
        look.SetColor(1.0, 1.0, 1.0)
        look.SetShadow(True)
        annotation.SetMaximumFontSize(18)
        annotation.SetMinimumFontSize(11)
        annotation.SetNonlinearFontScaleFactor(0.45)

    def clear_view(self) -> None:
        """Take the texts out of the view; with a tree, look at the main carina until there is a way to fly."""
        self._glow.hide()
        widget = three_d_widget(ENDOSCOPE)
        if widget is None:
            return
        view = widget.threeDView()
        view.cornerAnnotation().ClearAllTexts()
        if self.result is not None:
            trachea = self.result.tree[self.result.tree.root_id]
            self._place_camera(view, carina_pose(trachea), float(np.median(trachea.radius_mm)))
            self._annotate(view, _("Set a target and plan the routes:\nthe way to it is flown here."))
        view.scheduleRender()

    def _sample(self) -> Any:
        return int(np.searchsorted(self.path.arc_mm, self.arc_mm).clip(0, len(self.path) - 1))

    def branch(self) -> Any:
        """Return the branch that the tip is in."""
        return self.result.tree[int(self.path.branch_ids[self._sample()])]

    def here_text(self) -> Any:
        """Return where the tip is."""
        branch, say = self.branch(), self.words.say
        generation = say("generation {number}", number=branch.generation)
        lumen = say("lumen {diameter} mm", diameter=f"{self.calibre[self._sample()]:.1f}")
        return f"{self.words.branch(branch, self.result.tree)}\n{generation} · {lumen}"

    def next_text(self) -> Any:
        """Return the next turn."""
        say = self.words.say
        coming = next((event for event in self.path.events if event.arc_mm >= self.arc_mm), None)
        if coming is None:
            return self._exit_text()
        lines = [say("in {distance} mm", distance=f"{coming.arc_mm - self.arc_mm:.0f}")]
        turn = self._steps.get(coming.branch_id)
        if turn is not None:
            lines.append(say("{hour} o'clock", hour=turn.clock_hour))
        lines.append(self.words.branch(self.result.tree[coming.next_branch_id], self.result.tree))
        return "\n".join(lines)

    def _exit_text(self) -> Any:
        say, routes = self.words.say, self.result.plan.routes if self.result.plan is not None else ()
        route = next((one for one in routes if one.rank == self.path.route_rank), None)
        if route is None or route.gap_mm <= 0.0:
            return say("The airway reaches the target.")
        if exits_at_tip(route, self.result.tree):
            return say("The visible airway ends ahead.")
        left = self.length_mm - self.arc_mm + self.path.unseen_mm
        return say("Leave the airway in {distance} mm.", distance=f"{left:.0f}") if left >= 1.0 else say("Leave the airway here.")

    def way_text(self) -> Any:
        """Return the depth, and what is left to the target."""
        say = self.words.say
        depth = say("depth {depth} mm", depth=f"{self.arc_mm:.0f}")
        left = self.length_mm - self.arc_mm + self.path.unseen_mm + self._gap()
        return f"{depth} · {say('to the target {distance} mm', distance=f'{max(left, 0.0):.0f}')}"

    def _gap(self) -> Any:
        routes = self.result.plan.routes if self.result.plan is not None else ()
        return next((route.gap_mm for route in routes if route.rank == self.path.route_rank), 0.0)

    def _tick(self) -> None:
        time_s = float(np.interp(self.arc_mm, self.path.arc_mm, self.path.time_s)) + self.speed * FRAME_MS / 1000.0
        if time_s >= self.path.time_s[-1]:
            self.pause()
        self.go_to(float(np.interp(time_s, self.path.time_s, self.path.arc_mm)))


def carina_pose(trachea: Any) -> Any:
    """Return the view from the trachea onto the main carina, the patient's front up."""
    points = np.asarray(trachea.points_lps_mm)
    left_mm = float(trachea.arc_mm[-1]) - np.asarray(trachea.arc_mm)
    return CameraPose(points[int(np.abs(left_mm - BEFORE_CARINA_MM).argmin())], points[-1], np.array([0.0, -1.0, 0.0]))


def add_shortcuts(parent: Any, fly: Any, toggle_play: Any = None) -> Any:
    """Let the keyboard drive the fly-through while ``parent`` or a part of it has the focus; returns the shortcuts.

    Without ``toggle_play`` the space bar is left alone: among buttons it presses the one that has the focus.
    """
    actions = (
        *([("Space", toggle_play)] if toggle_play is not None else []),
        ("PgDown", fly.next_bifurcation),
        ("PgUp", fly.previous_bifurcation),
        ("W", lambda: fly.go_by(1.0)),
        ("S", lambda: fly.go_by(-1.0)),
        ("Home", lambda: fly.go_to(0.0)),
        ("End", lambda: fly.go_to(fly.length_mm)),
        ("Left", lambda: fly.look(-LOOK_STEP_DEG, 0.0)),
        ("Right", lambda: fly.look(LOOK_STEP_DEG, 0.0)),
        ("Up", lambda: fly.look(0.0, LOOK_STEP_DEG)),
        ("Down", lambda: fly.look(0.0, -LOOK_STEP_DEG)),
        ("A", fly.look_ahead),
        ("Shift+Up", lambda: fly.steer(advance_mm=1.0)),
        ("Shift+Down", lambda: fly.steer(advance_mm=-1.0)),
        ("Shift+Left", lambda: fly.steer(turn_deg=-5.0)),
        ("Shift+Right", lambda: fly.steer(turn_deg=5.0)),
    )
    made = []
    for keys, action in actions:
        shortcut = qt.QShortcut(qt.QKeySequence(keys), parent)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", action)
        made.append(shortcut)
    return made


def keys_text() -> Any:
    """Return the keys, for the panel."""
    rows = (
        (_("Space"), _("play or pause")),
        (_("Page Down, Page Up"), _("next, previous bifurcation")),
        (_("W, S"), _("one millimetre on, back")),
        (_("Home, End"), _("to the start, to the end")),
        (_("Arrows"), _("look around")),
        (_("A"), _("look ahead again, back on the way")),
        (_("Shift + arrows"), _("steer freely")),
    )
    cells = "".join(f"<tr><td><b>{keys}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for keys, what in rows)
    return f"<p>{_('Keys, after a click into the view from inside:')}</p><table>{cells}</table>"
