"""What the child process is asked to do, as command lines; its inputs lie in a scratch folder that goes with it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import slicer

from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.dicomio.files import write_label_map
from SenseCarePlanningLib.tubes.io import save_tree
from SenseCarePlanningLib.volume import Grid
from SenseCarePlanningWidgets.process_runner import ProcessRunner, planning_command
from SenseCarePlanningWidgets.texts import language

from .ct_export import ct_of, point_of, segment_on, write_ct

CT_FILE = "ct.nrrd"


class Job:
    """One child process with its scratch folder.

    Parameters
    ----------
    out
        Folder for the result.
    """

    def __init__(self, out: Any) -> None:
        self.out = Path(out)
        root = Path(str(slicer.app.temporaryPath))
        root.mkdir(parents=True, exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
        self.arguments: list[str] = []
        self.runner: Any = None

    def ct(self, volume_node: Any) -> Any:
        """Write the CT; returns its file."""
        path = self.scratch / CT_FILE
        write_ct(volume_node, path)
        return str(path)

    def start(self, on_progress: Any, on_log: Any, on_finished: Any) -> Any:
        """Start the child; the scratch folder is gone when ``on_finished`` is called."""

        def finished(outcome: Any) -> None:
            self.clean()
            on_finished(outcome)

        self.out.parent.mkdir(parents=True, exist_ok=True)
        command = planning_command(*self.arguments, "--out", str(self.out), "--language", language())
        self.runner = ProcessRunner(command, on_progress, on_log, finished)
        self.runner.start()
        return self.runner

    def clean(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def choices(engine: Any = None, bundle: Any = "", routes: Any = 3, orientation: Any = "anterior_12") -> Any:
    """Return the options that every planning command takes."""
    arguments = ["--routes", str(routes), "--orientation", orientation, "--plan-only", "--no-video"]
    if engine is not None:
        arguments += ["--engine", engine]
        if engine == "bundle" and bundle:
            arguments += ["--bundle", bundle]
    return arguments


def target_arguments(job: Any, case: Any, grid: Grid) -> Any:
    """Return the case's target as options: the segment goes before the point; neither gives none."""
    if case.targetSegmentation is not None and case.targetSegment:
        path = job.scratch / "target.nii.gz"
        write_label_map(segment_on(grid, case.targetSegmentation, case.targetSegment), path)
        return ["--target-mask", str(path)]
    point = point_of(case.target)
    return [] if point is None else ["--target", ",".join(f"{value:.3f}" for value in point)]


def has_target(case: Any) -> Any:
    """Tell whether the case has a target."""
    return bool(case.targetSegmentation is not None and case.targetSegment) or point_of(case.target) is not None


def run_job(case: Any, out: Any, options: Any) -> Any:
    """Return the job that finds the airways and, with a target, plans."""
    job = Job(out)
    try:
        ct = job.ct(case.volume)
        target = target_arguments(job, case, ct_of(case.volume).grid)
    except Exception:
        job.clean()
        raise
    job.arguments = ["airway", ct, *options, *target]
    return job


def replan_job(case: Any, out: Any, options: Any, tree: Any = None, painted: Any = None) -> Any:
    """Return the job that plans again: on the tree as it is, an edited one, or a painted airway (node, segment id)."""
    job = Job(out)
    try:
        grid = ct_of(case.volume).grid
        job.arguments = ["replan", case.folder, "--ct", job.ct(case.volume), *options, *target_arguments(job, case, grid)]
        if tree is not None:
            save_tree(tree, job.scratch / "tree.json")
            job.arguments += ["--tree", str(job.scratch / "tree.json")]
        if painted is not None:
            write_label_map(segment_on(grid, *painted), job.scratch / "airway.nii.gz")
            job.arguments += ["--mask", str(job.scratch / "airway.nii.gz")]
    except Exception:
        job.clean()
        raise
    return job


def report_job(case: Any, out: Any, video: Any) -> Any:
    """Return the job that writes everything: pictures, report, scene, DICOM segmentation and, if wanted, the video."""
    job = Job(out)
    try:
        job.arguments = ["replan", case.folder, "--ct", job.ct(case.volume), "--keep-plan", *([] if video else ["--no-video"])]
    except Exception:
        job.clean()
        raise
    return job


def result_of(folder: Any) -> Any:
    """Return the result in a folder."""
    return load_result(Path(folder))
