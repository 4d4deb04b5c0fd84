"""The digital patient as sample data: made on this machine by a child process, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from SenseCarePlanningLib.errors import SenseCareError

from .cases import cases_folder, load_series
from .error_message import sentence_of
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

    if not slicer.dicomDatabase or not slicer.dicomDatabase.isOpen:
        raise SenseCareError(_("Slicer's DICOM database is not open; open the DICOM module once and create it."))
    folder = patient_folder() / "dicom"
    first = next((str(path) for path in sorted(folder.rglob("*")) if path.is_file()), "")
    if not slicer.dicomDatabase.seriesForFile(first):
        DICOMUtils.importDicom(str(folder))
    uid = slicer.dicomDatabase.seriesForFile(first)
    if not uid:
        raise SenseCareError(_("The digital patient is damaged; delete its folder and make it again."))
    return load_series(uid)


def download(source: Any) -> list[Any]:
    """Make the patient if it is not there, and load it: what the Sample Data module calls, with the window kept alive.

    Raises
    ------
    SenseCareError
        If making it failed or was stopped.
    """
    if not is_made():
        ended: list[RunOutcome] = []
        made = runner(lambda step, fraction: None, lambda text: None, ended.append)
        progress = slicer.util.createProgressDialog(labelText=_("Making the digital patient ..."), maximum=0)
        try:
            made.start()
            while not ended:
                slicer.app.processEvents()
                if progress.wasCanceled:
                    made.cancel()
        finally:
            progress.close()
        if not ended[0].ok:
            raise SenseCareError(sentence_of(ended[0]))
    return [load()]
