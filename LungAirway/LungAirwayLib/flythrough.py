"""Flying along a route: the video with its panel, and the attributes that Slicer's own Endoscopy module reads."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, lps_from_ras, unit
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.camera_pose import CameraPose
from SenseCarePlanningLib.render.endoluminal import FIELD_OF_VIEW_DEG, SIGHT_MM, EndoluminalView
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.video import write_video

from .camera_path import BifurcationPass, CameraOptions, CameraPath, camera_path
from .flythrough_panel import Panel
from .openings import Opening, mark_openings, mark_target, opening_names, openings_at
from .plan import Route
from .report_pages.words import Words
from .result import AirwayResult

__all__ = ["BifurcationPass", "CameraOptions", "CameraPath", "camera_path", "endoscopy_attributes", "render_flythrough"]

logger = logging.getLogger(__name__)

HOLD_S = 2.5
"""How long the last picture stays."""
SHOW_OPENINGS_MM = 30.0
"""Openings are ringed from this far before their carina."""
BARE_TARGET_RADIUS_MM = 4.0
KEYFRAME_MM = 2.0
SLICER_VIEW_ANGLE_DEG = 110.0


class FlythroughFrames:
    """The frames of a fly-through, each made from nothing but its time.

    Parameters
    ----------
    result, path
        What was planned, and the camera's way along one of its routes.
    size
        Height of the video and width of its round picture, pixels; the panel takes half as much again.
    progress
        Asked now and then during the preparation; may stop it.
    """

    def __init__(
        self, result: AirwayResult, path: CameraPath, *, size: int = 640, language: str = "en", progress: Progress | None = None
    ) -> None:
        progress = progress or Progress()
        self.path = path
        self.size = size
        self.route = _route_of(result, path)
        self.target = result.plan.target if result.plan is not None else None
        words = Words.of(language)
        names = opening_names(result, language)
        self.openings: list[tuple[Opening, ...]] = [
            openings_at(result.tree, event.branch_id, event.next_branch_id, names) for event in path.events
        ]
        self.panel = Panel(result, path, self.route, words, (size // 2, size))
        progress.update(0.0)
        self.view = EndoluminalView(result.surface, size=size, poll=lambda: progress.update(0.0))
        self.view.scout(scouted_poses(path))

    @property
    def duration_s(self) -> float:
        """Length of the video."""
        return float(self.path.time_s[-1]) + HOLD_S

    def frame(self, time_s: float) -> RgbImage:
        """Return the frame (size, 1.5 size, 3) at a time."""
        path = self.path
        at = min(time_s, float(path.time_s[-1]))
        arc = float(np.interp(at, path.time_s, path.arc_mm))
        pose = path.pose_at_time(at)
        image = np.empty((self.size, self.size + self.size // 2, 3), dtype=np.uint8)
        round_part = self.view.frame(pose, image[:, : self.size])
        if self.target is not None:
            mark_target(round_part, pose, self.target.surface_lps_mm, BARE_TARGET_RADIUS_MM, FIELD_OF_VIEW_DEG)
        coming = next((number for number, event in enumerate(path.events) if event.arc_mm >= arc), None)
        if coming is not None and path.events[coming].arc_mm - arc < SHOW_OPENINGS_MM:
            mark_openings(round_part, pose, self.openings[coming], FIELD_OF_VIEW_DEG, text_size=self.size // 32)
        self.panel.draw(image[:, self.size :], arc, coming)
        return image

    def frames(self, fps: float) -> Iterator[RgbImage]:
        """Yield all frames at a frame rate."""
        for number in range(int(np.ceil(self.duration_s * fps))):
            yield self.frame(number / fps)

    def close(self) -> None:
        """Give the graphics memory back."""
        self.view.close()


def scouted_poses(path: CameraPath) -> list[CameraPose]:
    """Return poses along a path close enough for :meth:`EndoluminalView.scout`."""
    step = float(np.median(np.diff(path.arc_mm))) if len(path) > 1 else SIGHT_MM
    stride = max(int(SIGHT_MM / max(step, 1e-3)), 1)
    return [path.pose(at) for at in sorted({*range(0, len(path), stride), len(path) - 1})]


def _route_of(result: AirwayResult, path: CameraPath) -> Route | None:
    routes = result.plan.routes if result.plan is not None else ()
    return next((route for route in routes if route.rank == path.route_rank), None)


def render_flythrough(
    result: AirwayResult,
    path: CameraPath,
    out_mp4: Path | str,
    *,
    size: int = 640,
    fps: float = 25.0,
    language: str = "en",
    progress: Progress | None = None,
) -> Path:
    """Write the video of a route: the view from inside, and a panel with the map, the place and the next turn.

    Ask ``rendering_available`` first.

    Parameters
    ----------
    size
        Height of the video in pixels; its width is half as much again.
    language
        ``en`` or ``zh``.

    Returns
    -------
    Path
        The file; it appears whole or not at all.

    Raises
    ------
    Cancelled
        When the user stopped the run.
    """
    progress = progress or Progress()
    start = time.perf_counter()
    scene = FlythroughFrames(result, path, size=size, language=language, progress=progress)
    total = max(int(np.ceil(scene.duration_s * fps)), 1)

    def told() -> Iterator[RgbImage]:
        """Yield the frames, and tell how many of them are done."""
        for number, frame in enumerate(scene.frames(fps)):
            progress.update(number / total)
            yield frame

    try:
        count = write_video(told(), out_mp4, fps)
    finally:
        scene.close()
    logger.info("fly-through: %d frames in %.1f s", count, time.perf_counter() - start)
    return Path(out_mp4)


def endoscopy_attributes(path: CameraPath) -> dict[str, str]:
    """Return the node attributes with which Slicer's Endoscopy module flies this path as planned.

    They belong on a markups curve through the positions of the path. ``Endoscopy.Path.CameraOrientations`` maps the
    distance along the curve (mm) to ``[angle, x, y, z]``: the rotation in radians about a unit axis that takes the world
    axes (RAS) to the camera's left, up and forward. ``Endoscopy.Path.ViewAngle`` is the full angle in degrees.
    """
    count = max(int(np.ceil(path.arc_mm[-1] / KEYFRAME_MM)), 1)
    wanted = np.linspace(0.0, path.arc_mm[-1], count + 1)
    samples = np.unique(np.searchsorted(path.arc_mm, wanted).clip(0, len(path) - 1))
    forward, up = lps_from_ras(path.forward), lps_from_ras(path.up)
    keys = {}
    for at in samples:
        left = unit(np.cross(up[at], forward[at]))
        matrix = np.stack([left, np.cross(forward[at], left), forward[at]], axis=1)
        keys[f"{path.arc_mm[at]:.4f}" if at else "0.0"] = [round(value, 9) for value in _axis_angle(matrix)]
    return {
        "Endoscopy.Path.CameraOrientations": json.dumps(keys),
        "Endoscopy.Path.ViewAngle": str(SLICER_VIEW_ANGLE_DEG),
    }


def _axis_angle(matrix: FloatArray) -> list[float]:
    """Return ``[angle, x, y, z]`` (radians, unit axis) of a rotation matrix (3, 3)."""
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_matrix(matrix).as_rotvec()
    angle = float(np.linalg.norm(turn))
    axis = turn / angle if angle > 1e-12 else np.array([0.0, 0.0, 1.0])
    return [angle, *(float(part) for part in axis)]
