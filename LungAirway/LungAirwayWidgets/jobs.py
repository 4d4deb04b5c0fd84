"""What the child process is asked to do, as command lines; its inputs lie in a scratch folder that goes with it."""

import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.dicomio.files import write_label_map
from SenseCarePlanningLib.tubes.io import save_tree
from SenseCarePlanningLib.volume import Grid
from SenseCarePlanningMRML.coordinates import FLIP
from SenseCarePlanningWidgets.child_job import ChildJob
from SenseCarePlanningWidgets.process_runner import RunOutcome

from .ct_export import Drawn, drawn_segment, on_grid, point_of, shared_ct, write_nrrd

CT_FILE = "ct.nrrd"


class Job(ChildJob):
    """A planning command on the scene as the result that is worked on has it.

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
        super().__init__(out)
        self.passing = passing
        self._back = np.eye(4) if placing is None else FLIP @ np.linalg.inv(placing) @ FLIP

    def ct(self, volume_node: Any) -> Grid:
        """Give the CT to the child, with whose it is; returns its grid."""
        volume = shared_ct(volume_node)
        volume = replace(volume, affine_ijk_to_lps=self._back @ volume.affine_ijk_to_lps)
        path = self.scratch / CT_FILE
        self._inputs.append(lambda: write_nrrd(volume, path))
        self.dicom_list(volume_node)
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

    def _finish(self, outcome: RunOutcome) -> None:
        if not outcome.ok:
            self._remove_passing()
        super()._finish(outcome)

    def stop_now(self) -> None:
        """End it before this returns; nobody is told."""
        super().stop_now()
        self._remove_passing()

    def _remove_passing(self) -> None:
        if self.passing:
            shutil.rmtree(self.out, ignore_errors=True)


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
