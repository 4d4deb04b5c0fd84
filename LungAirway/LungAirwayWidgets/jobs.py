"""What the child process is asked to do, as command lines; its inputs lie in a scratch folder that goes with it."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.dicomio.files import write_label_map
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.io import save_tree
from SenseCarePlanningLib.volume import Grid
from SenseCarePlanningMRML.coordinates import FLIP
from SenseCarePlanningWidgets.background import Background
from SenseCarePlanningWidgets.error_message import sentence_of
from SenseCarePlanningWidgets.process_runner import ProcessRunner, RunOutcome, planning_command
from SenseCarePlanningWidgets.texts import language
from SenseCarePlanningWidgets.texts import tr as _

from .ct_export import Drawn, dicom_files_of, drawn_segment, on_grid, point_of, shared_ct, write_nrrd

CT_FILE = "ct.nrrd"


class Job:
    """One child process with its scratch folder: its inputs are written beside the window, then it starts.

    Parameters
    ----------
    out
        Folder for the result.
    placing
        Motion (4, 4), RAS mm, from the space of the result that is worked on to the scene, see :func:`.placing.placing_of`: what
        is given to the child is taken back by it. None to compute in the scene's own space.
    passing
        Whether ``out`` is for the taking and no one's result: it is removed when the job does not end well.
    """

    def __init__(self, out: Any, placing: Any = None, passing: bool = False) -> None:
        self.out, self.passing = Path(out), passing
        self._back = np.eye(4) if placing is None else FLIP @ np.linalg.inv(placing) @ FLIP
        root = Path(str(slicer.app.temporaryPath))
        root.mkdir(parents=True, exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
        self.arguments: list[str] = []
        self.runner: Any = None
        self._inputs: list[Callable[[], None]] = []
        self._writing: Any = None
        self._finished: Any = None

    @property
    def pid(self) -> Any:
        """Number of the child process, None before it runs."""
        return self.runner.pid if self.runner is not None else None

    def ct(self, volume_node: Any) -> Grid:
        """Give the CT to the child, with whose it is; returns its grid."""
        volume = shared_ct(volume_node)
        volume = replace(volume, affine_ijk_to_lps=self._back @ volume.affine_ijk_to_lps)
        path = self.scratch / CT_FILE
        self._inputs.append(lambda: write_nrrd(volume, path))
        files = dicom_files_of(volume_node)
        if files:
            listed = self.scratch / "dicom.json"
            listed.write_text(json.dumps(files), encoding="utf-8")
            self.arguments += ["--dicom-files", str(listed)]
        return volume.grid

    def segment(self, option: str, drawn: Drawn, grid: Grid) -> None:
        """Give a segment to the child, on the CT's grid."""
        path = self.scratch / f"{option.strip('-')}.nii.gz"
        drawn = replace(drawn, labels=replace(drawn.labels, affine_ijk_to_lps=self._back @ drawn.labels.affine_ijk_to_lps))
        self._inputs.append(lambda: write_label_map(on_grid(drawn, grid), path))
        self.arguments += [option, str(path)]

    def point(self, option: str, point_lps_mm: Any) -> None:
        """Give a point of the scene to the child."""
        place = (self._back @ np.array([*point_lps_mm, 1.0]))[:3]
        self.arguments += [option, ",".join(f"{value:.3f}" for value in place)]

    def tree(self, tree: Any) -> None:
        """Give a corrected tree to the child."""
        path = self.scratch / "tree.json"
        self._inputs.append(lambda: save_tree(tree, path))
        self.arguments += ["--tree", str(path)]

    def start(self, on_progress: Any, on_log: Any, on_finished: Any) -> Any:
        """Write the inputs and start the child; the scratch folder is gone when ``on_finished`` is called. Returns the job."""

        def run(nothing: Any) -> None:
            self._writing = None
            try:
                self.out.parent.mkdir(parents=True, exist_ok=True)
                command = planning_command(*self.arguments, "--out", str(self.out), "--language", language())
                self.runner = ProcessRunner(command, on_progress, on_log, self._finish)
                self.runner.start()
            except Exception as failure:  # nobody calls this who could catch it, and the panel waits for the job's end
                failed(failure)

        def failed(failure: Exception) -> None:
            problems = failure.problems if isinstance(failure, InputError) else ()
            self._finish(RunOutcome(ok=False, message=sentence_of(failure), problems=tuple(problems)))

        self._finished = on_finished
        self._writing = Background(self._write_inputs, run, failed)
        self._writing.start()
        return self

    def _write_inputs(self) -> None:
        for write in self._inputs:
            if self._finished is not None:
                write()
        if self._finished is None:  # stopped meanwhile: what was just written goes too
            self.clean()

    def _finish(self, outcome: RunOutcome) -> None:
        self._writing = None
        self.clean()
        if not outcome.ok:
            self._remove_passing()
        told, self._finished = self._finished, None
        if told is not None:
            told(outcome)

    def cancel(self) -> None:
        """Stop: the child and all that it started, or what is being written for it."""
        if self._writing is not None:
            self._writing.forget()
            self._finish(RunOutcome(ok=False, cancelled=True, message=_("Stopped; nothing was written.")))
        elif self.runner is not None:
            self.runner.cancel()

    def stop_now(self) -> None:
        """End it before this returns; nobody is told."""
        self._finished = None
        if self._writing is not None:
            self._writing.forget()
        if self.runner is not None:
            self.runner.stop_now()
        self.clean()
        self._remove_passing()

    def _remove_passing(self) -> None:
        if self.passing:
            shutil.rmtree(self.out, ignore_errors=True)

    def clean(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def choices(engine: Any = None, bundle: Any = "", routes: Any = 3, orientation: Any = "anterior_12") -> Any:
    """Return the options that every planning command takes."""
    arguments = ["--routes", str(routes), "--orientation", orientation, "--plan-only", "--no-video"]
    if engine is not None:
        arguments += ["--engine", engine]
        if engine == "bundle" and bundle:
            arguments += ["--bundle", str(bundle)]
    return arguments


def _give_target(job: Job, case: Any, grid: Grid) -> None:
    """Give the case's target: the segment goes before the point; neither gives none."""
    if case.targetSegmentation is not None and case.targetSegment:
        job.segment("--target-mask", drawn_segment(case.targetSegmentation, case.targetSegment), grid)
        return
    point = point_of(case.target)
    if point is not None:
        job.point("--target", point)


def has_target(case: Any) -> Any:
    """Tell whether the case has a target."""
    return bool(case.targetSegmentation is not None and case.targetSegment) or point_of(case.target) is not None


def run_job(case: Any, out: Any, options: Any) -> Any:
    """Return the job that finds the airways and, with a target, plans."""
    job = Job(out)
    try:
        job.arguments = ["airway", str(job.scratch / CT_FILE), *options]
        _give_target(job, case, job.ct(case.volume))
    except Exception:
        job.clean()
        raise
    return job


def replan_job(case: Any, out: Any, options: Any, placing: Any = None, tree: Any = None, painted: Any = None) -> Any:
    """Return the job that plans again: on the tree as it is, an edited one, or a painted airway (node, segment id)."""
    job = Job(out, placing)
    try:
        job.arguments = ["replan", case.folder, "--ct", str(job.scratch / CT_FILE), *options]
        grid = job.ct(case.volume)
        _give_target(job, case, grid)
        if tree is not None:
            job.tree(tree)
        if painted is not None:
            job.segment("--mask", drawn_segment(*painted), grid)
    except Exception:
        job.clean()
        raise
    return job


def report_job(case: Any, out: Any, video: Any, placing: Any = None) -> Any:
    """Return the job that writes everything: pictures, report, scene, DICOM segmentation and, if wanted, the video."""
    job = Job(out, placing)
    try:
        job.arguments = ["replan", case.folder, "--ct", str(job.scratch / CT_FILE), "--keep-plan"]
        job.arguments += [] if video else ["--no-video"]
        job.ct(case.volume)
    except Exception:
        job.clean()
        raise
    return job


def video_job(case: Any, rank: Any) -> Any:
    """Return the job that films one route of the case's result; its folder is for the taking."""
    job = Job(Path(str(slicer.app.temporaryPath)) / f"sensecare-video-{uuid.uuid4().hex[:12]}", passing=True)
    job.arguments = ["replan", case.folder, "--video-of", str(rank)]
    return job


def result_of(folder: Any) -> Any:
    """Return the result in a folder."""
    return load_result(Path(folder))
