"""The openings that a bronchoscopist chooses between at a bifurcation, and how they are marked in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.render.camera_pose import CameraPose, project
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Rgba, Shapes, draw_text, mixed
from SenseCarePlanningLib.render.overlay import text_size as text_extent
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .naming import UNCERTAIN_NAME_BELOW, display_name
from .result import AirwayResult

WANTED: Rgba = (118, 255, 3, 235)
OTHER: Rgba = (255, 255, 255, 150)
LOOK_AHEAD_MM = 8.0
"""The direction of a branch is that of its first 8 mm, as in the instructions."""


@dataclass(frozen=True, eq=False)
class Opening:
    """One way on from a bifurcation.

    Parameters
    ----------
    branch_id, name
        The branch it leads into.
    centre_lps_mm, direction
        (3,) middle of its mouth, just past the carina, and its unit axis.
    radius_mm
        Of the mouth.
    wanted
        Whether the route goes there.
    """

    branch_id: int
    name: str
    centre_lps_mm: FloatArray
    direction: FloatArray
    radius_mm: float
    wanted: bool

    def ring(self) -> FloatArray:
        """Return a closed circle (65, 3) around the mouth."""
        first = np.cross(self.direction, np.eye(3)[int(np.argmin(np.abs(self.direction)))])
        first = unit(first)
        second = np.cross(self.direction, first)
        angle = np.linspace(0.0, 2.0 * np.pi, 65)[:, None]
        return self.centre_lps_mm + self.radius_mm * (np.cos(angle) * first + np.sin(angle) * second)


def opening_names(result: AirwayResult, language: str) -> dict[int, str]:
    """Return branch id -> the short name that fits into a picture; branches without a name have none.

    English takes the code (RMB, RULB, RB3a); Chinese writes bronchi above the segments out, which is as short. An uncertain
    name has its question mark here as in the report's text.
    """
    named = {branch.id: branch.label for branch in result.tree if branch.label is not None}
    return {
        key: (label.code if language == "en" else display_name(label.code, language, "boyden"))
        + ("?" if label.confidence < UNCERTAIN_NAME_BELOW else "")
        for key, label in named.items()
    }


def openings_at(tree: Tree, branch_id: int, next_branch_id: int, names: dict[int, str]) -> tuple[Opening, ...]:
    """Return the mouths of the children of a branch, the wanted one last so that it is drawn on top."""
    end_radius = float(np.median(tree[branch_id].radius_mm[tree[branch_id].middle(0.6, 0.95)]))
    found = [
        _opening(child, end_radius, names.get(child.id, ""), child.id == next_branch_id) for child in tree.children(branch_id)
    ]
    return tuple(sorted(found, key=lambda opening: opening.wanted))


def _opening(child: Branch, parent_radius: float, name: str, wanted: bool) -> Opening:
    arc = child.arc_mm
    mouth = min(max(1.2 * parent_radius, 1.0), 0.6 * float(arc[-1]))
    reach = min(mouth + LOOK_AHEAD_MM, float(arc[-1]))
    centre, ahead = (np.array([np.interp(at, arc, child.points_lps_mm[:, axis]) for axis in range(3)]) for at in (mouth, reach))
    axis = unit(ahead - centre)
    if not axis.any():
        axis = child.direction
    beyond = child.radius_mm[(arc >= mouth) & (arc <= reach)]
    radius = float(np.median(beyond)) if len(beyond) else 0.5 * child.diameter_mm
    return Opening(child.id, name, centre, axis, max(radius, 0.5), wanted)


def mark_openings(
    image: RgbImage,
    pose: CameraPose,
    openings: Sequence[Opening],
    field_of_view_deg: float,
    *,
    text_size: int = 0,
    still: bool = False,
) -> None:
    """Ring the openings in a round picture, in place: the wanted one green, the others white and thin.

    Parameters
    ----------
    text_size
        Height of the names in pixels; 0 writes none.
    still
        Whether a name may stand on any side of its ring, to cover no ring; in a video it would jump.
    """
    size = image.shape[0]
    rings: list[tuple[Opening, FloatArray, float]] = []
    for opening in openings:
        pixels, depth = project(pose, opening.ring(), size, field_of_view_deg)
        if depth.min() < 0.3:
            continue
        centre, reach = pixels.mean(axis=0), float(np.ptp(pixels, axis=0).max()) / 2.0
        if np.linalg.norm(centre - size / 2.0) - reach > 0.46 * size:
            continue
        # Nothing is drawn beside the round window.
        pixels[np.linalg.norm(pixels - size / 2.0, axis=1) > 0.5 * size - 2.0] = np.nan
        shapes = Shapes()  # one for each: what lies between two rings is not worked on
        shapes.line(pixels, WANTED if opening.wanted else OTHER, size / (130.0 if opening.wanted else 300.0))
        shapes.draw(image)
        rings.append((opening, centre, reach))
    taken: list[tuple[FloatArray, FloatArray]] = []
    for opening, centre, reach in reversed(rings) if text_size else ():
        if not opening.name:
            continue
        half = np.array([text_extent(opening.name, text_size)[0] / 2.0, 0.6 * text_size])
        sides = SIDES if still else SIDES[:1]
        places = [_beside(centre, reach, side, half, size) for side in sides]
        place = min(places, key=lambda place: _covered(place, half, rings, taken)) if still else places[0]
        taken.append((place, half))
        colour = WANTED[:3] if opening.wanted else (255, 255, 255)
        draw_text(image, opening.name, place[0], place[1], text_size, colour=colour, bold=opening.wanted, anchor="mm")


SIDES = tuple(np.radians([0.0, 30.0, -30.0, 60.0, -60.0, 90.0, -90.0, 120.0, -120.0, 150.0, -150.0, 180.0]))
"""Where a name may stand: turned by so much from the side that is away from the picture's middle; the first is liked best."""
NAME_ROOM = 0.80
"""Share of the picture's radius that names keep to; the clock is beyond."""


def _beside(centre: FloatArray, reach: float, turn: float, half: FloatArray, size: int) -> FloatArray:
    """Return the middle (2,) of a name beside a ring, inside the picture."""
    away = unit(np.append(centre - size / 2.0, 0.0))[:2]
    if not away.any():
        away = np.array([0.0, 1.0])
    away = np.array([np.cos(turn) * away[0] - np.sin(turn) * away[1], np.sin(turn) * away[0] + np.cos(turn) * away[1]])
    place = centre + away * (reach + 0.4 * half[1] + float(np.abs(away) @ half))
    # The corner furthest out must lie in the round room, too.
    offset = place - size / 2.0
    for _ in range(20):
        outer = float(np.linalg.norm(np.abs(offset) + half))
        if outer <= NAME_ROOM * size / 2.0:
            break
        offset *= 0.95
    return np.asarray(size / 2.0 + offset)


def _covered(
    place: FloatArray,
    half: FloatArray,
    rings: Sequence[tuple[Opening, FloatArray, float]],
    taken: Sequence[tuple[FloatArray, FloatArray]],
) -> float:
    """Return how deep a name's box reaches into rings and other names, pixels."""
    depth = 0.0
    for _, centre, reach in rings:
        nearest = np.clip(centre, place - half, place + half)
        depth += max(reach + 2.0 - float(np.linalg.norm(nearest - centre)), 0.0)
    for other, other_half in taken:
        depth += 2.0 * max(float(np.min(half + other_half - np.abs(place - other))), 0.0)
    return round(depth)


def mark_target(
    image: RgbImage, pose: CameraPose, surface_lps_mm: FloatArray, radius_mm: float, field_of_view_deg: float
) -> None:
    """Let the target shine through the wall of a round picture, in place.

    Parameters
    ----------
    surface_lps_mm
        (N, 3) its surface, or its centre alone, drawn as a ball of ``radius_mm``.
    """
    size = image.shape[0]
    centre = surface_lps_mm.mean(axis=0)
    radius = max(float(np.linalg.norm(surface_lps_mm - centre, axis=1).mean()) if len(surface_lps_mm) > 3 else 0.0, radius_mm)
    pixels, depth = project(pose, centre, size, field_of_view_deg)
    if depth[0] < 1.0 or not np.isfinite(pixels).all():
        return
    distance = float(np.linalg.norm(centre - pose.position_lps_mm))
    scale = 0.5 * size / np.tan(np.radians(field_of_view_deg) / 2.0)
    reach = scale * radius / max(depth[0], 0.6 * radius)
    middle = pixels[0]
    if np.linalg.norm(middle - size / 2.0) - reach > size / 2.0:
        return
    _glow(image, middle, min(reach, 0.6 * size), 0.55 if distance < 60.0 else 0.4)


GLOW_RGB = np.array([255, 214, 64], dtype=np.uint8)


def _glow(image: RgbImage, middle: FloatArray, reach: float, strength: float) -> None:
    """Blend a soft disc with a brighter rim, inside the round picture only.

    How strong it is depends on the distance from the middle alone, so that it is looked up, not computed, at each pixel.
    """
    size = image.shape[0]
    outer = 1.25 * max(reach, 4.0)
    low = np.clip(np.floor(middle - outer).astype(int), 0, size)
    high = np.clip(np.ceil(middle + outer).astype(int) + 1, 0, size)
    if (high <= low).any():
        return
    x = np.arange(low[0], high[0], dtype=np.float32) + 0.5
    y = np.arange(low[1], high[1], dtype=np.float32) + 0.5
    scale = np.float32((GLOW_STEPS - 1) / outer**2)
    across, down = scale * (x - np.float32(middle[0])) ** 2, scale * (y - np.float32(middle[1])) ** 2
    step = np.minimum(across[None, :] + down[:, None], GLOW_STEPS - 1).astype(np.uint16)
    alpha = _glow_profile(max(reach, 4.0) / outer, strength)[step]
    half = np.sqrt(np.maximum((size / 2.0 - 1.5) ** 2 - (y - size / 2.0) ** 2, 0.0))  # of the round picture's chord in each row
    alpha[np.abs(x - size / 2.0)[None, :] >= half[:, None]] = 0
    part = image[low[1] : high[1], low[0] : high[0]]
    part[...] = mixed(part, GLOW_RGB, alpha[..., None])


GLOW_STEPS = 4096
"""Entries of the profile over the square of the distance: the rim, a seventh of the radius wide, takes hundreds of them."""


@lru_cache(maxsize=8)
def _glow_profile(reach: float, strength: float) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return the coverage (GLOW_STEPS,) of 0 to 255 over the square of the distance; ``reach`` is the disc's share of the end."""
    away = np.sqrt(np.linspace(0.0, 1.0, GLOW_STEPS)) / reach
    fill = np.clip((1.06 - away) / 0.12, 0.0, 1.0) * 0.55 + np.exp(-(((away - 1.0) / 0.07) ** 2)) * 0.45
    profile = np.rint(255.0 * strength * fill)
    profile[-1] = 0.0
    return np.asarray(profile, dtype=np.uint8)
