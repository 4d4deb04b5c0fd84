"""The digital patient as sample data: made on this machine by a child process, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.errors import SenseCareError

from . import dependency_installer
from .cases import cases_folder, load_series
from .dicom_database import offer_database, require_database
from .error_message import sentence_of, show_failure
from .process_runner import ProcessRunner, RunOutcome, planning_command
from .texts import tr as _

FOLDER = "Digital patient"
ARGUMENTS = ("--seed", "7", "--generations", "9", "--spacing", "0.9,0.9,1.0", "--noise-hu", "22", "--nodule", "RB6:18")
"""The patient of the tutorial: 1 mm slices, a nodule of 18 mm in the right lower lobe, in reach of some bronchoscopes only."""


def patient_folder() -> Path:
    """Return where the patient lies once it is made."""
    return cases_folder() / FOLDER


def is_made() -> bool:
    """Tell whether the patient is there."""
    return (patient_folder() / "dicom").is_dir()


def prepare() -> bool:
    """Have what making and loading the patient needs, asking the user: a DICOM database, and the packages; False without a yes.

    Raises
    ------
    SenseCareError
        If a package was not installed, or this Slicer has no DICOM module.
    """
    if not offer_database():
        return False
    if not is_made():
        dependency_installer.ensure("classical", _("SenseCare Planning"))
    return True


def runner(
    on_progress: Callable[[str, float], None], on_log: Callable[[str], None], on_finished: Callable[[RunOutcome], None]
) -> ProcessRunner:
    """Return the child process that makes the patient; start it when the user presses the button."""
    command = planning_command("phantom", "thorax", *ARGUMENTS, "--out", str(patient_folder()))
    return ProcessRunner(command, on_progress, on_log, on_finished, stop_at_scene_close=False)


def load() -> Any:
    """Return the patient's CT as a volume: through the DICOM database, so that the case list knows it too.

    Raises
    ------
    SenseCareError
        If there is no database, or the series cannot be loaded.
    """
    from DICOMLib import DICOMUtils

    database = require_database()
    folder = patient_folder() / "dicom"
    # The database keeps paths as Qt writes them, on Windows too.
    first = next((path.as_posix() for path in sorted(folder.rglob("*")) if path.is_file()), "")
    if not database.seriesForFile(first):
        DICOMUtils.importDicom(str(folder))
    uid = database.seriesForFile(first)
    if not uid:
        raise SenseCareError(_("The digital patient is damaged; delete its folder and make it again."))
    return load_series(uid)


def download(source: Any) -> list[Any]:
    """Make the patient if it is not there, and load it: what the Sample Data module calls, which shows no failure itself.

    Raises
    ------
    SenseCareError
        If making it failed or was stopped, or there is no DICOM database to put it into. It was shown to the user.
    """
    try:
        if not prepare():
            raise SenseCareError(_("Nothing was done: it needs Slicer's DICOM database."))
        if not is_made():
            _make_and_wait()
        return [load()]
    except SenseCareError as failure:
        show_failure(failure)
        raise


def _make_and_wait() -> None:
    """Make the patient behind a bar with Cancel; the application lives on meanwhile."""
    waiting = qt.QEventLoop()
    ended: list[RunOutcome] = []

    def on_finished(outcome: RunOutcome) -> None:
        """Keep the outcome and end the waiting."""
        ended.append(outcome)
        waiting.quit()

    progress = slicer.util.createProgressDialog(labelText=_("Making the digital patient ..."), windowTitle=_("Sample data"))
    made = runner(lambda _step, fraction: _show(progress, fraction), lambda _text: None, on_finished)
    progress.connect("canceled()", made.cancel)
    try:
        made.start()
        if not ended:  # a program that cannot be started has ended already
            waiting.exec_()
    finally:
        progress.close()
    if not ended or not ended[0].ok:
        raise SenseCareError(sentence_of(ended[0]) if ended else _("Stopped; nothing was written."))


def _show(progress: Any, fraction: float) -> None:
    if not progress.wasCanceled:  # a value would bring the dialog back
        progress.setValue(min(round(100 * fraction), 99))
