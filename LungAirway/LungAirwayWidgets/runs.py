"""The panel's computations: one child process at a time, started, cancelled, and told about when it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from SenseCarePlanningLib.geometry import lps_from_ras
from SenseCarePlanningLib.pieces import all_at_once
from SenseCarePlanningWidgets.error_message import show_failure, shown_failures
from SenseCarePlanningWidgets.texts import tr as _

from . import jobs
from .case import next_folder, removal_pieces
from .planned_target import target_input
from .session import attach


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
        self._start_plan(job, given)

    def replan(self, tree: Any = None, painted: Any = None) -> None:
        """Plan again: on a corrected tree, on a painted airway, or for the target as it is now."""
        self.logic.ensurePackages("classical")
        self.corrected = tree is not None or painted is not None
        if tree is None and painted is None and self.session.edits.changed:
            tree = self.session.edits.tree
        session = self.session
        given = target_input(session.case, session.result_lps)
        job = jobs.replan_job(session.case, self._next_folder(), self._choices(), session.placing, tree, painted)
        self._start_plan(job, given)

    def report(self, video: Any, done: Callable[[], None]) -> None:
        """Write the report and everything beside it."""
        self.logic.ensurePackages("classical")
        case = self.session.case
        self.start(jobs.report_job(case, case.folder, video, self.session.placing), lambda job: done())

    def film(self, done: Callable[[Path], None]) -> None:
        """Film the shown route; ``done`` gets the folder that holds the video, and takes it away."""
        self.logic.ensurePackages("classical")
        self.start(
            jobs.video_job(self.session.case, self.session.rank),
            lambda job: done(job.out),
            elsewhere=lambda job, case: done(job.out),
        )

    def _next_folder(self) -> Any:
        return next_folder(self.session.case, self.logic.resultsFolder())

    def start(self, job: Any, done: Callable[[Any], None], elsewhere: Callable[[Any, Any], None] | None = None) -> None:
        """Start a job; ``done`` is called with it when it went well and its case is still worked on.

        Where another CT is worked on by then, ``elsewhere`` is called with the job and its case.
        """
        if self.job is not None:
            job.clean()
            return
        case = self.session.case
        case_id, scene = case.parameterNode.GetID(), slicer.mrmlScene
        self.job = job
        self._progress_box.start()
        self._on_change()

        def finished(outcome: Any) -> None:
            """Hand the result of the run on: to the open case, or to the one it was made for."""
            self.job = None
            self._progress_box.finish(outcome)
            there = scene.GetNodeByID(case_id)
            mine = self.session.case is not None and there is not None and self.session.case.parameterNode is there
            if outcome.ok and mine:
                done(job)
            elif outcome.ok and there is case.parameterNode:
                self._ended_elsewhere(job, case, elsewhere)
            elif not outcome.ok and not outcome.cancelled:
                show_failure(outcome)
            self._on_change()

        job.start(self._progress_box.show_progress, self._progress_box.add_log, finished)

    def _start_plan(self, job: Any, given: dict[str, Any]) -> None:
        def elsewhere(done: Any, case: Any) -> None:
            """Keep a result whose case is no longer the open one."""
            attach(case, done.out, given)
            all_at_once(removal_pieces(case))  # those of the result before: the new one's are made when it is shown

        self.start(job, lambda done: self._on_planned(done, given), elsewhere)

    def _ended_elsewhere(self, job: Any, case: Any, elsewhere: Callable[[Any, Any], None] | None) -> None:
        """Another CT was chosen meanwhile: what was made is kept for its own CT, and the user is told."""
        with shown_failures():
            if elsewhere is not None:
                elsewhere(job, case)
            volume = case.volume
            if volume is not None and not job.passing:  # a film lies where the user wished, and that is told
                said = _("Ready for {name}: it is shown when that CT is chosen.").format(name=volume.GetName())
                self._progress_box.step_label.text = said

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
