"""Analysing nodes of the scene and showing results, for Slicer's console: without the panel, which follows when it is open."""

from typing import Any

import slicer

from SenseCarePlanningWidgets.ct_export import ct_of, dicom_files_of

from . import jobs
from .case import case_of, next_folder
from .session import Session


def analyse(volume_node: Any, calcium_node: Any = None, **options: Any) -> Any:
    """Analyse at once and return the result.

    Parameters
    ----------
    volume_node, calcium_node
        The coronary CT, and a series without contrast or None.
    options
        Of :class:`CardiacCTALib.pipeline.CoronaryOptions`.
    """
    from CardiacCTALib import pipeline  # needs packages that Slicer lacks

    scan, study = _with_facts(volume_node)
    if calcium_node is not None:
        calcium, its_study = _with_facts(calcium_node)
        options = {"calcium_series": calcium, "studies": (study, its_study), **options}
    return pipeline.run(scan, pipeline.CoronaryOptions(**options))


def _with_facts(volume_node: Any) -> Any:
    """Return an image of the scene with what its DICOM files say of how it was taken, and whose it is, where they are known."""
    from dataclasses import replace
    from pathlib import Path

    from SenseCarePlanningLib.dicomio.read_study import read_acquisition, read_study
    from SenseCarePlanningLib.dicomio.study import StudyInfo

    volume, files = ct_of(volume_node), dicom_files_of(volume_node)
    if not files:
        return volume, StudyInfo()
    middle = Path(files[len(files) // 2])
    return replace(volume, acquisition=read_acquisition(middle)), read_study(middle)


def start(volume_node: Any, on_finished: Any, calcium_node: Any, on_progress: Any, root: Any, known: Any = None) -> Any:
    """Analyse in a child process, into a new folder below ``root``; returns the job."""
    case = case_of(volume_node)
    return jobs.run_job(volume_node, calcium_node, next_folder(case, root), known=known).start(on_progress, None, on_finished)


def show(volume_node: Any, folder: Any, wait: Any) -> Any:
    """Show a result folder as the result of a CT; returns the result, or, when that comes beside the window, None."""
    panel = getattr(slicer.modules, "CardiacCTAWidget", None)
    session = panel.session if panel is not None else Session()
    at_once = wait or panel is None
    if session.case is None or session.case.volume is not volume_node:
        session.open(volume_node, at_once)
    session.take_result(folder, at_once)
    return session.result
