"""What the operator sees before each bifurcation: the openings, the right one ringed, clock hours around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.render.camera_pose import CameraPose
from SenseCarePlanningLib.render.endoluminal import FIELD_OF_VIEW_DEG, EndoluminalView
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Shapes, draw_text, resized

from .camera_path import CameraPath
from .openings import WANTED, mark_openings, mark_target, opening_names, openings_at
from .pictures_labels import Box, name_openings
from .plan import Instruction, Plan
from .report_pages.steps import LOWEST_ROW_MM, row_height_mm
from .report_pages.words import Words
from .result import AirwayResult

RENDERED_PIXELS, PIXELS = 720, 480
TEXT_SHARE = 0.132
"""Height of a name against the picture: 7 points where the picture is printed 18.7 mm high; less in one printed larger."""
SHRINKING = 0.6
"""Of a name against a larger picture, as a power: it leaves room around the openings and yet grows on paper, to 9.5 points."""
HOUR_PLACE, HOUR_SHARE = 0.865, 0.95
"""Where the hours stand, in radii of the picture, and their height against that of the names."""
BEFORE_CARINA_MM = (5.0, 15.0)
"""The view is taken one lumen diameter before the carina, within these limits."""
BARE_TARGET_RADIUS_MM = 4.0


def step_pictures(
    result: AirwayResult, plan: Plan, paths: Mapping[int, CameraPath], words: Words
) -> Iterator[tuple[str, RgbImage]]:
    """Yield ``step_<rank>_<n>`` for every instruction of every route that has a camera path."""
    wanted = [(rank, step) for rank, steps in plan.instructions.items() if rank in paths for step in steps]
    if not wanted:
        return
    names = opening_names(result, "en")  # the codes, in every language: full names would cover the openings
    view = EndoluminalView(result.surface, size=RENDERED_PIXELS, many=False)
    try:
        for rank, step in wanted:
            pose = pose_before(result, paths[rank], step)
            image = view.frame(pose)
            mark_target(image, pose, plan.target.surface_lps_mm, BARE_TARGET_RADIUS_MM, FIELD_OF_VIEW_DEG)
            openings = openings_at(result.tree, step.branch_id, step.next_branch_id, names)
            share = TEXT_SHARE * (LOWEST_ROW_MM / row_height_mm(len(plan.instructions[rank]))) ** SHRINKING
            mark_openings(image, pose, openings, FIELD_OF_VIEW_DEG)
            _draw_clock(image, step, share)
            letters = round(share * RENDERED_PIXELS)
            name_openings(image, pose, openings, FIELD_OF_VIEW_DEG, letters, _clock_boxes(step, share))
            yield f"step_{rank}_{step.step}", _for_print(image)
    finally:
        view.close()


def pose_before(result: AirwayResult, path: CameraPath, step: Instruction) -> CameraPose:
    """Return the pose one lumen diameter before the carina of a step, looking along the branch itself."""
    branch = result.tree[step.branch_id]
    arc = branch.arc_mm
    diameter = 2.0 * float(np.median(branch.radius_mm))
    stop = max(float(arc[-1]) - float(np.clip(diameter, *BEFORE_CARINA_MM)), 0.3 * float(arc[-1]))
    place = np.array([np.interp(stop, arc, branch.points_lps_mm[:, axis]) for axis in range(3)])
    mine = np.flatnonzero(path.branch_ids == step.branch_id)
    candidates = mine if len(mine) else np.arange(len(path))
    at = int(candidates[np.argmin(np.linalg.norm(path.positions_lps_mm[candidates] - place, axis=1))])
    back = np.array([np.interp(max(stop - 5.0, 0.0), arc, branch.points_lps_mm[:, axis]) for axis in range(3)])
    forward = unit(place - back)
    if not forward.any():
        forward = path.forward[at]
    up = unit(path.up[at] - np.dot(path.up[at], forward) * forward)
    return CameraPose(path.positions_lps_mm[at], path.positions_lps_mm[at] + forward, up)


def _draw_clock(image: RgbImage, step: Instruction, text_share: float) -> None:
    """Draw clock ticks, the hours and the arrow to the wanted hour inside the rim, in place."""
    size = image.shape[0]
    middle, radius = size / 2.0, size / 2.0
    shapes = Shapes()
    for hour in range(12):
        direction = _direction(30.0 * hour)
        length = 0.055 if hour % 3 == 0 else 0.03
        ends = [middle + direction * radius * (0.985 - length), middle + direction * radius * 0.985]
        shapes.line(ends, (255, 255, 255, 220), size / 150.0)
    ahead = _direction(step.clock_angle_deg)
    aside = np.array([-ahead[1], ahead[0]])
    tip, base = middle + ahead * radius * 0.97, middle + ahead * radius * 0.84
    shapes.polygon([tip, base + aside * radius * 0.065, base - aside * radius * 0.065], WANTED)
    shapes.draw(image)
    for hour in _shown_hours(step):
        place = middle + _direction(30.0 * hour) * radius * HOUR_PLACE
        draw_text(image, str(hour), place[0], place[1], round(HOUR_SHARE * text_share * size), anchor="mm")


def _shown_hours(step: Instruction) -> list[int]:
    """Return the hours that the arrow leaves room for."""
    return [hour for hour in (12, 3, 6, 9) if abs((step.clock_angle_deg - 30.0 * hour + 180.0) % 360.0 - 180.0) > 14.0]


def _clock_boxes(step: Instruction, text_share: float) -> list[Box]:
    """Return the places of hours and arrow, which no name may cover."""
    radius = RENDERED_PIXELS / 2.0
    digit = HOUR_SHARE * text_share * RENDERED_PIXELS
    boxes = [
        (radius + _direction(30.0 * hour) * radius * HOUR_PLACE, digit * np.array([0.6 if hour == 12 else 0.3, 0.45]))
        for hour in _shown_hours(step)
    ]
    return [*boxes, (radius + _direction(step.clock_angle_deg) * radius * 0.905, np.full(2, 0.07 * radius))]


def _for_print(image: RgbImage) -> RgbImage:
    """Return the picture at its final size, with the ground outside the round window white."""
    image = resized(image, PIXELS, PIXELS).copy()
    offset = np.arange(PIXELS) + 0.5 - PIXELS / 2.0
    outside = offset[:, None] ** 2 + offset[None, :] ** 2 > (PIXELS / 2.0 - 1.5) ** 2
    image[outside] = 255
    return image


def _direction(angle_deg: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the picture direction (x, y) of an angle clockwise from 12 o'clock."""
    angle = np.radians(angle_deg)
    return np.array([np.sin(angle), -np.cos(angle)])
