"""Heavy work as a child process: the window stays alive, a cancel really stops it, a crash takes nothing along."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt
import slicer

import SenseCarePlanningLib
from SenseCarePlanningLib.errors import SenseCareError

from . import process_tree
from .texts import tr as _

logger = logging.getLogger(__name__)

GRACE_MS = 4000
"""A child that is asked to stop cleans up after itself meanwhile; then it is ended."""
QUIT_WAIT_MS = 1500
"""The same when Slicer itself ends and cannot wait for long."""
KEPT_LINES = 400
"""So many lines of the log are kept for a failure's details."""


@dataclass(frozen=True)
class RunOutcome:
    """How a child process ended.

    Parameters
    ----------
    ok
        True when the work is done and its results are complete.
    cancelled
        True when the user stopped it, closed the scene or left Slicer.
    message
        One sentence when it is not done: what failed and what to do; empty otherwise.
    problems
        With a refused input, one sentence for each problem.
    folder, files
        Where the results lie, and the names of those at its top.
    notes
        Sentences for the user, as the work wrote them (English; see ``texts.sentence``).
    log
        The last lines that the child wrote.
    """

    ok: bool
    cancelled: bool = False
    message: str = ""
    problems: tuple[str, ...] = ()
    folder: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exit_code: int = 0
    seconds: float = 0.0
    log: tuple[str, ...] = ()


def python_program() -> str:
    """Return the Python that runs our code outside the window: ``PythonSlicer`` in Slicer.

    Raises
    ------
    SenseCareError
        If there is none.
    """
    found = shutil.which("PythonSlicer")
    if found:
        return found
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    raise SenseCareError(_("Slicer's own Python program (PythonSlicer) was not found; install Slicer anew."))


def planning_command(*arguments: str) -> list[str]:
    """Return the command line that runs one of our commands (``airway``, ``phantom``, ...) and writes JSON lines."""
    # Started by path: the program then finds the organs' packages by itself, from source and when installed.
    command = [python_program(), str(Path(SenseCarePlanningLib.__file__).parent), *arguments]
    return command if "--json" in command else [*command, "--json"]


def child_environment() -> dict[str, str]:
    """Return what is added to the child's environment: where our packages lie, and plain UTF-8 without delay."""
    folders = [str(Path(SenseCarePlanningLib.__file__).parents[1])]
    before = os.environ.get("PYTHONPATH", "")
    return {
        "PYTHONPATH": os.pathsep.join([*folders, *([before] if before else [])]),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


class ProcessRunner:
    """Runs one command as a child process and tells about it from the window's event loop.

    Parameters
    ----------
    command
        Program and arguments; see :func:`planning_command`.
    on_progress
        Called with a step's name and its fraction (0 to 1).
    on_log
        Called with a line of text.
    on_finished
        Called once, with a :class:`RunOutcome`, however the child ended. Not called when Slicer itself ends.
    stop_at_scene_close
        Cancel when the scene is closed: the result would belong to a case that is gone.
    """

    def __init__(
        self,
        command: list[str],
        on_progress: Callable[[str, float], None] | None = None,
        on_log: Callable[[str], None] | None = None,
        on_finished: Callable[[RunOutcome], None] | None = None,
        stop_at_scene_close: bool = True,
    ) -> None:
        self.command = list(command)
        self._on_progress, self._on_log, self._on_finished = on_progress, on_log, on_finished
        self._stop_at_scene_close = stop_at_scene_close
        self._process: Any = None
        self._scene: Any = None
        self._scene_tag = 0
        self._told: list[int] = []
        self._cancelled = False
        self._ended = False
        self._unfinished = {"out": b"", "err": b""}
        self._error: dict[str, Any] = {}
        self._done: dict[str, Any] = {}
        self._notes: list[str] = []
        self._log: list[str] = []
        self._started = 0.0

    @property
    def running(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and not self._ended

    @property
    def pid(self) -> int:
        """The child's process number; 0 while there is none."""
        return int(self._process.processId()) if self.running else 0

    def start(self) -> None:
        """Start the child.

        Raises
        ------
        RuntimeError
            If it was started before: a runner serves one run.
        """
        if self._process is not None:
            raise RuntimeError("a ProcessRunner runs once; make a new one")
        self._process = process = qt.QProcess()
        environment = qt.QProcessEnvironment.systemEnvironment()
        for name, value in child_environment().items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.connect("readyReadStandardOutput()", self._read_output)
        process.connect("readyReadStandardError()", self._read_errors)
        process.connect("finished(int,QProcess::ExitStatus)", self._on_process_finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._on_process_error)
        slicer.app.connect("aboutToQuit()", self.stop_now)
        if self._stop_at_scene_close:
            self._scene = slicer.mrmlScene
            self._scene_tag = self._scene.AddObserver(self._scene.StartCloseEvent, self._on_scene_close)
        self._started = time.perf_counter()
        logger.info("child process started: %s", Path(self.command[1]).name if len(self.command) > 1 else "")
        process.start(self.command[0], self.command[1:])

    def cancel(self) -> None:
        """Ask the child and all that it started to stop; what does not stop within four seconds is ended."""
        if not self.running or self._cancelled:
            return
        self._cancelled = True
        self._told = process_tree.end_tree(self.pid, at_once=False, spare_launcher=self._is_launcher())
        qt.QTimer.singleShot(GRACE_MS, self._end_now)

    def stop_now(self) -> None:
        """End the child before this returns (within two seconds); nobody is told. For cleanup and Slicer's end."""
        if not self.running:
            return
        self._cancelled, self._on_finished = True, None
        self._on_progress = self._on_log = None
        self._told = process_tree.end_tree(self.pid, at_once=False, spare_launcher=self._is_launcher())
        if not self._process.waitForFinished(QUIT_WAIT_MS):
            self._end_now()
            self._process.waitForFinished(QUIT_WAIT_MS)
        self._finish(-1)

    def _end_now(self) -> None:
        """End what is left; the launcher may be gone while the work it started still runs."""
        if self._ended:
            return
        left = [self.pid, *process_tree.descendants(self.pid)] if self.pid else []
        if self.pid and sys.platform == "win32":
            process_tree.end_tree(self.pid, at_once=True)
        process_tree.end_each(list(dict.fromkeys([*self._told, *left])), at_once=True)

    def _is_launcher(self) -> bool:
        return Path(self.command[0]).name.startswith("PythonSlicer")

    def _on_scene_close(self, caller: Any, event: Any) -> None:
        self.cancel()

    def _read_output(self) -> None:
        self._read("out", self._process.readAllStandardOutput())

    def _read_errors(self) -> None:
        self._read("err", self._process.readAllStandardError())

    def _read(self, channel: str, received: Any) -> None:
        data = received.data()
        whole = self._unfinished[channel] + (data if isinstance(data, bytes) else str(data).encode())
        *lines, self._unfinished[channel] = whole.split(b"\n")
        for line in lines:
            self._take_line(line.decode("utf-8", errors="replace").rstrip("\r"))

    def _take_line(self, line: str) -> None:
        record = _json_record(line)
        event = record.get("event")
        if event == "progress":
            if self._on_progress is not None:
                self._on_progress(str(record.get("step", "")), float(record.get("fraction", 0.0)))
        elif event == "note":
            self._notes.append(str(record.get("text", "")))
            self._say(self._notes[-1])
        elif event == "done":
            self._done = record
        elif event == "error":
            self._error = record
            self._say(str(record.get("message", "")))
        elif line.strip():
            self._say(line)

    def _say(self, text: str) -> None:
        self._log = [*self._log[1 - KEPT_LINES :], text]
        if self._on_log is not None:
            self._on_log(text)

    def _on_process_error(self, error: Any) -> None:
        if int(error) == int(qt.QProcess.FailedToStart):  # the other errors are followed by finished()
            self._error = {"message": _("Slicer's Python program could not be started; install Slicer anew.")}
            self._finish(-1)

    def _on_process_finished(self, code: int, status: Any) -> None:
        self._read_output()
        self._read_errors()
        for channel, rest in list(self._unfinished.items()):
            self._unfinished[channel] = b""
            if rest:
                self._take_line(rest.decode("utf-8", errors="replace"))
        # A launcher that ended before its child leaves the work running; nothing of a run may outlive it.
        process_tree.end_each([pid for pid in self._told if pid != self.pid], at_once=True)
        crashed = int(status) != int(qt.QProcess.NormalExit)
        self._finish(-1 if crashed else int(code))

    def _finish(self, code: int) -> None:
        if self._ended:
            return
        self._ended = True
        slicer.app.disconnect("aboutToQuit()", self.stop_now)
        if self._scene is not None:
            self._scene.RemoveObserver(self._scene_tag)
            self._scene = None
        outcome = self._outcome(code)
        logger.info("child process ended with %d after %.1f s", code, outcome.seconds)
        told, self._on_finished = self._on_finished, None
        process = self._process
        # Not deleted here: this runs inside a signal of the very process.
        qt.QTimer.singleShot(0, lambda: process.deleteLater() if process else None)
        if told is not None:
            told(outcome)

    def _outcome(self, code: int) -> RunOutcome:
        ok = bool(self._done) and code == 0
        cancelled = self._cancelled and not ok
        message = ""
        if cancelled:
            message = _("Stopped; nothing was written.")
        elif not ok:
            message = str(self._error.get("message", "")) or ended_sentence(code)
        return RunOutcome(
            ok=ok,
            cancelled=cancelled,
            message=message,
            problems=_texts(self._error.get("problems", ())),
            folder=str(self._done.get("folder", "")),
            files=_texts(self._done.get("files", ())),
            notes=tuple(self._notes),
            exit_code=code,
            seconds=time.perf_counter() - self._started,
            log=tuple(self._log),
        )


def ended_sentence(code: int) -> str:
    """Return what to tell of a child that ended without a word of its own."""
    if code < 0 or code in (137, 143, 9, 15):
        return _("The computation was ended from outside, often because memory ran out; close other programs and run it again.")
    return _("The computation stopped unexpectedly (code {code}); run it again, and report the log if it happens twice.").format(
        code=code
    )


def _json_record(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
