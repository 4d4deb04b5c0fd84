"""Choosing a branch by a click in the overview: the branch whose centreline lies nearest under the mouse."""

from typing import Any

import numpy as np
import vtk

from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningWidgets.placing_points import is_placing

SLACK_PX = 14.0
DRAG_PX = 4


def branch_under(renderer: Any, tree: Any, x: Any, y: Any, scene_ras: Any = ras_from_lps) -> Any:
    """Return (branch id, place along it in mm) under a display position, None where nothing is near.

    Parameters
    ----------
    renderer
        The view's vtkRenderer.
    tree
        The airway tree (LPS mm).
    x, y
        Pixels from the lower left of the window.
    scene_ras
        Takes points (N, 3) of the tree to the scene (RAS mm).
    """
    points = scene_ras(np.concatenate([branch.points_lps_mm for branch in tree]))
    radii = np.concatenate([branch.radius_mm for branch in tree])
    ids = np.concatenate([np.full(len(branch.radius_mm), branch.id) for branch in tree])
    arcs = np.concatenate([branch.arc_mm for branch in tree])
    size = renderer.GetSize()
    camera = renderer.GetActiveCamera()
    matrix = camera.GetCompositeProjectionTransformMatrix(renderer.GetTiledAspectRatio(), -1.0, 1.0)
    values = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    clip = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ values.T
    ahead = clip[:, 3] > 0
    screen = (clip[:, :2] / np.where(ahead, clip[:, 3], 1.0)[:, None] + 1.0) / 2.0 * np.array(size)
    away = np.linalg.norm(screen - (x, y), axis=1)
    near = np.linalg.norm(points - camera.GetPosition(), axis=1)
    per_mm = size[1] / (2.0 * near * np.tan(np.radians(camera.GetViewAngle() / 2.0)))
    if camera.GetParallelProjection():
        per_mm = np.full(len(points), size[1] / (2.0 * camera.GetParallelScale()))
    hit = ahead & (away <= np.maximum(radii * per_mm, SLACK_PX))
    if not hit.any():
        return None
    # In front goes before behind; what lies equally far is decided by the distance from the mouse.
    depth = near[hit]
    front = depth <= depth.min() + 2.0 * radii[hit] + 3.0
    at = np.flatnonzero(hit)[front][np.argmin(away[hit][front])]
    return int(ids[at]), float(arcs[at])


class BranchPicker:
    """Listens to clicks in one 3D view; a drag turns the view and picks nothing, and a click that sets a point neither.

    Parameters
    ----------
    on_pick
        Called with branch id and place (mm) along it.
    tree
        Called without arguments; gives the shown tree or None.
    scene_ras
        Takes points (N, 3) of the tree to the scene (RAS mm).
    """

    def __init__(self, on_pick: Any, tree: Any, scene_ras: Any) -> None:
        self._on_pick, self._tree, self._scene_ras = on_pick, tree, scene_ras
        self._interactor: Any = None
        self._tags: list[int] = []
        self._down: Any = None
        self._view: Any = None

    def attach(self, three_d_view: Any) -> None:
        """Listen to a view (a qMRMLThreeDView), or to none."""
        self.detach()
        if three_d_view is None:
            return
        self._view = three_d_view
        self._interactor = three_d_view.interactor()
        events = (("LeftButtonPressEvent", self._on_down), ("LeftButtonReleaseEvent", self._on_up))
        self._tags = [self._interactor.AddObserver(name, method, 1.0) for name, method in events]

    def detach(self) -> None:
        """Listen no more."""
        if self._interactor is not None:
            for tag in self._tags:
                self._interactor.RemoveObserver(tag)
        self._interactor, self._tags, self._view = None, [], None

    def _on_down(self, caller: Any, event: Any) -> None:
        # Told by the press: the click that sets a point ends the placing before the button is released.
        self._down = None if is_placing() else caller.GetEventPosition()

    def _on_up(self, caller: Any, event: Any) -> None:
        x, y = caller.GetEventPosition()
        down, self._down = self._down, None
        tree = self._tree()
        if down is None or tree is None or max(abs(x - down[0]), abs(y - down[1])) > DRAG_PX:
            return
        renderer = main_renderer(self._view)
        found = branch_under(renderer, tree, x, y, self._scene_ras) if renderer is not None else None
        if found is not None:
            self._on_pick(*found)


def main_renderer(view: Any) -> vtk.vtkRenderer:
    """Return a 3D view's first renderer, None before it has one."""
    return view.renderWindow().GetRenderers().GetFirstRenderer()
