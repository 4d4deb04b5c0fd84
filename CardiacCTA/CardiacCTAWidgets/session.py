"""What the panel works on: the case of the chosen CT with its loaded result. Panels listen; nothing here knows a widget."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from CardiacCTALib.along_vessel import Cut, along_vessel
from CardiacCTALib.reader_changes import changed, load_shown, save_changes
from CardiacCTALib.remeasured import kept_in
from CardiacCTALib.report_pages.rows import lesion_rows
from CardiacCTALib.report_pages.words import Words
from SenseCarePlanningLib.case_folder import check_same_series
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.pieces import all_at_once
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningWidgets.background import Background, Pieces
from SenseCarePlanningWidgets.ct_export import plain_ct, shared_ct
from SenseCarePlanningWidgets.dicom_database import series_of
from SenseCarePlanningWidgets.error_message import sentence_of, show_failure
from SenseCarePlanningWidgets.texts import language
from SenseCarePlanningWidgets.texts import tr as _

from . import case_scene
from .case import case_of, result_nodes
from .turning import FINE, Turning

logger = logging.getLogger(__name__)


class Session:
    """The chosen CT's case and result.

    ``listeners`` are called with one word after a change: ``case`` (another CT or result), ``vessel`` (another choice),
    ``along`` (the chosen vessel's pictures are ready), ``place`` (another place along it), ``seen`` (it is seen in another
    way), ``change`` (a reader's change), ``drawn`` (what is being drawn on it has moved, or is being kept), ``shown`` (a result
    is taken up).

    ``measured`` is the result as the run wrote it, ``result`` the same with the reader's changes.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[str], None]] = []
        self._work: Any = None
        self._preparing: Any = None
        self._turning = Turning(self)
        self._keeping: Any = None
        self.cut = Cut()
        self._clear()

    def _clear(self) -> None:
        self._stop()
        self.case: Any = None
        self.measured: Any = None
        self.result: Any = None
        self.rows: tuple[Any, ...] = ()
        self.vessel = ""
        self.along: Any = None
        self.at_mm = 0.0
        self.problem = ""

    def _stop(self) -> None:
        for name in ("_work", "_preparing", "_keeping"):
            work = getattr(self, name)
            setattr(self, name, None)
            if work is not None:
                work.forget()
        self._turning.forget()

    @property
    def words(self) -> Any:
        """The report's words in the user's language."""
        return Words.of(language())

    @property
    def taking_up(self) -> bool:
        """Whether a result is read or put into the scene."""
        return self._work is not None

    @property
    def preparing(self) -> bool:
        """Whether the chosen vessel's pictures are being made."""
        return self._preparing is not None or self._turning.busy or self.keeping

    @property
    def keeping(self) -> bool:
        """Whether what was drawn is being measured and kept."""
        return self._keeping is not None

    def tell(self, what: str) -> None:
        """Tell the listeners."""
        for listener in list(self.listeners):
            listener(what)

    def close(self) -> None:
        """Forget everything: the scene is closed, or no CT is chosen."""
        self._clear()
        self.tell("case")

    def open(self, volume_node: Any, at_once: bool = False) -> None:
        """Work on a CT: its case, with its result when it has one, which comes beside the window unless ``at_once``."""
        self._clear()
        if volume_node is not None:
            self.case = case_of(volume_node)
            case_scene.show_case(self.case)
            if self.case.folder:
                try:
                    check_series(volume_node, self.case.folder)
                except InputError as refused:
                    self.problem = sentence_of(refused)
                else:
                    self._load(not result_nodes(self.case), at_once)
                    return
        self.tell("case")

    def take_result(self, folder: Any, at_once: bool = False) -> None:
        """Show a new result of the case.

        Raises
        ------
        InputError
            When it was made on another series; then all stays as it is.
        """
        check_series(self.case.volume, folder)
        self.case.folder = str(folder)
        self.case.vessel, self.case.position = "", 0.0
        self._load(True, at_once)

    def _load(self, rebuild: bool, at_once: bool) -> None:
        """Read the result folder; a folder that is gone is a sentence, not a failure: the nodes are still in the scene."""
        folder = Path(self.case.folder)
        self._stop()
        self.measured, self.result, self.rows, self.along, self.vessel, self.problem = None, None, (), None, "", ""
        if at_once:
            try:
                found = read(folder)
            except (InputError, OSError) as failure:
                self._not_read(failure)
                return
            if rebuild:
                all_at_once(case_scene.build_pieces(self.case, found[1]))
            self._taken_up(found, at_once)
            return
        self._work = Background(lambda: read(folder), lambda found: self._build(found, rebuild), self._not_read)
        self._work.start()
        self.tell("case")

    def _build(self, found: Any, rebuild: bool) -> None:
        if not rebuild:
            self._taken_up(found)
            return
        pieces = case_scene.build_pieces(self.case, found[1])
        self._work = Pieces(pieces, lambda nothing: self._taken_up(found), self._not_read)
        self._work.start()

    def _not_read(self, failure: Exception) -> None:
        self._work = None
        logger.info("result not loaded: %s", type(failure).__name__)
        if isinstance(failure, (InputError, OSError)):
            self.problem = _("The result's folder is no longer there or is damaged; analyse the scan again.")
        else:
            self.problem = sentence_of(failure)
        self.tell("case")

    def _taken_up(self, found: Any, at_once: bool = False) -> None:
        self.measured, self.result = found
        self.rows = lesion_rows(self.result)
        if at_once:
            self._work = None
            all_at_once(self._showing())
            return
        self._work = Pieces(self._showing(), lambda nothing: None, self._not_read)
        self._work.start()

    def _showing(self) -> Any:
        """Let the panel show the result, a part of it at a time."""
        case_scene.show_case(self.case)
        vessel, position = self.case.vessel, self.case.position
        for listener in list(self.listeners):
            yield
            listener("case")
        if vessel:
            yield
            self.choose_vessel(vessel, position)
        self._work = None
        self.tell("shown")

    def names(self) -> list[str]:
        """Return the vessels' names."""
        return [one.vessel.name for one in self.result.vessels] if self.result is not None else []

    def rows_of(self, name: str) -> tuple[Any, ...]:
        """Return the lesions of a vessel."""
        return tuple(row for row in self.rows if row.vessel.vessel.name == name)

    def choose_vessel(self, name: str, at_mm: Any = None) -> None:
        """Choose a vessel and a place along it: by default its worst lesion, else its start."""
        if name not in self.names():
            return
        again = name == self.vessel and (self.along is not None or self.preparing)
        self.vessel = self.case.vessel = name
        self.at_mm = self._start_of(name) if at_mm is None else float(at_mm)
        self.case.position = self.at_mm
        case_scene.choose(self.case, name)
        if again:
            self.go_to(self.at_mm)
            return
        self.cut = replace(self.cut, turn_deg=0.0)
        self._prepare()
        self.tell("vessel")
        self._lead()

    def _start_of(self, name: str) -> float:
        rows = self.rows_of(name)
        if not rows:
            return 0.0
        worst = max(rows, key=lambda row: row.lesion.narrowings[0].diameter_stenosis_percent.value)
        return place_of(worst)

    def _prepare(self) -> None:
        """Make the pictures of the chosen vessel beside the window."""
        if self._preparing is not None:
            self._preparing.forget()
        self._turning.forget()
        self.along, self._preparing = None, None
        one = self.result.vessel(self.vessel)
        if one.measured is None:
            return
        try:
            volume = shared_ct(self.case.volume)
        except InputError as failure:
            show_failure(failure)
            return
        if not volume.grid.same_as(self.result.heart.grid):
            self.problem = _("The scan is not the one that the result was made on, or was moved since; analyse it again.")
            return
        self.problem = ""
        rows, words, cut = self.rows_of(self.vessel), self.words, self.cut
        self._preparing = Background(
            lambda: along_vessel(one, plain_ct(volume), rows, words, cut), self._prepared, self._not_prepared
        )
        self._preparing.start()

    def _prepared(self, along: Any) -> None:
        self._preparing, self.along = None, along
        self.at_mm = self.case.position = min(max(self.at_mm, 0.0), along.length_mm)
        self._lead()
        self.tell("along")
        if along.cut != self.cut:
            self._turning.wish()

    def _not_prepared(self, failure: Exception) -> None:
        self._preparing = None
        logger.info("vessel not shown: %s", type(failure).__name__)
        self.problem = sentence_of(failure)
        self.tell("along")

    def go_to(self, at_mm: float) -> None:
        """Look at another place along the chosen vessel."""
        if not self.vessel:
            return
        self.at_mm = self.case.position = float(min(max(at_mm, 0.0), self.length_mm()))
        self._lead()
        self.tell("place")

    def see(self, cut: Cut) -> None:
        """See the chosen vessel in another way; drawn beside the window."""
        self.cut = cut
        self._turning.wish()

    def lines(self) -> dict[str, Any]:
        """Return name -> points (N, 3) LPS mm and places along it (N,) of every vessel; none without a result."""
        return {name: self._points(name) for name in self.names()}

    def length_mm(self) -> float:
        """Return the length of the chosen vessel."""
        return float(self._points(self.vessel)[1][-1])

    def _points(self, name: str) -> Any:
        one = self.result.vessel(name)
        if one.measured is not None:
            return one.measured.walls.points_lps_mm, one.measured.walls.arc_mm
        return one.vessel.points_lps_mm, one.vessel.arc_mm

    def point_ras(self) -> Any:
        """Return the place that is looked at (R, A, S) mm."""
        points, arc = self._points(self.vessel)
        if self.along is not None:
            return tuple(float(value) for value in ras_from_lps(self.along.point_lps_mm(self.at_mm)))
        return tuple(float(value) for value in ras_from_lps(points[int(abs(arc - self.at_mm).argmin())]))

    def _lead(self) -> None:
        from .views import jump_to

        jump_to(self.point_ras())

    def change(self, make: Callable[[Any], Any]) -> None:
        """Make a reader's change and keep it in the result folder before it is shown.

        Raises
        ------
        InputError
            When the change is refused.
        OSError
            When it cannot be kept.
        """
        self.change_all(lambda result: (make(result),))

    def change_all(self, make: Callable[[Any], Any]) -> None:
        """Make several changes of a reader at once, all or none; see :meth:`change`."""
        changes = (*self.result.changes, *make(self.result))
        self._changed(kept(self.measured, changes, Path(self.case.folder), self.result))

    def draw(self, make: Callable[[Any, Any, Path], Any]) -> None:
        """Keep what a reader drew on vessels, beside the window; a refusal is shown, and nothing is kept then.

        Parameters
        ----------
        make
            Called in a thread with the result as measured, as shown, and its folder; returns the changes to be added.
        """
        measured, result, folder = self.measured, self.result, Path(self.case.folder)

        def work() -> Any:
            return kept(measured, (*result.changes, *make(measured, result, folder)), folder, result)

        self._keeping = Background(work, self._changed, self._not_kept)
        self._keeping.start()
        self.tell("drawn")

    def _not_kept(self, failure: Exception) -> None:
        self._keeping = None
        self.tell("drawn")
        show_failure(failure)

    def _changed(self, result: Any) -> None:
        """Show the result with a change more: names and colours of nodes, tables, the chosen vessel."""
        self._keeping = None
        before = {one.vessel.name: one for one in self.result.vessels}
        names = dict(zip(before, (one.vessel.name for one in result.vessels), strict=True))
        nodes = {old: result_nodes(self.case, f"vessel {old}") for old in names}
        for old, new in names.items():
            for node in nodes[old]:
                case_scene.rename(node, new)
                case_scene.redraw(node, result.vessel(new), result)
        along = self.along if self.vessel and not self._preparing else None
        self.vessel = self.case.vessel = names.get(self.vessel, "")
        self.result, self.rows = result, lesion_rows(result)
        self.along = None
        if along is not None and self.vessel:
            one = result.vessel(self.vessel)
            if np.array_equal(one.measured.line_lps_mm, along.views.measured.line_lps_mm):
                self.along = along.drawn(one, self.rows_of(self.vessel))
        self.tell("change")
        if self.along is not None:
            self._turning.wish(FINE)
        elif self.vessel:
            self._prepare()


def check_series(volume_node: Any, folder: Any) -> None:
    """Refuse a result of another series than a CT of the scene: the grid alone does not tell patients or phases apart.

    Raises
    ------
    InputError
        When both are known to be of a series, and of different ones.
    """
    try:
        check_same_series(Path(folder), StudyInfo(series_uid=series_of(volume_node) or None))
    except InputError:
        raise InputError(
            _("This result was made on another series than the chosen CT; choose that CT, or analyse this one.")
        ) from None


def kept(measured: Any, changes: Any, folder: Path, earlier: Any) -> Any:
    """Return a result with changes, which are kept in its folder once they are known to fit; ``earlier`` is the one shown."""
    result = changed(measured, changes, kept_in(folder), earlier)
    save_changes(changes, folder)
    return result


def read(folder: Path) -> Any:
    """Return a folder's result as measured, and with the reader's changes; images are left out."""
    return load_shown(folder, images=False)


def place_of(row: Any) -> float:
    """Return where a lesion is narrowest, mm from the start of its vessel."""
    return float(row.vessel.measured.walls.arc_mm[row.lesion.narrowest])
