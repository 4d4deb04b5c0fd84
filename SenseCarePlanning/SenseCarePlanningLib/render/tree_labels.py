"""Names of branches in gutters beside a picture of the tree, each with a line to its branch: never over the tree itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..geometry import FloatArray
from .offscreen import RgbImage
from .overlay import Colour, Shapes, draw_text, text_size

LETTERS_ACROSS = 35
"""Width of a picture over the height of its names: 7 points where 1000 pixels are printed 87 mm wide."""
LONG_NAME = 14
"""Longer names take two lines where they hold a space."""
LINE_GAP, NAME_GAP = 1.15, 1.6
"""Distance of two lines of one name, and of two names, over the height of the letters."""
INK: Colour = (33, 37, 43)
LEADER = (60, 68, 80, 255)
CASING = (255, 255, 255, 230)


@dataclass(frozen=True, eq=False)
class Labels:
    """Names to write, on which side, and how much room they take.

    Parameters
    ----------
    lines
        branch id -> the lines of its name.
    on_right
        The branches named on the right.
    size
        Height of the letters in pixels.
    left, right
        Widths of the gutters in pixels; 0 where there is no name on that side.
    """

    lines: Mapping[int, tuple[str, ...]]
    on_right: frozenset[int]
    size: int
    left: int
    right: int

    @classmethod
    def plan(cls, names: Mapping[int, str], along_right: Mapping[int, float], middle: float, width: int) -> Labels:
        """Divide names between the sides and reserve their room.

        Parameters
        ----------
        names
            branch id -> name.
        along_right
            branch id -> where the branch lies along the picture's right, in any unit.
        middle
            Where the sides part, in that unit.
        width
            Of the whole picture in pixels.
        """
        size = max(width // LETTERS_ACROSS, 9)
        lines = {key: _wrapped(name) for key, name in names.items()}
        on_right = frozenset(key for key in names if along_right[key] >= middle)
        rooms = []
        for side in (frozenset(names) - on_right, on_right):
            widest = max((text_size(line, size)[0] for key in side for line in lines[key]), default=0)
            rooms.append(widest + round(1.4 * size) if side else 0)
        return cls(lines, on_right, size, rooms[0], rooms[1])


def _wrapped(name: str) -> tuple[str, ...]:
    """Return a name as one line, or as two of nearly equal length."""
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    if len(name) <= LONG_NAME or not spaces:
        return (name,)
    at = min(spaces, key=lambda place: abs(2 * place - len(name)))
    return (name[:at], name[at + 1 :])


def write_labels(image: RgbImage, labels: Labels, places: Mapping[int, FloatArray], ink: Colour = INK) -> list[FloatArray]:
    """Write names into the gutters, in place, each as level with its branch as room allows.

    Strategy: rows are spread apart; names are given to rows so that the lines are the shortest in all, which also keeps them
    from crossing: two that did would be shorter with their ends exchanged.

    Parameters
    ----------
    image
        (H, W, 3) with the drawing between the gutters.
    places
        branch id -> (2,) where its line ends, pixels (x, y).
    ink
        Colour of the names.

    Returns
    -------
    list
        The lines (2, 2) that were drawn, from name to branch, pixels (x, y).
    """
    height, width = image.shape[:2]
    size = labels.size
    lines: list[FloatArray] = []
    texts: list[tuple[str, float, float, str]] = []
    for right in (False, True):
        mine = sorted((key for key in places if (key in labels.on_right) == right), key=lambda key: float(places[key][1]))
        if not mine:
            continue
        room = size * (NAME_GAP + LINE_GAP * (max(len(labels.lines[key]) for key in mine) - 1))
        rows = spread([float(places[key][1]) for key in mine], room, 1.5 * size, height - 1.5 * size)
        near = width - labels.right + 0.7 * size if right else labels.left - 0.7 * size
        ends = np.array([[near - (0.3 if right else -0.3) * size, row] for row in rows])
        points = np.array([places[key] for key in mine])
        _, chosen = linear_sum_assignment(np.linalg.norm(points[:, None] - ends[None], axis=2))
        for key, end in zip(mine, ends[chosen], strict=True):
            lines.append(np.stack([end, places[key]]))
            parts = labels.lines[key]
            for number, part in enumerate(parts):
                row = float(end[1]) + size * LINE_GAP * (number - (len(parts) - 1) / 2.0)
                texts.append((part, near, row, "lm" if right else "rm"))
    _draw_leaders(image, lines, max(width / 700.0, 1.0))
    for text, x, row, anchor in texts:
        draw_text(image, text, x, row, size, colour=ink, halo=None, anchor=anchor)
    return lines


def _draw_leaders(image: RgbImage, lines: list[FloatArray], width: float) -> None:
    """Draw lines (2, 2) that end in a dot, dark within a white casing so that they show on any ground."""
    shapes = Shapes()
    for colour, line_width, radius in ((CASING, 3.0 * width, 4.0 * width), (LEADER, width, 2.5 * width)):
        for line in lines:
            shapes.line(line, colour, line_width)
            shapes.circle(line[1], radius, colour)
    shapes.draw(image)


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move sorted positions apart to at least ``gap`` within low..high, as little as a sweep down and up does."""
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    placed = list(wanted)
    for at in range(len(placed)):
        placed[at] = max(placed[at], low if at == 0 else placed[at - 1] + gap)
    for at in reversed(range(len(placed))):
        placed[at] = min(placed[at], high if at == len(placed) - 1 else placed[at + 1] - gap)
    return placed
