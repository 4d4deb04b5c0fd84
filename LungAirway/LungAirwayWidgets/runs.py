"""The panel's computations: one child process at a time, started, cancelled, and told about when it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from SenseCarePlanningLib.geometry import lps_from_ras
from SenseCarePlanningWidgets.error_message import show_failure

from . import jobs
from .case import next_folder
from .planned_target import target_input


class Runs:
    """Starts what the user asks for; never two at once.

    Parameters
    ----------
    session, logic
        What is worked on, and the module's logic: packages, folder of results.
    progress_box
        Shows how far it is.
    choices
        Called with an engine and a bundle's folder (or nothing): the options of the panel as arguments.
    on_change
        Called when a run began or ended.
    """

    def __init__(self, session: Any, logic: Any, progress_box: Any, choices: Any, on_change: Callable[[], None]) -> None:
        self.session, self.logic = session, logic
        self._progress_box, self._choices, self._on_change = progress_box, choices, on_change
        self.job: Any = None
        self.corrected = False
        """Whether the newest plan was made on a tree that the user corrected."""
        self.planned = False
        """Whether a plan was made that the panel has not led on from yet."""

    @property
    def busy(self) -> bool:
        """Whether a child process runs, or is about to."""
        return self.job is not None

    def plan(self, engine: str, bundle: str = "") -> None:
        """Find the airways and, with a target, plan."""
        self.logic.ensurePackages(engine)
        self.corrected = False
        # A new result lies where the CT lies now, and so does its target.
        given = target_input(self.session.case, lps_from_ras)
        job = jobs.run_job(self.session.case, self._next_folder(), self._choices(engine, bundle))
        self.start(job, lambda done: self._on_planned(done, given))

    def replan(self, tree: Any = None, painted: Any = None) -> None:
        """Plan again: on a corrected tree, on a painted airway, or for the target as it is now."""
        self.logic.ensurePackages("classical")
        self.corrected = tree is not None or painted is not None
        if tree is None and painted is None and self.session.edits.changed:
            tree = self.session.edits.tree
        session = self.session
        given = target_input(session.case, session.result_lps)
        job = jobs.replan_job(session.case, self._next_folder(), self._choices(), session.placing, tree, painted)
        self.start(job, lambda done: self._on_planned(done, given))

    def report(self, video: Any, done: Callable[[], None]) -> None:
        """Write the report and everything beside it."""
        self.logic.ensurePackages("classical")
        case = self.session.case
        self.start(jobs.report_job(case, case.folder, video, self.session.placing), lambda job: done())

    def film(self, done: Callable[[Path], None]) -> None:
        """Film the shown route; ``done`` gets the folder that holds the video, and takes it away."""
        self.logic.ensurePackages("classical")
        self.start(jobs.video_job(self.session.case, self.session.rank), lambda job: done(job.out))

    def _next_folder(self) -> Any:
        return next_folder(self.session.case, self.logic.resultsFolder())

    def start(self, job: Any, done: Callable[[Any], None]) -> None:
        """Start a job; ``done`` is called with it when it went well and its case is still worked on."""
        if self.job is not None:
            job.clean()
            return
        case_id = self.session.case.parameterNode.GetID()
        scene = slicer.mrmlScene
        self.job = job
        self._progress_box.start()
        self._on_change()

        def finished(outcome: Any) -> None:
            self.job = None
            self._progress_box.finish(outcome)
            there = scene.GetNodeByID(case_id)
            mine = self.session.case is not None and there is not None and self.session.case.parameterNode is there
            if outcome.ok and mine:
                done(job)
            elif not outcome.ok and not outcome.cancelled:
                show_failure(outcome)
            self._on_change()

        job.start(self._progress_box.show_progress, self._progress_box.add_log, finished)

    def _on_planned(self, job: Any, given: dict[str, Any]) -> None:
        self.planned = True
        self.session.take_result(job.out, at_once=False, planned=given)

    def cancel(self) -> None:
        """Stop the child process."""
        if self.job is not None:
            self.job.cancel()

    def stop_now(self) -> None:
        """End it before this returns: the module is unloaded."""
        if self.job is not None:
            self.job.stop_now()
            self.job = None
