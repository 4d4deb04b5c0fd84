"""The panel beside the fly-through: where the tip is, how wide the airway is there, and what comes next."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Colour, Shapes, draw_text, text_size
from SenseCarePlanningLib.render.tree_picture import Ball, TreePainter, TreeStyle
from SenseCarePlanningLib.tubes.tree import Tree

from .camera_path import CameraPath, exits_at_tip
from .plan import Instruction, Route
from .report_pages.words import Words
from .result import AirwayResult

GROUND: Colour = (18, 22, 28)
QUIET: Colour = (160, 170, 184)
BRIGHT: Colour = (240, 244, 250)
TURN: Colour = (118, 255, 3)
ALARM: Colour = (255, 202, 40)


class Panel:
    """Draws the panel; the map is made once.

    Parameters
    ----------
    size
        Width and height in pixels.
    """

    def __init__(self, result: AirwayResult, path: CameraPath, route: Route | None, words: Words, size: tuple[int, int]) -> None:
        self.tree, self.path, self.route, self.words = result.tree, path, route, words
        self.width, self.height = size
        self.calibre_mm = calibre_mm(path, result.tree)
        plan = result.plan
        self.steps: dict[int, Instruction] = {}
        if plan is not None and route is not None:
            self.steps = {step.branch_id: step for step in plan.instructions.get(route.rank, ())}
        self.map_height = int(0.46 * self.height)
        target = Ball(plan.target.surface_lps_mm) if plan is not None else None
        style = TreeStyle(route_ids=frozenset(int(value) for value in np.unique(path.branch_ids)), target=target)
        edge = max(self.width // 40, 3)
        with TreePainter(result.surface, result.tree) as painter:
            picture = painter.paint(self.width - 2 * edge, self.map_height - 2 * edge, style)
        self.ground = np.empty((self.height, self.width, 3), dtype=np.uint8)
        self.ground[...] = GROUND
        self.ground[edge : edge + picture.shape[0], edge : edge + picture.shape[1]] = picture
        pixels = painter.to_pixels(path.positions_lps_mm, picture.shape[1], picture.shape[0], style)
        self.places = pixels + edge
        self.unit_px = self.width / 15.0
        footer = words.say("Research use. For review by a clinician.")
        small = max(round(0.62 * self.unit_px), 7)
        draw_text(
            self.ground, footer, 0.6 * self.unit_px, self.height - 0.5 * self.unit_px, small, colour=QUIET, halo=None, anchor="lb"
        )

    def draw(self, image: RgbImage, arc_mm: float, coming: int | None) -> None:
        """Draw the panel into a picture (H, W, 3) at a way along the path, the index of the next bifurcation given."""
        image[...] = self.ground
        sample = int(np.searchsorted(self.path.arc_mm, arc_mm).clip(0, len(self.path) - 1))
        self._write(image, self._lines(sample, arc_mm, coming))
        dot = Shapes()
        radius = self.width / 45.0
        dot.circle(self.places[sample], radius, (255, 255, 255, 255))
        dot.circle(self.places[sample], 0.75 * radius, (21, 101, 192, 255))
        dot.draw(image)

    def at(self, arc_mm: float, coming: int | None) -> RgbImage:
        """Return the panel (H, W, 3) at a way along the path, the index of the next bifurcation given."""
        image = np.empty_like(self.ground)
        self.draw(image, arc_mm, coming)
        return image

    def _lines(self, sample: int, arc_mm: float, coming: int | None) -> list[tuple[str, float, Colour, bool]]:
        """Return text, relative size, colour and weight of each line; an empty text is a gap."""
        say = self.words.say
        branch = self.tree[int(self.path.branch_ids[sample])]
        generation = say("generation {number}", number=branch.generation)
        lumen = say("lumen {diameter} mm", diameter=f"{self.calibre_mm[sample]:.1f}")
        lines = [
            (self.words.branch(branch, self.tree), 1.25, BRIGHT, True),
            (f"{generation} · {lumen}", 0.95, QUIET, False),
            (say("depth {depth} mm", depth=f"{arc_mm:.0f}"), 0.95, QUIET, False),
        ]
        lines += self._remaining(arc_mm)
        lines.append(("", 0.5, QUIET, False))
        lines += self._next(arc_mm, coming)
        return lines

    def _remaining(self, arc_mm: float) -> list[tuple[str, float, Colour, bool]]:
        if self.route is None:
            return []
        left = self._to_exit_mm(arc_mm) + self.route.gap_mm
        return [(self.words.say("to the target {distance} mm", distance=f"{max(left, 0.0):.0f}"), 0.95, QUIET, False)]

    def _to_exit_mm(self, arc_mm: float) -> float:
        return max(float(self.path.arc_mm[-1]) - arc_mm, 0.0) + self.path.unseen_mm

    def _next(self, arc_mm: float, coming: int | None) -> list[tuple[str, float, Colour, bool]]:
        say = self.words.say
        if coming is not None:
            event = self.path.events[coming]
            name = self.words.branch(self.tree[event.next_branch_id], self.tree)
            step = self.steps.get(event.branch_id)
            lines = [(say("in {distance} mm", distance=f"{max(event.arc_mm - arc_mm, 0.0):.0f}"), 0.95, QUIET, False)]
            if step is not None:
                lines.append((say("{hour} o'clock", hour=step.clock_hour), 1.25, TURN, True))
            return [*lines, (name, 1.0, TURN, True)]
        if self.route is None:
            return []
        thin = []
        if self.path.unseen_mm >= 1.0:
            rest = say("The last {distance} mm are too thin for a view.", distance=f"{self.path.unseen_mm:.0f}")
            thin = [(rest, 0.9, ALARM, False)]
        if self.route.gap_mm <= 0.0:
            return [(say("The airway reaches the target."), 1.0, ALARM, True), *thin]
        left = self._to_exit_mm(arc_mm)
        if exits_at_tip(self.route, self.tree):
            text = say("The visible airway ends ahead.")
        elif left >= 1.0:
            text = say("Leave the airway in {distance} mm.", distance=f"{left:.0f}")
        else:
            text = say("Leave the airway here.")
        beyond = say("Target {distance} mm further, seen through the wall", distance=f"{self.route.gap_mm:.0f}")
        return [(text, 1.0, ALARM, True), *thin, (beyond, 0.9, ALARM, False)]

    def _write(self, image: RgbImage, lines: list[tuple[str, float, Colour, bool]]) -> None:
        edge, top = 0.6 * self.unit_px, self.map_height + 0.35 * self.unit_px
        for text, scale, colour, bold in lines:
            size = max(round(scale * self.unit_px), 8)
            for part in _wrapped(text, size, bold, self.width - 2.0 * edge):
                draw_text(image, part, edge, top, size, colour=colour, bold=bold, halo=None)
                top += 1.42 * size
            if not text:
                top += 0.6 * size


def calibre_mm(path: CameraPath, tree: Tree) -> FloatArray:
    """Return the lumen's diameter (N,) at each sample of a path, as measured in the body of its branch.

    Within a radius of a bifurcation, of the scan's edge or of a tip, a cross-section is that of a funnel or of a cap: there
    the nearest one outside is taken.
    """
    diameters = np.empty(len(path))
    for branch_id in np.unique(path.branch_ids):
        branch = tree[int(branch_id)]
        mine = path.branch_ids == branch_id
        _, nearest = cKDTree(branch.points_lps_mm).query(path.positions_lps_mm[mine])
        end = min(branch.diameter_mm / 2.0, branch.length_mm / 3.0)
        arc = np.clip(branch.arc_mm[nearest], end, branch.length_mm - end)
        diameters[mine] = 2.0 * np.interp(arc, branch.arc_mm, branch.radius_mm)
    return diameters


def _wrapped(text: str, size: int, bold: bool, width: float) -> list[str]:
    """Break a text into lines that fit; Chinese breaks between characters, other texts between words."""
    if not text or text_size(text, size, bold)[0] <= width:
        return [text] if text else []
    separator = " " if " " in text else ""
    parts = text.split(" ") if separator else list(text)
    lines, current = [], ""
    for part in parts:
        longer = f"{current}{separator}{part}" if current else part
        if current and text_size(longer, size, bold)[0] > width:
            lines.append(current)
            current = part
        else:
            current = longer
    return [*lines, current]
