"""The fly-through of the shown route as a film: where it is saved, under which name, and that it gets there."""

import shutil
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.case_folder import VIDEO
from SenseCarePlanningLib.file_names import file_name_of
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.texts import tr as _

ENDING = ".mp4"


class VideoRecorder:
    """Records the shown route.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    runs
        Starts the child process.
    """

    def __init__(self, ui: Any, session: Any, runs: Any) -> None:
        self.session, self._runs = session, runs
        self._file = Path()
        ui.recordButton.connect("clicked()", self.record)

    def record(self) -> None:
        """Ask where, then film."""
        with shown_failures():
            chosen = qt.QFileDialog.getSaveFileName(
                slicer.util.mainWindow(), _("Save the video"), str(Path.home() / self.proposed_name()), "MP4 (*.mp4)"
            )
            if chosen:
                self._file = Path(chosen) if chosen.lower().endswith(ENDING) else Path(chosen + ENDING)
                self._runs.film(self._keep)

    def proposed_name(self) -> str:
        """Return a file's name for the shown route of the CT: one that every system takes."""
        route = _("Route {rank}").format(rank=self.session.rank)
        return file_name_of(f"{self.session.case.volume.GetName()} {route}", _("Video")) + ENDING

    def _keep(self, folder: Path) -> None:
        with shown_failures():
            shutil.move(str(folder / VIDEO), str(self._file))
            slicer.util.showStatusMessage(_("Video saved: {file}").format(file=self._file), 5000)
        shutil.rmtree(folder, ignore_errors=True)
