"""A tree of three straight branches, as small as one can be."""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.tree import Branch, Tree


def fork() -> Tree:
    """Return a trunk of 20 mm to the left with two branches of 10 mm, backwards and upwards, LPS mm."""
    along = np.linspace(0.0, 1.0, 11)[:, None]
    end = np.array([20.0, 0.0, 0.0])
    lines = [along * end, end + along * (0.0, 10.0, 0.0), end + along * (0.0, 0.0, 10.0)]
    return assemble([_branch(number, None if number == 0 else 0, line) for number, line in enumerate(lines)], 0)


def _branch(number: int, parent: int | None, points: np.ndarray) -> Branch:
    radius = np.full(len(points), 1.5)
    interval = np.stack([radius - 0.2, radius + 0.2], axis=1)
    return Branch(number, parent, (1, 2) if number == 0 else (), points, radius, interval, no_frames(len(points)))
