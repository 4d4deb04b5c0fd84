"""One child process with its inputs: they are written beside the window into a scratch folder that goes with it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from SenseCarePlanningLib.errors import InputError

from .background import Background
from .ct_export import dicom_files_of, shared_ct, write_nrrd
from .error_message import sentence_of
from .process_runner import ProcessRunner, RunOutcome, planning_command
from .texts import language
from .texts import tr as _


class ChildJob:
    """A command of ours on images of the scene.

    Parameters
    ----------
    out
        Folder for the result.
    arguments
        The command and its arguments, without ``--out`` and ``--language``.
    """

    def __init__(self, out: Path, arguments: tuple[str, ...] = ()) -> None:
        self.out = Path(out)
        root = Path(str(slicer.app.temporaryPath))
        root.mkdir(parents=True, exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
        self.arguments = list(arguments)
        self.runner: ProcessRunner | None = None
        self._inputs: list[Callable[[], object]] = []
        self._writing: Background | None = None
        self._finished: Callable[[RunOutcome], None] | None = None

    @property
    def pid(self) -> int:
        """Number of the child process; 0 before it runs."""
        return self.runner.pid if self.runner is not None else 0

    def image(self, volume_node: Any, name: str) -> Path:
        """Give an image of the scene to the child, in patient space; returns the file that it will be."""
        volume, path = shared_ct(volume_node), self.scratch / f"{name}.nrrd"
        self._inputs.append(lambda: write_nrrd(volume, path))
        return path

    def dicom_list(self, volume_node: Any) -> None:
        """Tell the child which DICOM files an image came from: whose it is, and how it was taken."""
        files = dicom_files_of(volume_node)
        if files:
            listed = self.scratch / "dicom.json"
            listed.write_text(json.dumps(files), encoding="utf-8")
            self.arguments += ["--dicom-files", str(listed)]

    def series(self, volume_node: Any, name: str) -> Path:
        """Give a series with all that its DICOM files say of it; the image alone where they are unknown, or where it was moved.

        Returns the folder, or file, that it will be.
        """
        files = dicom_files_of(volume_node)
        if not files or volume_node.GetParentTransformNode() is not None:
            return self.image(volume_node, name)
        folder = self.scratch / name
        self._inputs.append(lambda: _copy(files, folder))
        return folder

    def start(
        self,
        on_progress: Callable[[str, float], None] | None,
        on_log: Callable[[str], None] | None,
        on_finished: Callable[[RunOutcome], None],
    ) -> ChildJob:
        """Write the inputs and start the child; the scratch folder is gone when ``on_finished`` is called. Returns the job."""

        def run(nothing: object) -> None:
            """Start the process, once the scan is written."""
            self._writing = None
            try:
                self.out.parent.mkdir(parents=True, exist_ok=True)
                command = planning_command(*self.arguments, "--out", str(self.out), "--language", language())
                self.runner = ProcessRunner(command, on_progress, on_log, self._finish)
                self.runner.start()
            except Exception as failure:  # nobody calls this who could catch it, and the panel waits for the job's end
                failed(failure)

        def failed(failure: Exception) -> None:
            """End the job with what went wrong before there was a process."""
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

    def clean(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def _copy(files: tuple[str, ...], folder: Path) -> None:
    folder.mkdir()
    for number, path in enumerate(files):
        shutil.copyfile(path, folder / f"{number:05d}.dcm")
