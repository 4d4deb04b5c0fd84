"""What the child process is asked to do."""

from pathlib import Path
from typing import Any

from SenseCarePlanningWidgets.child_job import ChildJob


def run_job(volume_node: Any, calcium_node: Any, out: Any, clicks: Any = ()) -> Any:
    """Return the job that analyses a coronary CT, with a calcium series or without (None); the report comes later.

    Parameters
    ----------
    clicks
        :class:`CardiacCTALib.clicked.Clicks` of all arteries; without any they are found.
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
    except Exception:
        job.clean()
        raise
    return job


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
