"""What the panel works on: the case of the chosen CT with its loaded result. Panels listen; nothing here knows a widget."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from LungAirwayLib.camera_io import load_camera_paths
from LungAirwayLib.report_pages.words import Words
from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningWidgets.texts import language
from SenseCarePlanningWidgets.texts import tr as _

from . import case_scene
from .case import case_of, placement_of, remove_result_nodes, result_node
from .layout import shown_slice_nodes
from .tree_colors import branch_of_vertices, vertex_colors
from .tree_edits import TreeEdits

logger = logging.getLogger(__name__)
MOST_EARLIER = 10
"""So many results before the newest are kept for Undo."""


class Session:
    """The chosen CT's case and result.

    ``listeners`` are called with one word after a change: ``case`` (another CT or result), ``branch`` (another choice),
    ``edit`` (a correction), ``route`` (another route), ``target`` (set or moved), ``colors``.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[str], None]] = []
        self.color_mode = "LOBE"
        self._clear()

    def _clear(self) -> None:
        self.case: Any = None
        self.result: Any = None
        self.edits: Any = None
        self.camera_paths: dict[int, Any] = {}
        self._of_vertices: Any = None
        self.branch_id: Any = None
        self.branch_at_mm = 0.0
        self.rank = 1
        self.problem = ""

    @property
    def words(self) -> Any:
        """The report's words in the user's language."""
        return Words.of(language())

    @property
    def plan(self) -> Any:
        """The plan, None without one."""
        return self.result.plan if self.result is not None else None

    def tell(self, what: Any) -> None:
        """Tell the listeners."""
        for listener in list(self.listeners):
            listener(what)

    def close(self) -> None:
        """Forget everything: the scene is closed, or no CT is chosen."""
        self._clear()
        self.tell("case")

    def open(self, volume_node: Any) -> None:
        """Work on a CT: its case, with its newest result when it has one."""
        self._clear()
        if volume_node is not None:
            self.case = case_of(volume_node)
            case_scene.show_case(self.case)
            if self.case.folder:
                self._load(rebuild=result_node(self.case, "surface") is None)
        self.tell("case")

    def take_result(self, folder: Any) -> None:
        """Show a new result of the case; the one before is what Undo goes back to."""
        case = self.case
        if case.folder:
            case.earlierFolders = [*list(case.earlierFolders), case.folder][-MOST_EARLIER:]
        self._show(folder)

    def _show(self, folder: Any) -> None:
        self.case.folder = str(folder)
        self.case.placement = placement_of(self.case.volume)
        self._load(rebuild=True)
        self.tell("case")

    def _load(self, rebuild: Any) -> None:
        """Read the result folder; a folder that is gone is a sentence, not a failure: the nodes are still in the scene."""
        case, folder = self.case, Path(self.case.folder)
        self.branch_id, self.branch_at_mm, self.rank, self.problem = None, 0.0, 1, ""
        self.result, self.edits, self.camera_paths = None, None, {}
        try:
            self.result = load_result(folder)
        except (InputError, OSError) as error:
            logger.info("result not loaded: %s", type(error).__name__)
            self.problem = _("The result's folder is no longer there or is damaged; find the airways again.")
            return
        self.camera_paths = load_camera_paths(folder)
        self.edits = TreeEdits(self.result.tree)
        self._of_vertices = branch_of_vertices(self.result.surface, self.result.tree)
        if rebuild:
            case_scene.build(case, self.result, self.camera_paths)
        case_scene.show_case(case)
        if self.plan is not None and self.plan.routes:
            self.rank = self.plan.routes[0].rank
            case_scene.show_route(case, self.rank)
        self.recolor()

    def recolor(self) -> None:
        """Colour the overview anew."""
        if self.result is not None:
            tree, kept = self.result.tree, self.edits.tree.branches
            colors = vertex_colors(self._of_vertices, tree, self.color_mode, kept, self.branch_id, self._on_route())
            case_scene.paint(self.case, colors)

    def _on_route(self) -> Any:
        """Return the branches from the trachea to where the chosen route leaves the airway."""
        routes = self.plan.routes if self.plan is not None else ()
        chosen = next((one for one in routes if one.rank == self.rank), None)
        return self.result.tree.path_to(chosen.exit_branch_id) if chosen is not None else ()

    def set_color_mode(self, mode: Any) -> None:
        """Colour by ``LOBE``, ``GENERATION`` or ``DIAMETER``."""
        if mode != self.color_mode:
            self.color_mode = mode
            self.recolor()
            self.tell("colors")

    def choose_branch(self, branch_id: Any, at_mm: Any = None) -> None:
        """Choose a branch, and where along it (its middle when not clicked)."""
        if self.edits is None or branch_id not in self.edits.tree.branches:
            return
        branch = self.edits.tree[branch_id]
        self.branch_id = branch_id
        self.branch_at_mm = branch.length_mm / 2.0 if at_mm is None else at_mm
        self.recolor()
        x, y, z = branch.points_lps_mm[int(abs(branch.arc_mm - self.branch_at_mm).argmin())]
        for node in shown_slice_nodes():
            node.JumpSlice(-x, -y, z)
        self.tell("branch")

    def edited(self) -> None:
        """Show what a correction changed."""
        if self.branch_id not in self.edits.tree.branches:
            self.branch_id = None
        self.recolor()
        self.tell("edit")

    def undo(self) -> None:
        """Take the last correction back, or, without one, the last recomputation."""
        if self.edits is not None and self.edits.changed:
            self.edits.undo()
            self.edited()
            return
        earlier = list(self.case.earlierFolders) if self.case is not None else []
        if earlier:
            folder = earlier.pop()
            self.case.earlierFolders = earlier
            self._show(folder)

    @property
    def can_undo(self) -> Any:
        """Whether there is something to take back."""
        return self.case is not None and bool((self.edits and self.edits.changed) or list(self.case.earlierFolders))

    def choose_route(self, rank: Any) -> None:
        """Show another route."""
        if self.plan is not None and rank != self.rank and any(route.rank == rank for route in self.plan.routes):
            self.rank = rank
            case_scene.show_route(self.case, rank)
            self.recolor()
            self.tell("route")

    def forget_result(self) -> None:
        """Take the result out of the scene; its folder stays."""
        if self.case is not None:
            remove_result_nodes(self.case)
            self.case.folder = ""
        self.open(self.case.volume if self.case is not None else None)
