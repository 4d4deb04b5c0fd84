"""The panel's computations: one child process at a time, started, cancelled, and told about when it ends."""

from collections.abc import Callable
from typing import Any

import slicer

from SenseCarePlanningWidgets.error_message import show_failure

from . import jobs
from .case import next_folder


class Runs:
    """Starts what the user asks for; never two at once.

    Parameters
    ----------
    session, logic
        What is worked on, and the module's logic: packages, folder of results.
    progress_box
        Shows how far it is.
    on_change
        Called when a run began or ended.
    """

    def __init__(self, session: Any, logic: Any, progress_box: Any, on_change: Callable[[], None]) -> None:
        self.session, self.logic = session, logic
        self._progress_box, self._on_change = progress_box, on_change
        self.job: Any = None

    @property
    def busy(self) -> bool:
        """Whether a child process runs, or is about to."""
        return self.job is not None

    def analyse(self, calcium_node: Any, clicks: Any = (), known: Any = None) -> None:
        """Analyse the chosen CT, along marks of all its arteries where there are any, with what is known from elsewhere."""
        if self.job is None:
            self.logic.ensurePackages()
            case = self.session.case
            out = next_folder(case, self.logic.resultsFolder())
            job = jobs.run_job(case.volume, calcium_node, out, clicks, known)
            self._start(job, lambda: self.session.take_result(job.out))

    def report(self, done: Callable[[], None]) -> None:
        """Write the report of the shown result."""
        if self.job is None:
            self.logic.ensurePackages()
            self._start(jobs.report_job(self.session.case), done)

    def _start(self, job: Any, done: Callable[[], None]) -> None:
        """Start a job; ``done`` is called when it went well and its case is still worked on."""
        case_id, scene = self.session.case.parameterNode.GetID(), slicer.mrmlScene
        self.job = job
        self._progress_box.start()
        self._on_change()

        def finished(outcome: Any) -> None:
            """Show the result of the run where its case is still the open one, or why there is none."""
            self.job = None
            self._progress_box.finish(outcome)
            there = scene.GetNodeByID(case_id)
            mine = self.session.case is not None and there is not None and self.session.case.parameterNode is there
            if outcome.ok and mine:
                done()
            elif not outcome.ok and not outcome.cancelled:
                show_failure(outcome)
            self._on_change()

        job.start(self._progress_box.show_progress, self._progress_box.add_log, finished)

    def cancel(self) -> None:
        """Stop the child process."""
        if self.job is not None:
            self.job.cancel()

    def stop_now(self) -> None:
        """End it before this returns: the module is unloaded."""
        if self.job is not None:
            self.job.stop_now()
            self.job = None
