"""The one data type of every tubular organ: a rooted tree of branches with centreline, radius and frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np

from ..geometry import FloatArray, arc_length_mm, unit

_STEADY_MM = 1.0
"""The blur of a chest CT, 1.5 to 2 mm wide, lets no true narrowing be shorter than twice this."""


class BranchFlag(Enum):
    """What a reader must know of a branch. The names are a file format."""

    BRIDGED = "bridged"
    LEAK_SUSPECTED = "leak_suspected"
    LOOP_REMOVED = "loop_removed"
    MANUALLY_EDITED = "manually_edited"


@dataclass(frozen=True)
class BranchLabel:
    """An anatomical name with its confidence (0 to 1) and what else it could be, best first."""

    code: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Branch:
    """One unbranched piece of a tube.

    Parameters
    ----------
    id, parent_id, child_ids
        Identity within the tree; ``parent_id`` is None for the root only.
    points_lps_mm
        (N, 3), N >= 2, proximal to distal; the first point is the last of the parent.
    radius_mm
        (N,) lumen radius.
    radius_interval_mm
        (N, 2) lower and upper bound of the radius, 95 %; a lower bound of 0 means that the image gives an upper bound only.
    frames
        (N, 3, 3); rows are tangent, up and left: a rotation-minimising frame continued from the parent.
    generation
        0 for the root, one more at each true bifurcation.
    """

    id: int
    parent_id: int | None
    child_ids: tuple[int, ...]
    points_lps_mm: FloatArray
    radius_mm: FloatArray
    radius_interval_mm: FloatArray
    frames: FloatArray
    generation: int = 0
    strahler_order: int = 0
    horsfield_order: int = 0
    label: BranchLabel | None = None
    flags: frozenset[BranchFlag] = frozenset()
    confidence: float = 1.0

    @property
    def arc_mm(self) -> FloatArray:
        """Cumulative length (N,) from the proximal end."""
        return arc_length_mm(self.points_lps_mm)

    @property
    def length_mm(self) -> float:
        """Length along the centreline."""
        return float(self.arc_mm[-1])

    @property
    def direction(self) -> FloatArray:
        """Unit chord (3,) of the middle half, proximal to distal."""
        arc = self.arc_mm
        low, high = (int(np.searchsorted(arc, arc[-1] * part)) for part in (0.25, 0.75))
        if high <= low:
            low, high = 0, len(arc) - 1
        return unit(self.points_lps_mm[high] - self.points_lps_mm[low])

    def middle(self, low: float = 0.25, high: float = 0.75) -> slice:
        """Return the samples between two fractions of the length (never empty): away from both carinas."""
        arc = self.arc_mm
        start = int(np.searchsorted(arc, arc[-1] * low))
        stop = int(np.searchsorted(arc, arc[-1] * high, side="right"))
        return slice(min(start, len(arc) - 1), max(stop, start + 1))

    @cached_property
    def diameter_mm(self) -> float:
        """Median lumen diameter over the middle half."""
        return float(2.0 * np.median(self.radius_mm[self.middle()]))

    @cached_property
    def minimum_diameter_mm(self) -> float:
        """Smallest lumen diameter over the middle half, noise evened out over 2 mm: what a bronchoscope has to pass."""
        return float(2.0 * self._steady(self.radius_mm).min())

    @cached_property
    def minimum_diameter_interval_mm(self) -> tuple[float, float]:
        """95 % interval of :attr:`minimum_diameter_mm`, taken around the narrowest sample."""
        at = int(np.argmin(self._steady(self.radius_mm)))
        low, high = (float(2.0 * self._steady(self.radius_interval_mm[:, side])[at]) for side in range(2))
        return (low, high)

    def narrowest_until(self, arc_mm: float) -> tuple[float, tuple[float, float]]:
        """Return :attr:`minimum_diameter_mm` and its interval for who goes no further along the branch than ``arc_mm``.

        What lies before the middle half belongs to the junction: a way that ends there has to pass its first sample.
        """
        radius = self._steady(self.radius_mm)
        count = max(int(np.count_nonzero(self.arc_mm[self.middle()] <= arc_mm + 1e-9)), 1)
        at = int(np.argmin(radius[:count]))
        low, high = (float(2.0 * self._steady(self.radius_interval_mm[:, side])[at]) for side in range(2))
        return float(2.0 * radius[at]), (low, high)

    def _steady(self, values: FloatArray) -> FloatArray:
        """Return values (N,) over the middle half, each the median within 1 mm along the branch."""
        part, arc = self.middle(), self.arc_mm
        own, near = values[part], arc[part]
        return np.array([np.median(own[np.abs(near - place) <= _STEADY_MM + 1e-9]) for place in near])


@dataclass(frozen=True, eq=False)
class RemovedLoop:
    """A connection cut to make the graph a tree; it marks a possible false bridge."""

    points_lps_mm: FloatArray
    minimum_radius_mm: float


@dataclass(frozen=True, eq=False)
class Bridge:
    """A gap joined to reach a detached piece: the path, its length and why it was accepted."""

    points_lps_mm: FloatArray
    gap_mm: float
    confidence: float
    reason: str


@dataclass(frozen=True, eq=False)
class Tree:
    """A rooted tree of branches. Immutable: every edit makes a new tree.

    Parameters
    ----------
    branches
        id -> Branch, parents before children.
    root_id
        The branch without a parent.
    loops_removed, bridges
        What was cut and joined on the way, for the reader to check.
    """

    branches: Mapping[int, Branch]
    root_id: int
    loops_removed: tuple[RemovedLoop, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.branches)

    def __iter__(self) -> Iterator[Branch]:
        return iter(self.branches.values())

    def __getitem__(self, branch_id: int) -> Branch:
        return self.branches[branch_id]

    @property
    def root(self) -> Branch:
        """The branch without a parent."""
        return self.branches[self.root_id]

    @property
    def tips(self) -> tuple[Branch, ...]:
        """Branches without children."""
        return tuple(branch for branch in self if not branch.child_ids)

    @property
    def total_length_mm(self) -> float:
        """Summed length of all branches."""
        return float(sum(branch.length_mm for branch in self))

    def children(self, branch_id: int) -> tuple[Branch, ...]:
        """Return the children of a branch."""
        return tuple(self.branches[child] for child in self.branches[branch_id].child_ids)

    def path_to(self, branch_id: int) -> tuple[int, ...]:
        """Return the branch ids from the root to ``branch_id``, both included."""
        path = [branch_id]
        while (parent := self.branches[path[-1]].parent_id) is not None:
            path.append(parent)
        return tuple(reversed(path))

    def subtree(self, branch_id: int) -> tuple[int, ...]:
        """Return ``branch_id`` and all its descendants, parents first."""
        found = [branch_id]
        for current in found:
            found.extend(self.branches[current].child_ids)
        return tuple(found)

    def path_points(self, branch_id: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the centreline from the root's start to the end of ``branch_id``.

        Returns
        -------
        points_lps_mm, radius_mm, branch_ids
            (N, 3), (N,), (N,) with shared junction points once.
        """
        points, radii, ids = [], [], []
        for position, current in enumerate(self.path_to(branch_id)):
            branch = self.branches[current]
            start = 1 if position else 0
            points.append(branch.points_lps_mm[start:])
            radii.append(branch.radius_mm[start:])
            ids.append(np.full(len(branch.radius_mm) - start, current, dtype=np.float64))
        return np.concatenate(points), np.concatenate(radii), np.concatenate(ids)

    def with_branches(self, changed: Mapping[int, Branch]) -> Tree:
        """Return a tree in which the given branches (same ids) take the place of the old ones."""
        return replace(self, branches={**self.branches, **changed})
