"""Corrections of a tree by hand, with undo; nothing is recomputed until asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from LungAirwayLib.names_by_hand import check_names
from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.edit import bridge, cut, relabel
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningWidgets.texts import tr as _

SHORTEST_CUT_MM = 1.0


@dataclass
class TreeEdits:
    """A tree and what was done to it since it was computed."""

    tree: Tree
    before: list[Tree] = field(default_factory=list)
    corrections: list[str] = field(default_factory=list)
    """What was done, each as JSON that :meth:`redo` takes: kept with the scene until it is recomputed."""

    @property
    def changed(self) -> bool:
        """Whether there is something to recompute."""
        return bool(self.before)

    def cut_off(self, branch_id: int, at_mm: float = 0.0) -> None:
        """Take a branch off, with all beyond it, from a place along it on."""
        branch = self._branch(branch_id)
        if branch.parent_id is None and at_mm < SHORTEST_CUT_MM:
            raise InputError(_("The trachea cannot be cut off; choose a branch below it."))
        self._do(cut(self.tree, branch_id, min(at_mm, 0.98 * branch.length_mm)).tree, "cut", branch_id, at_mm)

    def join(self, points_lps_mm: FloatArray) -> int:
        """Lead a new branch from the nearest branch end, or place along a branch, through drawn points; returns its start."""
        points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
        if len(points) == 0:
            raise InputError(_("Draw the missing course first: click points along it, from the airway outwards."))
        start, at_mm, distance = self.nearest(points[0])
        branch = self.tree[start]
        if at_mm > branch.length_mm - 3.0 or distance > 15.0:
            at_mm = branch.length_mm
        joined = bridge(self.tree, start, points, at_mm=max(at_mm, SHORTEST_CUT_MM))
        self._do(joined, "join", points.round(3).tolist())
        return start

    def name(self, branch_id: int, code: str) -> None:
        """Name a branch."""
        self._branch(branch_id)
        named = relabel(self.tree, branch_id, code)
        check_names(named)
        self._do(named, "name", branch_id, code)

    def undo(self) -> None:
        """Take the last correction back."""
        if self.before:
            self.tree = self.before.pop()
            self.corrections.pop()

    def redo(self, corrections: list[str]) -> None:
        """Do again what was done to the same tree before the scene was saved; it ends at what does not fit the tree."""
        known: dict[str, Callable[..., Any]] = {"cut": self.cut_off, "join": self.join, "name": self.name}
        for text in corrections:
            try:
                what, *values = json.loads(text)
                known[what](*values)
            except (SenseCareError, ValueError, KeyError, TypeError):
                return

    def nearest(self, point_lps_mm: FloatArray) -> tuple[int, float, float]:
        """Return the branch nearest to a point, the place along it and the distance, mm."""
        best = (self.tree.root_id, 0.0, np.inf)
        for branch in self.tree:
            distances = np.linalg.norm(branch.points_lps_mm - point_lps_mm, axis=1)
            at = int(np.argmin(distances))
            if distances[at] < best[2]:
                best = (branch.id, float(branch.arc_mm[at]), float(distances[at]))
        return best

    def _branch(self, branch_id: int) -> Branch:
        if branch_id not in self.tree.branches:
            raise InputError(_("Choose a branch first: click it in the 3D view or in the table."))
        return self.tree[branch_id]

    def _do(self, tree: Tree, *correction: Any) -> None:
        self.before.append(self.tree)
        self.corrections.append(json.dumps(correction))
        self.tree = tree
