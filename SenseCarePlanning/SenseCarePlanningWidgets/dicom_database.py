"""Slicer's DICOM database: whether it is open, and having it created where there is none yet."""

from __future__ import annotations

import logging
from typing import Any

import slicer

from SenseCarePlanningLib.errors import SenseCareError

from .texts import tr as _

logger = logging.getLogger(__name__)


def application_database() -> Any:
    """Return the application's database, open or not; None in a Slicer built without DICOM.

    ``slicer.dicomDatabase`` is the same one, but is there only once the application has started: too late for a module that is
    shown first.
    """
    return slicer.app.dicomDatabase() if hasattr(slicer.app, "dicomDatabase") else None


def opened_database() -> Any:
    """Return the database while it is open, else None."""
    database = application_database()
    return database if database and database.isOpen else None


def require_database() -> Any:
    """Return the open database.

    Raises
    ------
    SenseCareError
        If it is not open.
    """
    database = opened_database()
    if database is None:
        raise SenseCareError(_("Slicer's DICOM database is not open; open the DICOM module once and create it."))
    return database


def offer_database() -> bool:
    """Tell whether the database is open; where it is not, let Slicer create it in its usual place after the user's yes.

    A new Slicer has none. Call it before work whose result goes into the database, when the user has pressed a button.

    Raises
    ------
    SenseCareError
        If this Slicer has no DICOM module.
    """
    if opened_database() is not None:
        return True
    question = _("Slicer keeps CT images in its DICOM database and has none yet; create it now, in Slicer's usual place?")
    if not slicer.util.confirmYesNoDisplay(question, windowTitle=_("DICOM database")):
        slicer.util.showStatusMessage(_("Nothing was done: it needs Slicer's DICOM database."), 5000)
        return False
    shown = slicer.util.selectedModule() if slicer.util.mainWindow() is not None else ""
    try:
        from DICOM import DICOMFileDialog
    except ImportError as error:
        raise SenseCareError(_("This Slicer has no DICOM module; install Slicer anew."), detail=str(error)) from error
    if not DICOMFileDialog.createDefaultDatabase():  # it has told why, and shows where a database can be chosen
        return False
    logger.info("DICOM database created")
    if shown and slicer.util.selectedModule() != shown:
        slicer.util.selectModule(shown)
    slicer.util.showStatusMessage(
        _("The DICOM database was created in {folder}.").format(folder=require_database().databaseDirectory), 5000
    )
    return True


def series_of(volume_node: Any) -> str:
    """Return the UID of the DICOM series that Slicer loaded a volume from; empty when its database does not know it."""
    held = (volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = opened_database()
    if not held or database is None:
        return ""
    path = database.fileForInstance(held[0])
    return str(database.seriesForFile(path)) if path else ""
