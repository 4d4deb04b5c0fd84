"""What the child process is asked to do."""

from pathlib import Path
from typing import Any

from CardiacCTALib.known import Known
from SenseCarePlanningLib.commands.coronary import EXCEPTIONS, ISCHAEMIA
from SenseCarePlanningWidgets.child_job import ChildJob


def run_job(volume_node: Any, calcium_node: Any, out: Any, clicks: Any = (), known: Any = None) -> Any:
    """Return the job that analyses a coronary CT, with a calcium series or without (None); the report comes later.

    Parameters
    ----------
    clicks
        :class:`CardiacCTALib.clicked.Clicks` of all arteries; without any they are found.
    known
        :class:`CardiacCTALib.known.Known` of the patient, or None.
    """
    job = ChildJob(Path(out))
    try:
        job.arguments = ["coronary", str(job.image(volume_node, "ct")), "--no-report"]
        job.dicom_list(volume_node)
        for one in clicks:
            job.arguments.append(f"--ostium={_text(one.ostium_lps_mm)}")
            job.arguments += [f"--tip={_text(tip)}" for tip in one.tips_lps_mm]
        if calcium_node is not None:
            job.arguments += ["--calcium-series", str(job.series(calcium_node, "calcium"))]
        job.arguments += _known_arguments(known or Known())
    except Exception:
        job.clean()
        raise
    return job


def _known_arguments(known: Known) -> list[str]:
    """Return what is known from elsewhere as the command takes it."""
    tests = {value: word for word, value in ISCHAEMIA.items()}
    found = [] if known.ischaemia is None else [f"--ischaemia={tests[known.ischaemia.value]}"]
    given = {one.value for one in known.exceptions}
    found += [f"--exception={word}" for word, value in EXCEPTIONS.items() if value in given]
    found += [f"--stent={code}" for code in sorted(known.stents)]
    if known.calcium_calibration is not None:
        found.append(f"--calcium-calibration={known.calcium_calibration!r}")
    return found


def report_job(case: Any) -> Any:
    """Return the job that writes pictures, report and film into the case's result folder, a reader's changes included."""
    job = ChildJob(Path(case.folder))
    try:
        job.arguments = ["regrade", case.folder, "--ct", str(job.image(case.volume, "ct"))]
        job.dicom_list(case.volume)
    except Exception:
        job.clean()
        raise
    return job


def _text(point_lps_mm: Any) -> str:
    return ",".join(f"{value:.2f}" for value in point_lps_mm)
