"""What the panel works on: the case of the chosen CT with its loaded result. Panels listen; nothing here knows a widget."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk

from LungAirwayLib.report_pages.words import Words
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, lps_from_ras
from SenseCarePlanningLib.pieces import all_at_once
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningWidgets.background import Background, Pieces
from SenseCarePlanningWidgets.error_message import sentence_of, show_failure
from SenseCarePlanningWidgets.texts import language
from SenseCarePlanningWidgets.texts import tr as _

from . import case_scene
from .case import case_of, removal_pieces, result_node
from .layout import shown_slice_nodes
from .placing import follow, placing_of
from .planned_target import keep
from .reading import read
from .tree_colors import vertex_colors
from .tree_edits import TreeEdits

logger = logging.getLogger(__name__)
MOST_EARLIER = 10
"""So many results before the newest are kept for Undo."""


class Session:
    """The chosen CT's case and result.

    ``listeners`` are called with one word after a change: ``case`` (another CT or result), ``branch`` (another choice),
    ``edit`` (a correction), ``route`` (another route), ``target`` (set or moved), ``colors``, ``busy`` (work began or ended),
    ``moved`` (the CT lies elsewhere, and its result with it).

    ``placing`` leads from the result's space to the scene, see :func:`.placing.placing_of`; None where the CT was changed.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[str], None]] = []
        self.color_mode = "LOBE"
        self._work: Any = None
        self._watched: Any = None
        self._tags: list[int] = []
        self._clear()

    def _clear(self) -> None:
        self._stop_work()
        self._watch(None)
        self.placing: FloatArray | None = np.eye(4)
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

    @property
    def route(self) -> Any:
        """The chosen route, None without one."""
        routes = self.plan.routes if self.plan is not None else ()
        return next((one for one in routes if one.rank == self.rank), None)

    def tell(self, what: Any) -> None:
        """Tell the listeners."""
        for listener in list(self.listeners):
            listener(what)

    @property
    def taking_up(self) -> Any:
        """Whether something goes on beside the window: a result is read or put into the scene, or the tree is corrected."""
        return self._work is not None

    def close(self) -> None:
        """Forget everything: the scene is closed, or no CT is chosen."""
        self._clear()
        self.tell("case")

    def open(self, volume_node: Any, at_once: Any = False) -> None:
        """Work on a CT: its case, with its newest result when it has one, which comes beside the window unless ``at_once``."""
        self._clear()
        if volume_node is not None:
            self.case = case_of(volume_node)
            self._watch(volume_node)
            case_scene.show_case(self.case)
            if self.case.folder:
                self._load(result_node(self.case, "surface") is None, at_once)
                return
        self.tell("case")

    def take_result(self, folder: Any, at_once: Any = True, planned: dict[str, Any] | None = None) -> None:
        """Show a new result of the case; the one before is what Undo goes back to.

        Parameters
        ----------
        planned
            The target that it was planned for, see :func:`.planned_target.target_input`; None when that is not known.
        """
        attach(self.case, folder, planned)
        self._load(True, at_once)

    def _load(self, rebuild: Any, at_once: Any) -> None:
        """Read the result folder; a folder that is gone is a sentence, not a failure: the nodes are still in the scene."""
        folder = Path(self.case.folder)
        self._stop_work()
        self.branch_id, self.branch_at_mm, self.rank, self.problem = None, 0.0, 1, ""
        self.result, self.edits, self.camera_paths = None, None, {}
        if at_once:
            try:
                read_result = read(folder, rebuild)
            except (InputError, OSError) as failure:
                self._not_read(failure)
                return
            if rebuild:
                all_at_once(case_scene.build_pieces(self.case, read_result))
            self._taken_up(read_result)
            return
        self._work = Background(lambda: read(folder, rebuild), lambda found: self._build(found, rebuild), self._not_read)
        self._work.start()
        self.tell("case")

    def _build(self, read_result: Any, rebuild: Any) -> None:
        """The folder was read; its nodes follow a few at a time."""
        if not rebuild:
            self._taken_up(read_result)
            return
        pieces = case_scene.build_pieces(self.case, read_result)
        self._work = Pieces(pieces, lambda nothing: self._taken_up(read_result), self._not_built)
        self._work.start()

    def _not_read(self, failure: Exception) -> None:
        self._work = None
        logger.info("result not loaded: %s", type(failure).__name__)
        if isinstance(failure, (InputError, OSError)):
            self.problem = _("The result's folder is no longer there or is damaged; find the airways again.")
        else:
            self.problem = sentence_of(failure)
        self.tell("case")

    def _not_built(self, failure: Exception) -> None:
        def gone(outcome: Any) -> None:
            """Say what could not be read, once the files that were begun are gone."""
            self._not_read(failure)

        self._work = Pieces(removal_pieces(self.case), gone, gone)
        self._work.start()

    def _taken_up(self, read_result: Any) -> None:
        self._work = None
        case = self.case
        self.result, self.camera_paths = read_result.result, read_result.camera_paths
        self.edits = TreeEdits(self.result.tree)
        self.edits.redo(list(case.corrections))
        self._of_vertices = read_result.of_vertices
        case_scene.show_case(case)
        self._place()
        if self.plan is not None and self.plan.routes:
            ranks = [route.rank for route in self.plan.routes]
            self.rank = case.chosenRoute if case.chosenRoute in ranks else ranks[0]
            case_scene.show_route(case, self.rank)
        self.recolor()
        self.tell("case")

    def _watch(self, volume_node: Any) -> None:
        """Follow where a CT lies, or none."""
        if self._watched is not None:
            for tag in self._tags:
                self._watched.RemoveObserver(tag)
        self._watched, self._tags = volume_node, []
        if volume_node is not None:
            events = (slicer.vtkMRMLTransformableNode.TransformModifiedEvent, vtk.vtkCommand.ModifiedEvent)
            self._tags = [volume_node.AddObserver(event, self._on_ct) for event in events]

    def _on_ct(self, caller: Any, event: Any) -> None:
        scene = caller.GetScene()
        if self.result is None or self.taking_up or scene is None or scene.IsClosing() or scene.IsImporting():
            return
        before = self.placing
        self._place()
        if not _is_same(before, self.placing):
            self.tell("moved")

    def _place(self) -> None:
        """Keep the result on its CT, and the target that was clicked on it as well."""
        self.placing = placing_of(self.case.volume, self.result.airway.grid)
        if self.placing is not None:
            follow(self.case, self.placing)

    def scene_ras(self, points_lps_mm: Any) -> FloatArray:
        """Return where points (..., 3) of the result (LPS mm) lie in the scene (RAS mm)."""
        points = ras_from_lps(points_lps_mm)
        return points if self.placing is None else points @ self.placing[:3, :3].T + self.placing[:3, 3]

    def result_lps(self, points_ras_mm: Any) -> FloatArray:
        """Return where points (..., 3) of the scene (RAS mm) lie in the result (LPS mm)."""
        points = np.asarray(points_ras_mm, dtype=np.float64)
        if self.placing is None:
            return lps_from_ras(points)
        return lps_from_ras((points - self.placing[:3, 3]) @ np.linalg.inv(self.placing[:3, :3]).T)

    def _stop_work(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.forget()

    def recolor(self) -> None:
        """Colour the overview anew."""
        if self.result is not None:
            tree, kept = self.result.tree, self.edits.tree.branches
            colors = vertex_colors(self._of_vertices, tree, self.color_mode, kept, self.branch_id, self._on_route())
            case_scene.paint(self.case, colors)

    def _on_route(self) -> Any:
        """Return the branches from the trachea to where the chosen route leaves the airway."""
        return self.result.tree.path_to(self.route.exit_branch_id) if self.route is not None else ()

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
        r, a, s = self.scene_ras(branch.points_lps_mm[int(abs(branch.arc_mm - self.branch_at_mm).argmin())])
        for node in shown_slice_nodes():
            node.JumpSlice(r, a, s)
        self.tell("branch")

    def correct(self, change: Callable[[Any], Any], then: Any = None) -> None:
        """Correct the tree beside the window; ``then`` gets what the change returned, before it is shown."""
        if self.edits is None or self.taking_up:
            return
        edits = self.edits

        def done(outcome: Any) -> None:
            """Go on after a correction."""
            self._work = None
            if then is not None:
                then(outcome)
            self._edited()

        def failed(failure: Exception) -> None:
            """Say why a correction was not made."""
            self._work = None
            self.tell("busy")
            show_failure(failure)

        self._work = Background(lambda: change(edits), done, failed)
        self._work.start()
        self.tell("busy")

    def _edited(self) -> None:
        """Show what a correction changed."""
        if self.branch_id not in self.edits.tree.branches:
            self.branch_id = None
        self.case.corrections = self.edits.corrections
        self.recolor()
        self.tell("edit")

    def undo(self) -> None:
        """Take the last correction back, or, without one, the last recomputation."""
        if self.edits is not None and self.edits.changed:
            self.edits.undo()
            self._edited()
            return
        earlier = list(self.case.earlierFolders) if self.case is not None else []
        if earlier:
            folder = earlier.pop()
            self.case.earlierFolders = earlier
            _point_to(self.case, folder)
            self._load(True, at_once=False)

    @property
    def can_undo(self) -> Any:
        """Whether there is something to take back."""
        return (
            self.case is not None
            and not self.taking_up
            and bool((self.edits and self.edits.changed) or list(self.case.earlierFolders))
        )

    def choose_route(self, rank: Any) -> None:
        """Show another route."""
        if self.plan is not None and rank != self.rank and any(route.rank == rank for route in self.plan.routes):
            self.rank = self.case.chosenRoute = rank
            case_scene.show_route(self.case, rank)
            self.recolor()
            self.tell("route")


def attach(case: Any, folder: Any, planned: dict[str, Any] | None = None) -> None:
    """Make a folder the newest result of a case, which need not be the shown one; the one before is what Undo goes back to."""
    if case.folder and case.folder != str(folder):
        case.earlierFolders = [*list(case.earlierFolders), case.folder][-MOST_EARLIER:]
    if planned is not None:
        keep(case, str(folder), planned, list(case.earlierFolders))
    _point_to(case, folder)


def _point_to(case: Any, folder: Any) -> None:
    """Make a folder the result; corrections go with the result that they were made in, so that none is lost."""
    kept = dict(json.loads(text) for text in case.earlierCorrections)
    kept[case.folder] = list(case.corrections)
    case.folder = str(folder)
    case.corrections, case.chosenRoute, case.placement = kept.pop(case.folder, []), 0, ""
    known = list(case.earlierFolders)
    case.earlierCorrections = [json.dumps([one, kept[one]]) for one in kept if one in known and kept[one]]


def _is_same(one: FloatArray | None, other: FloatArray | None) -> bool:
    return one is other or (one is not None and other is not None and bool(np.array_equal(one, other)))
