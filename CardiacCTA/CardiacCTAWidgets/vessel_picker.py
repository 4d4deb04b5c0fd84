"""Choosing a vessel by a click in the 3D view: the vessel, and the place on it, that lie nearest under the mouse."""

from typing import Any

import numpy as np
import slicer

from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningWidgets.placing_points import is_placing

SLACK_PX = 10.0
DRAG_PX = 4


def place_under(renderer: Any, vessels: Any, x: float, y: float) -> Any:
    """Return (name of a vessel, place along it in mm) under a display position, None where nothing is near.

    Parameters
    ----------
    renderer
        The view's vtkRenderer.
    vessels
        Name -> points (N, 3) LPS mm and their places along the vessel (N,).
    x, y
        Pixels from the lower left of the window.
    """
    if not vessels:
        return None
    points = ras_from_lps(np.concatenate([one[0] for one in vessels.values()]))
    places = np.concatenate([one[1] for one in vessels.values()])
    names = [name for name, one in vessels.items() for _place in one[1]]
    camera = renderer.GetActiveCamera()
    matrix = camera.GetCompositeProjectionTransformMatrix(renderer.GetTiledAspectRatio(), -1.0, 1.0)
    values = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    clip = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ values.T
    ahead = clip[:, 3] > 0
    screen = (clip[:, :2] / np.where(ahead, clip[:, 3], 1.0)[:, None] + 1.0) / 2.0 * np.array(renderer.GetSize())
    away = np.where(ahead, np.linalg.norm(screen - (x, y), axis=1), np.inf)
    at = int(away.argmin())
    return (names[at], float(places[at])) if away[at] <= SLACK_PX else None


class VesselPicker:
    """Listens to clicks in the 3D view; a drag turns the view and picks nothing, and a click that sets a point neither.

    Parameters
    ----------
    session
        Its vessels are picked from, and it is told the choice.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._view: Any = None
        self._interactor: Any = None
        self._tags: list[int] = []
        self._down: Any = None

    def attach(self) -> None:
        """Listen to the first 3D view, where there is one."""
        self.detach()
        manager = slicer.app.layoutManager()
        widget = manager.threeDWidget(0) if manager is not None and manager.threeDViewCount else None
        if not widget:
            return
        self._view = widget.threeDView()
        self._interactor = self._view.interactor()
        events = (("LeftButtonPressEvent", self._on_down), ("LeftButtonReleaseEvent", self._on_up))
        self._tags = [self._interactor.AddObserver(name, method, 1.0) for name, method in events]

    def detach(self) -> None:
        """Listen no more."""
        for tag in self._tags:
            self._interactor.RemoveObserver(tag)
        self._view, self._interactor, self._tags = None, None, []

    def _on_down(self, caller: Any, event: Any) -> None:
        self._down = None if is_placing() else caller.GetEventPosition()

    def _on_up(self, caller: Any, event: Any) -> None:
        x, y = caller.GetEventPosition()
        down, self._down = self._down, None
        if down is None or max(abs(x - down[0]), abs(y - down[1])) > DRAG_PX:
            return
        renderer = self._view.renderWindow().GetRenderers().GetFirstRenderer()
        found = place_under(renderer, self._session.lines(), x, y) if renderer is not None else None
        if found is not None:
            self._session.choose_vessel(*found)
