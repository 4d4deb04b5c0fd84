"""Leading on: which sections open when a result is there, and where the overview looks."""

from typing import Any

import qt

from . import layout
from .case import result_node


class Guide:
    """Opens what comes next.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    show_views
        Shows the module's layout.
    """

    def __init__(self, ui: Any, session: Any, show_views: Any) -> None:
        self.ui, self.session, self._show_views = ui, session, show_views

    def lead(self, corrected: bool) -> None:
        """A new result is in the scene: open what comes next, and look at the tree.

        Parameters
        ----------
        corrected
            Made on a corrected tree: who corrects goes on correcting, or takes it back, so that nothing folds.
        """
        if self.session.plan is not None:
            if not corrected:
                self.fold("treeSection", "editSection", "targetSection")
            self.open("routeSection", "flySection")
        else:
            self.open("treeSection", "targetSection")
        self._show_views()
        qt.QTimer.singleShot(0, self.look_at_tree)  # once the views have their new shape

    def open(self, *names: str) -> None:
        """Open sections of the panel."""
        for name in names:
            getattr(self.ui, name).collapsed = False

    def fold(self, *names: str) -> None:
        """Fold sections of the panel."""
        for name in names:
            getattr(self.ui, name).collapsed = True

    def look_at_tree(self) -> None:
        """Turn the overview to the tree and the target: from the front, or from where the target is not hidden."""
        if self.session.case is None:
            return
        models = [result_node(self.session.case, role) for role in ("surface", "target ball")]
        side = layout.FRONT
        if self.session.plan is not None:
            side = layout.side_of(self.session.scene_ras(self.session.plan.target.centre_lps_mm), models[0])
        layout.look_at_models(models, side)
